//! The strip of a session: its segments around now, and who is where on it.
//!
//! Owns the reading of it for people, from what session, store, transcoder and history
//! know already. Decides nothing. Invariant: to look at it changes nothing: nobody is
//! asked for a file, no segment counts as asked for, and no session has to answer.

use std::sync::Arc;
use std::time::Duration;

use aerial_model::client::ClientId;
use aerial_model::demand::TrackKey;
use aerial_model::fault::Class;
use aerial_model::id::{ChannelId, MediaId};
use aerial_model::ledger::{AirSegment, Airing, Content, Ledger};
use aerial_model::profile::Rendition;
use aerial_model::time::{AirTime, Ticks};
use tokio::time::timeout;

use super::history::{Record, Run};
use super::manager::Manager;
use super::session::{SessionHandle, SessionView};
use super::slated::Slated;
use super::store::{SegmentKey, Standing, Store};
use super::transcoder::{Status, WorkerStatus};

/// As far as playlists reach back.
const BACK: Ticks = Ticks::from_secs(60);

/// Past the 60 s that workers may be ahead, and within what is committed.
const AHEAD: Ticks = Ticks::from_secs(90);

/// A fault outside the strip is told for so long.
const FAULT_TOLD_FOR: Duration = Duration::from_secs(60);

/// The ledger is in memory; where it is not, the strip can wait for its next look.
const READ_WITHIN: Duration = Duration::from_secs(1);

/// What is told of FFmpeg's last words here; the history has all that was kept.
const WORDS: usize = 2_000;

/// What is on the air around now, and how it is made.
#[derive(Clone, Debug)]
pub struct Strip {
    /// Of which channel.
    pub channel: ChannelId,
    /// The session's state.
    pub state: &'static str,
    /// The channel's time.
    pub now: AirTime,
    /// The airings that the segments are of, in order.
    pub airings: Vec<StripAiring>,
    /// From a minute back to 90 s ahead, the same in all renditions.
    pub segments: Vec<StripSegment>,
    /// What is watched.
    pub renditions: Vec<StripRendition>,
    /// Who watches.
    pub viewers: Vec<StripViewer>,
    /// What failed.
    pub faults: Vec<StripFault>,
}

/// An airing on the strip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StripAiring {
    /// What plays; `None`: it is off the air.
    pub media: Option<MediaId>,
    /// When it begins.
    pub start: AirTime,
    /// When it ends.
    pub end: AirTime,
}

/// A segment on the strip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StripSegment {
    /// Its number on the channel.
    pub sequence: u64,
    /// When it begins.
    pub start: AirTime,
    /// How long it is.
    pub length: Ticks,
}

/// How it stands with a segment of a rendition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SegmentState {
    /// It is there, from before this session needed it, or made for another.
    Cached,
    /// This session had it made.
    Made,
    /// It is being made.
    Growing,
    /// A playlist listed it, and it is not begun.
    Promised,
    /// Off air, or in place of a programme that fails.
    Slate,
    /// To be made when its time comes.
    Planned,
    /// It is over, and not kept.
    Gone,
}

/// A rendition on the air.
#[derive(Clone, Debug)]
pub struct StripRendition {
    /// Which.
    pub rendition: Rendition,
    /// How it stands with each segment of the strip.
    pub states: Vec<SegmentState>,
    /// How far it is made without a gap.
    pub ahead: Ticks,
    /// Who makes it.
    pub workers: Vec<StripWorker>,
}

/// A worker on the strip, in the channel's time.
#[derive(Clone, Debug)]
pub struct StripWorker {
    /// What the transcoder knows of it.
    pub status: WorkerStatus,
    /// It began here.
    pub from: AirTime,
    /// It is here.
    pub at: AirTime,
    /// It goes on up to here, unless more is wanted.
    pub until: AirTime,
}

/// A viewer on the strip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StripViewer {
    /// Who; not to be told.
    pub client: ClientId,
    /// What it watches.
    pub rendition: Rendition,
    /// The segment that it asked for last.
    pub sequence: u64,
    /// When that begins.
    pub at: AirTime,
}

/// A run of FFmpeg that failed.
#[derive(Clone, Debug)]
pub struct StripFault {
    /// Its number in logs.
    pub worker: u64,
    /// The segment's begin in which it failed; `None` where that is not on the strip.
    pub at: Option<AirTime>,
    /// When it failed, by the channel's time.
    pub happened_at: AirTime,
    /// What it was making.
    pub title: String,
    /// What kind of trouble.
    pub class: Class,
    /// In words.
    pub reason: String,
    /// The end of what FFmpeg said.
    pub words: String,
}

