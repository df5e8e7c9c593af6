//! The films that are measured with: made once, all alike.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use aerial_model::media::MediaFacts;
use aerial_model::probe::{Answer, Probe, Step};
use anyhow::{Context as _, Result, bail, ensure};

/// How long each is.
pub(crate) const SECONDS: u64 = 60;

/// Four to tune in to, one each for mpv and a browser. The same bytes but for the
/// title, so that nothing made of one serves another.
const FILMS: usize = 6;

/// A film on the disk.
#[derive(Clone, Debug)]
pub(crate) struct Film {
    pub(crate) title: String,
    pub(crate) path: PathBuf,
}

/// 1080p H.264 with B-frames and a keyframe every 2 s, AAC, in MP4.
pub(crate) fn made(folder: &Path) -> Result<Vec<Film>> {
    std::fs::create_dir_all(folder)?;
    let source = folder.with_file_name("source.mp4");
    if !source.exists() {
        eprintln!("bench: making a film of {SECONDS} s (once)");
        let part = source.with_extension("part.mp4");
        let picture =
            format!("testsrc2=s=1920x1080:r=25:d={SECONDS},noise=alls=8:allf=t,format=yuv420p");
        let sound = format!("sine=f=440:r=48000:d={SECONDS}");
        let words = "-c:v libx264 -preset veryfast -b:v 4M -maxrate 6M -bufsize 8M -bf 2 \
                     -g 50 -keyint_min 50 -sc_threshold 0 -c:a aac -ac 2 -movflags +faststart";
        let mut command = ffmpeg();
        command.args(["-f", "lavfi", "-i", &picture, "-f", "lavfi", "-i", &sound]);
        command.args(words.split_whitespace()).arg(&part);
        run(&mut command)?;
        std::fs::rename(part, &source)?;
    }
    (1..=FILMS)
        .map(|n| {
            let title = format!("Film {n}");
            let path = folder.join(format!("{title}.mp4"));
            if !path.exists() {
                let part = folder.with_file_name("part.mp4");
                let title = format!("title={title}");
                let mut command = ffmpeg();
                command.arg("-i").arg(&source).args(["-c", "copy", "-metadata", &title]).arg(&part);
                run(&mut command)?;
                std::fs::rename(part, &path)?;
            }
            Ok(Film { title, path })
        })
        .collect()
}

impl Film {
    /// What the library finds in it.
    pub(crate) fn facts(&self) -> Result<MediaFacts> {
        let mut probe = Probe::new(&self.path, std::fs::metadata(&self.path)?.len())?;
        loop {
            let output = Command::new("ffprobe").args(probe.arguments()).output()?;
            let answer = Answer {
                success: output.status.success(),
                stdout: &output.stdout,
                stderr: &output.stderr,
            };
            match probe.answer(answer)? {
                Step::Again(next) => probe = next,
                Step::Done(facts) => return Ok(*facts),
            }
        }
    }
}

fn ffmpeg() -> Command {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "error", "-y"]).stdin(Stdio::null());
    command
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output().context("FFmpeg must be installed")?;
    if !output.status.success() {
        bail!("FFmpeg failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    ensure!(output.stderr.is_empty(), "FFmpeg: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
