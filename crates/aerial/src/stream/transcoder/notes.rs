//! What the transcoder writes down and tells: runs into the history, findings to
//! the library.
//!
//! Decides nothing. Invariant: the library's slowness never holds up a stream.

use std::sync::Arc;
use std::time::Duration;

use aerial_model::demand::WorkerId;
use aerial_model::fault::{Class, Tell};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::Span;

use super::SessionId;
use crate::ffmpeg::{Child, Exit, StderrTail};
use crate::stream::findings::{Finding, Findings};
use crate::stream::history::{History, Run, Task};
use crate::stream::track::{Source, Track};
use crate::stream::worker::{Ended, Outcome, Progress};

/// How long the library may take to hear the last findings of a server that ends.
const LAST_WORDS: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(super) struct Notes {
    history: History,
    findings: Arc<dyn Findings>,
    telling: JoinSet<()>,
}

impl Notes {
    pub(super) fn new(history: History, findings: Arc<dyn Findings>) -> Self {
        Self { history, findings, telling: JoinSet::new() }
    }

    /// The run of a process that was just started.
    pub(super) fn started(
        worker: WorkerId,
        track: &Track,
        segment: u32,
        (child, line): (&Child, Vec<String>),
        progress: watch::Receiver<Progress>,
    ) -> Arc<Run> {
        let (named, task) = ((worker, Some(child.pid())), task(track, segment));
        Arc::new(Run::begin(named, task, line, child.stderr_tail(), progress))
    }

    /// The run of a process that could not be started.
    pub(super) fn unstarted(worker: WorkerId, track: &Track, segment: u32) -> Arc<Run> {
        let (task, progress) = (task(track, segment), watch::channel(Progress::at(segment)).1);
        Arc::new(Run::begin((worker, None), task, Vec::new(), StderrTail::default(), progress))
    }

    /// What each line of a worker bears: for whom it was started.
    pub(super) fn span(&self, worker: WorkerId, sessions: &[SessionId]) -> Span {
        let (sessions, channels) = self.whose(sessions);
        // Of the highest level, so that lines of every level bear it.
        tracing::error_span!("worker", worker = worker.0, sessions, channels)
    }

    /// Sessions and the numbers of their channels, for a log.
    pub(super) fn whose(&self, sessions: &[SessionId]) -> (String, String) {
        let mut ids: Vec<u64> = sessions.iter().map(|session| session.0).collect();
        ids.sort_unstable();
        let mut channels = self.history.channels(sessions);
        channels.sort_unstable();
        (listed(&ids), listed(&channels))
    }

    pub(super) fn began(&self, sessions: &[SessionId], run: &Arc<Run>) {
        self.history.note(sessions, run);
    }

    pub(super) fn worker_ended(&self, run: &Run, ended: &Ended) {
        let fault = match &ended.outcome {
            Outcome::Complete | Outcome::Told => None,
            Outcome::Failed(failure) => Some((failure.class, failure.detail.clone())),
        };
        self.ended(run, ended.exit, ended.progress.completed, fault);
    }

    pub(super) fn ended(
        &self,
        run: &Run,
        exit: Option<Exit>,
        completed: u32,
        fault: Option<(Class, String)>,
    ) {
        if let Some((class, reason)) = &fault {
            self.history.failed(run, *class, reason);
        }
        run.ended(exit, completed, fault);
    }

    /// Tells the library of a file.
    pub(super) fn tell(&mut self, track: &Track, tell: Tell, reason: String) {
        let Source::Media(source) = &track.source else { return };
        let (media, identity) = (source.media, source.identity);
        let finding = match tell {
            Tell::Missing => Finding::Missing { media },
            Tell::Replaced => Finding::Replaced { media },
            Tell::Bad => Finding::Bad { media, identity, reason },
        };
        while self.telling.try_join_next().is_some() {}
        let findings = Arc::clone(&self.findings);
        self.telling.spawn(async move { findings.tell(finding).await });
    }

    pub(super) async fn shut_down(&mut self) {
        let all = async { while self.telling.join_next().await.is_some() {} };
        if timeout(LAST_WORDS, all).await.is_err() {
            self.telling.shutdown().await;
        }
    }
}

fn listed<T: ToString>(all: &[T]) -> String {
    all.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

fn task(track: &Track, segment: u32) -> Task {
    let media = match &track.source {
        Source::Media(source) => Some(source.media),
        Source::Slate(_) | Source::Withheld(_) => None,
    };
    let frame = (track.profile.width, track.profile.height);
    Task { track: track.key, media, title: track.title().to_owned(), frame, segment }
}
