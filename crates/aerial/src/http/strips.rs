//! `/streams/strips` and `/streams/{channel}/strip`: the engine as people watch it.
//!
//! Owns how a session's strip is told, with its titles. What is on it, `stream::strip`
//! reads. Invariant: no viewer's id is told, and looking changes nothing.

use std::collections::HashMap;

use aerial_model::client::ClientId;
use aerial_model::id::{ChannelNumber, ChannelRef, MediaId};
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::extract::{At, Json, Query};
use super::page::{Listing, PageQuery};
use super::problem::{Answer, Kind, Problem};
use super::scheduled::find;
use super::streams::{Action, Fault, Streams};
use super::wire::{Instant, millis};
use crate::db::{Db, Media};
use crate::schedule::Schedule;
use crate::stream::strip::{
    SegmentState, Strip, StripAiring, StripFault, StripRendition, StripViewer, StripWorker,
};

/// A session's strip: what is on the air from a minute back to 90 s ahead, and how it
/// is made. All its times are the channel's.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Strip)]
pub struct StripView {
    /// The channel's id.
    channel: Uuid,
    /// Its number.
    number: String,
    /// Its name.
    name: String,
    /// As the session has it: `starting`, `active`, `draining`, `stopping`.
    state: &'static str,
    /// The channel's time at this answer.
    at: Instant,
    /// What airs, in order; it begins before the strip and ends after it.
    airings: Vec<AiringView>,
    /// The segments, the same in all renditions.
    segments: Vec<SegmentView>,
    /// What is watched, best first.
    renditions: Vec<RenditionView>,
    /// Where who watches fetches.
    viewers: Vec<ViewerView>,
    /// Runs of FFmpeg that failed, on the strip or within the last minute, oldest first.
    faults: Vec<FaultView>,
}

/// An airing on a strip.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = StripAiring)]
pub struct AiringView {
    /// When it begins.
    start: Instant,
    /// When it ends.
    end: Instant,
    /// What plays; `null` off the air.
    #[schema(required = true)]
    media: Option<Uuid>,
    /// What it is called.
    title: String,
    /// The show it is an episode of.
    #[schema(required = true)]
    show: Option<String>,
    /// Nothing is on.
    off_air: bool,
}

/// A segment on a strip.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = StripSegment)]
pub struct SegmentView {
    /// Its number on the channel, as in playlists.
    sequence: u64,
    /// When it begins.
    start: Instant,
    /// How long it is.
    duration_ms: i64,
}

