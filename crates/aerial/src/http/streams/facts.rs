//! What the API needs of the Stream Manager, and what it is told of sessions.
//!
//! Owns [`Sessions`], which the manager is for the API, and the facts in it. Knows neither
//! how they are asked for nor in which words they are told.

use std::fmt;
use std::sync::Arc;

use aerial_model::client::ClientId;
use aerial_model::hls::Edge;
use aerial_model::id::{ChannelId, MediaId};
use aerial_model::time::AirTime;
use futures::future::BoxFuture;

use crate::stream::strip::Strip;
use crate::stream::tally::Tally;

/// A session, as the Stream Manager knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionFacts {
    /// Which channel is on the air.
    pub channel: ChannelId,
    /// `starting`, `active`, `draining`, `stopping`, `failed`.
    pub state: &'static str,
    /// Since when it is in that state.
    pub since: AirTime,
    /// When it was started.
    pub started_at: AirTime,
    /// Who watches.
    pub clients: Vec<ClientFacts>,
    /// The renditions that somebody wants.
    pub renditions: Vec<RenditionFacts>,
    /// What went wrong last, and what was done about it.
    pub last_error: Option<String>,
    /// How often a worker had to be started again.
    pub restarts: u64,
}

/// A viewer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientFacts {
    /// Who.
    pub id: ClientId,
    /// When it came.
    pub since: AirTime,
    /// When it was last heard of.
    pub last_seen: AirTime,
    /// What it watches.
    pub rendition: Option<String>,
}

/// A rendition that is being made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenditionFacts {
    /// Such as `720p`.
    pub name: String,
    /// The encoder in use.
    pub encoder: Option<String>,
    /// What is on the air in it is copied: its picture, its sound.
    pub copied: (bool, bool),
    /// How hard the encoder tries.
    pub preset: Option<&'static str>,
    /// How fast it is made, in thousandths of real time.
    pub speed_permille: Option<u32>,
    /// How far it is made ahead of now.
    pub buffer_ahead_ms: i64,
}

/// A session's history, as the Stream Manager remembers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionHistory {
    /// Its number, ever higher.
    pub session: u64,
    /// When it was started.
    pub started_at: AirTime,
    /// When it ended, if it has.
    pub ended_at: Option<AirTime>,
    /// How often a run of FFmpeg failed and another took its place.
    pub restarts: u64,
    /// The last runs, the newest first.
    pub runs: Vec<RunFacts>,
}

/// One run of FFmpeg.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunFacts {
    /// Its number in logs.
    pub worker: u64,
    /// The process; `None` where there was none.
    pub pid: Option<u32>,
    /// What it made.
    pub title: String,
    /// In which size.
    pub frame: (u16, u16),
    /// From which segment of the file on.
    pub segment: u32,
    /// The program and its arguments.
    pub command: Vec<String>,
    /// When it began.
    pub started_at: AirTime,
    /// When it ended, if it has.
    pub ended_at: Option<AirTime>,
    /// How its process ended, in words.
    pub exit: Option<String>,
    /// Segments that it has completed, so far.
    pub completed: u32,
    /// The class of what was wrong, and what it was.
    pub fault: Option<(&'static str, String)>,
    /// The last 64 KiB of what FFmpeg said.
    pub stderr: String,
}

/// What is counted of the streams.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// Since the start.
    pub tally: Tally,
    /// Who watches something again.
    pub replays: usize,
    /// Workers at work, and asleep.
    pub workers: (usize, usize),
}

/// Why the Stream Manager did not do what was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The channel is not on the air, or has no such client.
    #[error("{0}")]
    NotThere(String),
    /// Not now: full, stopping, or the session failed and waits.
    #[error("{0}")]
    NotNow(String),
    /// Something that should work did not.
    #[error("{0}")]
    Failed(String),
}

/// What the API needs of the Stream Manager.
pub trait Sessions: fmt::Debug + Send + Sync + 'static {
    /// All sessions.
    fn list(&self) -> Vec<SessionFacts>;
    /// The session of a channel, if it is on the air.
    fn get(&self, channel: ChannelId) -> Option<SessionFacts>;
    /// Puts a channel on the air, also without a viewer; the session of one that
    /// is on the air already.
    fn start(&self, channel: ChannelId) -> BoxFuture<'_, Result<SessionFacts, Refusal>>;
    /// Takes a channel off the air.
    fn stop(&self, channel: ChannelId) -> BoxFuture<'_, Result<(), Refusal>>;
    /// Registers a viewer; starts the session where there is none.
    fn register(&self, channel: ChannelId) -> BoxFuture<'_, Result<ClientId, Refusal>>;
    /// Forgets a viewer.
    fn unregister(
        &self,
        channel: ChannelId,
        client: ClientId,
    ) -> BoxFuture<'_, Result<(), Refusal>>;
    /// What ran for a channel's sessions, the newest first: the one on the air, and
    /// those that ended within the hour.
    fn history(&self, channel: ChannelId) -> Vec<SessionHistory>;
    /// What is wrong with a media that will air soon on a channel that is on the
    /// air, as far as is known.
    fn warning(&self, media: MediaId) -> Option<String>;
    /// The strips of all sessions, or of this channel's, by number.
    fn strips(&self, only: Option<ChannelId>) -> BoxFuture<'_, Vec<Strip>>;
    /// What is counted of the streams, for whoever watches over the server.
    fn figures(&self) -> Figures;
    /// The first segment that no playlist of this channel has listed, where the numbers
    /// stand at this edge.
    fn first_unpromised(&self, channel: ChannelId, edge: Option<Edge>) -> u64;
}

/// The Stream Manager, as the API sees it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Streams(pub(super) Arc<dyn Sessions>);

impl Streams {
    /// Of this manager.
    pub fn new(sessions: impl Sessions) -> Self {
        Self(Arc::new(sessions))
    }

    /// See [`Sessions::first_unpromised`].
    pub(in crate::http) fn first_unpromised(&self, channel: ChannelId, edge: Option<Edge>) -> u64 {
        self.0.first_unpromised(channel, edge)
    }

    /// See [`Sessions::list`].
    pub(in crate::http) fn list(&self) -> Vec<SessionFacts> {
        self.0.list()
    }

    /// See [`Sessions::figures`].
    pub(in crate::http) fn figures(&self) -> Figures {
        self.0.figures()
    }

    /// See [`Sessions::strips`].
    pub(in crate::http) async fn strips(&self, only: Option<ChannelId>) -> Vec<Strip> {
        self.0.strips(only).await
    }

    /// See [`Sessions::warning`].
    pub(in crate::http) fn warning(&self, media: MediaId) -> Option<String> {
        self.0.warning(media)
    }

    /// Takes a channel off the air that is no more.
    pub(in crate::http) async fn withdraw(&self, channel: ChannelId) {
        match self.0.stop(channel).await {
            Ok(()) | Err(Refusal::NotThere(_)) => {}
            Err(error) => {
                tracing::error!(%channel, %error, "cannot end a deleted channel's session")
            }
        }
    }
}
