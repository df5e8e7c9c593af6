//! What people may set of a media.
//!
//! Owns the limits. Invariant: `null` and a field that is not there are told
//! apart, so that an edit can be taken back.

use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

use super::problem::{Answer, FieldError, Problem};
use crate::db::{MediaEdits, MediaKind};

/// Longest title or show name, in characters.
const TITLE_CHARS: usize = 300;
/// Longest plot, in characters.
const PLOT_CHARS: usize = 20_000;
/// Most genres.
const MOST_GENRES: usize = 50;
/// Highest season or episode; lists are ordered by five digits.
const HIGHEST: u32 = 99_998;

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
    /// Whether it can be, with all that is wrong with it.
    pub(super) fn check(&self) -> Answer<()> {
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

    /// The edits there were, with this one made.
    pub(super) fn over(self, old: MediaEdits) -> MediaEdits {
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
