//! A session, as people see it: state, viewers, and what is made for them.

use aerial_model::id::ChannelRef;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::facts::{ClientFacts, RenditionFacts, SessionFacts};
use crate::http::wire::Instant;
use crate::schedule::Schedule;

/// A channel on the air.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Session {
    /// The channel's id.
    pub(super) channel: Uuid,
    /// Its number.
    number: String,
    /// Its name.
    name: String,
    /// `starting`, `active`, `draining` (nobody watches), `stopping` or `failed`.
    state: &'static str,
    /// Since when it is in that state.
    since: Instant,
    /// When it was started.
    started_at: Instant,
    /// Who watches.
    clients: Vec<Client>,
    /// What is being made.
    renditions: Vec<Rendition>,
    /// What went wrong last, and what was done about it.
    #[schema(required = true)]
    last_error: Option<String>,
    /// How often a worker had to be started again.
    restarts: u64,
}

/// A viewer.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Client {
    /// Its opaque id.
    id: String,
    /// When it came.
    since: Instant,
    /// When it was last heard of.
    last_seen: Instant,
    /// What it watches.
    #[schema(required = true)]
    rendition: Option<String>,
}

/// A rendition that is being made.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Rendition {
    /// Such as `720p`.
    #[schema(example = "720p")]
    name: String,
    /// The encoder in use.
    #[schema(required = true)]
    encoder: Option<String>,
    /// What is done with the picture of what is on the air.
    video: Action,
    /// What is done with its sound.
    audio: Action,
    /// How hard the encoder tries: x264's name. A cheaper one than usual while the
    /// machine does not keep up.
    #[schema(required = true)]
    preset: Option<&'static str>,
    /// How fast it is made: 1 is real time.
    #[schema(required = true)]
    speed: Option<f64>,
    /// How far it is made ahead of now.
    buffer_ahead_ms: i64,
}

/// What is done with a picture or a sound on the air.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = RenditionAction)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Action {
    /// It is sent as the file has it.
    Copied,
    /// It is made anew.
    Transcoded,
}

impl Action {
    pub(in crate::http) fn of(copied: bool) -> Self {
        if copied { Self::Copied } else { Self::Transcoded }
    }
}

pub(super) fn told(schedule: &Schedule, facts: SessionFacts) -> Session {
    let channel = schedule.channel(ChannelRef::Id(facts.channel));
    let client = |client: ClientFacts| Client {
        id: client.id.to_string(),
        since: client.since.into(),
        last_seen: client.last_seen.into(),
        rendition: client.rendition,
    };
    let rendition = |rendition: RenditionFacts| Rendition {
        name: rendition.name,
        encoder: rendition.encoder,
        video: Action::of(rendition.copied.0),
        audio: Action::of(rendition.copied.1),
        preset: rendition.preset,
        speed: rendition.speed_permille.map(|permille| f64::from(permille) / 1_000.0),
        buffer_ahead_ms: rendition.buffer_ahead_ms,
    };
    Session {
        channel: facts.channel.0,
        number: channel.as_ref().map(|channel| channel.number.to_string()).unwrap_or_default(),
        name: channel.map(|channel| channel.name.clone()).unwrap_or_default(),
        state: facts.state,
        since: facts.since.into(),
        started_at: facts.started_at.into(),
        clients: facts.clients.into_iter().map(client).collect(),
        renditions: facts.renditions.into_iter().map(rendition).collect(),
        last_error: facts.last_error,
        restarts: facts.restarts,
    }
}
