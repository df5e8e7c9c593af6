//! A track that is wanted: what it is, how its workers do, what they left.

use std::sync::Arc;
use std::time::Duration;

use aerial_model::demand::Want;
use aerial_model::fault::Tell;
use tokio::task::AbortHandle;

use super::Released;
use super::health::{Course, Health};
use crate::clock::monotonic;
use crate::stream::track::{Source, Track};
use crate::stream::worker::Unfinished;

/// One track of the transcoder.
#[derive(Debug)]
pub(super) struct TrackState {
    pub(super) track: Arc<Track>,
    pub(super) health: Health,
    /// Segments that were begun and that nobody is making now.
    pub(super) unfinished: Vec<Unfinished>,
    /// That it is slate was logged.
    pub(super) told_slate: bool,
    /// What the library was told of its file.
    pub(super) told: Option<Tell>,
    /// Slate is being composed for it.
    pub(super) composing: Option<AbortHandle>,
    /// Who waits until that has ended.
    pub(super) waiting: Vec<Released>,
    /// The sessions that wanted it are gone: nobody is left to complete a
    /// segment for.
    pub(super) given_up: bool,
}

impl TrackState {
    pub(super) fn new(track: Arc<Track>) -> Self {
        Self {
            track,
            health: Health::default(),
            unfinished: Vec::new(),
            told_slate: false,
            told: None,
            composing: None,
            waiting: Vec::new(),
            given_up: false,
        }
    }

    /// Its file cannot be played now.
    pub(super) fn is_withheld(&self) -> bool {
        matches!(self.track.source, Source::Withheld(_))
    }

    /// What is wrong with it.
    pub(super) fn trouble(&self) -> Option<&str> {
        match &self.track.source {
            Source::Withheld(withheld) => Some(&withheld.reason),
            Source::Media(_) | Source::Slate(_) => self.health.last_error.as_deref(),
        }
    }

    /// What to do about a missing segment that is needed `due` from now.
    pub(super) fn course(&mut self, segment: u32, due: Duration) -> Course {
        let read = self.is_read(segment);
        match self.is_withheld() {
            true => Health::course_withheld(due, read),
            false => self.health.course(due, read, monotonic()),
        }
    }

    pub(super) fn take_unfinished(&mut self, segment: u32) -> Option<Unfinished> {
        let place = self.unfinished.iter().position(|left| left.growth.key().index == segment)?;
        Some(self.unfinished.swap_remove(place))
    }

    /// Whether somebody has a part of this segment, and waits for the rest.
    pub(super) fn is_read(&self, segment: u32) -> bool {
        self.unfinished
            .iter()
            .any(|left| left.growth.key().index == segment && left.growth.is_read())
    }

    /// Gives up what was begun and is neither wanted nor read. Returns the
    /// segments that somebody reads though nobody wants them any more: players
    /// that have fallen behind. They are to be completed (`rules.md`, 22).
    pub(super) fn let_go(&mut self, wants: &[Want]) -> Vec<u32> {
        let key = self.track.key;
        let wanted = |index: u32| {
            let of_track = wants.iter().filter(|want| want.track == key);
            of_track.into_iter().any(|want| (want.first..want.high).contains(&index))
        };
        let given_up = self.given_up;
        self.unfinished
            .retain(|left| wanted(left.growth.key().index) || (!given_up && left.growth.is_read()));
        let left = self.unfinished.iter().map(|left| left.growth.key().index);
        left.filter(|index| !wanted(*index)).collect()
    }
}
