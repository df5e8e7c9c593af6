//! A schedule in memory: lineups, and what of them is committed.
//!
//! Owns what the stream part asks a timeline. Invariant: the same film has the same ids on
//! every channel.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aerial::clock::Clock;
use aerial::db::Identity;
use aerial::library::Stamp;
use aerial::stream::off_air::ComesBack;
use aerial::stream::timeline::{Alone, MediaSource, OnAir, PlannedAiring, Timeline, TimelineError};
use aerial_model::channel::Video;
use aerial_model::id::{ChannelId, ChannelRef, ItemId, MapId, MediaId};
use aerial_model::ladder::Looks;
use aerial_model::ledger::Ledger;
use aerial_model::lineup::{Lineup, Order, Slot, SlotKey};
use aerial_model::planner::Planner;
use aerial_model::replay::{Replay, aired};
use aerial_model::segmenter::Treatment;
use aerial_model::time::{AirTime, Ticks};
use futures::future::BoxFuture;
use uuid::Uuid;

use super::World;
use super::plan::Plan;
use crate::media::Film;

/// Lineups in memory and what of them is committed.
pub(crate) struct Schedule {
    clock: Clock,
    pub(crate) channels: Vec<Channel>,
    films: Vec<Film>,
    media: Mutex<HashMap<MapId, MediaSource>>,
}

pub(crate) struct Channel {
    pub(super) on_air: OnAir,
    deleted: AtomicBool,
    planner: Mutex<Planner>,
    ledger: Mutex<Arc<Ledger>>,
}

impl Schedule {
    pub(super) fn new(clock: Clock, plans: &[Plan]) -> Self {
        let mut media = HashMap::new();
        let channels = plans
            .iter()
            .enumerate()
            .map(|(n, plan)| {
                let slots = plan.films.iter().enumerate().map(|(rank, film)| {
                    let source = source_of(film);
                    let (media_id, map_id) = (source.media, source.map_id);
                    media.insert(map_id, source);
                    Slot {
                        item: ItemId(Uuid::from_u128(rank as u128 + 1)),
                        media: media_id,
                        key: SlotKey { rank: rank as i64, episode: 0 },
                        map_id,
                        map: film.map.outline(),
                    }
                });
                let slots = slots.collect();
                Channel::new(n, plan, slots, clock.now())
            })
            .collect();
        let films = plans.iter().flat_map(|plan| plan.films.clone()).collect();
        Self { clock, channels, films, media: Mutex::new(media) }
    }

    fn channel_of(&self, channel: ChannelRef) -> Option<&Channel> {
        self.present().find(|c| match channel {
            ChannelRef::Id(id) => c.on_air.id == id,
            ChannelRef::Number(number) => c.on_air.number == number,
        })
    }

    fn found(&self, channel: ChannelId) -> Result<&Channel, TimelineError> {
        let failed = || TimelineError::Channel {
            channel: channel.to_string(),
            reason: "there is no such channel".to_owned(),
        };
        self.channel_of(ChannelRef::Id(channel)).ok_or_else(failed)
    }

    fn present(&self) -> impl Iterator<Item = &Channel> {
        self.channels.iter().filter(|channel| !channel.deleted.load(Ordering::Relaxed))
    }

    /// The channel is deleted; its session is left to whoever does that.
    pub(crate) fn delete(&self, channel: usize) {
        self.channels[channel].deleted.store(true, Ordering::Relaxed);
    }

    /// Other films from what is not committed on.
    pub(crate) fn replace_lineup(&self, channel: usize, films: &[Film]) {
        let mut planner = self.channels[channel].planner.lock().unwrap();
        let old = planner.lineup();
        let slots = films.iter().enumerate().map(|(rank, film)| {
            let source = source_of(film);
            let (media, map_id) = (source.media, source.map_id);
            self.media.lock().unwrap().insert(map_id, source);
            let item = ItemId(Uuid::from_u128(rank as u128 + 100));
            let key = SlotKey { rank: rank as i64 + 100, episode: 0 };
            Slot { item, media, key, map_id, map: film.map.outline() }
        });
        let slots = slots.collect();
        let lineup = Lineup { version: old.version + 1, slots, ..Lineup::clone(old) };
        *planner = Planner::new(Arc::new(lineup));
    }

