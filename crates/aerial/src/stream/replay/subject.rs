//! What is played: a channel's past, or a media by itself.
//!
//! Owns how either is named, in lists and for people. Invariant: an address says all
//! that decides what is played there.

use std::sync::Arc;

use aerial_model::id::{ChannelId, ItemId, MapId};
use aerial_model::ladder::Ladder;
use aerial_model::ledger::{AirSegment, Broken, Content, Cursor, Row};
use aerial_model::lineup::SlotKey;
use aerial_model::profile::Rendition;
use aerial_model::replay::Replay;
use aerial_model::time::AirTime;
use uuid::Uuid;

use super::Result;
use super::viewer::{Viewer, ViewingName};
use crate::clock::Clock;
use crate::stream::error::StreamError;
use crate::stream::programme::Programme;
use crate::stream::timeline::{Alone, OnAir, TimelineError};

/// A media alone begins there, so that no timestamp of it is before 0.
const ALONE_FROM: AirTime = AirTime(10 * 90_000);

/// What is played.
#[derive(Clone, Debug)]
pub(super) enum Subject {
    /// What a channel aired.
    Past(OnAir),
    /// A media.
    Alone(Alone),
}

impl Subject {
    /// For people.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Past(channel) => format!("channel {}", channel.number),
            Self::Alone(alone) => format!("`{}`", alone.title),
        }
    }

    /// As it is listed beside what is on the air.
    pub(super) fn running_name(&self) -> String {
        match self {
            Self::Past(channel) => format!("{} {} again", channel.number, channel.name),
            Self::Alone(alone) => format!("`{}`", alone.title),
        }
    }

    /// The channel; no one's for a media.
    pub(super) fn channel(&self) -> ChannelId {
        match self {
            Self::Past(channel) => channel.id,
            Self::Alone(_) => ChannelId(Uuid::nil()),
        }
    }

    /// Who watches what, in which rendition.
    pub(super) fn named(&self, rendition: Rendition, viewer: &Viewer) -> ViewingName {
        let subject = match self {
            Self::Past(channel) => channel.id.0,
            Self::Alone(alone) => alone.media.0,
        };
        ViewingName { subject, rendition, viewer: viewer.clone() }
    }

    /// How a media is cut.
    pub(super) fn map_id(&self) -> Option<MapId> {
        match self {
            Self::Past(_) => None,
            Self::Alone(alone) => Some(alone.map_id),
        }
    }

    /// The time that it is there.
    pub(super) fn now(&self, clock: &Clock) -> AirTime {
        match self {
            Self::Past(channel) => clock.now_on(channel.id),
            // All of it is there.
            Self::Alone(_) => AirTime(i64::MAX),
        }
    }

    /// Whether its segments have a time at which they aired.
    pub(super) fn is_dated(&self) -> bool {
        matches!(self, Self::Past(_))
    }

    /// Whether a file is to be shown, not that the channel is off the air.
    pub(super) fn is_media(&self, segment: &AirSegment) -> bool {
        matches!(segment.row.content, Content::Media { .. })
    }

    fn ladder(&self, programme: &Programme) -> Ladder {
        match self {
            Self::Past(channel) => programme.ladder(channel),
            Self::Alone(alone) => programme.ladder_of(alone.frame_height, alone.looks),
        }
    }

    /// The rendition that is meant; by itself, what whoever can take one gets.
    pub(super) fn offered(
        &self,
        programme: &Programme,
        asked: Option<Rendition>,
    ) -> Result<Rendition> {
        let ladder = self.ladder(programme);
        let Some(rendition) = asked else { return Ok(ladder.one()) };
        // A list of `source` stays good where the lineup has changed.
        if ladder.has(rendition) || rendition == Rendition::Source {
            return Ok(rendition);
        }
        Err(StreamError::not_offered(self.name(), rendition, &ladder).into())
    }

    /// Where a segment is, from its list's address: `/stream/{channel}/catchup.m3u8`, or
    /// `/stream/media/{media}.m3u8`.
    pub(super) fn uri(
        &self,
        replay: &Replay,
        segment: &AirSegment,
        rendition: Rendition,
        client: &str,
    ) -> String {
        match self {
            Self::Past(channel) => {
                let (id, address) = (channel.id, replay.address(segment));
                format!("../{id}/catchup/{rendition}/{address}.ts?client={client}")
            }
            Self::Alone(alone) => {
                let (media, map, index) = (alone.media, alone.map_id.0.simple(), segment.index);
                format!("{media}/{rendition}/{map}-{index}.ts?client={client}")
            }
        }
    }

    /// A media as the one airing of a ledger.
    pub(super) fn replay(&self) -> Result<Arc<Replay>> {
        let Self::Alone(alone) = self else {
            unreachable!("what a channel aired is read from its ledger")
        };
        let map = alone.map.outline();
        let (item, media, key) = (ItemId(Uuid::nil()), alone.media, SlotKey::default());
        let row = Row {
            ordinal: 0,
            start: ALONE_FROM,
            length: map.end().round_up_to_audio_frame(),
            first_sequence: 0,
            discontinuity_sequence: 0,
            frame_height: alone.frame_height,
            signature: map.signature(),
            lineup_version: 0,
            content: Content::Media {
                cursor: Cursor { cycle: 0, item, media, key },
                map_id: alone.map_id,
                map,
                first: 0,
                end: map.segments(),
            },
        };
        let replay = Replay::of([row], |_| Some(alone.map.clone()));
        // Damaged numbers, such as a length of none.
        let unplayable = |error: Broken| TimelineError::Unplayable {
            title: alone.title.clone(),
            reason: error.fault.to_string(),
        };
        Ok(Arc::new(replay.map_err(unplayable)?))
    }
}
