//! What ran for a channel, and how it went: for whoever wants to know why.
//!
//! Owns the record of FFmpeg's runs of each session: command line, end, class of
//! fault, and the last that FFmpeg said. In memory alone. Invariant: bounded, in
//! runs for each session and in sessions that have ended.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use aerial_model::demand::{TrackKey, WorkerId};
use aerial_model::fault::Class;
use aerial_model::id::{ChannelId, ChannelNumber, MediaId};
use tokio::sync::{broadcast, watch};
use tokio::time::Instant;

use super::tally::Tally;
use super::worker::Progress;
use crate::clock::monotonic;
use crate::ffmpeg::{Exit, StderrTail};

/// Names a session, in the order of their beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SessionId(pub u64);

/// Runs remembered of one session: with 64 KiB of stderr each, a megabyte at the
/// most. A film's every fault is in its last few.
pub const RUNS_KEPT: usize = 16;

/// Sessions that ended and are still remembered: 64 MiB at the very worst.
pub const ENDED_KEPT: usize = 64;

/// How long one that ended is remembered: until whoever was called comes to look.
pub const ENDED_KEPT_FOR: Duration = Duration::from_secs(3_600);

/// Faults that a slow listener may be behind before it misses some; it is then told so.
const FAULTS_KEPT: usize = 256;

/// What a run is to make.
#[derive(Clone, Debug)]
pub struct Task {
    /// What, as the segment store names it.
    pub track: TrackKey,
    /// Of which media; `None` of what is no file.
    pub media: Option<MediaId>,
    /// What that is called.
    pub title: String,
    /// In which frame, such as 1280 × 720.
    pub frame: (u16, u16),
    /// From which segment on.
    pub segment: u32,
}

/// A run that failed, for whoever wants to know.
#[derive(Clone, Debug)]
pub struct FaultSeen {
    /// The channels that it was for.
    pub channels: Vec<ChannelId>,
    /// What it made.
    pub media: Option<MediaId>,
    /// What that is called.
    pub title: String,
    /// What kind of trouble it was.
    pub class: Class,
    /// In words.
    pub reason: String,
}

/// One run of FFmpeg.
#[derive(Debug)]
pub struct Run {
    /// Its name in logs.
    pub worker: WorkerId,
    /// The process; `None` where there was none.
    pub pid: Option<u32>,
    /// What it was to make.
    pub task: Task,
    /// The program and its arguments.
    pub command: CommandLine,
    /// When it began.
    pub started: Instant,
    stderr: StderrTail,
    progress: watch::Receiver<Progress>,
    end: OnceLock<RunEnd>,
}

/// A command line, in a quarter of the room that its words take by themselves: hundreds of
/// them are remembered.
#[derive(Debug, Default)]
pub struct CommandLine(Box<str>);

impl CommandLine {
    fn of(words: &[String]) -> Self {
        // No word of a command has such a character.
        Self(words.join("\0").into_boxed_str())
    }

    /// The program, if there was one, and its arguments.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.0.split('\0').filter(|_| !self.0.is_empty())
    }
}

/// How a run ended.
#[derive(Clone, Debug)]
pub struct RunEnd {
    /// When.
    pub at: Instant,
    /// How its process ended, where that was seen.
    pub exit: Option<Exit>,
    /// Segments that it completed.
    pub completed: u32,
    /// What was wrong; `None` where nothing was.
    pub fault: Option<(Class, String)>,
}

impl Run {
    /// One that begins now; what it says of itself, while it runs, is heard there.
    pub fn begin(
        (worker, pid): (WorkerId, Option<u32>),
        task: Task,
        command: &[String],
        stderr: StderrTail,
        progress: watch::Receiver<Progress>,
    ) -> Self {
        let (started, end) = (monotonic(), OnceLock::new());
        let command = CommandLine::of(command);
        Self { worker, pid, task, command, started, stderr, progress, end }
    }

    /// It has ended; the first word counts.
    pub fn ended(&self, exit: Option<Exit>, completed: u32, fault: Option<(Class, String)>) {
        self.stderr.settle();
        let _said_before = self.end.set(RunEnd { at: monotonic(), exit, completed, fault });
    }

    /// How it ended, if it has.
    pub fn end(&self) -> Option<&RunEnd> {
        self.end.get()
    }

    /// Segments that it has completed, so far.
    pub fn completed(&self) -> u32 {
        self.end().map_or_else(|| self.progress.borrow().completed, |end| end.completed)
    }

