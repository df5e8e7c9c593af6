//! The picture of a worker: one grid of frames, whatever the file's frames do.
//!
//! Owns the video half of the filter graph. Invariant: from the first frame to
//! the map's last there is a picture for every place of the grid, of the
//! profile's size, in square pixels, 8 bit, BT.709.

use super::{Filters, Start, WorkerRun};
use crate::media::{Color, Entry, VideoFacts};
use crate::probe::micros;
use crate::profile::Profile;
use crate::time::{FrameRate, TICKS_PER_SECOND, Ticks};

/// The file has a picture for some frame of this run.
pub(super) fn needs_input(run: &WorkerRun<'_>, start: Start) -> bool {
    match &run.facts.video {
        None => false,
        Some(video) => !run.picture_ends_early() || start.at < video.end + run.alignment(),
    }
}

/// Where to seek to so that decoding begins with the last keyframe that is shown at
/// the first frame or before it; `None` where that cannot be foretold.
pub(super) fn exact_seek(run: &WorkerRun<'_>, start: Start) -> Option<Ticks> {
    let Entry::SeekExactly { picture, .. } = run.facts.entry else { return None };
    // What is shown up to half a frame later belongs to that place of the grid.
    let half_a_frame = Ticks(run.map.rate().ticks_at(1).0 / 2 - 1);
    Some(start.at - run.alignment() + half_a_frame + picture).filter(|seek| *seek > Ticks::ZERO)
}

/// `[v]`: the picture, or black where there is none.
pub(super) fn graph(run: &WorkerRun<'_>, start: Start, from_file: bool) -> String {
    let (frame, frames) = (start.frame, run.map.frames());
    let video = run.facts.video.as_ref().filter(|_| from_file);
    let Some(video) = video else {
        return format!("{},trim=end_pts={frames},{TAGS}[v]", black(run, frame));
    };
    let timed = timed(run, start, video);
    let fitted = match on_device(run) {
        Some(_) => padded("format=yuv420p".to_owned(), fit(video, run.profile), run.profile),
        None => fitted(video, run.profile, run.filters),
    };
    if run.picture_ends_early() {
        return format!(
            "{timed},trim=start_pts={frame}:end_pts={frames},{fitted}[p];{},trim=end_pts={frames}[b];\
             [b][p]overlay=eof_action=pass:repeatlast=0:format=yuv420,{TAGS}[v]",
            black(run, frame)
        );
    }
    format!(
        "{timed},tpad=stop=-1:stop_mode=clone,trim=start_pts={frame}:end_pts={frames},{fitted},{TAGS}[v]"
    )
}

/// What the encoder is told about each frame, so that the SPS is always the same.
pub(super) const TAGS: &str = "setsar=1,setparams=range=tv:color_primaries=bt709:color_trc=bt709\
                    :colorspace=bt709";

fn black(run: &WorkerRun<'_>, frame: u64) -> String {
    let Profile { width, height, .. } = run.profile;
    let rate = run.map.rate();
    format!("color=c=black:s={width}x{height}:r={rate},format=yuv420p,setpts=PTS+{frame}")
}

/// Frames on the map's grid, from a little before the first one that is wanted.
fn timed(run: &WorkerRun<'_>, start: Start, video: &VideoFacts) -> String {
    let rate = run.map.rate();
    let mut chain = format!("[0:{}]", video.index);
    chain += &on_device(run).unwrap_or_default();
    if video.field_order.is_interlaced() {
        // One frame for each frame; those that are whole are left alone. It needs
        // frames of one size, which `scale` hands through untouched.
        let (width, height) = match video.rotation {
            90 | 270 => (video.height, video.width),
            _ => (video.width, video.height),
        };
        chain += &format!("scale={width}:{height},");
        chain += "bwdif=mode=send_frame:parity=auto:deint=interlaced,";
    }
    chain += &format!("settb=1/{TICKS_PER_SECOND},");
    let moved = run.alignment();
    if moved != Ticks::ZERO {
        chain += &format!("setpts=PTS+{},", moved.0).replace("+-", "-");
    }
    let anchor = rate.ticks_at(start.frame - start.frame % exact_every(rate));
    chain += &format!("fps={rate}:round=near:start_time={}", micros(anchor));
    chain
}

/// Every how many frames a frame's time is a whole number of ticks.
///
/// `fps` rounds relative to its `start_time`, which it takes in ticks: were that
/// rounded itself, a picture that lies half-way between two frames would go to
/// the one in one run and to the other in the next.
fn exact_every(rate: FrameRate) -> u64 {
    let (num, den) = (u64::from(rate.num()), u64::from(rate.den()));
    let ticks = TICKS_PER_SECOND as u64 * den;
    num / gcd(num, ticks)
}

const fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Into the profile's frame: right shape, black beside it, 8-bit BT.709.
fn fitted(video: &VideoFacts, profile: &Profile, filters: Filters) -> String {
    let (width, height) = fit(video, profile);
    let scaled = if video.color.is_hdr() {
        tone_mapped(&video.color, width, height, filters)
    } else {
        format!(
            "scale={width}:{height}:in_color_matrix={}{}:out_color_matrix=bt709:out_range=tv,\
             format=yuv420p",
            matrix(video),
            range(&video.color)
        )
    };
    padded(scaled, (width, height), profile)
}

