//! A short file with a moving picture and sound, for trying and measuring.
//!
//! Owns what is in it and what is known of it, so that it goes through a worker's
//! own command line. Invariant: what is told of the file is what is in it.

use std::collections::BTreeMap;
use std::path::Path;

use aerial_model::command::{Tuning, WorkerRun};
use aerial_model::media::{AudioFacts, Color, Entry, FieldOrder, MediaFacts, VideoFacts};
use aerial_model::profile::Profile;
use aerial_model::segment_map::SegmentMap;
use aerial_model::time::{FrameRate, Ticks};

use super::{Ffmpeg, Invocation};

/// What is in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Picture {
    pub(super) size: (u32, u32),
    pub(super) rate: (u32, u32),
    pub(super) frames: u64,
    /// How the file's own picture is encoded, as FFmpeg calls it, with its options.
    pub(super) codec: (&'static str, &'static [&'static str]),
    /// Grain, as in real pictures: without it encoders have next to nothing to do.
    pub(super) grain: bool,
}

/// The file's description.
#[derive(Debug)]
pub(super) struct Sample {
    picture: Picture,
    facts: MediaFacts,
    pub(super) map: SegmentMap,
}

impl Sample {
    /// `None` where no map can be made of it: too short.
    pub(super) fn of(picture: Picture) -> Option<Self> {
        let rate = FrameRate::new(picture.rate.0, picture.rate.1)?;
        let length = rate.ticks_at(picture.frames);
        let video = VideoFacts {
            index: 0,
            codec: picture.codec.0.replace("libx264", "h264"),
            profile: None,
            pixel_format: Some("yuv420p".to_owned()),
            width: picture.size.0,
            height: picture.size.1,
            pixel_aspect: (1, 1),
            rotation: 0,
            average_rate: Some(rate),
            nominal_rate: Some(rate),
            field_order: FieldOrder::Progressive,
            color: Color::default(),
            start: Ticks::ZERO,
            end: length,
            kbps: None,
            language: None,
        };
        let audio = AudioFacts {
            index: 1,
            codec: "pcm_s16le".to_owned(),
            profile: None,
            sample_rate: 44_100,
            channels: 1,
            layout: None,
            start: Ticks::ZERO,
            end: length,
            language: None,
        };
        let facts = MediaFacts {
            container: "matroska,webm".to_owned(),
            start_time: Ticks::ZERO,
            length,
            video: Some(video),
            audio: vec![audio],
            subtitles: Vec::new(),
            chapters: Vec::new(),
            entry: Entry::Seek { pre_seek: Ticks::from_secs(1) },
            tags: BTreeMap::new(),
        };
        Some(Self { map: facts.uniform_map()?, facts, picture })
    }

    /// The run of FFmpeg that writes it.
    pub(super) fn write(&self, ffmpeg: &Ffmpeg, file: &Path) -> Invocation {
        let Picture { size: (width, height), rate: (num, den), frames, codec, grain } =
            self.picture;
        let source = format!("testsrc2=size={width}x{height}:rate={num}/{den}");
        let grain = if grain { "noise=alls=6:allf=t,format=yuv420p" } else { "format=yuv420p" };
        let length = format!("{:.6}", self.facts.length.0 as f64 / 90_000.0);
        let sound = format!("sine=sample_rate=44100:duration={length}");
        Invocation::new(&ffmpeg.ffmpeg)
            .args(["-nostdin", "-hide_banner", "-v", "error"])
            .args(["-f", "lavfi", "-i", &source, "-f", "lavfi", "-i", &sound])
            .args(["-vf", grain, "-frames:v", &frames.to_string(), "-c:v", codec.0])
            .args(codec.1)
            .args(["-c:a", "pcm_s16le", "-f", "matroska", "-y"])
            .arg(file)
            .writes(file)
    }

    /// The whole of it as a worker makes it.
    pub(super) fn run<'a>(
        &'a self,
        ffmpeg: &Ffmpeg,
        file: &'a Path,
        profile: &'a Profile,
        tuning: &'a Tuning,
    ) -> WorkerRun<'a> {
        WorkerRun {
            path: file,
            facts: &self.facts,
            map: &self.map,
            first_frame: 0,
            first_audio: Ticks::ZERO,
            profile,
            tuning,
            filters: ffmpeg.filters(),
            hardware: None,
        }
    }
}
