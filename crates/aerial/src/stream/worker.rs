//! A worker: one FFmpeg that makes a track's segments from one place onwards.
//!
//! Owns the process and the reading of its pipe; the segmenter cuts what it
//! says. Does not decide what to make: the transcoder moves its limit. The pipe
//! is the throttle: past the limit nobody reads it, and FFmpeg sleeps.
//! Invariant: a segment of which a byte was made is either completed or handed
//! back, so that a successor completes it (`rules.md`, 22).

use std::sync::Arc;
use std::time::Duration;

use aerial_model::fault::{self, Class, Evidence, FileState, classify};
use aerial_model::segmenter::{Handover, Output, Segmenter};
use aerial_model::time::Ticks;
use tokio::io::AsyncReadExt as _;
use tokio::process::ChildStdout;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::store::{Growth, SegmentKey, Store};
use super::tally::Made;
use super::track::Track;
use super::{remux, source_file};
use crate::clock::monotonic;
use crate::ffmpeg::{Child, Exit, Urgency};

/// No output for this long while its pipe is read is a hang. It
/// holds for the first bytes too: a disk that must spin up first (10 s) goes on
/// doing so while the worker is replaced, and a file that cannot be read leaves
/// two attempts in the 20 s by which an item is begun early. Where there is less time,
/// the first bytes are waited for less long.
pub const HANG: Duration = Duration::from_secs(10);

/// How long it may take to exit once it has closed its output.
const LAST_BREATH: Duration = Duration::from_secs(5);

/// Output that makes no picture or sound: several times the largest picture that
/// there is (32 MiB).
const NO_USE_BYTES: usize = 64 << 20;

/// So many segments a copying worker makes as fast as the disk gives them: what is
/// promised to a newcomer, and the 20 s that are to be there at least.
const HURRIED: u32 = 6;

/// Then it makes a segment in no less than this part of its length: of channels that
/// were woken together each leaves the others' viewers their turns. Encoding is slower
/// by itself.
const LEISURE: u32 = 8;

/// As much as a pipe holds.
const READ_BYTES: usize = 64 << 10;

/// A segment that a worker began and did not complete.
#[derive(Debug)]
pub struct Unfinished {
    /// What was made of it.
    pub growth: Growth,
    /// Where its successor goes on, with the writer's state.
    pub handover: Handover,
}

/// How a worker is getting on.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// The segment that it is making, or would make next.
    pub segment: u32,
    /// That segment was there already, or another worker began it first.
    pub overtaken: bool,
    /// Segments that it has completed.
    pub completed: u32,
    /// Since when nobody reads its pipe.
    pub parked_since: Option<Instant>,
}

impl Progress {
    /// Nothing is made yet, from that segment on.
    pub fn at(segment: u32) -> Self {
        Self { segment, overtaken: false, completed: 0, parked_since: None }
    }
}

/// How a worker ended.
#[derive(Debug)]
pub enum Outcome {
    /// It made the track to its end.
    Complete,
    /// It was told to end.
    Told,
    /// It failed.
    Failed(Failure),
}

/// Why a worker failed.
#[derive(Clone, Debug)]
pub struct Failure {
    /// What kind of trouble it was.
    pub class: Class,
    /// In words, for the operator.
    pub detail: String,
}

/// What is left of a worker.
#[derive(Debug)]
pub struct Ended {
    /// How it ended.
    pub outcome: Outcome,
    /// How far it came.
    pub progress: Progress,
    /// The segment that it could not complete.
    pub unfinished: Option<Unfinished>,
    /// How its process ended; `None` where nobody could see that.
    pub exit: Option<Exit>,
}

impl Ended {
    /// Its task panicked: its process was killed with it, and its segment
    /// abandoned.
    pub fn abnormally(error: &tokio::task::JoinError) -> Self {
        let failure = Failure { class: Class::Bug, detail: error.to_string() };
        Self {
            outcome: Outcome::Failed(failure),
            progress: Progress::at(0),
            unfinished: None,
            exit: None,
        }
    }
}

/// A worker about to run.
#[derive(Debug)]
pub struct Worker {
    /// What it makes.
    pub track: Arc<Track>,
    /// Where its segments go.
    pub store: Store,
    /// It does not read on past this segment.
    pub limit: watch::Receiver<u32>,
    /// Where it says how it is getting on.
    pub progress: watch::Sender<Progress>,
    /// Tells it to end.
    pub stop: CancellationToken,
    /// How long it may give nothing before it has given anything.
    pub patience: Duration,
    /// What it makes is kept on disk; else it is for those alone who watch now.
    pub keeps: bool,
}

