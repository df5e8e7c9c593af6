//! A source on its way through the whole line: probed, mapped, made by workers,
//! cut into segments, put on a channel, decoded.

use std::path::{Path, PathBuf};

use aerial_model::command::{WorkerRun, worker};
use aerial_model::media::MediaFacts;
use aerial_model::mpegts::restamp;
use aerial_model::profile::Profile;
use aerial_model::segment::Segment;
use aerial_model::segment_map::SegmentMap;
use aerial_model::segmenter::{Handover, Output, Position, Segmenter};
use aerial_model::time::Ticks;

use super::{FILTERS, PROFILE, TUNING, numbers_of, probe, run, tested_ffmpeg, words};

/// As much as a worker reads at once.
pub(crate) const READ_BYTES: usize = 64 << 10;

/// A film of the library.
pub(crate) struct Film {
    pub(crate) path: PathBuf,
    pub(crate) facts: MediaFacts,
    pub(crate) map: SegmentMap,
    pub(crate) profile: Profile,
}

impl Film {
    /// Probes and maps it.
    pub(crate) fn at(path: &Path) -> Self {
        let facts = probe(path).unwrap();
        let map = facts.uniform_map().unwrap();
        Self { path: path.to_owned(), facts, map, profile: PROFILE }
    }

    /// All that a worker writes which begins at `position`.
    pub(crate) fn worker(&self, position: Position) -> Vec<u8> {
        let arguments = worker(&WorkerRun {
            path: &self.path,
            facts: &self.facts,
            map: &self.map,
            first_frame: position.frame,
            first_audio: position.audio,
            profile: &self.profile,
            tuning: &TUNING,
            filters: FILTERS,
            hardware: None,
        });
        let output = run(&tested_ffmpeg(), arguments.clone());
        assert!(
            output.status.success() && !output.stdout.is_empty(),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        output.stdout
    }

    /// The segments from `segment` to the end, by a worker started there.
    pub(crate) fn segments(&self, segment: u32) -> Vec<Segment> {
        self.resumed(Handover::at(&self.map, segment), Vec::new())
    }

    /// What a worker makes that takes over, after what was given `before`.
    pub(crate) fn resumed(&self, handover: Handover, mut before: Vec<Output>) -> Vec<Segment> {
        let position = handover.position();
        let mut segmenter = Segmenter::resume(self.map.clone(), handover);
        for piece in self.worker(position).chunks(READ_BYTES) {
            segmenter
                .push(piece, &mut before)
                .unwrap_or_else(|error| panic!("{position:?}: {error}"));
        }
        let finished = segmenter.finish(&mut before).unwrap();
        assert!(finished.complete, "from {position:?}: {finished:?}");
        whole(&before)
    }
}

/// The whole segments in what a segmenter gave.
pub(crate) fn whole(out: &[Output]) -> Vec<Segment> {
    let mut segments = Vec::new();
    let mut chunks = Vec::new();
    for output in out {
        match output {
            Output::Opened { .. } => assert!(chunks.is_empty()),
            Output::Chunk { chunk, .. } => chunks.push(chunk.clone()),
            Output::Closed { .. } => {
                segments.push(Segment::from_chunks(&std::mem::take(&mut chunks)));
            }
        }
    }
    segments
}

/// Segments one behind the other, in media time.
pub(crate) fn joined(segments: &[Segment]) -> Vec<u8> {
    segments.iter().flat_map(|segment| segment.bytes.to_vec()).collect()
}

/// Segments with what leads from their media's time to the channel's.
pub(crate) fn on_the_channel<'a>(
    segments: impl IntoIterator<Item = (&'a Segment, Ticks)>,
) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (segment, by) in segments {
        let mut moved = segment.bytes.to_vec();
        restamp(&mut moved, &segment.stamps, by);
        bytes.extend_from_slice(&moved);
    }
    bytes
}

/// What FFmpeg makes of a stream.
pub(crate) struct Decoded {
    /// The numbers of the pictures, in the order of showing.
    pub(crate) numbers: Vec<u16>,
    /// Frames of sound.
    pub(crate) sounds: usize,
}

/// FFmpeg decodes it all and has nothing to say.
pub(crate) fn decoded(bytes: &[u8], folder: &Path) -> Decoded {
    let (file, sounds) = (folder.join("channel.ts"), folder.join("sounds.txt"));
    std::fs::write(&file, bytes).unwrap();
    let mut line = words("-nostdin -v warning -y -i");
    line.push(file.into());
    line.extend(numbers_of("0:v"));
    line.extend(words("-map 0:a -f framecrc"));
    line.push(sounds.clone().into());
    let output = run("ffmpeg", line);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "FFmpeg has nothing to say");
    let sounds = std::fs::read_to_string(sounds).unwrap();
    Decoded {
        numbers: super::numbers(&output.stdout),
        sounds: sounds.lines().filter(|line| line.starts_with("0,")).count(),
    }
}
