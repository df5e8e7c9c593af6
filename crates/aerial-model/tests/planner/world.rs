//! Random lineups, edits, clocks and viewers, and the world they happen in.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use aerial_model::guide::{Guide, Kind, Programme};
use aerial_model::id::{ItemId, MapId, MediaId};
use aerial_model::keyframes::Indexer;
use aerial_model::ledger::{Content, Ledger, Row};
use aerial_model::lineup::{Lineup, Order, Slot, SlotKey};
use aerial_model::media::MediaFacts;
use aerial_model::mpegts::{AccessUnit, UnitKind};
use aerial_model::planner::{NoSkip, Planner};
use aerial_model::segment_map::{MapOutline, SegmentMap};
use aerial_model::time::{AirTime, FrameRate, Ticks};
use proptest::prelude::*;
use uuid::Uuid;

use crate::naive;

/// Midnight of 2026-01-01, UTC.
pub const NEW_YEAR: AirTime = AirTime::from_unix_millis(1_767_225_600_000);

/// Maps of copied media: cut at keyframes that come as they like.
static COPIED: LazyLock<Vec<SegmentMap>> = LazyLock::new(|| (1..6).map(copied_of).collect());

fn copied_of(media: u8) -> SegmentMap {
    let sets = [0, 0, 1, 0x67, 100, 0, 31, media, 0, 0, 1, 0x68, 1, 0, 0, 1, 0x65];
    let mut indexer = Indexer::default();
    let mut next_keyframe = 0;
    for n in 0..i64::from(media) * 173 + 90 {
        let idr = n == next_keyframe;
        if idr {
            // Half a second to 7 s.
            next_keyframe += 13 + n * i64::from(media) * 31 % 160;
        }
        let data = if idr { sets.to_vec() } else { vec![0, 0, 1, 0x41] };
        let pts = Ticks(n * 3_600);
        indexer.push(&AccessUnit {
            kind: UnitKind::Video { idr },
            pts,
            dts: pts,
            data: data.into(),
        });
    }
    let cuts = indexer.finish(&facts(), 0).unwrap().cuts;
    SegmentMap::copied(FrameRate::PAL, Arc::new(cuts)).unwrap()
}

/// Of a picture without sound.
fn facts() -> MediaFacts {
    serde_json::from_value(serde_json::json!({
        "container": "mov", "start_time": 0, "length": 0, "audio": [], "subtitles": [],
        "chapters": [], "entry": { "kind": "seek", "pre_seek": 0 }, "tags": {}, "video": {
            "index": 0, "codec": "h264", "width": 64, "height": 64, "pixel_aspect": [1, 1],
            "rotation": 0, "field_order": "progressive", "color": {}, "start": 0, "end": 0,
        },
    }))
    .unwrap()
}

/// The map of a copied media.
pub fn copied(id: MapId) -> Option<SegmentMap> {
    let id = id.0.as_u128();
    let place = usize::try_from(id >> 8).ok()?.checked_sub(1)?;
    COPIED.get(place).filter(|_| id & 1 == 1).cloned()
}

/// Where a row is cut.
pub fn map_of(content: &Content) -> SegmentMap {
    match content {
        Content::Media { map_id, map, .. } => map.uniform().or_else(|| copied(*map_id)).unwrap(),
        Content::OffAir { map, .. } => map.uniform().unwrap(),
        Content::Skip { .. } => unreachable!(),
    }
}

/// The ledger of these rows.
pub fn read(rows: impl IntoIterator<Item = Row>) -> Ledger {
    Ledger::read_with(rows, copied).unwrap()
}

/// A slot whose media is copied.
fn copied_slot(item: u128, media: u128, key: SlotKey) -> Slot {
    let map_id = MapId(Uuid::from_u128(media << 8 | 1));
    let map = copied(map_id).unwrap().outline();
    Slot { map_id, map, ..slot(item, media, key, (25, 1), 1) }
}