impl Manager {
    /// The strips of all sessions, or of this channel's.
    pub async fn strips(&self, only: Option<ChannelId>) -> Vec<Strip> {
        let status = self.transcoding();
        let mut strips = Vec::new();
        for session in self.handles(only) {
            let view = session.view();
            let (channel, now) = (view.channel.id, self.clock().now_on(view.channel.id));
            let read = timeout(READ_WITHIN, self.programme().ledger(channel, now)).await;
            // What is wrong with the schedule, the session says itself.
            let ledger = read.ok().and_then(Result::ok).unwrap_or_default();
            let history = self.history(channel);
            let record = history.iter().find(|record| record.session == session.id);
            strips.push(Look::new(self, &session, &view, &ledger, now).strip(&status, record));
        }
        strips
    }
}

/// One look at one session.
struct Look<'a> {
    manager: &'a Manager,
    view: &'a SessionView,
    ledger: &'a Ledger,
    now: AirTime,
    segments: Vec<AirSegment>,
    unpromised: u64,
}

impl<'a> Look<'a> {
    fn new(
        manager: &'a Manager,
        session: &SessionHandle,
        view: &'a SessionView,
        ledger: &'a Ledger,
        now: AirTime,
    ) -> Self {
        // From the last back, so that a stretch nobody watched ends it.
        let all = ledger.airings().iter().filter(|airing| {
            airing.end > now - BACK && airing.row.start < now + AHEAD && airing.map().is_some()
        });
        let of_airing = |airing: &'a Airing| {
            let first = airing.segment_at(airing.row.start.max(now - BACK));
            let first = first.map_or(airing.end_sequence, |segment| segment.sequence);
            (first..airing.end_sequence).map_while(|sequence| airing.segment(sequence))
        };
        let soon = |segment: &AirSegment| segment.start < now + AHEAD;
        let segments = all.flat_map(of_airing).take_while(soon).collect();
        Self { manager, view, ledger, now, segments, unpromised: session.first_unpromised() }
    }

    fn strip(&self, status: &Status, record: Option<&Record>) -> Strip {
        let faults = record.into_iter().flat_map(|record| &record.runs);
        let renditions = self.view.renditions.iter();
        let segment = |segment: &AirSegment| StripSegment {
            sequence: segment.sequence,
            start: segment.start,
            length: segment.length,
        };
        Strip {
            channel: self.view.channel.id,
            state: self.view.state.name(),
            now: self.now,
            airings: self.airings().map(airing).collect(),
            segments: self.segments.iter().map(segment).collect(),
            renditions: renditions.map(|one| self.rendition(*one, status, record)).collect(),
            viewers: self.viewers().collect(),
            faults: faults.filter_map(|run| self.fault(run)).collect(),
        }
    }

    /// Those that the segments are of.
    fn airings(&self) -> impl Iterator<Item = &'a Airing> {
        let (first, last) = (self.segments.first(), self.segments.last());
        let range = first.zip(last).map(|(first, last)| first.row.ordinal..=last.row.ordinal);
        self.ledger.airings().iter().filter(move |airing| {
            airing.map().is_some()
                && range.as_ref().is_some_and(|range| range.contains(&airing.row.ordinal))
        })
    }

    fn viewers(&self) -> impl Iterator<Item = StripViewer> {
        self.view.asked.iter().filter_map(|(client, rendition, sequence)| {
            let at = self.ledger.segment(*sequence)?.start;
            let (client, rendition, sequence) = (*client, *rendition, *sequence);
            Some(StripViewer { client, rendition, sequence, at })
        })
    }

    fn rendition(
        &self,
        (rendition, ahead): (Rendition, Ticks),
        status: &Status,
        record: Option<&Record>,
    ) -> StripRendition {
        let of_airing = |airing: &'a Airing| {
            (airing, self.manager.programme().possible_keys(airing, rendition))
        };
        let keys: Vec<(&Airing, Vec<TrackKey>)> = self.airings().map(of_airing).collect();
        let states = self.segments.iter().map(|segment| {
            let of_segment = keys.iter().find(|(one, _)| one.row.ordinal == segment.row.ordinal);
            let keys = of_segment.map_or(&[][..], |(_, keys)| keys);
            self.state(segment, rendition, keys, (status, record))
        });
        let workers = status.workers.iter().filter_map(|worker| {
            let place = |index| place(&keys, worker.track.key, index, self.now);
            Some(StripWorker {
                from: place(worker.first)?,
                at: place(worker.segment)?,
                until: place(worker.limit)?,
                status: worker.clone(),
            })
        });
        let (states, workers) = (states.collect(), workers.collect());
        StripRendition { rendition, states, ahead, workers }
    }

    fn state(
        &self,
        segment: &AirSegment,
        rendition: Rendition,
        keys: &[TrackKey],
        (status, record): (&Status, Option<&Record>),
    ) -> SegmentState {
        let (store, slated): (&Store, &Slated) = (self.manager.store(), self.manager.slated());
        let is_media = matches!(segment.row.content, Content::Media { .. });
        if !is_media || slated.contains(self.view.channel.id, segment.sequence) {
            return SegmentState::Slate;
        }
        let standing = keys.iter().find_map(|track| {
            let key = SegmentKey { track: *track, index: segment.index };
            Some((key, store.standing(key))).filter(|(_, found)| *found != Standing::Missing)
        });
        let waits =
            |(_, of, at): &(ClientId, Rendition, u64)| *of == rendition && *at <= segment.sequence;
        match standing {
            Some((_, Standing::Growing)) => SegmentState::Growing,
            Some((_, Standing::Slate)) => SegmentState::Slate,
            Some((key, _)) => {
                let mut runs = record.into_iter().flat_map(|record| &record.runs);
                match runs.any(|run| made(run, key, status)) {
                    true => SegmentState::Made,
                    false => SegmentState::Cached,
                }
            }
            None if segment.sequence >= self.unpromised => match segment.end() > self.now {
                true => SegmentState::Planned,
                false => SegmentState::Gone,
            },
            // Of what is over, only what somebody who fell behind is still to get.
            None if segment.end() > self.now || self.view.asked.iter().any(waits) => {
                SegmentState::Promised
            }
            None => SegmentState::Gone,
        }
    }

    fn fault(&self, run: &Arc<Run>) -> Option<StripFault> {
        let end = run.end()?;
        let (class, reason) = end.fault.clone()?;
        let ago = Ticks::from_millis(end.at.elapsed().as_millis() as i64);
        let happened_at = self.now - ago;
        let renditions = self.view.renditions.iter().map(|(rendition, _)| *rendition);
        let keys: Vec<(&Airing, Vec<TrackKey>)> = renditions
            .flat_map(|rendition| self.airings().map(move |airing| (airing, rendition)))
            .map(|(airing, rendition)| {
                (airing, self.manager.programme().possible_keys(airing, rendition))
            })
            .collect();
        let at = place(&keys, run.task.track, run.task.segment + end.completed, happened_at);
        let at = at.filter(|at| *at > self.now - BACK && *at < self.now + AHEAD);
        let is_told = at.is_some() || end.at.elapsed() < FAULT_TOLD_FOR;
        is_told.then(|| StripFault {
            worker: run.worker.0,
            at,
            happened_at,
            title: run.task.title.clone(),
            class,
            reason,
            words: last_words(&run.stderr()),
        })
    }
}

