//! `/media`: the library's files, what is known of them and what is done with them.
//!
//! Owns how a media is told and what people may set. Its picture is in
//! `thumbnail`. Invariant: no file of the library is ever written or deleted.

use aerial_model::id::{FolderId, MediaId};
use aerial_model::media::{self as model, MediaFacts};
use axum::extract::State as FromState;
use axum::http::StatusCode;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::extract::{At, Json, Query};
use super::page::{Limit, Listing, PageQuery};
use super::problem::{Answer, FieldError, Kind, Problem};
use super::treatment::Treatment;
use super::wire::{Instant, millis};
use crate::clock::Clock;
use crate::db::{self, Db, MediaEdits, MediaFilter, MediaKind, MediaState, StateFilter};
use crate::schedule::Schedule;

/// Longest title or show name, in characters.
const TITLE_CHARS: usize = 300;
/// Longest plot, in characters.
const PLOT_CHARS: usize = 20_000;
/// Most genres.
const MOST_GENRES: usize = 50;
/// Highest season or episode; lists are ordered by five digits.
const HIGHEST: u32 = 99_998;

/// Whether a media can air.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
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
            MediaState::Unplayable { .. } => Self::Unplayable,
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
    /// Whether it can air.
    state: State,
    /// Why it cannot.
    #[schema(required = true)]
    reason: Option<String>,
    /// Since when it cannot.
    #[schema(required = true)]
    since: Option<Instant>,
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
            MediaState::Unplayable { reason, since } => (Some(reason.clone()), Some(*since)),
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
            state: (&media.state).into(),
            reason,
            since: since.map(Instant),
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
            length_ms: media.map.as_ref().map(|(_, map)| millis(map.end())),
            streams: media.facts.as_deref().map(Into::into),
            treatment: media.facts.as_deref().map(Treatment::of),
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

/// What is in a file.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Streams {
    /// FFmpeg's name of the container.
    container: String,
    /// The picture; `null` for sound alone.
    #[schema(required = true)]
    video: Option<Video>,
    /// The sounds; the first is the one that airs.
    audio: Vec<Audio>,
    /// Subtitles.
    subtitles: Vec<Subtitle>,
    /// Chapters.
    chapters: Vec<Chapter>,
}

/// The picture of a file.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Video {
    /// FFmpeg's codec name.
    codec: String,
    /// FFmpeg's profile name.
    #[schema(required = true)]
    profile: Option<String>,
    /// FFmpeg's pixel format.
    #[schema(required = true)]
    pixel_format: Option<String>,
    /// Coded width in pixels.
    width: u32,
    /// Coded height in pixels.
    height: u32,
    /// Shape of a pixel, width to height.
    #[schema(example = "64:45")]
    pixel_aspect: String,
    /// Frames per second, as a fraction.
    #[schema(required = true, example = "24000/1001")]
    frame_rate: Option<String>,
    /// How its lines are stored.
    field_order: &'static str,
    /// High dynamic range.
    hdr: bool,
    /// Degrees clockwise that it is to be turned.
    rotation: u16,
    /// Bit rate, where the file says so.
    #[schema(required = true)]
    kbps: Option<u32>,
    /// ISO 639 language.
    #[schema(required = true)]
    language: Option<String>,
}

/// A sound of a file.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Audio {
    /// FFmpeg's codec name.
    codec: String,
    /// FFmpeg's profile name.
    #[schema(required = true)]
    profile: Option<String>,
    /// Samples per second.
    sample_rate: u32,
    /// Number of channels.
    channels: u32,
    /// FFmpeg's layout.
    #[schema(required = true)]
    layout: Option<String>,
    /// ISO 639 language.
    #[schema(required = true)]
    language: Option<String>,
}

/// Subtitles of a file.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Subtitle {
    /// FFmpeg's codec name.
    codec: String,
    /// ISO 639 language.
    #[schema(required = true)]
    language: Option<String>,
}

/// A chapter of a file.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Chapter {
    /// When it begins.
    start_ms: i64,
    /// When it ends.
    end_ms: i64,
    /// What it is called.
    #[schema(required = true)]
    title: Option<String>,
}

impl From<&MediaFacts> for Streams {
    fn from(facts: &MediaFacts) -> Self {
        let audio = facts.audio.iter().map(|audio| Audio {
            codec: audio.codec.clone(),
            profile: audio.profile.clone(),
            sample_rate: audio.sample_rate,
            channels: audio.channels,
            layout: audio.layout.clone(),
            language: audio.language.clone(),
        });
        let subtitles = facts.subtitles.iter().map(|subtitle| Subtitle {
            codec: subtitle.codec.clone(),
            language: subtitle.language.clone(),
        });
        let chapters = facts.chapters.iter().map(|chapter| Chapter {
            start_ms: millis(chapter.start),
            end_ms: millis(chapter.end),
            title: chapter.title.clone(),
        });
        Self {
            container: facts.container.clone(),
            video: facts.video.as_ref().map(Into::into),
            audio: audio.collect(),
            subtitles: subtitles.collect(),
            chapters: chapters.collect(),
        }
    }
}

