//! What changed, as it changes: server-sent events.
//!
//! Owns the hub that everyone who changes something tells, and the stream that
//! hands it on. Invariant: telling never waits, whoever listens; a listener who
//! falls behind is told that it missed something, so it never shows old things
//! for good; the stream ends when whoever listens may see other things than at its start.

use std::convert::Infallible;
use std::pin::pin;
use std::time::Duration;

use aerial_model::access::{Need, Verdict};
use axum::Extension;
use axum::extract::State;
use axum::response::sse::{self, KeepAlive, Sse};
use futures::{Stream, StreamExt, future, stream};
use serde::Serialize;
use tokio::sync::{broadcast, watch};
use tokio_stream::wrappers::BroadcastStream;
use tokio_stream::wrappers::errors::BroadcastStreamRecvError;
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;
use uuid::Uuid;

use super::channels::Channel;
use super::load::LoadSample;
use super::scan::Stage;
use super::wire::Instant;
use crate::access::Grant;
use crate::library::{Library, Progress};
use crate::metrics::Metrics;
use crate::schedule::{self, Schedule};
use crate::stream::session::SessionChange;

/// How many events wait for a slow listener before it misses some: a scan's
/// progress for several seconds.
const WAITING: usize = 256;

/// How often a silent stream shows that it lives; under the minute after which
/// proxies give up.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// How often a scan's progress is told.
const SCAN_TOLD_EVERY: Duration = Duration::from_millis(500);

/// How many media one event names.
const MEDIA_NAMED: usize = 100;

/// Something that changed. The event's name is its `type`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[schema(as = Event)]
pub enum Change {
    /// A channel was made, changed or deleted.
    Channel {
        /// Which.
        channel: Uuid,
        /// It is no more.
        deleted: bool,
        /// As it is now; `null` where it is no more.
        #[schema(required = true)]
        now: Option<Box<Channel>>,
    },
    /// A folder was added to the library, or taken out with all that was found in it.
    Folder {
        /// Which.
        folder: Uuid,
        /// It is no more.
        deleted: bool,
    },
    /// What a channel will air changed.
    Lineup {
        /// Which channel.
        channel: Uuid,
        /// When it takes effect.
        takes_effect_at: Instant,
    },
    /// Media were found, edited, lost or deleted.
    Media {
        /// The first 100 of them; none for who may only watch.
        media: Vec<Uuid>,
        /// How many there are.
        count: usize,
    },
    /// A scan went on; `/scan` tells all of it, and what people should know.
    Scan {
        /// Where it is.
        state: Stage,
        /// At work, or about to be.
        running: bool,
        /// Videos found.
        found: u64,
        /// Files to be read.
        to_probe: u64,
        /// Of these, read.
        probed: u64,
        /// Of these, cannot be played.
        failed: u64,
        /// The file being read.
        #[schema(required = true)]
        current: Option<String>,
    },
    /// A channel's session changed its state.
    Session {
        /// Which channel.
        channel: Uuid,
        /// Its state.
        state: String,
    },
    /// A viewer came or left.
    Client {
        /// Of which channel.
        channel: Uuid,
        /// How many there are now.
        clients: u64,
    },
    /// Settings were changed.
    Settings {
        /// The server starts anew in a moment to take them up, and ends this stream.
        restarts: bool,
    },
    /// A sample of how loaded server and machine are was taken.
    Load(LoadSample),
    /// This listener was too slow and missed some: ask for everything anew.
    Missed {
        /// How many.
        events: u64,
    },
}

impl Change {
    fn name(&self) -> &'static str {
        match self {
            Self::Channel { .. } => "channel",
            Self::Folder { .. } => "folder",
            Self::Lineup { .. } => "lineup",
            Self::Media { .. } => "media",
            Self::Scan { .. } => "scan",
            Self::Session { .. } => "session",
            Self::Client { .. } => "client",
            Self::Settings { .. } => "settings",
            Self::Load(_) => "load",
            Self::Missed { .. } => "missed",
        }
    }

    /// Who may only watch is not told which files there are.
    fn for_watchers(mut self) -> Self {
        if let Self::Media { media, .. } = &mut self {
            media.clear();
        }
        self
    }

    /// Of whom it is told: of files, viewers and load as the routes tell that are asked for them.
    fn need(&self) -> Need {
        match self {
            Self::Channel { .. }
            | Self::Lineup { .. }
            | Self::Media { .. }
            | Self::Settings { .. }
            | Self::Missed { .. } => Need::Watch,
            Self::Folder { .. }
            | Self::Scan { .. }
            | Self::Session { .. }
            | Self::Client { .. }
            | Self::Load(_) => Need::Read,
        }
    }
}

impl From<schedule::Change> for Change {
    fn from(change: schedule::Change) -> Self {
        match change {
            schedule::Change::Channel(channel) => {
                let now = Some(Box::new(Channel::from(&*channel)));
                Self::Channel { channel: channel.id.0, deleted: false, now }
            }
            schedule::Change::ChannelDeleted(id) => {
                Self::Channel { channel: id.0, deleted: true, now: None }
            }
            schedule::Change::Lineup { channel, effect } => {
                Self::Lineup { channel: channel.0, takes_effect_at: effect.at.into() }
            }
            schedule::Change::Media(ids) => Self::Media {
                media: ids.iter().take(MEDIA_NAMED).map(|id| id.0).collect(),
                count: ids.len(),
            },
        }
    }
}

