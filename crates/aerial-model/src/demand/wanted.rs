//! What is wanted of a channel's tracks, by how far ahead segments are made.
//!
//! Owns the two marks. Starts nothing: `demand` decides which workers run for it.
//! Invariant: whoever watches is served before what is made ahead.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{TrackKey, Want};
use crate::hls::PROMISED;
use crate::ledger::{AirSegment, Ledger};
use crate::time::{AirTime, Ticks};

/// Segments are made at least this far ahead, and a worker that sleeps is woken
/// when less is there; the next item's first worker starts this early too.
pub const LOW_MARK: Ticks = Ticks::from_secs(20);

/// A worker makes segments up to this far ahead, then sleeps.
pub const HIGH_MARK: Ticks = Ticks::from_secs(60);

/// What is wanted by players that will ask for the segments of `starts` next. `track`
/// says which track an airing plays, by its ordinal; `made` what is finished of one.
pub fn wants(
    ledger: &Ledger,
    track: impl Fn(u64) -> Option<TrackKey>,
    starts: &BTreeSet<u64>,
    now: AirTime,
    made: impl Fn(TrackKey, u32) -> bool,
) -> Vec<Want> {
    let segments = |from: u64| {
        let on_track = |segment: AirSegment| Some((track(segment.row.ordinal)?, segment));
        ledger.segments_from(from).map_while(on_track)
    };
    let mut missing = BTreeSet::new();
    for start in starts {
        // The last one that must be made now stands for those after it: whoever
        // makes them is still wanted.
        let first = segments(*start)
            .take_while(|(_, segment)| segment.start <= now + LOW_MARK)
            .find(|(track, segment)| !made(*track, segment.index));
        let last = ledger.segment_at_or_after(now + LOW_MARK).map(|segment| segment.sequence);
        let first = first.map(|(_, segment)| segment.sequence).or(last);
        missing.extend(first.map(|first| first.max(*start)));
    }
    let mut runs: Vec<u64> = Vec::new();
    for start in missing {
        // Whoever makes a segment makes the next ones too: what is promised
        // together is made by one.
        if runs.last().is_none_or(|run| start > run + PROMISED) {
            runs.push(start);
        }
    }
    runs.into_iter().flat_map(|start| run(segments(start), now)).collect()
}

/// What is wanted of these segments, a want for each airing.
fn run(segments: impl Iterator<Item = (TrackKey, AirSegment)>, now: AirTime) -> Vec<Want> {
    let (mut wants, mut ordinal): (Vec<Want>, _) = (Vec::new(), None);
    for (track, segment) in segments {
        if segment.start > now + HIGH_MARK {
            break;
        }
        if ordinal.replace(segment.row.ordinal) != Some(segment.row.ordinal) {
            let ticks = (segment.start - now).0.max(0).cast_unsigned();
            wants.push(Want {
                track,
                first: segment.index,
                low: segment.index,
                high: segment.index,
                due: Duration::from_millis(ticks / 90),
            });
        }
        if let Some(want) = wants.last_mut() {
            want.high = segment.index + 1;
            if segment.start <= now + LOW_MARK {
                want.low = segment.index + 1;
            }
        }
    }
    wants
}
