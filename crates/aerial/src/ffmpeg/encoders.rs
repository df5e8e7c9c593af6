//! Each encoder really tried, as a worker would use it.
//!
//! Owns the trial of devices: pictures through a worker's own command line, and
//! the comparison of what comes out with what software makes of the same. A device
//! that starts green, leaves out keyframes or shifts timestamps exits with 0 all
//! the same. Invariant: what is said to work gave every picture, in its place,
//! with an IDR where it was asked for, and looks as it should.

use std::path::Path;
use std::time::Duration;

use aerial_model::command::{self, OUTPUT_OFFSET};
use aerial_model::encoder::{Choice, DeviceFault, Encoder, Hardware};
use aerial_model::mpegts::{Demuxer, UnitKind};
use aerial_model::segment_map::SegmentMap;

use super::sample::{Picture, Sample};
use super::selftest::{self, Chain, TIME, Temporary, Verdict, run};
use super::{Exit, Ffmpeg, Invocation, Output, RunError, RunLimits, Spawner, devices};
use crate::clock::monotonic;

/// Eighteen pictures, as many as half a second often has; three a second, so that
/// a second keyframe is asked for after twelve.
const TRIED: Picture = Picture {
    size: (1_280, 534),
    rate: (3, 1),
    frames: 18,
    codec: ("libx264", &["-preset", "ultrafast"]),
    grain: false,
};

/// What pictures are compared at: small enough that an encoder's own losses
/// vanish, large enough that half a green picture shows.
const SEEN: (usize, usize) = (32, 18);

/// How far the mean of a plane's differences may be, of 255: encoders at these
/// rates differ by 1 to 3, a green or black picture by 60 and more.
const ALIKE: u64 = 12;

/// A try gives way to streams.
const NICENESS: u8 = 10;

/// What came of one encoder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried {
    /// Which.
    pub encoder: Encoder,
    /// What came of it.
    pub verdict: Verdict,
    /// How it is to be used; `None` for software, and where it does not work.
    pub hardware: Option<Hardware>,
}

impl Tried {
    /// Whether it works.
    pub fn works(&self) -> bool {
        matches!(self.verdict, Verdict::Works(_))
    }
}

/// Try all that this choice allows, in the order of preference; `folder` is for
/// files, which are removed again.
pub async fn try_all(
    ffmpeg: &Ffmpeg,
    spawner: &Spawner,
    chain: &Chain,
    choice: Choice,
    folder: &Path,
) -> Vec<Tried> {
    let mut all = Vec::new();
    for encoder in choice.candidates() {
        all.push(try_one(ffmpeg, spawner, chain, encoder, folder).await);
    }
    all
}

/// The first that works, as it is to be used; `None`: software.
pub fn chosen(tried: &[Tried]) -> Option<Hardware> {
    tried.iter().find(|one| one.works()).and_then(|one| one.hardware.clone())
}

async fn try_one(
    ffmpeg: &Ffmpeg,
    spawner: &Spawner,
    chain: &Chain,
    encoder: Encoder,
    folder: &Path,
) -> Tried {
    if !encoder.is_device() {
        let verdict = selftest::try_software(ffmpeg, spawner, chain, folder).await;
        return Tried { encoder, verdict, hardware: None };
    }
    let mut reason = format!("this FFmpeg was built without {}", encoder.ffmpeg_name());
    if ffmpeg.lists_encoder(encoder.ffmpeg_name()) {
        for hardware in ways(encoder) {
            match try_device(ffmpeg, spawner, chain, &hardware, folder).await {
                Verdict::Works(took) => {
                    let verdict = Verdict::Works(took);
                    return Tried { encoder, verdict, hardware: Some(hardware) };
                }
                // The last says most: it asks the least of the device.
                Verdict::Fails(said) => reason = said,
            }
        }
    }
    Tried { encoder, verdict: Verdict::Fails(reason), hardware: None }
}

/// The ways in which a device could be used, the best first.
fn ways(encoder: Encoder) -> Vec<Hardware> {
    let nodes: Vec<Option<String>> = match encoder {
        Encoder::Vaapi => {
            let nodes: Vec<_> = devices::render_nodes().into_iter().map(Some).collect();
            // FFmpeg itself says best what is missing.
            if nodes.is_empty() { vec![None] } else { nodes }
        }
        _ => vec![None],
    };
    let ways = nodes.into_iter().flat_map(|node| {
        [true, false].map(|pictures| Hardware { encoder, node: node.clone(), pictures })
    });
    ways.filter(|way| !way.pictures || encoder.takes_pictures()).collect()
}

