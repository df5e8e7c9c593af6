//! The transcoder: matches what sessions will want with workers.
//!
//! One task (`owner`) owns all workers and tracks; sessions state their demand,
//! the model (`demand`) decides, this starts and ends. Knows no channel and no
//! clock time. Invariants: single flight (one worker per missing segment,
//! whichever sessions want it), a track that fails becomes slate, never a hole,
//! and nothing runs for a session that is gone.

mod composing;
mod device;
mod health;
mod notes;
mod owner;
mod pacing;
mod running;
mod starting;
mod track_state;
mod turns;

use std::sync::Arc;

use aerial_model::command::Speed;
use aerial_model::demand::{TrackKey, Want, WorkerId};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use self::notes::Notes;
use self::owner::Owner;
use super::encoding::Encoding;
use super::findings::Findings;
use super::history::{History, SessionId};
use super::slate::Slates;
use super::store::Store;
use super::track::Track;
use crate::ffmpeg::Spawner;

/// A worker, for the API.
#[derive(Clone, Debug)]
pub struct WorkerStatus {
    /// Its name in logs.
    pub id: WorkerId,
    /// What it makes.
    pub track: Arc<Track>,
    /// The process.
    pub pid: u32,
    /// The segment that it began with.
    pub first: u32,
    /// The segment that it makes now.
    pub segment: u32,
    /// It does not begin this one, unless more is wanted.
    pub limit: u32,
    /// It sleeps until more is wanted.
    pub parked: bool,
    /// The preset that it works with.
    pub speed: Speed,
    /// Media made per time at work, in hundredths; none before two segments, and
    /// while it sleeps.
    pub speed_percent: Option<u32>,
}

/// What went wrong with a track, for the API.
#[derive(Clone, Debug)]
pub struct TrackStatus {
    /// Which.
    pub track: TrackKey,
    /// How often a worker of it was started again.
    pub restarts: u32,
    /// The last failure.
    pub last_error: Option<String>,
    /// It is slate for now.
    pub slated: bool,
}

/// All that runs.
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// The workers.
    pub workers: Vec<WorkerStatus>,
    /// The tracks that are wanted.
    pub tracks: Vec<TrackStatus>,
}

impl Status {
    /// What is wrong with a track, in words; nothing where nothing is.
    pub fn trouble(&self, track: TrackKey) -> String {
        let of_track = self.tracks.iter().find(|one| one.track == track);
        of_track.and_then(|one| one.last_error.clone()).unwrap_or_default()
    }
}

/// The handle; clones reach the same transcoder.
#[derive(Clone, Debug)]
pub struct Transcoder {
    commands: mpsc::Sender<Command>,
    status: watch::Receiver<Arc<Status>>,
    history: History,
}

/// What the transcoder is told.
#[derive(Debug)]
enum Command {
    Want { session: SessionId, tracks: Vec<Arc<Track>>, wants: Vec<Want>, lease: Lease },
    Withdraw { session: SessionId, done: Released },
}

/// A demand holds for as long as its session has the other end.
type Lease = std::sync::Weak<()>;

/// When its last copy is dropped, whoever waits knows that all is gone.
type Released = Arc<oneshot::Sender<()>>;

impl Transcoder {
    /// Starts the transcoder. The returned task ends when `stop` is cancelled,
    /// having ended every worker.
    pub fn start(
        spawner: Spawner,
        encoding: Encoding,
        store: Store,
        slates: Slates,
        findings: Arc<dyn Findings>,
        stop: CancellationToken,
    ) -> (Self, tokio::task::JoinHandle<()>) {
        // Sessions state their demand about once a second each; a full queue
        // makes them wait, which loses nothing.
        let (commands, inbox) = mpsc::channel(64);
        let (status_in, status) = watch::channel(Arc::default());
        let history = History::counted(store.tally().clone());
        let notes = Notes::new(history.clone(), findings);
        let owner = Owner::new(spawner, encoding, store, slates, notes, status_in);
        let task = tokio::spawn(owner.run(inbox, stop));
        (Self { commands, status, history }, task)
    }

    /// What ran for which session.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// The demand of a session, empty so far.
    pub fn demand(&self, session: SessionId) -> Demand {
        Demand { session, commands: self.commands.clone(), held: Arc::default() }
    }

    /// Waits until some worker is at work.
    pub async fn at_work(&self) {
        let mut status = self.status.clone();
        let at_work = |status: &Arc<Status>| status.workers.iter().any(|worker| !worker.parked);
        if status.wait_for(at_work).await.is_err() {
            // A transcoder that has ended works no more.
            std::future::pending().await
        }
    }

    /// All that runs, as of a moment ago.
    pub fn status(&self) -> Arc<Status> {
        Arc::clone(&self.status.borrow())
    }
}

/// What a session wants. Dropped, in whatever way, it wants nothing any more.
#[derive(Debug)]
pub struct Demand {
    session: SessionId,
    commands: mpsc::Sender<Command>,
    held: Arc<()>,
}

impl Demand {
    /// States all that the session wants from now on.
    pub async fn state(&self, tracks: Vec<Arc<Track>>, wants: Vec<Want>) {
        let (session, lease) = (self.session, Arc::downgrade(&self.held));
        // A transcoder that has stopped makes nothing more, for anybody.
        let _ = self.commands.send(Command::Want { session, tracks, wants, lease }).await;
    }

    /// The session wants nothing more; returns when the workers that only it
    /// needed have ended.
    pub async fn withdraw(self) {
        let (done, released) = oneshot::channel();
        let command = Command::Withdraw { session: self.session, done: Arc::new(done) };
        if self.commands.send(command).await.is_ok() {
            // Never sent, but dropped with its last copy.
            let _ = released.await;
        }
    }
}
