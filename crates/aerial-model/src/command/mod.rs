//! Command lines: the arguments of every FFmpeg that Aerial starts.
//!
//! Owns their shape. Pure: facts in, arguments out; `ffmpeg::Spawner` runs them.
//! Invariant: two workers of one media and profile, whatever frame they begin
//! at, give the same frames at the same timestamps, one IDR exactly on each
//! cut, and sound on one grid. `docs/ffmpeg.md` tells what each part is for
//! and what went wrong without it; `tests/command_golden.rs` holds it to that.

mod audio;
mod caption;
mod copy;
pub mod logo;
mod remux;
mod slate;
mod video;

use std::ffi::OsString;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::encoder::Hardware;
use crate::media::{Entry, MediaFacts, PICTURE_HELD_AT_MOST};
use crate::probe::{input, micros};
use crate::profile::Profile;
use crate::segment_map::SegmentMap;
use crate::time::{TICKS_PER_SECOND, Ticks};

pub use crate::tuning::{Speed, Tuning};
pub use caption::{Caption, CaptionLine};
pub use copy::{CopyRun, copy, index};
pub use remux::remux;
pub use slate::{SLATE_FRAMES_OVER, Slate, SlatePicture, SlateText, slate, slate_frames};

/// What every worker's timestamps are moved by, so that the first audio packet
/// and B-frames do not wrap below zero; the segmenter takes it off again.
pub const OUTPUT_OFFSET: Ticks = Ticks::from_secs(10);

/// One run of FFmpeg that makes a media's frames from one on, to the map's end.
#[derive(Clone, Copy, Debug)]
pub struct WorkerRun<'a> {
    /// The file.
    pub path: &'a Path,
    /// What was found in it.
    pub facts: &'a MediaFacts,
    /// Where it is cut.
    pub map: &'a SegmentMap,
    /// The first frame to make: that of a cut, or, for a worker that goes on in
    /// the middle of a segment, any before the end.
    pub first_frame: u64,
    /// The first sound to make. For a worker that goes on in the middle of a
    /// segment it can lie well before the first frame: at 1 frame per second,
    /// the sound of the last seconds comes after the pictures that go with it.
    pub first_audio: Ticks,
    /// What the output looks like.
    pub profile: &'a Profile,
    /// How hard to try.
    pub tuning: &'a Tuning,
    /// What this FFmpeg can do.
    pub filters: Filters,
    /// The device that the profile's encoder is; `None` for software.
    pub hardware: Option<&'a Hardware>,
}

impl WorkerRun<'_> {
    /// The device, where the profile is encoded on one.
    fn device(&self) -> Option<&Hardware> {
        let encoder = self.profile.encoder;
        self.hardware.filter(|device| encoder.is_device() && device.encoder == encoder)
    }
}

impl WorkerRun<'_> {
    /// What is added to the file's times to get the map's.
    fn alignment(&self) -> Ticks {
        self.map.alignment().unwrap_or_else(|| self.facts.alignment())
    }

    /// The picture ends so long before the map that black follows it.
    fn picture_ends_early(&self) -> bool {
        let end = self.facts.video.as_ref().map(|video| video.end + self.alignment());
        end.is_some_and(|end| self.map.end() - end > PICTURE_HELD_AT_MOST)
    }
}

/// What this FFmpeg was built with, as its self-test found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filters {
    /// `zscale` (libzimg): true tone-mapping of HDR.
    pub zscale: bool,
    /// `drawtext` (libfreetype): words on a slate.
    pub drawtext: bool,
}

/// When a run begins, in the units that the filters count in.
#[derive(Clone, Copy, Debug)]
struct Start {
    /// The first frame, on the map's grid.
    frame: u64,
    /// T: when it is shown.
    at: Ticks,
    /// The first picture or sound that is wanted, whichever comes first.
    earliest: Ticks,
    /// A0: the first sample, a whole number of audio frames.
    sample: i64,
}

impl Start {
    fn of(run: &WorkerRun<'_>) -> Self {
        let at = run.map.rate().ticks_at(run.first_frame);
        let earliest = at.min(run.first_audio);
        // The encoder's priming and the filters' settling come before the cut.
        let early = (earliest - AUDIO_LEAD).max(Ticks::ZERO);
        let sample = samples(early) / AAC_FRAME * AAC_FRAME;
        Self { frame: run.first_frame, at, earliest, sample }
    }
}

/// Samples of an AAC frame.
const AAC_FRAME: i64 = 1_024;

/// Sound begins this much before what is wanted first (`docs/ffmpeg.md`).
const AUDIO_LEAD: Ticks = Ticks::from_millis(250);

