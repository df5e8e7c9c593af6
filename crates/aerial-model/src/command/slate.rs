//! Slates: what is shown when nothing else can be.
//!
//! Owns the command that makes one. Invariant: a slate looks to players like any
//! other segment of its profile: the same SPS but for the frame rate.

use std::ffi::OsString;
use std::path::Path;

use super::{AAC_FRAME, Filters, Line, Tuning, samples};
use crate::profile::Profile;
use crate::time::{FrameRate, Ticks};

/// A still clip with silence.
#[derive(Clone, Copy, Debug)]
pub struct Slate<'a> {
    /// What the output looks like.
    pub profile: &'a Profile,
    /// The rate of the airing that it stands in for.
    pub rate: FrameRate,
    /// What is shown.
    pub picture: SlatePicture,
    /// Words over it, where this FFmpeg can draw them.
    pub text: Option<SlateText<'a>>,
    /// How hard to try.
    pub tuning: &'a Tuning,
    /// What this FFmpeg can do.
    pub filters: Filters,
}

/// The ground of a slate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlatePicture {
    /// Colour bars: something is wrong.
    Bars,
    /// Quiet dark blue: nothing is on.
    Plain,
}

/// Words on a slate.
#[derive(Clone, Copy, Debug)]
pub struct SlateText<'a> {
    /// A TrueType font.
    pub font: &'a Path,
    /// One line.
    pub words: &'a str,
}

/// Frames beyond a whole segment: a segment may be 4.004 s, and its sound ends
/// up to an AAC frame later.
pub const SLATE_FRAMES_OVER: Ticks = Ticks::from_millis(300);

/// Frames of a slate at that rate: a whole segment and 0.3 s, one IDR before all.
pub fn slate_frames(rate: FrameRate) -> u64 {
    rate.frames_per_segment() + rate.frames_in(SLATE_FRAMES_OVER).max(1)
}

/// The arguments of the run that writes a slate as MPEG-TS to stdout: one IDR,
/// then frames in the order in which they are shown (no B-frames), so that it
/// can be cut after any of them.
pub fn slate(slate: &Slate<'_>) -> Vec<OsString> {
    let Profile { width, height, .. } = slate.profile;
    let (rate, frames) = (slate.rate, slate_frames(slate.rate));
    let source = match slate.picture {
        SlatePicture::Bars => format!("smptehdbars=s={width}x{height}:r={rate}"),
        SlatePicture::Plain => format!("color=c=0x10182a:s={width}x{height}:r={rate}"),
    };
    let words = slate.text.filter(|_| slate.filters.drawtext).map(|text| drawn(text, *height));
    let end = samples(rate.ticks_at(frames).round_up_to_audio_frame());
    let graph = format!(
        "{source},scale=out_color_matrix=bt709:out_range=tv,format=yuv420p{},trim=end_pts={frames},{}[v];\
         anullsrc=r=48000:cl=stereo:n={AAC_FRAME},atrim=end_pts={end}[a]",
        words.unwrap_or_default(),
        super::video::TAGS
    );
    let mut line = Line::default();
    line.words("-nostdin -hide_banner -v error -copyts").pair("-filter_complex", graph);
    line.words("-map [v] -map [a]").encoder(slate.profile, slate.tuning, STILL);
    line.pair("-force_key_frames", "expr:eq(n,0)");
    line.transport();
    line.0
}

/// B-frames allowed, as the SPS says, yet never chosen.
const STILL: &str = ":b-adapt=1:b-bias=-100";

/// Centred words; sized so that some 40 letters fit.
fn drawn(text: SlateText<'_>, height: u16) -> String {
    let words: String =
        text.words.chars().map(|c| if c.is_control() { ' ' } else { c }).take(120).collect();
    format!(
        ",drawtext=fontfile={}:text={}:expansion=none:fontcolor=white:fontsize={}\
         :borderw=3:bordercolor=black:x=(w-tw)/2:y=(h-th)/2",
        escaped(&text.font.to_string_lossy()),
        escaped(&words),
        (height / 14).max(10)
    )
}

/// A value inside a filter graph: once for the filter's options, once for the
/// graph around them (FFmpeg's manual, "Notes on filtergraph escaping").
fn escaped(value: &str) -> String {
    let escape = |text: &str, special: &[char]| {
        text.chars().fold(String::new(), |mut out, c| {
            if special.contains(&c) {
                out.push('\\');
            }
            out.push(c);
            out
        })
    };
    let option = escape(value, &['\\', '\'', ':']);
    escape(&option, &['\\', '\'', '[', ']', ',', ';'])
}