    /// The film of that place, as it was planned.
    pub(crate) fn film(&self, place: usize) -> Film {
        self.films[place].clone()
    }

    /// From now on the ends of this film's file are known too.
    pub(crate) fn hashed(&self, film: &Film) -> Identity {
        let identity = aerial::library::identity::Identity::read(&film.path).unwrap().into();
        let mut media = self.media.lock().unwrap();
        media.get_mut(&source_of(film).map_id).unwrap().identity = identity;
        identity
    }

    /// Waits until nothing that it plays waits for a copy.
    pub(crate) async fn copied(&self, world: &World) {
        let sources: Vec<MediaSource> = self.media.lock().unwrap().values().cloned().collect();
        for source in sources {
            while world.remuxes.entered(source.clone()).await.is_err() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    }

    /// The file is replaced: its airings cannot be made any more.
    pub(crate) fn forget_media(&self) {
        self.media.lock().unwrap().clear();
    }

    /// The file of an airing, as the stream part gets it.
    pub(crate) fn source(&self, film: &Film) -> MediaSource {
        source_of(film)
    }

    /// The airings committed so far.
    pub(crate) fn ledger(&self, channel: usize) -> Arc<Ledger> {
        self.channels[channel].ledger.lock().unwrap().clone()
    }
}

/// The same film has the same ids on every channel.
fn source_of(film: &Film) -> MediaSource {
    let hash = blake3::hash(film.path.as_os_str().as_encoded_bytes());
    let id = Uuid::from_slice(&hash.as_bytes()[..16]).unwrap();
    let stamp = Stamp::read(&film.path).unwrap_or(Stamp { size: 0, mtime_ns: 0 });
    MediaSource {
        media: MediaId(id),
        map_id: MapId(Uuid::from_u128(id.as_u128() ^ u128::from(film.map.frames()))),
        path: film.path.clone(),
        facts: Arc::clone(&film.facts),
        map: film.map.clone(),
        treatment: match film.map.cut_list() {
            Some(_) => Treatment::CopiedVideo,
            None => Treatment::Transcoded,
        },
        identity: Identity { size_bytes: stamp.size, mtime_ns: stamp.mtime_ns, hash: None },
        remux: None,
        title: film.path.file_stem().unwrap().to_string_lossy().into_owned(),
    }
}

impl Channel {
    fn new(n: usize, plan: &Plan, slots: Vec<Slot>, now: AirTime) -> Self {
        let on_air = OnAir {
            id: ChannelId(Uuid::from_u128(n as u128 + 1)),
            number: (n + 1).to_string().parse().unwrap(),
            name: format!("Channel {}", n + 1),
            ladder: Vec::new(),
            grace: Ticks::from_millis(plan.grace.as_millis() as i64),
            keep_running: plan.kept,
            catchup: Some(Ticks::from_secs(86_400)),
            frame_height: 180,
            looks: Looks::Transcoded,
            video: Video::Transcode,
            stream_since: None,
        };
        let lineup = Lineup {
            version: 1,
            order: Order::Sequential,
            seed: 1,
            looping: plan.looping,
            starts_at: plan.starts_at,
            created_at: plan.starts_at.min(now),
            frame_height: on_air.frame_height,
            slots,
        };
        let planner = Mutex::new(Planner::new(Arc::new(lineup)));
        Self { on_air, deleted: AtomicBool::new(false), planner, ledger: Mutex::default() }
    }