impl From<&model::VideoFacts> for Video {
    fn from(video: &model::VideoFacts) -> Self {
        let (width, height) = video.pixel_aspect;
        Self {
            codec: video.codec.clone(),
            profile: video.profile.clone(),
            pixel_format: video.pixel_format.clone(),
            width: video.width,
            height: video.height,
            pixel_aspect: format!("{width}:{height}"),
            frame_rate: video.average_rate.or(video.nominal_rate).map(|rate| rate.to_string()),
            field_order: match video.field_order {
                model::FieldOrder::Unknown => "unknown",
                model::FieldOrder::Progressive => "progressive",
                model::FieldOrder::TopFirst => "top_first",
                model::FieldOrder::BottomFirst => "bottom_first",
            },
            hdr: video.color.is_hdr(),
            rotation: video.rotation,
            kbps: video.kbps,
            language: video.language.clone(),
        }
    }
}

/// Which media a list is of; all that are given must fit.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct MediaQuery {
    /// Words, each of which is in the title, the show or the file's name.
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
    /// How many items at most.
    #[param(value_type = u16, required = false, minimum = 1, maximum = 500, default = 100)]
    limit: Limit,
    /// The `next` of the page before.
    #[param(required = false)]
    cursor: Option<String>,
}

/// The library, by show or title, season and episode.
#[utoipa::path(
    get, path = "/media", operation_id = "list_media", tag = "library",
    params(MediaQuery),
    responses((status = 200, body = Listing<Media>), (status = "4XX", body = Problem)),
)]
pub(super) async fn list(
    FromState(db): FromState<Db>,
    Query(query): Query<MediaQuery>,
) -> Answer<Json<Listing<Media>>> {
    let filter = MediaFilter {
        q: query.q,
        show: query.show,
        season: query.season,
        state: query.state.map(Into::into),
        codec: query.codec,
        kind: query.kind,
        folder: query.folder.map(FolderId),
    };
    let limit = query.limit.get() as u64;
    let page = db.list_media(&filter, query.cursor.as_deref(), limit).await?;
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

/// What people say of a media. What is not there stays as it is; `null` goes back
/// to what was found in the file and its name.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MediaEdit {
    /// Of the film or the episode.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    title: Option<Option<String>>,
    /// Movie, episode or other.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<MediaKind>)]
    kind: Option<Option<MediaKind>>,
    /// The show it is an episode of.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    show: Option<Option<String>>,
    /// 0 is specials.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<u32>)]
    season: Option<Option<u32>>,
    /// Number in the season.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<u32>)]
    episode: Option<Option<u32>>,
    /// When it was made.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<u16>)]
    year: Option<Option<u16>>,
    /// What happens in it.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    plot: Option<Option<String>>,
    /// Genres.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Vec<String>>)]
    genres: Option<Option<Vec<String>>>,
}

/// Tells `null` from a field that is not there.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

impl MediaEdit {
    fn check(&self) -> Answer<()> {
        let mut errors = Vec::new();
        let mut line = |field: &str, text: &Option<Option<String>>, most: usize| {
            let Some(Some(text)) = text else { return };
            if text.trim().is_empty() {
                errors
                    .push(FieldError::new(field, "must not be empty; `null` takes the edit back"));
            } else if text.chars().count() > most {
                let message = format!("must be at most {most} characters long");
                errors.push(FieldError::new(field, message));
            }
        };
        line("title", &self.title, TITLE_CHARS);
        line("show", &self.show, TITLE_CHARS);
        line("plot", &self.plot, PLOT_CHARS);
        for (field, number) in [("season", self.season), ("episode", self.episode)] {
            if number.flatten().is_some_and(|number| number > HIGHEST) {
                errors.push(FieldError::new(field, format!("must be at most {HIGHEST}")));
            }
        }
        if let Some(Some(genres)) = &self.genres {
            if genres.len() > MOST_GENRES {
                let message = format!("must be at most {MOST_GENRES}");
                errors.push(FieldError::new("genres", message));
            }
            for (index, genre) in genres.iter().enumerate() {
                if genre.trim().is_empty() || genre.chars().count() > TITLE_CHARS {
                    let message = format!("must have 1 to {TITLE_CHARS} characters");
                    errors.push(FieldError::new(format!("genres[{index}]"), message));
                }
            }
        }
        if errors.is_empty() { Ok(()) } else { Err(Problem::invalid(errors)) }
    }

    fn over(self, old: MediaEdits) -> MediaEdits {
        MediaEdits {
            title: self.title.unwrap_or(old.title),
            kind: self.kind.unwrap_or(old.kind),
            show: self.show.unwrap_or(old.show),
            season: self.season.unwrap_or(old.season),
            episode: self.episode.unwrap_or(old.episode),
            year: self.year.unwrap_or(old.year),
            plot: self.plot.unwrap_or(old.plot),
            genres: self.genres.unwrap_or(old.genres),
        }
    }
}

/// Sets what people say of a media; a scan leaves it alone from then on.
#[utoipa::path(
    patch, path = "/media/{media}", operation_id = "edit_media", tag = "library",
    params(("media" = Uuid, Path, description = "Its id.")),
    request_body = MediaEdit,
    responses((status = 200, body = Media), (status = "4XX", body = Problem)),
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
    let media = db.edit_media(id, &edits, clock.now()).await?;
    let media = media.ok_or_else(|| Problem::not_found("media", &id.to_string()))?;
    // It may have entered or left a show that a channel plays.
    schedule.library_changed(&[id]).await?;
    Ok(Json(Media::from(&media)))
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
    db.delete_media(id).await?;
    schedule.library_changed(&[id]).await?;
    Ok(StatusCode::NO_CONTENT)
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
    responses((status = 200, body = Listing<Show>), (status = "4XX", body = Problem)),
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
