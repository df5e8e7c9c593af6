//! The pictures of a track, whichever way they are made.
//!
//! Owns the choice between the `grid` of encoded pictures and those that are `copied`.
//! Invariant: a segment has the pictures that its map or its cuts give it, and no other.

use std::sync::Arc;

use super::error::SegmenterError;
use super::handover::{Open, Position};
use super::{copied, grid};
use crate::mpegts::AccessUnit;
use crate::segment_map::{CutList, SegmentMap};

/// The pictures of a track, by how they are made.
#[derive(Debug)]
pub(super) enum Pictures {
    Grid(grid::Pictures),
    Copied(copied::Pictures, Arc<CutList>),
}

impl Pictures {
    pub(super) fn accept(
        &mut self,
        map: &SegmentMap,
        position: Position,
        mut unit: AccessUnit,
    ) -> Result<(), SegmenterError> {
        match self {
            Self::Grid(pictures) => pictures.accept(map, position, unit),
            Self::Copied(pictures, cuts) => {
                unit.pts -= cuts.origin();
                pictures.accept(cuts, position, unit)
            }
        }
    }

    pub(super) fn waiting(&self) -> usize {
        match self {
            Self::Grid(pictures) => pictures.waiting(),
            Self::Copied(pictures, _) => pictures.waiting(),
        }
    }

    /// Whether all of the media's pictures came but, perhaps, the one under way.
    pub(super) fn all_came(&self, map: &SegmentMap, position: Position) -> bool {
        match self {
            Self::Grid(pictures) => position.frame + pictures.waiting() as u64 + 1 >= map.frames(),
            Self::Copied(pictures, cuts) => {
                let rest: u64 = (position.segment..cuts.segments())
                    .map(|index| u64::from(cuts.cut(index).pictures))
                    .sum();
                position.frame + pictures.waiting() as u64 + 1 >= rest
            }
        }
    }

    pub(super) fn opening(&self, position: Position) -> Result<Option<u64>, SegmenterError> {
        match self {
            Self::Grid(pictures) => pictures.opening(position),
            Self::Copied(pictures, cuts) => Ok(pictures.opening(cuts)),
        }
    }

    pub(super) fn hand_on(
        &mut self,
        map: &SegmentMap,
        position: &mut Position,
        open: &mut Open,
    ) -> Result<(), SegmenterError> {
        match self {
            Self::Grid(pictures) => pictures.hand_on(map, position, open),
            Self::Copied(pictures, cuts) => {
                pictures.hand_on(cuts, position, open, map.rate().ticks_at(1));
                Ok(())
            }
        }
    }

    /// Whether the segment under way has all its pictures.
    pub(super) fn are_whole(&self, map: &SegmentMap, position: Position) -> bool {
        match self {
            Self::Grid(_) => position.frame >= map.cut_frame(position.segment + 1),
            Self::Copied(_, cuts) => {
                position.frame >= u64::from(cuts.cut(position.segment).pictures)
            }
        }
    }

    /// Goes on to the next segment.
    pub(super) fn turn(&mut self, position: &mut Position) -> Result<(), SegmenterError> {
        match self {
            Self::Grid(_) => Ok(()),
            Self::Copied(pictures, cuts) => {
                position.frame = 0;
                pictures.turn(cuts, *position)
            }
        }
    }
}
