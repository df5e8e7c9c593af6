//! What the transcoder writes down and tells: runs into the history, findings to
//! the library.
//!
//! Decides nothing. Invariant: the library's slowness never holds up a stream.

use std::sync::Arc;
use std::time::Duration;

use aerial_model::demand::WorkerId;
use aerial_model::fault::Tell;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::Span;

use super::SessionId;
use crate::db::Identity;
use crate::ffmpeg::{Child, StderrTail};
use crate::stream::findings::{Finding, Findings};
use crate::stream::history::{History, Run, Task};
use crate::stream::store::{RemuxKey, Store};
use crate::stream::timeline::{MediaSource, RemuxOf};
use crate::stream::track::{Source, Track};
use crate::stream::worker::{Ended, Failure, Outcome, Progress};

/// How long the library may take to hear the last findings of a server that ends.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Remuxes remembered that were given up.
const GIVEN_UP: u64 = 1_000;

#[derive(Debug)]
pub(super) struct Notes {
    history: History,
    findings: Arc<dyn Findings>,
    telling: JoinSet<()>,
    /// Of each remux that was given up, which copy that was, and whether its bytes were bad.
    given_up: moka::sync::Cache<RemuxKey, (Identity, bool)>,
}

impl Notes {
    pub(super) fn new(history: History, findings: Arc<dyn Findings>) -> Self {
        let given_up = moka::sync::Cache::new(GIVEN_UP);
        Self { history, findings, telling: JoinSet::new(), given_up }
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
        Arc::new(Run::begin(named, task, &line, child.stderr_tail(), progress))
    }

    /// The run of a process that could not be started.
    pub(super) fn unstarted(worker: WorkerId, track: &Track, segment: u32) -> Arc<Run> {
        let (task, progress) = (task(track, segment), watch::channel(Progress::at(segment)).1);
        Arc::new(Run::begin((worker, None), task, &[], StderrTail::default(), progress))
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

    /// A worker ended, of which these sessions want what it made.
    pub(super) fn worker_ended(&self, run: &Arc<Run>, sessions: &[SessionId], ended: &Ended) {
        let fault = match &ended.outcome {
            Outcome::Complete | Outcome::Told => None,
            Outcome::Failed(failure) => Some((failure.class, failure.detail.clone())),
        };
        if let Some((class, reason)) = &fault {
            self.history.failed(run, sessions, *class, reason);
        }
        run.ended(ended.exit, ended.progress.completed, fault);
    }

    /// A run failed before there was a process.
    pub(super) fn not_started(&self, sessions: &[SessionId], run: &Arc<Run>, failure: &Failure) {
        self.history.note(sessions, run);
        let fault = (failure.class, failure.detail.clone());
        self.history.failed(run, sessions, fault.0, &fault.1);
        run.ended(None, 0, Some(fault));
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

    /// Gives up a remux that vanished, was damaged, or cannot be played: it is made again.
    /// That says nothing of the file, until the next one cannot be played either.
    pub(super) fn remux_failed(
        &mut self,
        (source, remux): (&MediaSource, RemuxOf),
        tell: Tell,
        reason: String,
        store: &Store,
    ) {
        let (copy, is_bad) = (source.identity, tell == Tell::Bad);
        let before = self.given_up.get(&remux.key);
        if before.is_some_and(|(given_up, _)| given_up == copy) {
            // By another track of the same file; what lies there now may be the next.
            return;
        }
        self.given_up.insert(remux.key, (copy, is_bad));
        tracing::warn!(title = source.title, reason, "a remux is given up");
        let again = is_bad && before.is_some_and(|(_, was_bad)| was_bad);
        let (media, identity) = (source.media, remux.file);
        let finding = again.then_some(Finding::Bad { media, identity, reason });
        let (findings, store) = (Arc::clone(&self.findings), store.clone());
        while self.telling.try_join_next().is_some() {}
        self.telling.spawn(async move {
            // Ends with the runtime at the latest.
            let _gone = tokio::task::spawn_blocking(move || store.drop_remux(remux.key)).await;
            if let Some(finding) = finding {
                findings.tell(finding).await;
            }
        });
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

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use aerial_model::id::{MapId, MediaId};
    use aerial_model::media::{Entry, MediaFacts};
    use aerial_model::segment_map::SegmentMap;
    use aerial_model::segmenter::Treatment;
    use aerial_model::time::{FrameRate, Ticks};
    use futures::future::BoxFuture;
    use uuid::Uuid;

    use super::*;
    use crate::stream::store::Limits;

    const FILE: Identity = Identity { size_bytes: 9, mtime_ns: 1, hash: Some([1; 32]) };

    #[derive(Debug, Default)]
    struct Heard(Mutex<Vec<Finding>>);

    impl Findings for Heard {
        fn tell(&self, finding: Finding) -> BoxFuture<'_, ()> {
            self.0.lock().unwrap().push(finding);
            Box::pin(std::future::ready(()))
        }
    }

    /// The copy of one file that was made then.
    fn copy(mtime_ns: i64) -> MediaSource {
        let length = Ticks::from_secs(8);
        let facts = MediaFacts {
            container: "matroska,webm".to_owned(),
            start_time: Ticks::ZERO,
            length,
            video: None,
            audio: Vec::new(),
            subtitles: Vec::new(),
            chapters: Vec::new(),
            entry: Entry::Remux,
            tags: Default::default(),
        };
        MediaSource {
            media: MediaId(Uuid::nil()),
            map_id: MapId(Uuid::nil()),
            path: "/segments/remuxes/copy.mkv".into(),
            facts: Arc::new(facts),
            map: SegmentMap::uniform(FrameRate::PAL, length).unwrap(),
            treatment: Treatment::Transcoded,
            identity: Identity { mtime_ns, hash: None, ..FILE },
            remux: Some(RemuxOf { key: RemuxKey([1; 16]), file: FILE }),
            title: "Film".to_owned(),
        }
    }

    /// What the library hears where these copies fail in turn.
    async fn heard_after(failures: &[(i64, Tell)]) -> Vec<Finding> {
        let folder = tempfile::tempdir().unwrap();
        let limits = Limits { bytes: 1 << 20, free_floor_bytes: 0 };
        let store = Store::open(folder.path().join("segments"), limits).unwrap();
        let heard = Arc::new(Heard::default());
        let mut notes = Notes::new(History::counted(store.tally().clone()), heard.clone());
        for (made_at, tell) in failures {
            let source = copy(*made_at);
            let remux = source.remux.unwrap();
            notes.remux_failed((&source, remux), *tell, "cut off".to_owned(), &store);
        }
        while notes.telling.join_next().await.is_some() {}
        heard.0.lock().unwrap().clone()
    }

    #[tokio::test]
    async fn a_file_is_bad_where_its_second_copy_cannot_be_played_either() {
        // Of one copy several tracks are made, and then it is not there any more.
        let first = [(1, Tell::Bad), (1, Tell::Bad), (1, Tell::Missing)];
        assert_eq!(heard_after(&first).await, []);
        let (media, reason) = (MediaId(Uuid::nil()), "cut off".to_owned());
        let bad = Finding::Bad { media, identity: FILE, reason };
        assert_eq!(heard_after(&[(1, Tell::Bad), (2, Tell::Bad)]).await, [bad]);
    }

    #[tokio::test]
    async fn a_copy_that_vanishes_says_nothing_of_its_file() {
        let failures = [(1, Tell::Missing), (2, Tell::Replaced), (3, Tell::Bad)];
        assert_eq!(heard_after(&failures).await, []);
    }
}