    /// The last 64 KiB of what FFmpeg said, so far.
    pub fn stderr(&self) -> String {
        self.stderr.text()
    }
}

/// What is remembered of a session.
#[derive(Clone, Debug)]
pub struct Record {
    /// Its name in the transcoder.
    pub session: SessionId,
    /// The number that its channel had.
    pub number: ChannelNumber,
    /// When it began.
    pub started: Instant,
    /// When it ended, if it has.
    pub ended: Option<Instant>,
    /// How often a run failed, also of those that are forgotten.
    pub restarts: u64,
    /// Its runs, oldest first.
    pub runs: VecDeque<Arc<Run>>,
}

impl Record {
    fn keep(&mut self, run: &Arc<Run>) {
        self.runs.push_back(Arc::clone(run));
        while self.runs.len() > RUNS_KEPT {
            self.runs.pop_front();
        }
    }
}

/// The history of all channels; clones share it.
#[derive(Clone, Debug)]
pub struct History {
    records: Arc<Mutex<Vec<(ChannelId, Record)>>>,
    faults: broadcast::Sender<FaultSeen>,
    tally: Tally,
}

impl Default for History {
    fn default() -> Self {
        Self::counted(Tally::default())
    }
}

impl History {
    /// Of nothing yet; runs and faults are counted there.
    pub fn counted(tally: Tally) -> Self {
        Self { records: Arc::default(), faults: broadcast::Sender::new(FAULTS_KEPT), tally }
    }

    /// A session begins, of the channel that has this number now.
    pub fn begin(&self, session: SessionId, (channel, number): (ChannelId, ChannelNumber)) {
        let (started, runs) = (monotonic(), VecDeque::new());
        let record = Record { session, number, started, ended: None, restarts: 0, runs };
        self.records().push((channel, record));
    }

    /// The numbers of these sessions' channels; what is watched again has none.
    pub fn channels(&self, sessions: &[SessionId]) -> Vec<ChannelNumber> {
        let records = self.records();
        let of = records.iter().filter(|(_, record)| sessions.contains(&record.session));
        of.map(|(_, record)| record.number).collect()
    }

    /// It has ended.
    pub fn end(&self, session: SessionId) {
        let mut records = self.records();
        if let Some((_, record)) = records.iter_mut().find(|(_, r)| r.session == session) {
            record.ended = Some(monotonic());
        }
        forget(&mut records);
    }

    /// A run begins, for these sessions.
    pub fn note(&self, sessions: &[SessionId], run: &Arc<Run>) {
        self.tally.ran();
        let mut records = self.records();
        for (_, record) in records.iter_mut().filter(|(_, r)| sessions.contains(&r.session)) {
            record.keep(run);
        }
    }

    /// A run failed, and another takes its place: of those for whom it began, and of these
    /// sessions, which may have come to want what it made since then.
    pub fn failed(&self, run: &Arc<Run>, sessions: &[SessionId], class: Class, reason: &str) {
        self.tally.failed(class);
        let mut channels = Vec::new();
        for (channel, record) in self.records().iter_mut() {
            let is_noted = record.runs.iter().any(|one| one.worker == run.worker);
            let is_over = record.ended.is_some();
            if is_over || (!is_noted && !sessions.contains(&record.session)) {
                continue;
            }
            if !is_noted {
                record.keep(run);
            }
            record.restarts += 1;
            if !channels.contains(channel) {
                channels.push(*channel);
            }
        }
        let Task { media, title, .. } = run.task.clone();
        self.tell(FaultSeen { channels, media, title, class, reason: reason.to_owned() });
    }

    /// Tells those who want to hear of it.
    pub(super) fn tell(&self, seen: FaultSeen) {
        // An error says that nobody listens, which is no fault.
        let _nobody = self.faults.send(seen);
    }

    /// Hears of runs that fail, from now on.
    pub fn faults(&self) -> broadcast::Receiver<FaultSeen> {
        self.faults.subscribe()
    }

    /// What is remembered of a channel's sessions, the newest first.
    pub fn of(&self, channel: ChannelId) -> Vec<Record> {
        let mut records = self.records();
        forget(&mut records);
        let of_channel = records.iter().rev().filter(|(of, _)| *of == channel);
        of_channel.map(|(_, record)| record.clone()).collect()
    }

    /// Forgets what is old.
    pub fn sweep(&self) {
        forget(&mut self.records());
    }