/// Try one device as it would be used.
pub async fn try_device(
    ffmpeg: &Ffmpeg,
    spawner: &Spawner,
    chain: &Chain,
    hardware: &Hardware,
    folder: &Path,
) -> Verdict {
    match encode(ffmpeg, spawner, chain, hardware, folder).await {
        Ok(took) => Verdict::Works(took),
        Err(reason) => Verdict::Fails(reason),
    }
}

async fn encode(
    ffmpeg: &Ffmpeg,
    spawner: &Spawner,
    chain: &Chain,
    hardware: &Hardware,
    folder: &Path,
) -> Result<Duration, String> {
    let sample = Sample::of(TRIED).ok_or("the pictures cannot be cut")?;
    let file = Temporary::in_folder(folder);
    run(spawner, sample.write(ffmpeg, &file.0)).await.map_err(|e| format!("a file to try: {e}"))?;
    let software = chain.profile.clone().by(Encoder::X264);
    let profile = chain.profile.clone().by(hardware.encoder);
    let line = |arguments| {
        let line = Invocation::new(&ffmpeg.ffmpeg).args(arguments).niceness(NICENESS);
        line.reads(&file.0)
    };
    let mut by_device = sample.run(ffmpeg, &file.0, &profile, &chain.tuning);
    by_device.hardware = Some(hardware);
    let since = monotonic();
    let by_device = line(command::worker(&by_device)).drives_devices(true);
    let made = run_device(spawner, by_device).await?;
    let took = since.elapsed();
    judge(&made, &sample.map)?;
    let by_software = command::worker(&sample.run(ffmpeg, &file.0, &software, &chain.tuning));
    let meant = run(spawner, line(by_software)).await?.stdout;
    let (made, meant) =
        (seen(ffmpeg, spawner, &made, folder).await?, seen(ffmpeg, spawner, &meant, folder).await?);
    compare(&made, &meant)?;
    Ok(took)
}

/// A device's FFmpeg says first what is wrong, and then in general terms that
/// something is.
async fn run_device(spawner: &Spawner, invocation: Invocation) -> Result<Vec<u8>, String> {
    let limits = RunLimits { time: TIME, stdout_bytes: 32 << 20 };
    match spawner.run_to_end(invocation, limits).await {
        Ok(Output { exit: Exit::Success, stdout, .. }) => Ok(stdout.into()),
        Ok(Output { exit, stderr, .. }) => Err(complaint(exit, &stderr)),
        Err(RunError::TimedOut { .. }) => Err(format!("no result within {} s", TIME.as_secs())),
        Err(error) => Err(error.to_string()),
    }
}

fn complaint(exit: Exit, stderr: &str) -> String {
    let said = stderr.lines().map(str::trim).find(|line| !line.is_empty());
    match (DeviceFault::said(stderr), said) {
        (Some(fault), Some(said)) => format!("{fault}: {said}"),
        (None, Some(said)) => format!("{said} ({exit})"),
        (_, None) => exit.to_string(),
    }
}

/// Every picture in its place, and an IDR on each cut.
fn judge(stdout: &[u8], map: &SegmentMap) -> Result<(), String> {
    let mut demuxer = Demuxer::new(OUTPUT_OFFSET);
    demuxer.push(stdout);
    demuxer.finish();
    let (mut pictures, mut entries, mut sounds) = (Vec::new(), Vec::new(), 0u32);
    while let Some(unit) = demuxer.next_unit() {
        let unit = unit.map_err(|error| format!("what came out is {error}"))?;
        match unit.kind {
            UnitKind::Video { idr } => {
                let at = unit.pts - OUTPUT_OFFSET;
                pictures.push(at);
                if idr {
                    entries.push(at);
                }
            }
            UnitKind::Audio => sounds += 1,
        }
    }
    pictures.sort_unstable();
    let meant: Vec<_> = (0..map.frames()).map(|frame| map.rate().ticks_at(frame)).collect();
    let cuts: Vec<_> = (0..map.segments()).map(|index| map.cut(index)).collect();
    if pictures.is_empty() || sounds == 0 {
        return Err("it ended without an error, and made nothing".to_owned());
    }
    if pictures.len() != meant.len() {
        return Err(format!("{} pictures of {} came out", pictures.len(), meant.len()));
    }
    if pictures != meant {
        return Err("pictures came out at other times than they are meant for".to_owned());
    }
    if entries != cuts {
        return Err("keyframes are not where they were asked for".to_owned());
    }
    Ok(())
}

