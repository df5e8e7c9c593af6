//! A channel to be, in the fewest words that a test needs.

use std::time::Duration;

use aerial_model::time::AirTime;

use super::NOW;
use crate::media::Film;

/// A channel to be.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) films: Vec<Film>,
    pub(crate) starts_at: AirTime,
    pub(crate) looping: bool,
    pub(crate) grace: Duration,
    pub(crate) kept: bool,
}

impl Plan {
    /// Plays these films for ever, from [`NOW`] on.
    pub(crate) fn of(films: &[Film]) -> Self {
        let grace = Duration::from_secs(30);
        Self { films: films.to_vec(), starts_at: NOW, looping: true, grace, kept: false }
    }

    pub(crate) fn starting(self, starts_at: AirTime) -> Self {
        Self { starts_at, ..self }
    }

    pub(crate) fn grace(self, grace: Duration) -> Self {
        Self { grace, ..self }
    }

    pub(crate) fn kept(self) -> Self {
        Self { kept: true, ..self }
    }

    pub(crate) fn once(self) -> Self {
        Self { looping: false, ..self }
    }
}
