//! Slates: what is shown when nothing else can be.
//!
//! Owns the command that makes one. Invariant: a slate looks to players like any
//! other segment of its profile: the same SPS but for the frame rate.

use std::ffi::OsString;
use std::path::Path;

use super::caption::{Caption, CaptionLine};
use super::{AAC_FRAME, Filters, Line, Tuning, samples};
use crate::probe::input;
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
    pub picture: SlatePicture<'a>,
    /// Words over it, where this FFmpeg can draw them.
    pub text: Option<SlateText<'a>>,
    /// How hard to try.
    pub tuning: &'a Tuning,
    /// What this FFmpeg can do.
    pub filters: Filters,
}

/// The ground of a slate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlatePicture<'a> {
    /// Colour bars: something is wrong.
    Bars,
    /// Quiet dark blue: nothing is on.
    Plain,
    /// Somebody's own picture or clip, of which the first seconds are shown over and
    /// over, without its sound.
    Own(&'a Path),
}

/// Words on a slate.
#[derive(Clone, Copy, Debug)]
pub struct SlateText<'a> {
    /// A TrueType font.
    pub font: &'a Path,
    /// What is said where.
    pub caption: &'a Caption,
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
    let words = slate.text.filter(|_| slate.filters.drawtext);
    let source = match slate.picture {
        SlatePicture::Bars => {
            let bars = format!("smptehdbars=s={width}x{height}:r={rate}");
            // Words are read on a dark ground, below a strip of the bars.
            let ground = ",drawbox=x=0:y=ih*0.06:w=iw:h=ih:color=0x10182a:t=fill";
            if words.is_some() { bars + ground } else { bars }
        }
        // A thin line of light along the bottom, so that a screen is seen to be on.
        SlatePicture::Plain => format!(
            "color=c=0x10182a:s={width}x{height}:r={rate},\
             drawbox=x=0:y=ih*0.94:w=iw:h=max(ih*0.006\\,2):color=0x4d7cc7:t=fill"
        ),
        SlatePicture::Own(_) => format!(
            "[0:v:0]setpts=PTS-STARTPTS,tpad=stop=-1:stop_mode=clone,fps={rate},\
             scale={width}:{height}:force_original_aspect_ratio=decrease:force_divisible_by=2,\
             pad={width}:{height}:-1:-1:black"
        ),
    };
    let words = words.map(drawn);
    let end = samples(rate.ticks_at(frames).round_up_to_audio_frame());
    let graph = format!(
        "{source},scale=out_color_matrix=bt709:out_range=tv,format=yuv420p{},trim=end_pts={frames},{}[v];\
         anullsrc=r=48000:cl=stereo:n={AAC_FRAME},atrim=end_pts={end}[a]",
        words.unwrap_or_default(),
        super::video::TAGS
    );
    let mut line = Line::default();
    line.words("-nostdin -hide_banner -v error -copyts");
    if let SlatePicture::Own(path) = slate.picture {
        line.words("-protocol_whitelist file,pipe").pair("-i", input(path));
    }
    line.pair("-filter_complex", graph);
    line.words("-map [v] -map [a]").encoder(slate.profile, slate.tuning, STILL);
    line.pair("-force_key_frames", "expr:eq(n,0)");
    line.transport();
    line.0
}

/// B-frames allowed, as the SPS says, yet never chosen.
const STILL: &str = ":b-adapt=1:b-bias=-100";

/// Each line in its place.
fn drawn(text: SlateText<'_>) -> String {
    let font = escaped(&text.font.to_string_lossy());
    let line = |line: &CaptionLine| {
        let color = if line.faint { "0x9fb3d1" } else { "white" };
        // By the baseline: a line without tall letters does not stand higher.
        let words: String =
            line.words.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let baseline = u32::from(line.middle) + u32::from(line.size) * 36 / 100;
        format!(
            ",drawtext=fontfile={font}:text={}:expansion=none:fontcolor={color}:fontsize={}\
             :x=(w-tw)/2:y={baseline}-ascent",
            escaped(&words),
            line.size
        )
    };
    text.caption.lines.iter().map(line).collect()
}

/// A value inside a filter graph: once for the filter's options, once for the
/// graph around them (FFmpeg's manual, "Notes on filtergraph escaping").
pub(super) fn escaped(value: &str) -> String {
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