/// A slot of that many frames.
pub fn slot(item: u128, media: u128, key: SlotKey, rate: (u32, u32), frames: u64) -> Slot {
    let rate = FrameRate::new(rate.0, rate.1).unwrap();
    Slot {
        item: ItemId(Uuid::from_u128(item)),
        media: MediaId(Uuid::from_u128(media)),
        key,
        map_id: MapId(Uuid::from_u128(media << 8)),
        map: MapOutline::of_frames(rate, frames).unwrap(),
    }
}

fn keys() -> impl Strategy<Value = SlotKey> {
    (-3i64..6, 0u64..3).prop_map(|(rank, episode)| SlotKey { rank, episode })
}

fn slots() -> impl Strategy<Value = Slot> {
    let rates = prop_oneof![
        Just((24_000, 1_001)),
        Just((25, 1)),
        Just((30_000, 1_001)),
        Just((60_000, 1_001)),
        Just((13, 1)),
    ];
    let frames = prop_oneof![1u64..40, 40u64..900, 900u64..4_000];
    let copied = prop::bool::weighted(0.3);
    (1u128..6, 1u128..6, keys(), rates, frames, copied).prop_map(
        |(item, media, key, rate, frames, copied)| match copied {
            true => copied_slot(item, media, key),
            false => slot(item, media, key, rate, frames),
        },
    )
}

fn sorted(mut slots: Vec<Slot>) -> Vec<Slot> {
    slots.sort_by_key(|slot| (slot.item, slot.media));
    slots.dedup_by_key(|slot| (slot.item, slot.media));
    slots.sort_by_key(|slot| (slot.key, slot.item, slot.media));
    slots
}

/// Small lineups of all kinds.
pub fn lineups() -> impl Strategy<Value = Lineup> {
    (
        prop::collection::vec(slots(), 0..7),
        prop_oneof![Just(Order::Sequential), Just(Order::Shuffle)],
        any::<u64>(),
        prop::bool::weighted(0.7),
        prop_oneof![Just(0i64), -200_000_000i64..0, 0i64..400_000_000],
        prop_oneof![Just(480u16), Just(720u16)],
    )
        .prop_map(|(slots, order, seed, looping, starts_in, frame_height)| Lineup {
            version: 0,
            order,
            seed,
            looping,
            starts_at: NEW_YEAR + Ticks(starts_in),
            created_at: NEW_YEAR,
            frame_height,
            slots: sorted(slots),
        })
}

/// A change of the lineup.
#[derive(Clone, Debug)]
pub enum Edit {
    Insert(Slot),
    Remove(prop::sample::Index),
    RemoveCurrent,
    Move(prop::sample::Index, SlotKey),
    Order(Order),
    Looping(bool),
    StartsIn(i64),
    Height(u16),
    Empty,
}

/// What happens to a channel.
#[derive(Clone, Debug)]
pub enum Event {
    /// Somebody watches for so long: a commit every few seconds.
    Watch(i64),
    /// Nobody does.
    Idle(i64),
    /// The lineup is changed.
    Edit(Edit),
    /// The server is restarted.
    Restart,
    /// The wall clock is set.
    StepClock(i64),
    /// The airing is ended early.
    Skip,
}

pub fn events() -> impl Strategy<Value = Event> {
    let orders = prop_oneof![Just(Order::Sequential), Just(Order::Shuffle)];
    let edits = prop_oneof![
        4 => slots().prop_map(Edit::Insert),
        2 => any::<prop::sample::Index>().prop_map(Edit::Remove),
        3 => Just(Edit::RemoveCurrent),
        2 => (any::<prop::sample::Index>(), keys()).prop_map(|(index, key)| Edit::Move(index, key)),
        1 => orders.prop_map(Edit::Order),
        1 => any::<bool>().prop_map(Edit::Looping),
        1 => (-20_000_000i64..60_000_000).prop_map(Edit::StartsIn),
        2 => prop_oneof![Just(480u16), Just(720), Just(1080)].prop_map(Edit::Height),
        1 => Just(Edit::Empty),
    ];
    prop_oneof![
        4 => (1i64..10_000_000).prop_map(Event::Watch),
        3 => prop_oneof![0i64..20_000_000, 0i64..600_000_000].prop_map(Event::Idle),
        5 => edits.prop_map(Event::Edit),
        1 => Just(Event::Restart),
        2 => prop_oneof![-900_000i64..900_000, -90_000_000i64..90_000_000].prop_map(Event::StepClock),
        2 => Just(Event::Skip),
    ]
}