fn airing(airing: &Airing) -> StripAiring {
    let media = match airing.row.content {
        Content::Media { cursor, .. } => Some(cursor.media),
        Content::OffAir { .. } | Content::Skip { .. } => None,
    };
    StripAiring { media, start: airing.row.start, end: airing.end }
}

/// Whether that run finished that segment.
fn made(run: &Run, key: SegmentKey, status: &Status) -> bool {
    if run.task.track != key.track || key.index < run.task.segment {
        return false;
    }
    match run.end() {
        Some(end) => key.index < run.task.segment + end.completed,
        None => status.workers.iter().any(|one| one.id == run.worker && key.index < one.segment),
    }
}

/// When that segment of that track airs: of several turns, the one nearest to `near`.
fn place(
    keys: &[(&Airing, Vec<TrackKey>)],
    track: TrackKey,
    index: u32,
    near: AirTime,
) -> Option<AirTime> {
    let turns = keys.iter().filter(|(_, keys)| keys.contains(&track));
    turns
        .filter_map(|(airing, _)| airing.airs_at(index))
        .min_by_key(|start| (*start - near).0.abs())
}

fn last_words(words: &str) -> String {
    let words = words.trim_end();
    let mut from = words.len().saturating_sub(WORDS);
    while !words.is_char_boundary(from) {
        from += 1;
    }
    words[from..].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_words_are_cut_between_characters() {
        assert_eq!(last_words("all\n"), "all");
        let words = last_words(&"é".repeat(WORDS));
        assert_eq!(words.len(), WORDS);
        assert!(last_words(&format!("x{}y", "é".repeat(WORDS))).ends_with("éy"));
    }
}
