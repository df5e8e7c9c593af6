//! `/media`: the library's files, what is known of them and what is done with them.
//!
//! Owns how a media is told. What is in its file is in `contents`, what people
//! may set in `edits`, its picture in `thumbnail`. Invariant: no file of the library is ever written or deleted.

use aerial_model::id::{FolderId, MediaId};
use axum::extract::State as FromState;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::contents::Streams;
use super::edits::MediaEdit;
use super::extract::{At, Json, Query};
use super::page::{Limit, Listing, PageQuery};
use super::problem::{Answer, Kind, Problem, carried_through};
use super::treatment::Treatment;
use super::wire::{Instant, millis};
use crate::clock::Clock;
use crate::db::{self, Db, MediaEdits, MediaFilter, MediaKind, MediaSort, MediaState, StateFilter};
use crate::library::{Library, ScanRequest};
use crate::schedule::Schedule;

/// Whether a media can air.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = MediaState)]
pub enum State {
    /// It can.
    Ok,
    /// It cannot be played.
    Unplayable,
    /// Its file is gone.
    Missing,
}

impl From<&MediaState> for State {
    fn from(state: &MediaState) -> Self {
        match state {
            MediaState::Ok => Self::Ok,
            MediaState::Unplayable { .. } | MediaState::Quarantined { .. } => Self::Unplayable,
            MediaState::Missing { .. } => Self::Missing,
        }
    }
}

impl From<State> for StateFilter {
    fn from(state: State) -> Self {
        match state {
            State::Ok => Self::Ok,
            State::Unplayable => Self::Unplayable,
            State::Missing => Self::Missing,
        }
    }
}

/// Somebody who plays in a media.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Actor)]
pub struct ActorView {
    /// Their name.
    name: String,
    /// Whom they play.
    #[schema(required = true)]
    role: Option<String>,
}

/// One file of the library.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Media {
    /// For good, also when the file moves.
    id: Uuid,
    /// The folder it was found in.
    folder: Uuid,
    /// Where it is (what is not text in it is replaced by `�`).
    path: String,
    /// Its size.
    size_bytes: u64,
    /// Of its first and last 64 KiB, in hexadecimal: tells the same file in another
    /// place. `null` where it could not be read.
    #[schema(required = true)]
    hash: Option<String>,
    /// Whether it can air.
    state: State,
    /// Why it cannot.
    #[schema(required = true)]
    reason: Option<String>,
    /// Since when it cannot.
    #[schema(required = true)]
    since: Option<Instant>,
    /// Since when it is put aside because it failed on the air: its time is slate,
    /// after a day it is left out. `POST /media/{media}/retry` takes it back, and
    /// so does a file with other bytes.
    #[schema(required = true)]
    quarantined_since: Option<Instant>,
    /// Of the film or the episode.
    title: String,
    /// Movie, episode or other.
    kind: MediaKind,
    /// The show it is an episode of.
    #[schema(required = true)]
    show: Option<String>,
    /// 0 is specials.
    #[schema(required = true)]
    season: Option<u32>,
    /// Number in the season.
    #[schema(required = true)]
    episode: Option<u32>,
    /// When it was made.
    #[schema(required = true)]
    year: Option<u16>,
    /// What happens in it.
    #[schema(required = true)]
    plot: Option<String>,
    /// Genres.
    genres: Vec<String>,
    /// When it was first shown, as its source writes it.
    #[schema(required = true)]
    aired: Option<String>,
    /// Age rating, as its source writes it.
    #[schema(required = true)]
    rating: Option<String>,
    /// Who plays in it, the most important first.
    cast: Vec<ActorView>,
    /// How long it plays; `null` where it cannot.
    #[schema(required = true)]
    length_ms: Option<i64>,
    /// What is in the file; `null` where it could not be read.
    #[schema(required = true)]
    streams: Option<Streams>,
    /// What is done with it before it airs, and why.
    #[schema(required = true)]
    treatment: Option<Treatment>,
    /// Which of these people set (`title`, `show`, …): a scan leaves them alone.
    edited: Vec<&'static str>,
    /// When it was first found.
    added_at: Instant,
    /// When anything of it last changed.
    changed_at: Instant,
}

