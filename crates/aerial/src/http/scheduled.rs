//! What several routes ask of the schedule in the same way.
//!
//! Owns the channel that a path names, and how the effect of a change is told.

use std::sync::Arc;

use aerial_model::channel::Channel;
use aerial_model::id::ChannelRef;

use super::problem::{Answer, Problem};
use super::wire::Instant;
use crate::schedule::{Effect, Schedule};

/// Finds a channel by its number or id.
pub(super) fn find(schedule: &Schedule, channel: ChannelRef) -> Answer<Arc<Channel>> {
    schedule.channel(channel).ok_or_else(|| Problem::not_found("channel", &channel.to_string()))
}

/// When a change is seen.
pub(super) fn takes_effect_at(effect: Effect) -> Option<Instant> {
    effect.changes_plan.then_some(Instant(effect.at))
}
