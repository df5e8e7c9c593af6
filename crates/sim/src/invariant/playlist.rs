//! Playlists: they never lie and never go back.

use aerial_model::hls::{Entry, TARGET_DURATION_TRANSCODED};
use aerial_model::id::MapId;
use aerial_model::ledger::{AirSegment, Content, Ledger};
use aerial_model::time::{AUDIO_FRAME, AirTime, Ticks};

use super::{Held, Invariant, hold};

/// What a sequence number names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) start: AirTime,
    pub(crate) length: Ticks,
    pub(crate) discontinuity_sequence: u32,
    pub(crate) map_id: Option<MapId>,
    pub(crate) index: u32,
}

impl Name {
    /// What the ledger names by it.
    pub(crate) fn of(segment: &AirSegment) -> Self {
        let map_id = match segment.row.content {
            Content::Media { map_id, .. } => Some(map_id),
            Content::OffAir { .. } | Content::Skip { .. } => None,
        };
        Self {
            start: segment.start,
            length: segment.length,
            discontinuity_sequence: segment.row.discontinuity_sequence,
            map_id,
            index: segment.index,
        }
    }
}

/// How far a client's playlist had come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reached {
    /// EXT-X-MEDIA-SEQUENCE.
    pub(crate) first: u64,
    /// The number after the last that was listed.
    pub(crate) end: u64,
    /// EXT-X-DISCONTINUITY-SEQUENCE.
    pub(crate) discontinuity_sequence: u32,
}

impl Reached {
    /// As these entries have it; `None` of an empty list.
    pub(crate) fn of(entries: &[Entry]) -> Option<Self> {
        let (first, last) = (entries.first()?, entries.last()?);
        Some(Self {
            first: first.sequence,
            end: last.sequence + 1,
            discontinuity_sequence: first.discontinuity_sequence,
        })
    }
}

/// A number names what it named before.
pub(crate) fn names_stay(sequence: u64, named: Name, names: Name) -> Held {
    hold(Invariant::NamesStay, named == names, || {
        format!("number {sequence} named {named:?}, and now {names:?}")
    })
}

/// First, last and discontinuities of a client's list never go back.
pub(crate) fn list_goes_forward(was: Reached, is: Reached) -> Held {
    let holds = is.first >= was.first
        && is.end >= was.end
        && is.discontinuity_sequence >= was.discontinuity_sequence;
    hold(Invariant::ListsGoForward, holds, || format!("{was:?}, and then {is:?}"))
}

/// A list holds the segment that is on the air, or, in a stretch that nobody
/// watched and a clock came back to, the next; and its numbers run on.
pub(crate) fn list_holds_now(entries: &[Entry], ledger: &Ledger, now: AirTime) -> Held {
    let current = ledger.segment_at_or_after(now).map(|segment| segment.sequence);
    let held = current.is_some_and(|current| entries.iter().any(|e| e.sequence == current));
    let run_on = entries.windows(2).all(|pair| pair[1].sequence == pair[0].sequence + 1);
    hold(Invariant::ListsHoldNow, held && run_on, || {
        format!("number {current:?} is on the air at {now}; listed are {:?}", numbers(entries))
    })
}

/// A list never begins before its client joined: players would begin in the past.
pub(crate) fn list_begins_at_join(first: u64, joined: u64, current: u64) -> Held {
    hold(Invariant::ListsHoldNow, first >= joined.min(current), || {
        format!("a list for one who joined at number {joined} begins at {first}")
    })
}

/// A list's text: one target duration for ever, and no length above it.
pub(crate) fn lengths_are_kept(text: &str) -> Held {
    let target = value(text, "#EXT-X-TARGETDURATION:").and_then(|v| v.parse::<u32>().ok());
    hold(Invariant::LengthsAreKept, target == Some(TARGET_DURATION_TRANSCODED), || {
        format!("the target duration is {target:?}")
    })?;
    for line in text.lines().filter_map(|line| line.strip_prefix("#EXTINF:")) {
        let seconds = line.trim_end_matches(',').parse::<f64>().ok();
        let rounded = seconds.map(|s| (s + 0.5).floor());
        let fits = rounded.is_some_and(|s| s <= f64::from(TARGET_DURATION_TRANSCODED));
        hold(Invariant::LengthsAreKept, fits, || format!("EXTINF is {line}"))?;
    }
    Ok(())
}

/// A list's text says of each segment when the ledger airs it and for how long,
/// and each begins where the last ends, but for an audio frame between airings.
pub(crate) fn dates_are_true(text: &str, ledger: &Ledger) -> Held {
    let first = value(text, "#EXT-X-MEDIA-SEQUENCE:").and_then(|v| v.parse::<u64>().ok());
    let mut sequence = first.unwrap_or(u64::MAX);
    let (mut date, mut length, mut end): (_, _, Option<AirTime>) = (None, None, None);
    for line in text.lines() {
        if let Some(told) = line.strip_prefix("#EXT-X-PROGRAM-DATE-TIME:") {
            date = Some(told);
        } else if let Some(told) = line.strip_prefix("#EXTINF:") {
            length = Some(told.trim_end_matches(','));
        } else if !line.starts_with('#') {
            let airs = ledger.segment(sequence);
            let told = airs.is_some_and(|segment| {
                let gap = end.map_or(Ticks::ZERO, |end| segment.start - end);
                let joins = if segment.begins_airing() { gap < AUDIO_FRAME } else { gap.0 == 0 };
                Some(segment.start.to_string().as_str()) == date
                    && Some(segment.length.to_string().as_str()) == length
                    && line.contains(&format!("/{sequence}.ts?"))
                    && gap >= Ticks::ZERO
                    && joins
            });
            hold(Invariant::DatesAreTrue, told, || {
                format!("{line} is told to air at {date:?} for {length:?}, but {airs:?}")
            })?;
            end = airs.map(|segment| segment.end());
            sequence += 1;
        }
    }
    Ok(())
}

/// The same ledger, client and clock give the same bytes.
pub(crate) fn list_is_pure(before: &str, after: &str) -> Held {
    hold(Invariant::ListsArePure, before == after, || {
        format!("before the crash:\n{before}\nafter it:\n{after}")
    })
}

fn value<'a>(text: &'a str, tag: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(tag))
}

fn numbers(entries: &[Entry]) -> Vec<u64> {
    entries.iter().map(|entry| entry.sequence).collect()
}