/// How it stands with a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = StripSegmentState)]
#[serde(rename_all = "snake_case")]
pub enum StateView {
    /// It was there already: made earlier, or for another channel.
    Cached,
    /// This session had it made.
    Made,
    /// It is being made, and sent as it grows.
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

impl From<SegmentState> for StateView {
    fn from(state: SegmentState) -> Self {
        match state {
            SegmentState::Cached => Self::Cached,
            SegmentState::Made => Self::Made,
            SegmentState::Growing => Self::Growing,
            SegmentState::Promised => Self::Promised,
            SegmentState::Slate => Self::Slate,
            SegmentState::Planned => Self::Planned,
            SegmentState::Gone => Self::Gone,
        }
    }
}

/// A rendition on a strip.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = StripRendition)]
pub struct RenditionView {
    /// Such as `720p`.
    #[schema(example = "720p")]
    name: String,
    /// How it stands with each of `segments`, in their order.
    states: Vec<StateView>,
    /// How far it is made without a gap, from now on.
    buffer_ahead_ms: i64,
    /// Who makes it: one as a rule, none while all is there.
    workers: Vec<WorkerView>,
}

/// A run of FFmpeg on a strip. Its reach is told in the channel's time.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = StripWorker)]
pub struct WorkerView {
    /// Its number in logs and in the history.
    worker: u64,
    /// Its process.
    pid: u32,
    /// It began with the segment that begins here.
    from: Instant,
    /// The segment that it makes begins here.
    at: Instant,
    /// It goes on up to here, unless more is wanted.
    until: Instant,
    /// It sleeps until more is wanted.
    parked: bool,
    /// The encoder in use; `null` where the picture is copied.
    #[schema(required = true)]
    encoder: Option<String>,
    /// What is done with the picture.
    video: Action,
    /// How hard the encoder tries.
    #[schema(required = true)]
    preset: Option<&'static str>,
    /// How fast it works: 1 is real time; `null` while it sleeps, and at its begin.
    #[schema(required = true)]
    speed: Option<f64>,
}

/// A viewer on a strip.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = StripViewer)]
pub struct ViewerView {
    /// The same for the same viewer, and nothing else.
    key: String,
    /// What it watches.
    rendition: String,
    /// The segment that it asked for last; it plays one to three before that.
    sequence: u64,
    /// When that begins.
    at: Instant,
}

/// A fault on a strip.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = StripFault)]
pub struct FaultView {
    /// The run's number in logs and in the history.
    worker: u64,
    /// The segment in which it failed begins here; `null`: that is not on the strip.
    #[schema(required = true)]
    at: Option<Instant>,
    /// When it failed.
    happened_at: Instant,
    /// What it was making.
    title: String,
    /// What was wrong.
    fault: Fault,
    /// The end of what FFmpeg said, 2,000 bytes at most; the history has more.
    words: String,
}

/// What media are called.
type Titles = HashMap<MediaId, Media>;

fn told(schedule: &Schedule, titles: &Titles, strip: Strip) -> StripView {
    let channel = schedule.channel(ChannelRef::Id(strip.channel));
    let segment = |one: crate::stream::strip::StripSegment| SegmentView {
        sequence: one.sequence,
        start: one.start.into(),
        duration_ms: millis(one.length),
    };
    StripView {
        channel: strip.channel.0,
        number: channel.as_ref().map(|channel| channel.number.to_string()).unwrap_or_default(),
        name: channel.map(|channel| channel.name.clone()).unwrap_or_default(),
        state: strip.state,
        at: strip.now.into(),
        airings: strip.airings.iter().map(|one| airing(titles, one)).collect(),
        segments: strip.segments.into_iter().map(segment).collect(),
        renditions: strip.renditions.into_iter().map(rendition).collect(),
        viewers: strip.viewers.into_iter().map(viewer).collect(),
        faults: strip.faults.into_iter().map(fault).collect(),
    }
}

fn airing(titles: &Titles, airing: &StripAiring) -> AiringView {
    let about = airing.media.and_then(|media| titles.get(&media)).map(|media| &media.about);
    let title = match airing.media {
        None => "Off air",
        Some(_) => about.map_or("No longer in the library", |about| &about.title),
    };
    AiringView {
        start: airing.start.into(),
        end: airing.end.into(),
        media: airing.media.map(|media| media.0),
        title: title.to_owned(),
        show: about.and_then(|about| about.show.clone()),
        off_air: airing.media.is_none(),
    }
}

fn rendition(one: StripRendition) -> RenditionView {
    RenditionView {
        name: one.rendition.to_string(),
        states: one.states.into_iter().map(Into::into).collect(),
        buffer_ahead_ms: millis(one.ahead),
        workers: one.workers.into_iter().map(worker).collect(),
    }
}

fn worker(one: StripWorker) -> WorkerView {
    let status = one.status;
    let copied = status.track.treatment.copies_video();
    let encoder = status.track.profile.encoder.ffmpeg_name();
    WorkerView {
        worker: status.id.0,
        pid: status.pid,
        from: one.from.into(),
        at: one.at.into(),
        until: one.until.into(),
        parked: status.parked,
        encoder: (!copied).then(|| encoder.to_owned()),
        video: Action::of(copied),
        preset: (!copied).then(|| status.speed.preset()),
        speed: status.speed_percent.map(|percent| f64::from(percent) / 100.0),
    }
}

fn viewer(one: StripViewer) -> ViewerView {
    ViewerView {
        key: key(one.client),
        rendition: one.rendition.to_string(),
        sequence: one.sequence,
        at: one.at.into(),
    }
}

/// Tells viewers apart. The id itself has 64 bits of chance in it, so it cannot be found
/// out from this.
fn key(client: ClientId) -> String {
    blake3::hash(client.to_string().as_bytes()).to_hex()[..8].to_owned()
}

fn fault(one: StripFault) -> FaultView {
    FaultView {
        worker: one.worker,
        at: one.at.map(Instant),
        happened_at: one.happened_at.into(),
        title: one.title,
        fault: Fault::new(one.class.name(), one.reason),
        words: one.words,
    }
}

async fn titles(db: &Db, strips: &[Strip]) -> Answer<Titles> {
    let mut ids: Vec<MediaId> =
        strips.iter().flat_map(|strip| &strip.airings).filter_map(|one| one.media).collect();
    ids.sort();
    ids.dedup();
    Ok(db.media_of(&ids).await?)
}

/// The strips of all channels on the air, by number; made to be asked for once a second.
#[utoipa::path(
    get, path = "/streams/strips", operation_id = "list_strips", tag = "streams",
    params(PageQuery),
    responses((status = 200, body = Listing<StripView>)),
)]
pub(super) async fn list(
    State(schedule): State<Schedule>,
    State(db): State<Db>,
    State(streams): State<Streams>,
    Query(page): Query<PageQuery>,
) -> Answer<Json<Listing<StripView>>> {
    let after: Option<ChannelNumber> = page
        .cursor
        .map(|cursor| cursor.parse().map_err(|_| Problem::field("cursor", "is of another list")))
        .transpose()?;
    let strips = streams.strips(None).await;
    let titles = titles(&db, &strips).await?;
    let told = strips.into_iter().map(|strip| told(&schedule, &titles, strip));
    // One that was deleted a moment ago has no number, and is on its way off the air.
    let numbered = told.filter_map(|strip| Some((strip.number.parse().ok()?, strip)));
    let rest =
        numbered.filter(|(number, _): &(ChannelNumber, _)| after.is_none_or(|a| *number > a));
    let page = Listing::cut(rest, page.limit, |(number, _)| number.to_string());
    Ok(Json(page.map(|(_, strip)| strip)))
}

/// The strip of one channel.
#[utoipa::path(
    get, path = "/streams/{channel}/strip", operation_id = "get_strip", tag = "streams",
    params(("channel" = String, Path, description = "The channel's number or id.")),
    responses(
        (status = 200, body = StripView),
        (status = 404, description = "No such channel, or it is not on the air.", body = Problem),
    ),
)]
pub(super) async fn get(
    State(schedule): State<Schedule>,
    State(db): State<Db>,
    State(streams): State<Streams>,
    At(channel): At<ChannelRef>,
) -> Answer<Json<StripView>> {
    let id = find(&schedule, channel)?.id;
    let strips = streams.strips(Some(id)).await;
    let titles = titles(&db, &strips).await?;
    let strip = strips.into_iter().next().ok_or_else(|| {
        Problem::new(Kind::NotFound, format!("channel {channel} is not on the air"))
    })?;
    Ok(Json(told(&schedule, &titles, strip)))
}
