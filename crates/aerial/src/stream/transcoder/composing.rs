//! Slate in place of what cannot be made, as the transcoder has it composed.
//!
//! Owns the tasks that compose it, one for a track at a time. What slate looks like is the
//! business of `stream/slate`.

use std::sync::Arc;
use std::time::Duration;

use aerial_model::demand::TrackKey;
use tokio::task::{Id, JoinError};

use super::owner::Owner;
use super::track_state::TrackState;
use crate::stream::worker::Unfinished;

/// If not even a slate can be made, it is tried again after this.
const SLATE_PAUSE: Duration = Duration::from_secs(1);

impl Owner {
    /// Makes slate in place of what is missing of `segment`, and of the segments
    /// from there to `limit` (none: it is only to be completed).
    pub(super) fn compose(&mut self, key: TrackKey, segment: u32, limit: u32) {
        let Some(state) = self.tracks.get_mut(&key) else { return };
        if state.composing.is_some() {
            return;
        }
        let (track, store, slates) =
            (Arc::clone(&state.track), self.store.clone(), self.slates.clone());
        let unfinished = state.take_unfinished(segment);
        let composing = self.composing.spawn(async move {
            let filled = slates.fill(&track, unfinished, segment..limit, &store).await;
            let (error, left) = filled.err()?;
            tracing::error!(title = track.title(), %error, "there is not even a slate");
            // Without a pause this would be tried again at once, for ever.
            tokio::time::sleep(SLATE_PAUSE).await;
            left
        });
        state.composing = Some(composing);
    }

    pub(super) fn composed(&mut self, joined: Result<(Id, Option<Unfinished>), JoinError>) {
        let (task, left) = match joined {
            Ok(composed) => composed,
            Err(error) => {
                if error.is_panic() {
                    tracing::error!(%error, "composing a slate ended abnormally");
                }
                (error.id(), None)
            }
        };
        let of_task = |state: &&mut TrackState| {
            state.composing.as_ref().is_some_and(|composing| composing.id() == task)
        };
        if let Some(state) = self.tracks.values_mut().find(of_task) {
            state.composing = None;
            state.waiting.clear();
            state.unfinished.extend(left);
        }
    }
}