impl From<SessionChange> for Change {
    fn from(change: SessionChange) -> Self {
        match change {
            SessionChange::State(channel, state) => {
                Self::Session { channel: channel.0, state: state.to_owned() }
            }
            SessionChange::Clients(channel, clients) => {
                Self::Client { channel: channel.0, clients: clients as u64 }
            }
        }
    }
}

/// The hub. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Events {
    sender: broadcast::Sender<Change>,
    /// Ends all streams, so that a server that stops does not wait for them.
    ending: CancellationToken,
}

impl Events {
    /// A hub whose streams end when `ending` is cancelled.
    pub fn new(ending: CancellationToken) -> Self {
        Self { sender: broadcast::Sender::new(WAITING), ending }
    }

    /// Tells all who listen. What the schedule and the library tell themselves
    /// needs not be told again.
    pub fn tell(&self, change: Change) {
        // An error says that nobody listens, which is no fault.
        let _nobody = self.sender.send(change);
    }

    /// How many listen.
    pub fn listeners(&self) -> usize {
        self.sender.receiver_count()
    }

    /// Whether anybody listens.
    pub fn are_heard(&self) -> bool {
        self.sender.receiver_count() > 0
    }

    /// Hands on what the sessions tell, until the server ends.
    pub async fn hand_on(self, sessions: broadcast::Receiver<SessionChange>) {
        let mut changes = pin!(from_broadcast(sessions));
        let ending = self.ending.clone();
        while let Some(Some(change)) = ending.run_until_cancelled(changes.next()).await {
            self.tell(change);
        }
    }

    /// What is told from now on, until the server ends.
    pub fn listen(
        &self,
        schedule: &Schedule,
        library: &Library,
    ) -> impl Stream<Item = Change> + Send + use<> {
        let told = from_broadcast(self.sender.subscribe());
        let planned = from_broadcast(schedule.changes());
        let scanned = scans(library.subscribe());
        stream::select(told, stream::select(planned, scanned))
            .take_until(self.ending.clone().cancelled_owned())
    }
}

fn from_broadcast<T: Into<Change> + Clone + Send + 'static>(
    receiver: broadcast::Receiver<T>,
) -> impl Stream<Item = Change> + Send {
    BroadcastStream::new(receiver).map(|change| match change {
        Ok(change) => change.into(),
        Err(BroadcastStreamRecvError::Lagged(events)) => Change::Missed { events },
    })
}

/// Each change of the progress, but not more often than people can read.
fn scans(progress: watch::Receiver<Progress>) -> impl Stream<Item = Change> + Send {
    stream::unfold(progress, |mut progress| async move {
        progress.changed().await.ok()?;
        tokio::time::sleep(SCAN_TOLD_EVERY).await;
        let change = {
            let now = progress.borrow_and_update();
            Change::Scan {
                state: now.state.into(),
                running: now.state.is_running(),
                found: now.found,
                to_probe: now.to_probe,
                probed: now.probed,
                failed: now.failed,
                current: now.current.clone(),
            }
        };
        Some((change, progress))
    })
}

/// Changes as they happen, as server-sent events. Who may only watch is told of channels,
/// lineups, settings, and that media changed, not which.
#[utoipa::path(
    get,
    path = "/events",
    operation_id = "events",
    tag = "system",
    responses((
        status = 200,
        description = "An unending stream of changes; each event's name is the `type` of its data.",
        content_type = "text/event-stream",
        body = Change,
    )),
)]
pub(super) async fn events(
    State(events): State<Events>,
    State(schedule): State<Schedule>,
    State(library): State<Library>,
    State(metrics): State<Metrics>,
    Extension(grant): Extension<Grant>,
) -> Sse<impl Stream<Item = Result<sse::Event, Infallible>>> {
    let standing = grant.caller().standing;
    let reads = standing.judged(Need::Read) == Verdict::Granted;
    let told = events.listen(&schedule, &library).filter_map(move |change| {
        if standing.judged(change.need()) != Verdict::Granted {
            return future::ready(None);
        }
        match &change {
            Change::Missed { events } => metrics.events_missed(*events),
            _ => metrics.event_sent(),
        }
        let change = if reads { change } else { change.for_watchers() };
        let event = sse::Event::default().event(change.name()).json_data(&change);
        future::ready(event.ok().map(Ok))
    });
    // Who may see other things now is to ask anew, and is told of all that again.
    let stream = told.take_until(grant.changed());
    Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_listener_who_falls_behind_is_told_how_much_it_missed() {
        let sender = broadcast::Sender::new(4);
        let mut stream = Box::pin(from_broadcast(sender.subscribe()));
        for clients in 0..7 {
            sender.send(Change::Client { channel: Uuid::nil(), clients }).unwrap();
        }
        assert_eq!(stream.next().await, Some(Change::Missed { events: 3 }));
        assert_eq!(stream.next().await, Some(Change::Client { channel: Uuid::nil(), clients: 3 }));
    }

    #[tokio::test(start_paused = true)]
    async fn a_scan_is_told_as_it_is_when_told_and_not_for_each_file() {
        let (sender, progress) = watch::channel(Progress::default());
        let mut stream = Box::pin(scans(progress));
        for probed in 1..=1_000 {
            sender.send_modify(|progress| progress.probed = probed);
        }
        drop(sender);
        let told = Change::Scan {
            state: Stage::Idle,
            running: false,
            found: 0,
            to_probe: 0,
            probed: 1_000,
            failed: 0,
            current: None,
        };
        assert_eq!(stream.next().await, Some(told));
        assert_eq!(stream.next().await, None);
    }
}
