//! Copying: the video as the file has it, with its sound or with sound made anew.
//!
//! Owns the command of a copying worker and of the run that indexes a file for
//! it. Invariant: both read the same streams of the file, so that their zero is
//! the same (in MPEG-TS it depends on the streams that are mapped).

use std::ffi::OsString;
use std::path::Path;

use super::{Filters, Inputs, Line, Start, Tuning, WorkerRun, audio, seek};
use crate::media::MediaFacts;
use crate::probe::input;
use crate::profile::Profile;
use crate::segment_map::SegmentMap;
use crate::segmenter::Treatment;
use crate::time::Ticks;

/// One run of FFmpeg that copies a media's video from a cut on, to its end.
#[derive(Clone, Copy, Debug)]
pub struct CopyRun<'a> {
    /// The file.
    pub path: &'a Path,
    /// What was found in it.
    pub facts: &'a MediaFacts,
    /// Where it is cut: at its own keyframes.
    pub map: &'a SegmentMap,
    /// What is copied; the sound too, or not.
    pub treatment: Treatment,
    /// The segment to begin with.
    pub segment: u32,
    /// The first sound to make, where it is not copied.
    pub first_audio: Ticks,
    /// What the sound looks like, where it is not copied.
    pub profile: &'a Profile,
    /// How hard to try.
    pub tuning: &'a Tuning,
}

/// The arguments of a copying worker, which writes MPEG-TS to its stdout. It
/// begins before the cut: the segmenter drops what comes before it.
pub fn copy(run: &CopyRun<'_>) -> Vec<OsString> {
    let sound = WorkerRun {
        path: run.path,
        facts: run.facts,
        map: run.map,
        first_frame: run.map.cut_frame(run.segment),
        first_audio: run.first_audio,
        profile: run.profile,
        tuning: run.tuning,
        filters: Filters { zscale: false, drawtext: false },
        hardware: None,
    };
    let start = Start::of(&sound);
    let earliest = run.map.cut(run.segment).min(start.earliest) - sound.alignment();
    let mut line = begun("error");
    line.input(&sound, seek(run.facts.entry, earliest));
    let streams = Streams::of(run.facts, run.treatment == Treatment::Copied);
    if let (true, Some(sound)) = (run.treatment == Treatment::Copied, streams.sound) {
        streams.map_picture(&mut line);
        line.pair("-map", format!("0:{sound}")).words("-c copy");
    } else {
        let inputs = Inputs { video: true, audio: audio::stream(&sound), apart: None };
        line.pair("-filter_complex", audio::graph(&sound, start, &inputs));
        streams.map_picture(&mut line);
        line.words("-map [a] -c:v copy").sound(run.profile);
    }
    line.transport();
    line.0
}

/// The arguments of the run that copies all of a file to its stdout, for the index
/// of its keyframes. What it says on stderr must be nothing: it warns where it mends
/// times.
pub fn index(path: &Path, facts: &MediaFacts) -> Vec<OsString> {
    let mut line = begun("warning");
    line.words("-protocol_whitelist file,pipe").pair("-i", input(path));
    // In MPEG-TS and PS the zero depends on what is mapped; elsewhere sound that is
    // not copied need not be read.
    let counts = facts.container.starts_with("mpeg");
    let copied = crate::keyframes::sound_must_be_transcoded(facts).is_none();
    let streams = Streams::of(facts, counts || copied);
    streams.map_picture(&mut line);
    if let Some(sound) = streams.sound {
        line.pair("-map", format!("0:{sound}"));
    }
    line.words("-c copy").transport();
    line.0
}

fn begun(level: &str) -> Line {
    let mut line = Line::default();
    line.words("-nostdin -hide_banner").pair("-v", level).words("-copyts -start_at_zero");
    line
}

/// The streams of a file that are copied, by their numbers in it.
struct Streams {
    picture: Option<u32>,
    sound: Option<u32>,
}

impl Streams {
    fn of(facts: &MediaFacts, with_sound: bool) -> Self {
        Self {
            picture: facts.video.as_ref().map(|video| video.index),
            sound: facts.audio.first().filter(|_| with_sound).map(|audio| audio.index),
        }
    }

    fn map_picture(&self, line: &mut Line) {
        if let Some(picture) = self.picture {
            line.pair("-map", format!("0:{picture}"));
        }
    }
}
