//! A media as the catalogue keeps it: the file, what was found in it, and what
//! people said about it.
//!
//! Owns the record and how it is written in a row. Invariant: what people set
//! (`MediaEdits`) wins over what a scan finds, at every scan.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use aerial_model::id::{FolderId, MapId, MediaId};
use aerial_model::media::MediaFacts;
use aerial_model::segment_map::{MapOutline, SegmentMap};
use aerial_model::time::AirTime;
use serde::{Deserialize, Serialize};

use super::entity::media::Model;
use super::error::Result;
use super::stored;

/// One file of the library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Media {
    /// For good, also when the file moves.
    pub id: MediaId,
    /// The folder it was found in.
    pub folder: FolderId,
    /// Where it is: absolute, with its own bytes.
    pub path: PathBuf,
    /// Which version of its bytes the facts and the map are of.
    pub identity: Identity,
    /// Whether it can air.
    pub state: MediaState,
    /// What was found in it; `None` where it could not be read.
    pub facts: Option<Arc<MediaFacts>>,
    /// Its cut points; `None` where it cannot be played.
    pub map: Option<(MapId, SegmentMap)>,
    /// Whether its video can be copied; `None` until it is indexed.
    pub copying: Option<Copying>,
    /// The map of the same bytes before it was known how long they really are:
    /// airings that were planned with it are still made.
    pub earlier_map: Option<MapId>,
    /// What it is, people's edits applied.
    pub about: About,
    /// What people set.
    pub edits: MediaEdits,
    /// When it was first found.
    pub added_at: AirTime,
    /// When anything of it last changed.
    pub changed_at: AirTime,
}

/// Which version of a file's bytes this is (`rules.md`, 9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Identity {
    /// Size.
    pub size_bytes: u64,
    /// When it was last written, in nanoseconds since the Unix epoch.
    pub mtime_ns: i64,
    /// Hash of its first and last 64 KiB; `None` where it could not be read.
    pub hash: Option<[u8; 32]>,
}

/// Whether a media can air.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MediaState {
    /// It can.
    Ok,
    /// It cannot be played; kept with the reason, planned as slate for 24 h.
    Unplayable {
        /// Why, for people.
        reason: String,
        /// Since when this is known.
        since: AirTime,
    },
    /// It failed on the air and was put aside, planned as slate for 24 h; until its
    /// bytes are others, or somebody takes it back.
    Quarantined {
        /// Why, for people.
        reason: String,
        /// Since when.
        since: AirTime,
    },
    /// Its file is gone; it comes back by itself with the file.
    Missing {
        /// Since when.
        since: AirTime,
    },
}

/// What an index found of a media's video.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Copying {
    /// It is copied, cut at its own keyframes.
    Copied {
        /// The map that is cut there.
        map_id: MapId,
        /// What is known of it without its cuts.
        outline: MapOutline,
        /// Why the sound is transcoded all the same; `None` where it is copied too.
        sound_transcoded: Option<String>,
    },
    /// It is transcoded.
    Transcoded {
        /// Why, for people.
        reason: String,
    },
}

impl Copying {
    /// The map cut at its keyframes, where there is one.
    pub fn map(&self) -> Option<(MapId, MapOutline)> {
        match self {
            Self::Copied { map_id, outline, .. } => Some((*map_id, *outline)),
            Self::Transcoded { .. } => None,
        }
    }
}

/// What kind of thing a media is.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum MediaKind {
    /// A film.
    Movie,
    /// One of a show.
    Episode,
    /// Neither is known.
    #[default]
    Other,
}

impl MediaKind {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Movie => "movie",
            Self::Episode => "episode",
            Self::Other => "other",
        }
    }
}

/// What a media is, for people: from names, `.nfo` files, tags and edits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct About {
    /// Of the film or the episode.
    pub title: String,
    /// Movie, episode or other.
    pub kind: MediaKind,
    /// The show it is an episode of.
    pub show: Option<String>,
    /// 0 is specials.
    pub season: Option<u32>,
    /// Number in the season.
    pub episode: Option<u32>,
    /// When it was made.
    pub year: Option<u16>,
    /// What happens in it.
    pub plot: Option<String>,
    /// Genres, in the source's words.
    pub genres: Vec<String>,
    /// When it was first shown, as the source writes it (usually `2009-04-17`).
    pub aired: Option<String>,
    /// Age rating, in the source's words.
    pub rating: Option<String>,
    /// Who plays in it, the most important first.
    pub cast: Vec<Actor>,
}

/// Somebody who plays in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// Their name.
    pub name: String,
    /// Whom they play.
    pub role: Option<String>,
}

/// What people set: each field, where there, stands in place of what was found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MediaEdits {
    /// See [`About::title`].
    pub title: Option<String>,
    /// See [`About::kind`].
    pub kind: Option<MediaKind>,
    /// See [`About::show`].
    pub show: Option<String>,
    /// See [`About::season`].
    pub season: Option<u32>,
    /// See [`About::episode`].
    pub episode: Option<u32>,
    /// See [`About::year`].
    pub year: Option<u16>,
    /// See [`About::plot`].
    pub plot: Option<String>,
    /// See [`About::genres`].
    pub genres: Option<Vec<String>>,
}

