//! FFmpeg: what it can do here, in the sandbox, with the devices, and how fast.
//!
//! Owns what of that is a fault. The tries themselves are `ffmpeg`'s. Invariant: what is
//! made for a try is removed.

use std::io;
use std::path::{Path, PathBuf};

use aerial_model::encoder::Choice;

use super::report::{Report, Severity};
use crate::config::{Sandbox, Settings};
use crate::ffmpeg::capacity;
use crate::ffmpeg::encoders::{self, Tried};
use crate::ffmpeg::sandbox::trial;
use crate::ffmpeg::selftest::{self, Chain, Verdict};
use crate::ffmpeg::{Ffmpeg, Spawner};

/// The heights for which the capacity is measured.
const MEASURED_HEIGHTS: [u16; 2] = [720, 1080];

pub(super) async fn examine_ffmpeg(
    ffmpeg: &Ffmpeg,
    settings: &Settings,
    spawner: &Spawner,
    report: &mut Report,
) {
    let Ffmpeg { version, ffmpeg: program, ffprobe, .. } = ffmpeg;
    let both = format!("FFmpeg {version}: {}, {}", program.display(), ffprobe.display());
    report.add(Severity::Fine, both);
    for shortcoming in ffmpeg.shortcomings() {
        report.add(Severity::Note, format!("this FFmpeg has {shortcoming}"));
    }
    let folder = match Scratch::make() {
        Ok(folder) => folder,
        Err(error) => {
            let text = format!("no encoder was tried, no temporary folder: {error}");
            return report.add(Severity::Note, text);
        }
    };
    let holds = trial::examine(spawner, &folder.0).await;
    let severity = match settings.ffmpeg.sandbox {
        _ if holds.all() => Severity::Fine,
        Sandbox::On => Severity::Fault,
        Sandbox::Auto | Sandbox::Off => Severity::Note,
    };
    report.add(severity, format!("sandbox: {}", holds.told()));
    let chain = Chain::of(settings);
    let (choice, scratch) = (settings.ffmpeg.encoder, &folder.0);
    let tried = encoders::try_all(ffmpeg, spawner, &chain, choice, scratch).await;
    examine_devices(&tried, choice, report);
    let hardware = encoders::chosen(&tried);
    let Some(software) = tried.into_iter().find(|tried| !tried.encoder.is_device()) else { return };
    match software.verdict {
        Verdict::Works(took) => {
            let height = chain.profile.height;
            let text = format!("libx264 and AAC work (half a second of {height}p in {took:.1?})");
            report.add(Severity::Fine, text);
        }
        Verdict::Fails(reason) => {
            let text = format!("libx264 and AAC do not work, install another FFmpeg: {reason}");
            report.add(Severity::Fault, text);
            return;
        }
    }
    examine_containers(ffmpeg, spawner, &folder.0, report).await;
    let mut carried = Vec::new();
    for height in MEASURED_HEIGHTS {
        let chain = Chain { profile: Chain::profile(height), ..chain.clone() };
        let pixels = u32::from(chain.profile.width) * u32::from(height);
        let hardware = hardware.as_ref();
        let capacity = capacity::measure(ffmpeg, spawner, &chain, hardware, &folder.0).await;
        carried.push((height, capacity.map_or(0, |capacity| capacity.streams(pixels))));
    }
    let text: Vec<_> = carried.iter().map(|(height, n)| format!("{n} of {height}p")).collect();
    let text = format!("this machine can encode about {} at once", text.join(", or "));
    match carried.iter().all(|(_, streams)| *streams == 0) {
        true => report.add(Severity::Note, format!("{text}: it is too slow, or too busy now")),
        false => report.add(Severity::Fine, text),
    }
}

fn examine_devices(tried: &[Tried], choice: Choice, report: &mut Report) {
    let used = encoders::chosen(tried).map(|hardware| hardware.encoder);
    for Tried { encoder, verdict, hardware } in tried.iter().filter(|t| t.encoder.is_device()) {
        let name = encoder.ffmpeg_name();
        match verdict {
            Verdict::Works(took) => {
                let decodes = hardware.as_ref().is_some_and(|hardware| hardware.pictures);
                let also = if decodes { ", decoding and scaling too" } else { "" };
                let chosen = if used == Some(*encoder) { "; it is used" } else { "" };
                let text = format!("{name} works{also} (half a second in {took:.1?}){chosen}");
                report.add(Severity::Fine, text);
            }
            Verdict::Fails(reason) => {
                let text = format!("{name} does not work here: {reason}");
                report.add(Severity::Note, text);
            }
        }
    }
    if let (Choice::Fixed(encoder), None) = (choice, used)
        && encoder.is_device()
    {
        let text =
            format!("ffmpeg.encoder is {encoder}, which does not work: x264 is used instead");
        report.add(Severity::Note, text);
    }
}

async fn examine_containers(
    ffmpeg: &Ffmpeg,
    spawner: &Spawner,
    folder: &Path,
    report: &mut Report,
) {
    let mut read = Vec::new();
    for (container, verdict) in selftest::try_containers(ffmpeg, spawner, folder).await {
        match verdict {
            Verdict::Works(_) => read.push(container),
            Verdict::Fails(reason) => report.add(
                Severity::Note,
                format!("this FFmpeg cannot play .{container} files, install another: {reason}"),
            ),
        }
    }
    if !read.is_empty() {
        report.add(Severity::Fine, format!("plays {}", read.join(", ")));
    }
}

/// A temporary folder of our own, removed with all that is in it.
struct Scratch(PathBuf);

impl Scratch {
    fn make() -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("aerial-doctor-{}", uuid::Uuid::now_v7()));
        create_private(&path)?;
        Ok(Self(path))
    }
}

fn create_private(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().mode(0o700).create(path)
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(folder = %self.0.display(), %error, "a temporary folder is left");
        }
    }
}