impl From<&db::Media> for Media {
    fn from(media: &db::Media) -> Self {
        let about = media.about.clone();
        let (reason, since) = match &media.state {
            MediaState::Ok => (None, None),
            MediaState::Unplayable { reason, since }
            | MediaState::Quarantined { reason, since } => (Some(reason.clone()), Some(*since)),
            MediaState::Missing { since } => {
                let reason = "its file is gone; it comes back by itself with the file";
                (Some(reason.to_owned()), Some(*since))
            }
        };
        Self {
            id: media.id.0,
            folder: media.folder.0,
            path: media.path.to_string_lossy().into_owned(),
            size_bytes: media.identity.size_bytes,
            hash: media.identity.hash.map(|hash| hash.iter().map(|b| format!("{b:02x}")).collect()),
            state: (&media.state).into(),
            reason,
            since: since.map(Instant),
            quarantined_since: match &media.state {
                MediaState::Quarantined { since, .. } => Some(Instant(*since)),
                _ => None,
            },
            title: about.title,
            kind: about.kind,
            show: about.show,
            season: about.season,
            episode: about.episode,
            year: about.year,
            plot: about.plot,
            genres: about.genres,
            aired: about.aired,
            rating: about.rating,
            cast: about
                .cast
                .into_iter()
                .map(|actor| ActorView { name: actor.name, role: actor.role })
                .collect(),
            length_ms: media.map.as_ref().map(|(_, map)| millis(map.end())),
            streams: media.facts.as_deref().map(Into::into),
            treatment: media
                .facts
                .as_deref()
                .map(|facts| Treatment::of(facts, media.copying.as_ref())),
            edited: edited(&media.edits),
            added_at: media.added_at.into(),
            changed_at: media.changed_at.into(),
        }
    }
}

fn edited(edits: &MediaEdits) -> Vec<&'static str> {
    let fields = [
        ("title", edits.title.is_some()),
        ("kind", edits.kind.is_some()),
        ("show", edits.show.is_some()),
        ("season", edits.season.is_some()),
        ("episode", edits.episode.is_some()),
        ("year", edits.year.is_some()),
        ("plot", edits.plot.is_some()),
        ("genres", edits.genres.is_some()),
    ];
    fields.into_iter().filter(|(_, is_set)| *is_set).map(|(name, _)| name).collect()
}

/// Which media a list is of; all that are given must fit.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct MediaQuery {
    /// Words, each of which is in the title, the show or the file's name; 20 count.
    #[param(required = false)]
    q: Option<String>,
    /// Episodes of this show.
    #[param(required = false)]
    show: Option<String>,
    /// Episodes of this season.
    #[param(required = false)]
    season: Option<u32>,
    /// Whether it can air.
    #[param(required = false, inline)]
    state: Option<State>,
    /// FFmpeg's name of the video codec.
    #[param(required = false, example = "hevc")]
    codec: Option<String>,
    /// Movie, episode or other.
    #[param(required = false, inline)]
    kind: Option<MediaKind>,
    /// Found in this folder.
    #[param(required = false)]
    folder: Option<Uuid>,
    /// In which order.
    #[param(required = false, inline)]
    sort: Sort,
    /// Exactly this file; cannot be given with any other but `limit`.
    #[param(required = false, example = "/srv/videos/film.mkv")]
    path: Option<String>,
    /// How many items at most.
    #[param(value_type = u16, required = false, minimum = 1, maximum = 500, default = 100)]
    limit: Limit,
    /// The `next` of the page before.
    #[param(required = false)]
    cursor: Option<String>,
}