impl Worker {
    /// Runs to the end of the track, of the process, or until it is told to stop.
    ///
    /// It continues at `handover`, whose growing segment is `continued`.
    pub async fn run(
        self,
        mut child: Child,
        handover: Handover,
        continued: Option<Growth>,
    ) -> Ended {
        let stderr = child.stderr_tail();
        let Some(stdout) = child.take_stdout() else {
            unreachable!("a worker's FFmpeg is always started with a pipe for its output")
        };
        let mut making = Making {
            open: handover.is_growing(),
            segmenter: Segmenter::resume_as(self.track.map.clone(), self.track.treatment, handover),
            growth: continued,
            completed: 0,
            unnoted: Ticks::ZERO,
            at_work: monotonic(),
        };
        let mut outputs = Vec::new();
        // Before anything of it is used: are these the bytes that were planned?
        let ending = match source_file::look_at(&self.track.source).await {
            FileState::Same | FileState::Unknown => {
                self.read(stdout, &mut making, &mut outputs).await
            }
            other => Ending::OtherFile(other),
        };
        // The pipe is closed by now. What it has not written is of no use.
        let exit = match ending {
            Ending::EndOfOutput => match timeout(LAST_BREATH, child.wait()).await {
                Ok(exit) => exit,
                // It closed its output and stays: what it gave is judged alone.
                Err(_) => {
                    let _killed = child.end(Urgency::Now).await;
                    Exit::Success
                }
            },
            _ => child.end(Urgency::Now).await.exit,
        };
        let outcome = match ending {
            Ending::Told => Outcome::Told,
            other => self.judge(&mut making, other, exit, &stderr.text()).await,
        };
        let progress = *self.progress.borrow();
        Ended { outcome, progress, unfinished: making.into_unfinished(), exit: Some(exit) }
    }

    async fn read(
        &self,
        mut stdout: ChildStdout,
        making: &mut Making,
        outputs: &mut Vec<Output>,
    ) -> Ending {
        let mut limit = self.limit.clone();
        let mut buffer = vec![0; READ_BYTES];
        let (mut reached, mut of_no_use) = (making.segmenter.position(), 0);
        let (mut patience, mut made) = (self.patience, making.completed);
        making.at_work = monotonic();
        loop {
            self.note_work(making);
            if making.segmenter.position().segment >= *limit.borrow_and_update() {
                self.report(making, true);
                tokio::select! {
                    () = self.stop.cancelled() => return Ending::Told,
                    _ = limit.changed() => {}
                }
                making.at_work = monotonic();
                continue;
            }
            self.report(making, false);
            if made != making.completed {
                made = making.completed;
                let rest = self.rest(making);
                if self.stop.run_until_cancelled(tokio::time::sleep(rest)).await.is_none() {
                    return Ending::Told;
                }
                making.at_work = monotonic();
            }
            let read = tokio::select! {
                () = self.stop.cancelled() => return Ending::Told,
                read = timeout(patience, stdout.read(&mut buffer)) => read,
            };
            match read {
                Err(_) => return Ending::Hang(patience),
                // A pipe breaks off when its writer is killed: as good as its end.
                Ok(Ok(0) | Err(_)) => return Ending::EndOfOutput,
                Ok(Ok(bytes)) => {
                    patience = HANG;
                    let pushed = making.segmenter.push(&buffer[..bytes], outputs);
                    // Also after a fault: what came before it is good.
                    self.keep(making, outputs);
                    if let Err(error) = pushed {
                        return Ending::Unusable(error.to_string());
                    }
                    of_no_use += bytes;
                    if reached != making.segmenter.position() {
                        (reached, of_no_use) = (making.segmenter.position(), 0);
                    } else if of_no_use > NO_USE_BYTES {
                        let detail = format!("{of_no_use} bytes of output without a picture");
                        return Ending::Unusable(detail);
                    }
                }
            }
        }
    }

    /// How long it rests between the segments that it makes.
    fn rest(&self, making: &Making) -> Duration {
        if !self.track.treatment.copies_video() || making.completed < HURRIED {
            return Duration::ZERO;
        }
        let segment = making.segmenter.position().segment.min(self.track.map.segments() - 1);
        let ticks = self.track.map.segment_length(segment).0.max(0).cast_unsigned();
        Duration::from_millis(ticks / 90) / LEISURE
    }

    /// Tells what was made since it was told last, and in which time.
    fn note_work(&self, making: &mut Making) {
        let media = std::mem::take(&mut making.unnoted);
        if media > Ticks::ZERO {
            self.store.tally().worked(self.track.encoder(), making.at_work.elapsed(), media);
            making.at_work = monotonic();
        }
    }

