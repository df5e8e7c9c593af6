//! Slates: what is shown when nothing else can be.
//!
//! Owns the encoded still clips, one per profile and frame rate, made by FFmpeg
//! when first needed. The model composes segments of any length from them.
//! Invariant: a slate has the airing's size and rate, so players see no change
//! of codec configuration.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aerial_model::command::{self, OUTPUT_OFFSET, SlatePicture, SlateText};
use aerial_model::mpegts::{AccessUnit, Demuxer};
use aerial_model::profile::Profile;
use aerial_model::segmenter::Output;
use aerial_model::segmenter::slate::{self, Slate};
use aerial_model::time::FrameRate;
use tokio::sync::OnceCell;

use super::store::{SegmentKey, Store};
use super::track::{Source, Track};
use super::transcoder::Encoding;
use super::worker::Unfinished;
use crate::ffmpeg::{Invocation, RunLimits, Spawner};

/// By how many frames a programme's decoding runs ahead of its display: three
/// B-frames in a pyramid (`profile`). A slate within it does the same.
const PROGRAMME_REORDER: u64 = 2;

/// Making a still of 4 s takes half a second; a machine that needs longer than
/// this cannot transcode anyway.
const LIMITS: RunLimits = RunLimits { time: Duration::from_secs(20), stdout_bytes: 32 << 20 };

/// Clips kept: one for each profile and frame rate in use, 100 to 500 kB each.
const CLIPS: u64 = 64;

/// Why there is no slate.
#[derive(Clone, Debug, thiserror::Error)]
#[error("FFmpeg made no slate: {0}; try `aerial doctor`")]
pub struct SlateError(String);

/// The slates of this server; clones share them.
#[derive(Clone, Debug)]
pub struct Slates {
    spawner: Spawner,
    encoding: Encoding,
    font: Option<PathBuf>,
    clips: moka::sync::Cache<Still, Arc<OnceCell<Arc<Slate>>>>,
}

/// Which still: its looks, its size and its rate.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Still {
    off_air: bool,
    profile: Profile,
    rate: FrameRate,
}

impl Slates {
    /// Slates made by this FFmpeg, with text if there is a font.
    pub fn new(spawner: Spawner, encoding: Encoding, font: Option<PathBuf>) -> Self {
        Self { spawner, encoding, font, clips: moka::sync::Cache::new(CLIPS) }
    }

    /// Puts slate in the place of the missing segments of a track, having
    /// completed the one that was left unfinished. In memory alone: it is not
    /// what the track's segments are. Where no slate can be made, gives back what
    /// was left unfinished.
    pub async fn fill(
        &self,
        track: &Track,
        unfinished: Option<Unfinished>,
        segments: Range<u32>,
        store: &Store,
    ) -> Result<(), (SlateError, Option<Unfinished>)> {
        let off_air = matches!(track.source, Source::Slate);
        let still =
            Still { off_air, profile: Profile::clone(&track.profile), rate: track.map.rate() };
        let clip = match self.clip(still).await {
            Ok(clip) => clip,
            Err(error) => return Err((error, unfinished)),
        };
        let failed = |error: slate::SlateError| (SlateError(error.to_string()), None);
        if let Some(Unfinished { growth, handover }) = unfinished {
            let mut outputs = Vec::new();
            clip.complete(&track.map, handover, &mut outputs).map_err(failed)?;
            for output in outputs {
                if let Output::Chunk { chunk, .. } = output {
                    growth.push(chunk);
                }
            }
            growth.finish_unkept();
        }
        for index in segments {
            let key = SegmentKey { track: track.key, index };
            if !store.has(key) {
                let reorder = if off_air { 0 } else { PROGRAMME_REORDER };
                store.stand_in(key, clip.segment(&track.map, index, reorder).map_err(failed)?);
            }
        }
        Ok(())
    }

    /// The clip of a still, made now if it is the first time.
    async fn clip(&self, still: Still) -> Result<Arc<Slate>, SlateError> {
        let cell = self.clips.get_with(still.clone(), Arc::default);
        cell.get_or_try_init(|| self.make(&still)).await.cloned()
    }

    async fn make(&self, still: &Still) -> Result<Arc<Slate>, SlateError> {
        let words = if still.off_air { "Off air" } else { "We'll be right back" };
        let arguments = command::slate(&command::Slate {
            profile: &still.profile,
            rate: still.rate,
            picture: if still.off_air { SlatePicture::Plain } else { SlatePicture::Bars },
            text: self.font.as_deref().map(|font| SlateText { font, words }),
            tuning: &self.encoding.tuning,
            filters: self.encoding.filters,
        });
        let invocation = Invocation::new(&self.encoding.ffmpeg).args(arguments);
        let output = self
            .spawner
            .run_to_end(invocation, LIMITS)
            .await
            .map_err(|error| SlateError(error.to_string()))?;
        if !output.exit.is_success() {
            return Err(SlateError(format!("{}: {}", output.exit, output.stderr.trim())));
        }
        let mut demuxer = Demuxer::new(OUTPUT_OFFSET);
        demuxer.push(&output.stdout);
        demuxer.finish();
        let mut units: Vec<AccessUnit> = Vec::new();
        while let Some(unit) = demuxer.next_unit() {
            units.push(unit.map_err(|error| SlateError(error.to_string()))?);
        }
        let codec = demuxer.video_codec().unwrap_or_default();
        Slate::from_clip(still.rate, codec, &units)
            .map(Arc::new)
            .map_err(|error| SlateError(error.to_string()))
    }
}