/// Which media a figure is of; all that are given must fit.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Filter {
    /// Words, each of which is in the title, the show or the file's name; 20 count.
    #[param(required = false)]
    q: Option<String>,
    /// Episodes of this show.
    #[param(required = false)]
    show: Option<String>,
    /// Episodes of this season.
    #[param(required = false)]
    season: Option<u32>,
    /// Whether it can air.
    #[param(required = false, inline)]
    state: Option<State>,
    /// FFmpeg's name of the video codec.
    #[param(required = false, example = "hevc")]
    codec: Option<String>,
    /// Movie, episode or other.
    #[param(required = false, inline)]
    kind: Option<MediaKind>,
    /// Found in this folder.
    #[param(required = false)]
    folder: Option<Uuid>,
}

impl From<Filter> for MediaFilter {
    fn from(filter: Filter) -> Self {
        Self {
            q: filter.q,
            show: filter.show,
            season: filter.season,
            state: filter.state.map(Into::into),
            codec: filter.codec,
            kind: filter.kind,
            folder: filter.folder.map(FolderId),
        }
    }
}

/// In which order media are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = MediaSort)]
pub enum Sort {
    /// By show or title, season and episode.
    #[default]
    Name,
    /// What was found last comes first.
    Added,
    /// The longest first.
    Length,
    /// The largest first.
    Size,
}

impl From<Sort> for MediaSort {
    fn from(sort: Sort) -> Self {
        match sort {
            Sort::Name => Self::Name,
            Sort::Added => Self::Added,
            Sort::Length => Self::Length,
            Sort::Size => Self::Size,
        }
    }
}

/// The library, by show or title, season and episode, unless asked otherwise.
#[utoipa::path(
    get, path = "/media", operation_id = "list_media", tag = "library",
    params(MediaQuery),
    responses((status = 200, body = Listing<Media>)),
)]
pub(super) async fn list(
    FromState(db): FromState<Db>,
    Query(query): Query<MediaQuery>,
) -> Answer<Json<Listing<Media>>> {
    let filter = MediaFilter::from(Filter {
        q: query.q,
        show: query.show,
        season: query.season,
        state: query.state,
        codec: query.codec,
        kind: query.kind,
        folder: query.folder,
    });
    if let Some(path) = &query.path {
        let sorted = query.sort != Sort::default();
        if filter != MediaFilter::default() || query.cursor.is_some() || sorted {
            return Err(Problem::field("path", "names one file, so nothing else can be asked for"));
        }
        let found = db.media_at(path.as_ref()).await?;
        return Ok(Json(Listing { items: found.iter().map(Media::from).collect(), next: None }));
    }
    let limit = query.limit.get() as u64;
    let sort = query.sort.into();
    let page = db.list_media_by(sort, &filter, query.cursor.as_deref(), limit).await?;
    Ok(Json(Listing { items: page.items.iter().map(Media::from).collect(), next: page.next }))
}

/// One media.
#[utoipa::path(
    get, path = "/media/{media}", operation_id = "get_media", tag = "library",
    params(("media" = Uuid, Path, description = "Its id.")),
    responses((status = 200, body = Media), (status = 404, body = Problem)),
)]
pub(super) async fn get(FromState(db): FromState<Db>, At(id): At<MediaId>) -> Answer<Json<Media>> {
    find(&db, id).await.map(|media| Json(Media::from(&media)))
}

/// Finds a media.
pub(super) async fn find(db: &Db, id: MediaId) -> Answer<db::Media> {
    db.media(id).await?.ok_or_else(|| Problem::not_found("media", &id.to_string()))
}