/// A channel with its server and viewers; beside it, what the twin says.
pub struct World {
    pub now: AirTime,
    pub rows: Vec<Row>,
    pub ledger: Ledger,
    pub planner: Arc<Planner>,
    pub past: BTreeMap<u32, Arc<Planner>>,
    /// Every airing there was, skips told one by one, as the twin walked it.
    pub truth: Vec<Row>,
    /// What each number that players were told names.
    pub promised: BTreeMap<u64, (AirTime, Ticks, Content)>,
}

impl World {
    pub fn new(lineup: Lineup) -> Self {
        let planner = Arc::new(Planner::new(Arc::new(lineup)));
        Self {
            now: NEW_YEAR,
            rows: Vec::new(),
            ledger: Ledger::default(),
            past: BTreeMap::from([(planner.lineup().version, planner.clone())]),
            planner,
            truth: Vec::new(),
            promised: BTreeMap::new(),
        }
    }

    pub fn happens(&mut self, event: &Event) {
        match event {
            Event::Watch(ticks) => {
                let end = self.now + Ticks(*ticks);
                while self.now < end {
                    self.commit();
                    self.promise();
                    self.now = end.min(self.now + Ticks(1_234_567));
                }
            }
            Event::Idle(ticks) => self.now += Ticks(*ticks),
            Event::Edit(edit) => {
                self.commit();
                self.edit(edit);
            }
            Event::Restart => self.restart(),
            Event::StepClock(ticks) => self.now += Ticks(*ticks),
            Event::Skip => self.skip(),
        }
    }

    /// Commits, and holds what is committed against the twin.
    pub fn commit(&mut self) {
        let lineup = self.planner.lineup().clone();
        let until = self.now + Ticks::from_secs(120);
        let rows: Vec<Row> = self.planner.commit(self.rows.last(), self.now).collect();
        let (expected, walked) = naive::commit(&lineup, self.rows.last(), self.now, until);
        assert_eq!(rows, expected, "the planner and its twin disagree");
        for row in rows {
            self.append(row);
        }
        self.truth.extend(walked);
    }

    fn append(&mut self, row: Row) {
        self.rows.push(row);
        self.ledger.push_with(row, copied).unwrap();
    }

    /// Tells a player the segments up to 8 s ahead, as a playlist would.
    fn promise(&mut self) {
        let Some(current) = self.ledger.segment_at_or_after(self.now) else { return };
        for segment in self.ledger.segments_from(current.sequence).take(5) {
            if segment.start > self.now + Ticks::from_secs(8) {
                break;
            }
            let name = (segment.start, segment.length, segment.row.content);
            let told = self.promised.entry(segment.sequence).or_insert(name);
            assert_eq!(*told, name, "segment {} was another before", segment.sequence);
        }
    }

    fn edit(&mut self, edit: &Edit) {
        let mut lineup = Lineup::clone(self.planner.lineup());
        lineup.version += 1;
        let count = lineup.slots.len();
        match edit {
            Edit::Insert(slot) => lineup.slots.push(*slot),
            Edit::Remove(index) if count > 0 => drop(lineup.slots.remove(index.index(count))),
            Edit::Move(index, key) if count > 0 => lineup.slots[index.index(count)].key = *key,
            Edit::Remove(_) | Edit::Move(..) => {}
            Edit::RemoveCurrent => {
                let last = self.rows.last().and_then(Row::cursor);
                lineup.slots.retain(|slot| {
                    last.is_none_or(|last| (slot.item, slot.media) != (last.item, last.media))
                });
            }
            Edit::Order(order) => lineup.order = *order,
            Edit::Looping(looping) => lineup.looping = *looping,
            Edit::StartsIn(ticks) => lineup.starts_at = self.now + Ticks(*ticks),
            Edit::Height(height) => lineup.frame_height = *height,
            Edit::Empty => lineup.slots.clear(),
        }
        lineup.slots = sorted(lineup.slots);
        self.planner = Arc::new(Planner::new(Arc::new(lineup)));
        self.past.insert(self.planner.lineup().version, self.planner.clone());
    }