impl MediaEdits {
    /// What was found, with the edits in place.
    pub fn over(&self, found: &About) -> About {
        let edits = self.clone();
        let found = found.clone();
        About {
            title: edits.title.unwrap_or(found.title),
            kind: edits.kind.unwrap_or(found.kind),
            show: edits.show.or(found.show),
            season: edits.season.or(found.season),
            episode: edits.episode.or(found.episode),
            year: edits.year.or(found.year),
            plot: edits.plot.or(found.plot),
            genres: edits.genres.unwrap_or(found.genres),
            aired: found.aired,
            rating: found.rating,
            cast: found.cast,
        }
    }
}

impl About {
    /// With what the container's tags say where nobody else says anything. Comments
    /// are none of it: encoders leave their own there.
    fn filled_from(self, tags: &BTreeMap<String, String>) -> Self {
        let tag = |names: &[&str]| {
            let texts = names.iter().filter_map(|name| tags.get(*name)).map(|text| text.trim());
            texts.filter(|text| !text.is_empty()).map(str::to_owned).next()
        };
        let mut about = self;
        about.plot = about.plot.or_else(|| tag(&["synopsis", "description", "summary"]));
        about.rating = about.rating.or_else(|| tag(&["law_rating"]));
        if about.genres.is_empty() {
            let genres = tag(&["genre"]).unwrap_or_default();
            let genres = genres.split(['/', '|', ',', ';']).map(str::trim);
            about.genres = genres.filter(|genre| !genre.is_empty()).map(str::to_owned).collect();
        }
        about
    }

    /// What a search looks through: title, show and file name, in lower case.
    pub(super) fn search_text(&self, path: &std::path::Path) -> String {
        let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        [self.title.as_str(), self.show.as_deref().unwrap_or_default(), &name]
            .join("\n")
            .to_lowercase()
    }

    /// The order of lists: by show or title, then season, episode and title.
    /// Compared byte by byte, so the same in every database.
    pub(super) fn sort_key(&self) -> String {
        let number = |n: Option<u32>| format!("{:05}", n.unwrap_or(99_999));
        let name = self.show.as_ref().unwrap_or(&self.title).to_lowercase();
        let (season, episode) = match self.show {
            Some(_) => (number(self.season), number(self.episode)),
            None => Default::default(),
        };
        format!("{name}\n{season}\n{episode}\n{}", self.title.to_lowercase())
    }
}

impl Media {
    pub(super) fn read(row: Model) -> Result<Self> {
        let facts = row
            .facts_json
            .map(|text| stored::from_json::<MediaFacts>("facts of a media", &text).map(Arc::new))
            .transpose()?;
        let about: About = stored::from_json("description of a media", &row.about_json)?;
        let about = match &facts {
            Some(facts) => about.filled_from(&facts.tags),
            None => about,
        };
        Ok(Self {
            id: stored::parsed("media id", &row.id)?,
            folder: stored::parsed("folder id", &row.folder_id)?,
            path: stored::path(row.path),
            identity: identity(row.size_bytes, row.mtime_ns, row.content_hash.as_deref())?,
            state: state(StateColumns {
                missing_since_ms: row.missing_since_ms,
                unplayable: (row.unplayable_reason, row.unplayable_since_ms),
                quarantined: (row.quarantine_reason, row.quarantined_since_ms),
            }),
            facts,
            map: map(row.map_id.as_deref(), row.map_json.as_deref())?,
            copying: copying(row.copying_json.as_deref())?,
            earlier_map: row.earlier_map_id.map(|id| stored::parsed("map id", &id)).transpose()?,
            about,
            edits: stored::from_json("edits of a media", &row.edits_json)?,
            added_at: AirTime::from_unix_millis(row.added_at_ms),
            changed_at: AirTime::from_unix_millis(row.changed_at_ms),
        })
    }
}

pub(super) fn identity(size: i64, mtime_ns: i64, hash: Option<&[u8]>) -> Result<Identity> {
    Ok(Identity {
        size_bytes: stored::narrowed("file size", size)?,
        mtime_ns,
        hash: hash.and_then(|bytes| bytes.try_into().ok()),
    })
}

/// The columns that tell a media's state: a reason and since when.
pub(super) struct StateColumns {
    pub(super) missing_since_ms: Option<i64>,
    pub(super) unplayable: (Option<String>, Option<i64>),
    pub(super) quarantined: (Option<String>, Option<i64>),
}

/// The state that the columns tell. A missing file's fault is kept, for when it
/// comes back.
pub(super) fn state(columns: StateColumns) -> MediaState {
    let at = |ms: Option<i64>| AirTime::from_unix_millis(ms.unwrap_or_default());
    let StateColumns { missing_since_ms, unplayable, quarantined } = columns;
    if missing_since_ms.is_some() {
        return MediaState::Missing { since: at(missing_since_ms) };
    }
    match (unplayable, quarantined) {
        ((Some(reason), since), _) => MediaState::Unplayable { reason, since: at(since) },
        (_, (Some(reason), since)) => MediaState::Quarantined { reason, since: at(since) },
        _ => MediaState::Ok,
    }
}

pub(super) fn map(id: Option<&str>, map: Option<&str>) -> Result<Option<(MapId, SegmentMap)>> {
    let (Some(id), Some(map)) = (id, map) else { return Ok(None) };
    let outline: MapOutline = stored::from_json("segment map", map)?;
    outline.uniform().map(|map| Ok((stored::parsed("map id", id)?, map))).transpose()
}

pub(super) fn copying(json: Option<&str>) -> Result<Option<Copying>> {
    json.map(|json| stored::from_json("index of a media", json)).transpose()
}
