//! The twin: a planner too simple to be wrong. It walks from airing to airing,
//! sorts the lineup anew at each step, skips nothing by arithmetic and keeps
//! nothing. Written from `rules.md`, not from the planner.

use aerial_model::ledger::{Content, Cursor, Row};
use aerial_model::lineup::{Lineup, Order, Slot};
use aerial_model::segment_map::MapOutline;
use aerial_model::time::{AirTime, FrameRate, Ticks};

const SECOND: i64 = 90_000;

fn mix(word: u64) -> u64 {
    const M: u128 = 1 << 64;
    let mut z = (u128::from(word) + 0x9e37_79b9_7f4a_7c15) % M;
    z = ((z ^ (z >> 30)) * 0xbf58_476d_1ce4_e5b9) % M;
    z = ((z ^ (z >> 27)) * 0x94d0_49bb_1331_11eb) % M;
    (z ^ (z >> 31)) as u64
}

fn hash(seed: u64, cycle: u64, item: u128, media: u128) -> u64 {
    let mut hash = mix(seed);
    for id in [item, media] {
        hash = mix(hash ^ (id >> 64) as u64);
        hash = mix(hash ^ id as u64);
    }
    mix(hash ^ mix(cycle))
}

fn place(lineup: &Lineup, cycle: u64, at: &Cursor) -> (u64, i64, u64, u128, u128) {
    let (item, media) = (at.item.0.as_u128(), at.media.0.as_u128());
    match lineup.order {
        Order::Sequential => (0, at.key.rank, at.key.episode, item, media),
        Order::Shuffle => (hash(lineup.seed, cycle, item, media), 0, 0, item, media),
    }
}

fn named(cycle: u64, slot: &Slot) -> Cursor {
    Cursor { cycle, item: slot.item, media: slot.media, key: slot.key }
}

/// A cycle's slots as they play.
pub fn order(lineup: &Lineup, cycle: u64) -> Vec<Slot> {
    let mut slots = lineup.slots.clone();
    slots.sort_by_key(|slot| place(lineup, cycle, &named(cycle, slot)));
    slots
}

fn next_slot(lineup: &Lineup, last: Option<Cursor>) -> Option<(u64, Slot)> {
    let Some(last) = last else {
        return order(lineup, 0).first().map(|slot| (0, *slot));
    };
    let slots = order(lineup, last.cycle);
    let same = |slot: &Slot| slot.item == last.item && slot.media == last.media;
    let follows = match slots.iter().position(same) {
        Some(index) => slots.get(index + 1),
        None => slots.iter().find(|slot| {
            place(lineup, last.cycle, &named(last.cycle, slot)) > place(lineup, last.cycle, &last)
        }),
    };
    match follows {
        Some(slot) => Some((last.cycle, *slot)),
        None if lineup.looping => {
            order(lineup, last.cycle + 1).first().map(|slot| (last.cycle + 1, *slot))
        }
        None => None,
    }
}

/// When a channel's ledger begins.
pub fn origin(lineup: &Lineup) -> AirTime {
    let mut start = lineup.starts_at.0;
    while start > lineup.created_at.0 {
        start -= 8 * SECOND;
    }
    AirTime(start)
}

/// The row after `last`, never a skip.
pub fn next(lineup: &Lineup, last: Option<&Row>) -> Row {
    let start = last.map_or_else(|| origin(lineup), |row| row.start + row.length);
    let cursor = last.and_then(Row::cursor);
    let next = next_slot(lineup, cursor);
    let content = match next {
        Some((cycle, slot)) if lineup.starts_at <= start => Content::Media {
            cursor: named(cycle, &slot),
            map_id: slot.map_id,
            map: slot.map,
            first: 0,
            end: slot.map.segments(),
        },
        _ => {
            let mut frames = 32 * 25;
            if next.is_some() {
                let mut missing = 0;
                while start + Ticks(missing * SECOND / 25) < lineup.starts_at && missing < 900 {
                    missing += 1;
                }
                // A whole row, unless it would leave less than a segment.
                if missing < 900 {
                    frames = missing;
                }
            }
            let map = MapOutline::of_frames(FrameRate::PAL, frames as u64).unwrap();
            Content::OffAir { map, cursor }
        }
    };
    let exact = match content {
        Content::Media { map, .. } | Content::OffAir { map, .. } => map.end().0,
        Content::Skip { .. } => unreachable!(),
    };
    let mut length = exact;
    while length % 1_920 != 0 {
        length += 1;
    }
    let signature = match content {
        Content::Media { map, .. } => map.signature(),
        _ => None,
    };
    let changed = last
        .is_some_and(|row| row.frame_height != lineup.frame_height || row.signature != signature);
    Row {
        ordinal: last.map_or(0, |row| row.ordinal + 1),
        start,
        length: Ticks(length),
        first_sequence: last.map_or(0, Row::end_sequence),
        discontinuity_sequence: last.map_or(0, |row| row.discontinuity_sequence)
            + u32::from(changed),
        frame_height: lineup.frame_height,
        signature,
        lineup_version: lineup.version,
        content,
    }
}

/// All rows after `last` up to the last that starts at or before `until`.
pub fn walk(lineup: &Lineup, last: Option<&Row>, until: AirTime) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    loop {
        let row = next(lineup, rows.last().or(last));
        if row.start > until {
            return rows;
        }
        rows.push(row);
    }
}

/// What a commit adds: the rows that ended before `now` as one skip, the others
/// as they are. Also gives all of them as they are.
pub fn commit(
    lineup: &Lineup,
    tail: Option<&Row>,
    now: AirTime,
    until: AirTime,
) -> (Vec<Row>, Vec<Row>) {
    let walked = walk(lineup, tail, until.max(now));
    let passed = walked.iter().take_while(|row| row.start + row.length <= now).count();
    let mut rows = Vec::new();
    if passed > 0 {
        let first = walked[0];
        let cursor = walked[passed - 1].cursor();
        let segments = walked[..passed].iter().map(Row::segments).sum();
        let length = walked[..passed].iter().map(|row| row.length).sum();
        // Whatever codec configurations came and went in it were not seen.
        let signature = tail.and_then(|tail| tail.signature);
        let content = Content::Skip { segments, cursor };
        rows.push(Row { length, signature, content, ..first });
    }
    for row in &walked[passed..] {
        if row.start <= until {
            let ordinal = tail.map_or(0, |tail| tail.ordinal + 1) + rows.len() as u64;
            rows.push(Row { ordinal, ..*row });
        }
    }
    let mut last = tail.copied();
    for row in &mut rows {
        let look = |row: &Row| (row.frame_height, row.signature);
        let changed = last.is_some_and(|last| look(&last) != look(row));
        row.discontinuity_sequence =
            last.map_or(0, |last| last.discontinuity_sequence) + u32::from(changed);
        last = Some(*row);
    }
    (rows, walked.into_iter().filter(|row| row.start <= until || row.end() <= now).collect())
}