    /// Nothing survives but what is stored.
    fn restart(&mut self) {
        let stored = serde_json::to_string(&(&self.rows, &**self.planner.lineup())).unwrap();
        let (rows, lineup): (Vec<Row>, Lineup) = serde_json::from_str(&stored).unwrap();
        self.ledger = read(rows.iter().copied());
        self.rows = rows;
        self.planner = Arc::new(Planner::new(Arc::new(lineup)));
        for planner in self.past.values_mut() {
            *planner = Arc::new(Planner::new(planner.lineup().clone()));
        }
    }

    fn skip(&mut self) {
        self.commit();
        let unpromised = self.promised.last_key_value().map_or(0, |(sequence, _)| sequence + 1);
        let row = match self.planner.skip(&self.ledger, self.now, unpromised) {
            Ok(row) => row,
            Err(NoSkip::Ending { at }) => {
                assert_eq!(at, self.ledger.airing_at(self.now).unwrap().end);
                return;
            }
            Err(NoSkip::NotCommitted) => {
                assert_eq!(self.ledger.segment_at(self.now), None);
                return;
            }
            Err(NoSkip::NothingToPlay) => {
                // Nothing plays after this airing, whenever it is cut.
                let airing = self.ledger.airing_at(self.now).unwrap();
                let mut row = airing.row;
                row.length = Ticks(1_920).min(row.length);
                let next = naive::next(self.planner.lineup(), Some(&row));
                assert!(matches!(next.content, Content::OffAir { .. }), "{next:?} could follow");
                return;
            }
        };
        assert!(row.start > self.now && row.first_sequence >= unpromised);
        // The twin: shorten the airing on the air, drop what was behind it.
        let cut = self.truth.iter().rposition(|airing| airing.start <= self.now).unwrap();
        self.truth.truncate(cut + 1);
        let airing = &mut self.truth[cut];
        assert!(row.start < airing.end());
        let played = row.first_sequence - airing.first_sequence;
        let exact = map_of(&airing.content).cut(played as u32);
        assert_eq!(row.start - airing.start, exact.round_up_to_audio_frame());
        let next = naive::next(self.planner.lineup(), Some(airing));
        assert_eq!(row.content, next.content, "the skip goes on with something else");
        airing.length = row.start - airing.start;
        self.append(row);
        self.truth.push(row);
    }

    pub fn guide<T>(&self, read: impl FnOnce(Guide<'_>) -> T) -> T {
        let past = |version| self.past.get(&version).cloned();
        read(Guide::new(&self.ledger, &self.planner, &past))
    }

    /// The programmes up to `to` as the twin knows them; what is off the air at
    /// the end is open.
    pub fn expected_programmes(&self, to: AirTime) -> Vec<Programme> {
        let mut airings = self.truth.clone();
        let tail = self.rows.last();
        airings.extend(naive::walk(self.planner.lineup(), tail, to));
        let mut programmes: Vec<Programme> = Vec::new();
        for row in airings {
            let kind = match row.content {
                Content::Media { cursor, map_id, .. } => Kind::Media {
                    item: cursor.item,
                    media: cursor.media,
                    map_id,
                    cycle: cursor.cycle,
                    media_start: Ticks::ZERO,
                },
                _ => Kind::OffAir,
            };
            match programmes.last_mut() {
                Some(last) if last.kind == Kind::OffAir && kind == Kind::OffAir => {
                    last.end = Some(row.end());
                }
                _ => programmes.push(Programme {
                    start: row.start,
                    end: Some(row.end()),
                    ordinal: None,
                    kind,
                }),
            }
        }
        programmes
    }
}