/// The pictures, very small, as they are decoded in software.
async fn seen(
    ffmpeg: &Ffmpeg,
    spawner: &Spawner,
    stream: &[u8],
    folder: &Path,
) -> Result<Vec<u8>, String> {
    let file = Temporary::in_folder(folder);
    std::fs::write(&file.0, stream).map_err(|error| format!("a file to look at: {error}"))?;
    let scale = format!("scale={}:{}:flags=area,format=yuv420p", SEEN.0, SEEN.1);
    let decode = Invocation::new(&ffmpeg.ffmpeg)
        .args(["-nostdin", "-hide_banner", "-v", "error"])
        .args(["-protocol_whitelist", "file,pipe", "-i"])
        .arg(aerial_model::probe::input(&file.0))
        .reads(&file.0)
        .args(["-map", "0:v", "-vf", &scale, "-f", "rawvideo", "pipe:1"])
        .niceness(NICENESS);
    Ok(run(spawner, decode).await?.stdout.into())
}

/// Whether the pictures look alike, plane by plane.
fn compare(made: &[u8], meant: &[u8]) -> Result<(), String> {
    let (luma, chroma) = (SEEN.0 * SEEN.1, SEEN.0 * SEEN.1 / 4);
    let picture = luma + chroma * 2;
    if made.is_empty() || made.len() != meant.len() || !made.len().is_multiple_of(picture) {
        return Err("what came out cannot be decoded".to_owned());
    }
    let pairs = made.chunks_exact(picture).zip(meant.chunks_exact(picture));
    for (number, (made, meant)) in pairs.enumerate() {
        let mut from = 0;
        for length in [luma, chroma, chroma] {
            let plane = from..from + length;
            let apart: u64 = made[plane.clone()]
                .iter()
                .zip(&meant[plane])
                .map(|(a, b)| u64::from(a.abs_diff(*b)))
                .sum();
            if apart > ALIKE * length as u64 {
                let what = described(&made[..luma], &made[luma..]);
                return Err(format!("picture {} came out {what}", number + 1));
            }
            from += length;
        }
    }
    Ok(())
}

/// What a wrong picture looks like.
fn described(luma: &[u8], chroma: &[u8]) -> &'static str {
    let mean = |plane: &[u8]| {
        plane.iter().map(|value| usize::from(*value)).sum::<usize>() / plane.len().max(1)
    };
    match (mean(luma), mean(chroma)) {
        // A buffer of noughts, which nobody wrote to.
        (_, 0..=40) => "green",
        (0..=24, _) => "black",
        _ => "wrong",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LUMA: usize = SEEN.0 * SEEN.1;

    fn picture(luma: u8, chroma: u8) -> Vec<u8> {
        [vec![luma; LUMA], vec![chroma; LUMA / 2]].concat()
    }

    #[test]
    fn a_green_or_black_picture_is_seen_wherever_it_is() {
        let meant = [picture(120, 110), picture(90, 140)].concat();
        assert_eq!(compare(&meant, &meant), Ok(()));
        let nearly = [picture(123, 112), picture(92, 138)].concat();
        assert_eq!(compare(&nearly, &meant), Ok(()));
        let green = [picture(0, 0), picture(90, 140)].concat();
        assert_eq!(compare(&green, &meant).unwrap_err(), "picture 1 came out green");
        let black = [picture(120, 110), picture(16, 128)].concat();
        assert_eq!(compare(&black, &meant).unwrap_err(), "picture 2 came out black");
        let tinted = [picture(120, 110), picture(90, 200)].concat();
        assert_eq!(compare(&tinted, &meant).unwrap_err(), "picture 2 came out wrong");
    }

    #[test]
    fn fewer_or_more_pictures_are_not_alike() {
        let meant = picture(120, 110);
        assert!(compare(&[], &meant).is_err());
        assert!(compare(&meant.repeat(2), &meant).is_err());
        assert!(compare(&meant[1..], &meant[1..]).is_err());
    }

    #[test]
    fn a_device_is_asked_for_as_much_as_it_may_be_able_to_first() {
        let pictures = |encoder| ways(encoder).iter().map(|w| w.pictures).collect::<Vec<_>>();
        assert_eq!(pictures(Encoder::Nvenc), [true, false]);
        assert_eq!(pictures(Encoder::V4l2), [false]);
        assert!(!ways(Encoder::Vaapi).is_empty());
    }
}