fn padded(scaled: String, size: (u16, u16), profile: &Profile) -> String {
    if size == (profile.width, profile.height) {
        return scaled;
    }
    format!("{scaled},pad={}:{}:-1:-1:black", profile.width, profile.height)
}

/// The filters that scale on the device, where it does that as software would:
/// it decodes what most files are, and converts no colours.
pub(super) fn on_device(run: &WorkerRun<'_>) -> Option<String> {
    let device = run.device().filter(|device| device.pictures)?;
    let video = run.facts.video.as_ref()?;
    let decoded = matches!(video.codec.as_str(), "h264" | "hevc");
    let plain = video.pixel_format.as_deref() == Some("yuv420p")
        && !video.field_order.is_interlaced()
        && video.rotation == 0
        && matrix(video) == "bt709"
        && range(&video.color).is_empty()
        && !video.color.is_hdr();
    let (width, height) = fit(video, run.profile);
    (decoded && plain).then(|| device.scaling(width, height))
}

/// The largest even size in the frame that keeps the picture's shape; FFmpeg
/// turns it upright before.
pub(super) fn fit(video: &VideoFacts, profile: &Profile) -> (u16, u16) {
    let (sar_width, sar_height) = video.pixel_aspect;
    let mut shape = (
        u64::from(video.width) * u64::from(sar_width),
        u64::from(video.height) * u64::from(sar_height),
    );
    if matches!(video.rotation, 90 | 270) {
        shape = (shape.1, shape.0);
    }
    let (frame_width, frame_height) = (u64::from(profile.width), u64::from(profile.height));
    let (wide, high) = (shape.0.max(1), shape.1.max(1));
    let even = |value: u64, most: u64| {
        // Within a hundredth of the frame it fills it: no hairline of black.
        let value = if value * 100 >= most * 99 { most } else { value };
        (value & !1).clamp(2, most) as u16
    };
    if u128::from(wide) * u128::from(frame_height) >= u128::from(high) * u128::from(frame_width) {
        let fitted =
            (u128::from(frame_width) * u128::from(high) * 2 / u128::from(wide)).div_ceil(2);
        (profile.width, even(fitted as u64, frame_height))
    } else {
        let fitted =
            (u128::from(frame_height) * u128::from(wide) * 2 / u128::from(high)).div_ceil(2);
        (even(fitted as u64, frame_width), profile.height)
    }
}

/// The matrix of the source, in `scale`'s words; untagged files have that of
/// their size, as players assume.
fn matrix(video: &VideoFacts) -> &'static str {
    match video.color.space.as_deref() {
        Some("bt709") => "bt709",
        Some("bt470bg" | "smpte170m") => "bt601",
        Some("fcc") => "fcc",
        Some("smpte240m") => "smpte240m",
        Some("bt2020nc" | "bt2020c") => "bt2020",
        Some(_) => "auto",
        None if video.height >= 720 || video.width >= 1_280 => "bt709",
        None => "bt601",
    }
}

fn range(color: &Color) -> &'static str {
    if color.range.as_deref() == Some("pc") { ":in_range=pc" } else { "" }
}

/// HDR (PQ, HLG) to the range of an ordinary screen.
fn tone_mapped(color: &Color, width: u16, height: u16, filters: Filters) -> String {
    let transfer = color.transfer.as_deref().unwrap_or("smpte2084");
    let range = if color.range.as_deref() == Some("pc") { "full" } else { "limited" };
    if filters.zscale {
        // Small first, then linear light, BT.709's primaries, and the curve.
        return format!(
            "zscale=w={width}:h={height}:tin={transfer}:min=bt2020nc:pin=bt2020:rin={range}\
             :t=linear:npl=100,format=gbrpf32le,zscale=p=bt709,tonemap=hable:desat=0,\
             zscale=t=bt709:m=bt709:r=limited,format=yuv420p"
        );
    }
    let matrix = format!("scale={width}:{height}:in_color_matrix=bt2020{}", self::range(color));
    if transfer == "arib-std-b67" {
        // HLG was made to look right enough on an ordinary screen.
        return format!("{matrix}:out_color_matrix=bt709:out_range=tv,format=yuv420p");
    }
    // `lutrgb` tries values beyond the largest, too.
    // PQ (SMPTE ST 2084) to light, 1 being 100 cd/m2, bent below 1 (Reinhard, white
    // at 1000), then BT.709's gamma: no zimg needed, near enough to watch.
    let light = "st(0,pow(min(val/maxval,1),1/78.84375));\
                 st(1,100*pow(max(ld(0)-0.8359375,0)/(18.8515625-18.6875*ld(0)),6.277394636));\
                 clip(maxval*pow(ld(1)*(1+ld(1)/100)/(1+ld(1)),1/2.2),0,maxval)";
    format!(
        "{matrix},format=gbrp10le,lutrgb=r='{light}':g='{light}':b='{light}',\
         scale=out_color_matrix=bt709:out_range=tv,format=yuv420p"
    )
}