/// Samples at 48 kHz, rounded down: 8 in 15 ticks, which overflows for no time there is.
const fn samples(at: Ticks) -> i64 {
    at.0 * (48_000 / SHARED) / (TICKS_PER_SECOND / SHARED)
}

/// What 48,000 and the ticks of a second are both divided by.
const SHARED: i64 = 6_000;

/// The arguments of a worker, which writes MPEG-TS to its stdout.
///
/// The media must be one that can be entered in the middle, unless the run
/// begins at frame 0: [`Entry::Remux`] is for the caller to heed.
pub fn worker(run: &WorkerRun<'_>) -> Vec<OsString> {
    let start = Start::of(run);
    let inputs = Inputs::of(run, start);
    let mut line = Line::default();
    line.words("-nostdin -hide_banner -v error -copyts");
    if let Some(device) = run.device() {
        line.words(&device.set_up());
    }
    if inputs.video || inputs.audio.is_some() {
        line.words("-start_at_zero");
    }
    match inputs.apart {
        Some(picture) => {
            line.input(run, Some(picture));
            if inputs.audio.is_some_and(|audio| audio::is_told(run, start, audio)) {
                line.words("-nofind_stream_info");
            }
            line.input(run, seek(run.facts.entry, start.earliest));
        }
        None if inputs.video || inputs.audio.is_some() => {
            line.input(run, seek(run.facts.entry, start.earliest));
        }
        None => {}
    }
    // Two graphs, so that sound that changes its form does not start the picture anew.
    line.pair("-filter_complex", picture(run, start, &inputs));
    line.pair("-filter_complex", audio::graph(run, start, &inputs));
    line.words("-map [v] -map [a]");
    match run.device() {
        Some(device) => line.device(run.profile, run.tuning, device),
        None => line.encoder(run.profile, run.tuning, ""),
    };
    line.pair("-force_key_frames", forced_keyframes(run.map, start));
    line.transport();
    line.0
}

/// The video's graph, its end handed to the device where that must be told.
fn picture(run: &WorkerRun<'_>, start: Start, inputs: &Inputs<'_>) -> String {
    let graph = video::graph(run, start, inputs.video);
    match (run.device().map(Hardware::upload), graph.strip_suffix("[v]")) {
        (Some(upload), Some(graph)) => format!("{graph}{upload}[v]"),
        _ => graph,
    }
}

/// Which of the file's streams are read, and how.
struct Inputs<'a> {
    video: bool,
    audio: Option<&'a crate::media::AudioFacts>,
    /// The file is opened once for the picture, sought exactly there, and once for
    /// the sound, which begins earlier.
    ///
    /// With one input the picture would be decoded from as early as the sound: a
    /// whole group of pictures more where a keyframe lies on the cut, as every 2 s
    /// in much that is made for the web (1080p: 0.2 s of 0.5 s to the first byte).
    apart: Option<Ticks>,
}

impl<'a> Inputs<'a> {
    fn of(run: &WorkerRun<'a>, start: Start) -> Self {
        let (video, audio) = (video::needs_input(run, start), audio::stream(run));
        let apart = seek(run.facts.entry, start.earliest).is_some() && video && audio.is_some();
        Self { video, audio, apart: video::exact_seek(run, start).filter(|_| apart) }
    }

    /// Which input the sound is read from.
    fn of_audio(&self) -> usize {
        usize::from(self.apart.is_some())
    }
}

/// Where to seek to, from the media's own start; `None` to read from there.
fn seek(entry: Entry, earliest: Ticks) -> Option<Ticks> {
    let pre_seek = match entry {
        Entry::Seek { pre_seek } | Entry::SeekExactly { pre_seek, .. } => pre_seek,
        Entry::Remux => return None,
    };
    Some(earliest - pre_seek).filter(|seek| *seek > Ticks::ZERO)
}

/// An IDR at the first frame and at each cut after it, in frames and not in
/// seconds: nothing to round, and as short for three hours as for a minute (a
/// list of times outgrows an argument's 128 KiB at 15 hours).
///
/// `n` counts the frames of this run. A map's cuts are equally far apart, but for
/// the last, which may share out a short tail.
fn forced_keyframes(map: &SegmentMap, start: Start) -> String {
    if map.cut_list().is_some() {
        return listed_keyframes(map, start);
    }
    let whole = map.rate().frames_per_segment();
    let last = map.cut_frame(map.segments() - 1);
    let first = start.frame;
    // `n+first`, but never a first term of zero for readers to stumble over.
    let frame = if first == 0 { "n".to_owned() } else { format!("n+{first}") };
    if last.is_multiple_of(whole) {
        format!("expr:eq(n,0)+eq(mod({frame},{whole}),0)")
    } else {
        format!("expr:eq(n,0)+lt({frame},{last})*eq(mod({frame},{whole}),0)+eq({frame},{last})")
    }
}