    fn records(&self) -> MutexGuard<'_, Vec<(ChannelId, Record)>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn forget(records: &mut Vec<(ChannelId, Record)>) {
    records.retain(|(_, record)| record.ended.is_none_or(|at| at.elapsed() < ENDED_KEPT_FOR));
    let ended = records.iter().filter(|(_, record)| record.ended.is_some()).count();
    let mut over = ended.saturating_sub(ENDED_KEPT);
    records.retain(|(_, record)| {
        let goes = over > 0 && record.ended.is_some();
        over -= usize::from(goes);
        !goes
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    const CHANNEL: ChannelId = ChannelId(Uuid::nil());

    fn run(number: u64) -> Arc<Run> {
        run_heard(number).0
    }

    fn run_heard(number: u64) -> (Arc<Run>, watch::Sender<Progress>) {
        let title = "Film".to_owned();
        let task =
            Task { track: TrackKey([0; 16]), media: None, title, frame: (1280, 720), segment: 0 };
        let (says, progress) = watch::channel(Progress::at(0));
        let (named, stderr) = ((WorkerId(number), None), StderrTail::default());
        (Arc::new(Run::begin(named, task, &[], stderr, progress)), says)
    }

    #[tokio::test(start_paused = true)]
    async fn a_run_tells_what_it_has_completed_while_it_runs_and_what_it_had_at_its_end() {
        let (run, says) = run_heard(1);
        assert_eq!(run.completed(), 0);
        says.send_modify(|progress| progress.completed = 3);
        assert_eq!(run.completed(), 3);
        drop(says);
        assert_eq!(run.completed(), 3, "its worker is gone, and nobody noted its end yet");
        run.ended(None, 4, None);
        assert_eq!(run.completed(), 4);
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_keeps_its_last_runs_and_counts_all_that_failed() {
        let history = History::default();
        let mut faults = history.faults();
        history.begin(SessionId(1), (CHANNEL, "5".parse().unwrap()));
        for number in 0..40 {
            let run = run(number);
            history.note(&[SessionId(1)], &run);
            history.failed(&run, &[SessionId(1)], Class::Crash, "signal 11");
        }
        let heard = faults.recv().await.unwrap();
        assert_eq!((heard.channels, heard.class), (vec![CHANNEL], Class::Crash));
        let record = &history.of(CHANNEL)[0];
        let kept: Vec<u64> = record.runs.iter().map(|run| run.worker.0).collect();
        assert_eq!(kept, (24..40).collect::<Vec<_>>());
        assert_eq!(record.restarts, 40);
        let told = history.channels(&[SessionId(1), SessionId(9)]);
        assert_eq!(told, ["5".parse().unwrap()], "what is watched again has none");
    }

    #[tokio::test(start_paused = true)]
    async fn a_fault_is_also_of_those_who_joined_its_run() {
        let history = History::default();
        let mut faults = history.faults();
        let other = ChannelId(Uuid::from_u128(6));
        history.begin(SessionId(1), (CHANNEL, "5".parse().unwrap()));
        history.begin(SessionId(2), (other, "6".parse().unwrap()));
        let run = run(1);
        history.note(&[SessionId(1)], &run);
        history.failed(&run, &[SessionId(1), SessionId(2)], Class::Crash, "signal 11");
        assert_eq!(faults.recv().await.unwrap().channels, [CHANNEL, other]);
        for channel in [CHANNEL, other] {
            let record = &history.of(channel)[0];
            assert_eq!((record.restarts, record.runs.len()), (1, 1));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_has_ended_is_told_for_an_hour_and_not_without_bound() {
        let history = History::default();
        for number in 0..ENDED_KEPT as u64 + 9 {
            history.begin(SessionId(number), (CHANNEL, "5".parse().unwrap()));
            history.note(&[SessionId(number)], &run(number));
        }
        assert_eq!(history.of(CHANNEL).len(), ENDED_KEPT + 9, "they are on the air");
        (0..ENDED_KEPT as u64 + 8).for_each(|number| history.end(SessionId(number)));
        let records = history.of(CHANNEL);
        assert_eq!(records.len(), ENDED_KEPT + 1);
        assert!(records[0].ended.is_none() && records[0].session == SessionId(72));
        tokio::time::advance(ENDED_KEPT_FOR).await;
        assert_eq!(history.of(CHANNEL).len(), 1, "the one on the air stays");
    }
}