    /// Puts into the store what the segmenter gave.
    fn keep(&self, making: &mut Making, outputs: &mut Vec<Output>) {
        for output in outputs.drain(..) {
            match output {
                Output::Opened { index } => {
                    making.open = true;
                    making.growth = self.store.begin(SegmentKey { track: self.track.key, index });
                }
                Output::Chunk { chunk, .. } => {
                    if let Some(growth) = &making.growth {
                        growth.push(chunk);
                    }
                }
                Output::Closed { index } => {
                    making.unnoted += self.track.map.segment_length(index);
                    making.open = false;
                    making.completed += 1;
                    if let Some(growth) = making.growth.take() {
                        match self.keeps {
                            true => growth.finish(),
                            false => growth.finish_unkept(),
                        }
                        self.store.tally().made(match self.track.treatment.copies_video() {
                            true => Made::Copied,
                            false => Made::Encoded,
                        });
                    }
                }
            }
        }
    }

    /// The process has ended without being told to: is the track whole, and if
    /// not, why?
    async fn judge(
        &self,
        making: &mut Making,
        ending: Ending,
        exit: Exit,
        stderr: &str,
    ) -> Outcome {
        let mut detail = None;
        let mut whole = false;
        // Who was killed may have been in the middle of a picture.
        if ending == Ending::EndOfOutput && matches!(exit, Exit::Success | Exit::Code(_)) {
            let mut outputs = Vec::new();
            let finished = making.segmenter.finish(&mut outputs);
            self.keep(making, &mut outputs);
            self.note_work(making);
            self.report(making, false);
            match finished {
                Ok(finished) => whole = finished.complete,
                Err(error) => detail = Some(error.to_string()),
            }
        }
        // The file again: what was made while it was replaced is of no use
        // (`rules.md`, 9).
        let file = match ending {
            Ending::OtherFile(file) => file,
            _ => source_file::look_at(&self.track.source).await,
        };
        if whole && file != FileState::Replaced {
            return Outcome::Complete;
        }
        let how = match ending {
            Ending::Hang(_) => fault::Ending::Hung,
            Ending::Unusable(_) => fault::Ending::Unusable,
            _ => remux::ending(exit),
        };
        let class = classify(&Evidence { ending: how, stderr, file });
        let path = self.track.source.path().display();
        let detail = match ending {
            Ending::Hang(time) => format!("FFmpeg gave no output for {} s", time.as_secs()),
            Ending::Unusable(detail) => detail,
            _ if class == Class::ReplacedFile => {
                format!("{path} is another file than the one that was planned")
            }
            Ending::OtherFile(_) => format!("{path} is not there"),
            _ => {
                let last = stderr.lines().rev().map(str::trim).find(|line| !line.is_empty());
                let said = last.map(shortened).or(detail);
                let said = said.map_or(String::new(), |said| format!(": {said}"));
                let reached = making.segmenter.position().segment;
                let segments = self.track.map.segments();
                format!("FFmpeg ended ({exit}) in segment {reached} of {segments}{said}")
            }
        };
        Outcome::Failed(Failure { class, detail })
    }

    fn report(&self, making: &Making, parked: bool) {
        let segment = making.segmenter.position().segment;
        self.progress.send_if_modified(|progress| {
            let parked_since = parked.then(|| progress.parked_since.unwrap_or_else(monotonic));
            let next = Progress {
                segment,
                overtaken: making.open && making.growth.is_none(),
                completed: making.completed,
                parked_since,
            };
            let changed = progress.segment != next.segment
                || progress.overtaken != next.overtaken
                || progress.parked_since != next.parked_since;
            *progress = next;
            changed
        });
    }
}

/// A line of FFmpeg's for people: it repeats whole filter graphs, and the history has
/// all of it.
fn shortened(line: &str) -> String {
    const HEAD: usize = 160;
    const TAIL: usize = 60;
    let letters = line.chars().count();
    if letters <= HEAD + TAIL {
        return line.to_owned();
    }
    let head: String = line.chars().take(HEAD).collect();
    let tail: String = line.chars().skip(letters - TAIL).collect();
    format!("{head} … {tail}")
}

/// Why a worker stopped reading.
#[derive(Debug, PartialEq, Eq)]
enum Ending {
    EndOfOutput,
    Told,
    /// Nothing came for so long.
    Hang(Duration),
    Unusable(String),
    /// It did not begin: the file is not the one that was planned.
    OtherFile(FileState),
}

/// What is being made right now.
struct Making {
    segmenter: Segmenter,
    /// A segment is under way, here or elsewhere.
    open: bool,
    /// `None` between segments, and while somebody else makes this one.
    growth: Option<Growth>,
    completed: u32,
    /// Media that was made and not told of yet.
    unnoted: Ticks,
    /// Since when it works on that.
    at_work: Instant,
}

impl Making {
    fn into_unfinished(self) -> Option<Unfinished> {
        let growth = self.growth?;
        Some(Unfinished { growth, handover: self.segmenter.into_handover() })
    }
}