/// Cuts at a file's own keyframes follow no rule: the times of all of them from the
/// run's first frame on, which stands for stale ones (`keyframes` lets no film
/// through whose list is too long). A quarter of a frame early, so that no
/// rounding makes it the frame after.
fn listed_keyframes(map: &SegmentMap, start: Start) -> String {
    let early = Ticks(map.rate().ticks_at(1).0 / 4);
    let cuts = (0..map.segments()).map(|index| map.cut_frame(index));
    let times = [start.frame].into_iter().chain(cuts.filter(|frame| *frame > start.frame));
    let times: Vec<String> =
        times.map(|frame| micros((map.rate().ticks_at(frame) - early).max(Ticks::ZERO))).collect();
    times.join(",")
}
/// The tags of every picture.
const COLOURS: &str = "-color_range tv -colorspace bt709 -color_trc bt709 -color_primaries bt709";

/// An argument list in the making.
#[derive(Default)]
struct Line(Vec<OsString>);

impl Line {
    fn words(&mut self, words: &str) -> &mut Self {
        self.0.extend(words.split_ascii_whitespace().map(OsString::from));
        self
    }

    fn pair(&mut self, name: &str, value: impl Into<OsString>) -> &mut Self {
        self.0.extend([name.into(), value.into()]);
        self
    }

    /// The file, read from there on.
    fn input(&mut self, run: &WorkerRun<'_>, seek: Option<Ticks>) -> &mut Self {
        self.words("-protocol_whitelist file,pipe");
        if let Some(seek) = seek {
            self.words("-noaccurate_seek").pair("-ss", micros(seek));
        }
        // A picture that changes its size in mid-file goes through the graph that
        // is there: a new one would begin at the run's first frame again.
        self.words("-reinit_filter:v 0");
        if let (Some(device), Some(_)) = (run.device(), video::on_device(run)) {
            self.words(device.decoding());
        }
        self.pair("-threads", run.tuning.threads.to_string());
        self.pair("-i", input(run.path))
    }

    /// H.264 and AAC as the profile pins them.
    fn encoder(&mut self, profile: &Profile, tuning: &Tuning, more_x264: &str) -> &mut Self {
        self.words("-c:v libx264").pair("-preset", tuning.speed.preset());
        self.words("-profile:v high -pix_fmt yuv420p");
        self.pair("-x264-params", x264(profile, tuning) + more_x264);
        self.rates(profile);
        self.words("-g 1000 -sc_threshold 0 -flags +cgop");
        self.words(COLOURS);
        self.pair("-threads:v", tuning.threads.to_string());
        self.sound(profile)
    }

    /// The same on a device.
    fn device(&mut self, profile: &Profile, tuning: &Tuning, device: &Hardware) -> &mut Self {
        self.pair("-c:v", device.encoder.ffmpeg_name());
        self.words(&device.encoder.options(profile.level(), tuning.speed));
        self.rates(profile);
        self.words("-g 1000 -flags +cgop").words(COLOURS);
        self.sound(profile)
    }

    fn rates(&mut self, profile: &Profile) -> &mut Self {
        self.pair("-b:v", format!("{}k", profile.video_kbps));
        self.pair("-maxrate:v", format!("{}k", profile.maxrate_kbps()));
        self.pair("-bufsize:v", format!("{}k", profile.buffer_kbits()))
    }

    fn sound(&mut self, profile: &Profile) -> &mut Self {
        self.words("-c:a aac -ac 2 -ar 48000").pair("-b:a", format!("{}k", profile.audio_kbps))
    }

    /// MPEG-TS to stdout, with timestamps as they are.
    fn transport(&mut self) -> &mut Self {
        self.words("-f mpegts -muxdelay 0 -muxpreload 0 -avoid_negative_ts disabled");
        self.words("-pes_payload_size 0 -flush_packets 0");
        self.pair("-output_ts_offset", (OUTPUT_OFFSET.0 / TICKS_PER_SECOND).to_string());
        self.words("pipe:1")
    }
}

/// The profile's pins, then what the tuning decides.
fn x264(profile: &Profile, tuning: &Tuning) -> String {
    // From "fast" on, x264's psychovisual analysis lowers the PPS's chroma offset
    // by 2; this takes it back.
    let psy = if tuning.speed >= Speed::Fast { ":chroma-qp-offset=2" } else { "" };
    format!("{}:rc-lookahead={}{psy}", profile.x264_pins(), tuning.lookahead)
}

#[cfg(test)]
mod tests;