/// Sets what people say of a media; a scan leaves it alone from then on.
#[utoipa::path(
    patch, path = "/media/{media}", operation_id = "edit_media", tag = "library",
    params(("media" = Uuid, Path, description = "Its id.")),
    request_body = MediaEdit,
    responses((status = 200, body = Media)),
)]
pub(super) async fn edit(
    FromState(db): FromState<Db>,
    FromState(schedule): FromState<Schedule>,
    FromState(clock): FromState<Clock>,
    At(id): At<MediaId>,
    Json(edit): Json<MediaEdit>,
) -> Answer<Json<Media>> {
    edit.check()?;
    let edits = edit.over(find(&db, id).await?.edits);
    carried_through(async move {
        let media = db.edit_media(id, &edits, clock.now()).await?;
        let media = media.ok_or_else(|| Problem::not_found("media", &id.to_string()))?;
        // It may have entered or left a show that a channel plays.
        schedule.library_changed(&[id]).await?;
        Ok(Json(Media::from(&media)))
    })
    .await
}

/// Forgets a media whose file is gone or cannot be played, with its places in
/// lineups. No file is touched.
#[utoipa::path(
    delete, path = "/media/{media}", operation_id = "delete_media", tag = "library",
    params(("media" = Uuid, Path, description = "Its id.")),
    responses(
        (status = 204),
        (status = 409, description = "Its file is there and can be played.", body = Problem),
        (status = 404, body = Problem),
    ),
)]
pub(super) async fn delete(
    FromState(db): FromState<Db>,
    FromState(schedule): FromState<Schedule>,
    At(id): At<MediaId>,
) -> Answer<StatusCode> {
    let media = find(&db, id).await?;
    if media.state == MediaState::Ok {
        let detail = format!(
            "the file of `{}` is there and can be played, so the next scan would bring it back; \
             delete or move the file ({}), or take it out of the lineups",
            media.about.title,
            media.path.display(),
        );
        return Err(Problem::new(Kind::Conflict, detail));
    }
    carried_through(async move {
        db.delete_media(id).await?;
        schedule.library_changed(&[id]).await?;
        Ok(StatusCode::NO_CONTENT)
    })
    .await
}

/// Tries a media again that was put aside or could not be read: it is taken back,
/// and its folder is scanned for what could not be read.
#[utoipa::path(
    post, path = "/media/{media}/retry", operation_id = "retry_media", tag = "library",
    params(("media" = Uuid, Path, description = "Its id.")),
    responses(
        (status = 200, body = Media),
        (status = 404, body = Problem),
    ),
)]
pub(super) async fn retry(
    FromState(db): FromState<Db>,
    FromState(schedule): FromState<Schedule>,
    FromState(library): FromState<Library>,
    FromState(clock): FromState<Clock>,
    At(id): At<MediaId>,
) -> Answer<Json<Media>> {
    let media = find(&db, id).await?;
    if db.take_back(id, clock.now()).await? {
        schedule.library_changed(&[id]).await?;
    } else if matches!(media.state, MediaState::Unplayable { .. }) {
        let request = ScanRequest { retry: true, ..ScanRequest::folder(media.folder) };
        // A library that shuts down scans at its next start.
        let _asked = library.scan(request).await;
    }
    Ok(Json(Media::from(&find(&db, id).await?)))
}

/// A show.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Show {
    /// Its name: what a lineup item names.
    show: String,
    /// How many episodes it has, unplayable and missing ones too.
    episodes: u64,
    /// How many seasons.
    seasons: u64,
    /// All its playable episodes together.
    length_ms: i64,
}

/// The shows of the library, by name.
#[utoipa::path(
    get, path = "/shows", operation_id = "list_shows", tag = "library",
    params(PageQuery),
    responses((status = 200, body = Listing<Show>)),
)]
pub(super) async fn shows(
    FromState(db): FromState<Db>,
    Query(page): Query<PageQuery>,
) -> Answer<Json<Listing<Show>>> {
    let shows = db.shows().await?;
    let after = page.cursor.as_deref();
    let rest =
        shows.into_iter().filter(|show| after.is_none_or(|after| show.show.as_str() > after));
    let told = rest.map(|show| Show {
        show: show.show,
        episodes: show.episodes,
        seasons: show.seasons,
        length_ms: millis(show.length),
    });
    Ok(Json(Listing::cut(told, page.limit, |show| show.show.clone())))
}