    fn commit(&self, now: AirTime, media: &Mutex<HashMap<MapId, MediaSource>>) -> Arc<Ledger> {
        let mut ledger = self.ledger.lock().unwrap();
        let planner = self.planner.lock().unwrap();
        let rows: Vec<_> = planner.commit(ledger.tail(), now).collect();
        if !rows.is_empty() {
            let mut longer = Ledger::clone(&ledger);
            let media = media.lock().unwrap();
            let map = |id| media.get(&id).map(|source| source.map.clone());
            rows.into_iter().for_each(|row| longer.push_with(row, map).unwrap());
            *ledger = Arc::new(longer);
        }
        Arc::clone(&ledger)
    }
}

impl Timeline for Schedule {
    fn channel(&self, channel: ChannelRef) -> BoxFuture<'_, Result<Option<OnAir>, TimelineError>> {
        Box::pin(async move { Ok(self.channel_of(channel).map(|c| c.on_air.clone())) })
    }

    fn kept(&self) -> Vec<ChannelRef> {
        let kept = self.present().filter(|channel| channel.on_air.keep_running);
        kept.map(|channel| ChannelRef::Id(channel.on_air.id)).collect()
    }

    fn committed(
        &self,
        channel: ChannelId,
        _from: AirTime,
    ) -> BoxFuture<'_, Result<Arc<Ledger>, TimelineError>> {
        Box::pin(async move { Ok(self.found(channel)?.commit(self.clock.now(), &self.media)) })
    }

    fn aired(
        &self,
        channel: ChannelId,
        span: Range<AirTime>,
    ) -> BoxFuture<'_, Result<Replay, TimelineError>> {
        Box::pin(async move {
            let channel = self.found(channel)?;
            let ledger = channel.commit(self.clock.now(), &self.media);
            let lineup = channel.planner.lock().unwrap().lineup().clone();
            let planner = Arc::new(Planner::new(lineup));
            let rows = aired(&ledger, &|_| Some(planner.clone()), &span)?;
            let media = self.media.lock().unwrap();
            let map = |id| media.get(&id).map(|source: &MediaSource| source.map.clone());
            Ok(Replay::of(rows, map).unwrap())
        })
    }

    fn alone(&self, media: MediaId) -> BoxFuture<'_, Result<Alone, TimelineError>> {
        Box::pin(async move {
            let known = self.media.lock().unwrap();
            let source = known.values().find(|source| source.media == media);
            let source = source.ok_or(TimelineError::Gone(media))?;
            Ok(Alone {
                media,
                title: source.title.clone(),
                map_id: source.map_id,
                map: source.map.clone(),
                frame_height: 180,
                looks: Looks::Transcoded,
            })
        })
    }

    fn comes_back(
        &self,
        channel: ChannelId,
        _: AirTime,
    ) -> BoxFuture<'_, Result<ComesBack, TimelineError>> {
        let name = self.found(channel).map(|channel| channel.on_air.name.clone());
        Box::pin(async move { Ok(ComesBack { name: name?, next: None }) })
    }

    fn planned(
        &self,
        channel: ChannelId,
        until: AirTime,
    ) -> BoxFuture<'_, Result<Vec<PlannedAiring>, TimelineError>> {
        Box::pin(async move {
            let channel = self.found(channel)?;
            let (ledger, planner) =
                (channel.ledger.lock().unwrap(), channel.planner.lock().unwrap());
            let now = self.clock.now();
            let mut rows: Vec<_> = ledger.airings().iter().map(|airing| airing.row).collect();
            rows.extend(planner.rows(ledger.tail(), now, until));
            Ok(PlannedAiring::of_rows(&rows, |_| None, now))
        })
    }

    fn media(
        &self,
        media: MediaId,
        map: MapId,
    ) -> BoxFuture<'_, Result<MediaSource, TimelineError>> {
        Box::pin(async move {
            self.media.lock().unwrap().get(&map).cloned().ok_or(TimelineError::Gone(media))
        })
    }
}
