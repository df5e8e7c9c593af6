//! What changed, as it changes: server-sent events.
//!
//! Owns the hub that everyone who changes something tells, and the stream that
//! hands it on. Invariant: telling never waits, whoever listens; a listener who
//! falls behind is told that it missed something, so it never shows old things
//! for good.

use std::convert::Infallible;
use std::time::Duration;

use aerial_model::time::AirTime;
use axum::extract::State;
use axum::response::sse::{self, KeepAlive, Sse};
use futures::{Stream, StreamExt, future};
use serde::Serialize;
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;
use tokio_stream::wrappers::errors::BroadcastStreamRecvError;
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;
use uuid::Uuid;

use super::wire::Instant;

/// How many events wait for a slow listener before it misses some: a scan's
/// progress for several seconds.
const WAITING: usize = 256;

/// How often a silent stream shows that it lives; under the minute after which
/// proxies give up.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Something that changed. The event's name is its `type`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Change {
    /// A channel was made, changed or deleted.
    Channel {
        /// Which.
        channel: Uuid,
        /// What was done.
        what: Done,
    },
    /// A lineup was changed.
    Lineup {
        /// Of which channel.
        channel: Uuid,
        /// When the change takes effect.
        takes_effect_at: Option<Instant>,
    },
    /// Media were found, edited, lost or deleted.
    Media {
        /// Which, where it is one.
        media: Option<Uuid>,
        /// What was done.
        what: Done,
    },
    /// A scan went on; ask for it.
    Scan,
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
    /// This listener was too slow and missed some: ask for everything anew.
    Missed {
        /// How many.
        events: u64,
    },
}

/// What was done to something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Done {
    /// It is new.
    Created,
    /// It is not as it was.
    Changed,
    /// It is no more.
    Deleted,
}

impl Change {
    fn name(&self) -> &'static str {
        match self {
            Self::Channel { .. } => "channel",
            Self::Lineup { .. } => "lineup",
            Self::Media { .. } => "media",
            Self::Scan => "scan",
            Self::Session { .. } => "session",
            Self::Client { .. } => "client",
            Self::Missed { .. } => "missed",
        }
    }

    /// A channel changed.
    pub fn channel(channel: aerial_model::id::ChannelId, what: Done) -> Self {
        Self::Channel { channel: channel.0, what }
    }

    /// A lineup changed.
    pub fn lineup(channel: aerial_model::id::ChannelId, at: Option<AirTime>) -> Self {
        Self::Lineup { channel: channel.0, takes_effect_at: at.map(Instant) }
    }

    /// A media changed.
    pub fn media(media: aerial_model::id::MediaId, what: Done) -> Self {
        Self::Media { media: Some(media.0), what }
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

    /// Tells all who listen.
    pub fn tell(&self, change: Change) {
        // An error says that nobody listens, which is no fault.
        let _nobody = self.sender.send(change);
    }

    /// What is told from now on, until the server ends.
    pub fn listen(&self) -> impl Stream<Item = Change> + Send + use<> {
        let changes = BroadcastStream::new(self.sender.subscribe());
        changes
            .map(|change| match change {
                Ok(change) => change,
                Err(BroadcastStreamRecvError::Lagged(events)) => Change::Missed { events },
            })
            .take_until(self.ending.clone().cancelled_owned())
    }
}

/// Changes as they happen, as server-sent events.
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
) -> Sse<impl Stream<Item = Result<sse::Event, Infallible>>> {
    let stream = events.listen().filter_map(|change| {
        let event = sse::Event::default().event(change.name()).json_data(&change);
        future::ready(event.ok().map(Ok))
    });
    Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_listener_who_falls_behind_is_told_how_much_it_missed() {
        let events = Events::new(CancellationToken::new());
        let mut stream = Box::pin(events.listen());
        for _ in 0..WAITING + 3 {
            events.tell(Change::Scan);
        }
        assert_eq!(stream.next().await, Some(Change::Missed { events: 3 }));
        assert_eq!(stream.next().await, Some(Change::Scan));
    }

    #[tokio::test]
    async fn streams_end_when_the_server_does() {
        let ending = CancellationToken::new();
        let events = Events::new(ending.clone());
        let mut stream = Box::pin(events.listen());
        ending.cancel();
        assert_eq!(stream.next().await, None);
    }
}
