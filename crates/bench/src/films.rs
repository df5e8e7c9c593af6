//! The films that are measured with: made once, all alike.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use aerial_model::media::MediaFacts;
use aerial_model::probe::{Answer, Probe, Step};
use anyhow::{Context as _, Result, bail, ensure};

use crate::numbers;

/// How long the short ones are.
const SHORT: u64 = 60;

/// Four to tune in to, one each for mpv and a browser.
const SHORT_FILMS: usize = 6;

/// A film on the disk.
#[derive(Clone, Debug)]
pub(crate) struct Film {
    pub(crate) title: String,
    pub(crate) path: PathBuf,
}

/// Films of a minute: 1080p H.264 with B-frames and a keyframe every 2 s, AAC, in
/// MP4. The same bytes but for the title, so that nothing made of one serves another.
pub(crate) fn short(folder: &Path) -> Result<Vec<Film>> {
    let source = source(folder)?;
    titled(&folder.join("short"), "Film", SHORT_FILMS, &source, &[])
}

/// The same pictures again and again, for so many minutes, with one sound throughout:
/// one that was joined would have a gap at each turn, and could not be copied.
pub(crate) fn long(folder: &Path, minutes: u64, count: usize) -> Result<Vec<Film>> {
    let source = source(folder)?;
    let whole = folder.join(format!("{minutes}-minutes.mp4"));
    if !whole.exists() {
        let part = whole.with_extension("part.mp4");
        let seconds = minutes * 60;
        let (again, seconds) = ((seconds / SHORT - 1).to_string(), seconds.to_string());
        let sound = format!("sine=f=440:r=48000:d={seconds}");
        let mut command = ffmpeg();
        command.args(["-stream_loop", &again]).arg("-i").arg(&source);
        command.args(["-f", "lavfi", "-i", &sound, "-map", "0:v", "-map", "1:a", "-t", &seconds]);
        command.args(["-c:v", "copy", "-c:a", "aac", "-ac", "2", "-movflags", "+faststart"]);
        run(command.arg(&part))?;
        std::fs::rename(part, &whole)?;
    }
    titled(&folder.join(format!("{minutes}-minutes")), "Long", count, &whole, &[])
}

fn source(folder: &Path) -> Result<PathBuf> {
    let picture = format!("testsrc2=s=1920x1080:r=25:d={SHORT},noise=alls=8:allf=t,format=yuv420p");
    let words = "-preset veryfast -b:v 4M -maxrate 6M -bufsize 8M";
    made(folder, "source", SHORT, &["-f", "lavfi", "-i", &picture], words)
}

/// Two hours of very small pictures: what is made of them takes no room.
pub(crate) fn tiny(folder: &Path, count: usize) -> Result<Vec<Film>> {
    let picture = format!("testsrc2=s=160x90:r=10:d={SHORT},format=yuv420p");
    let source =
        made(folder, "tiny", SHORT, &["-f", "lavfi", "-i", &picture], "-preset veryfast -b:v 40k")?;
    let again = ["-stream_loop".to_owned(), (TINY_HOURS * 3_600 / SHORT - 1).to_string()];
    titled(&folder.join("tiny"), "Tiny", count, &source, &again)
}

/// How long those are.
pub(crate) const TINY_HOURS: u64 = 2;

/// Three of 480p whose pictures bear their numbers, for so many minutes: small enough
/// that two cores encode and show all three.
pub(crate) fn numbered(folder: &Path, minutes: u64) -> Result<Vec<Film>> {
    let source = numbered_once(folder)?;
    let again = ["-stream_loop".to_owned(), (minutes * 60 / numbers::TURN_SECONDS).to_string()];
    titled(&folder.join(format!("numbered-{minutes}")), "Numbered", 3, &source, &again)
}

/// Each number once.
fn numbered_once(folder: &Path) -> Result<PathBuf> {
    let seconds = numbers::TURN_SECONDS;
    let picture = format!("testsrc2=s=848x480:r=25:d={seconds},noise=alls=4:allf=t,format=yuv420p");
    let strip = numbers::strip(848, 32);
    let input = ["-f", "lavfi", "-i", &picture, "-f", "lavfi", "-i", &strip];
    let words = "-preset veryfast -b:v 1500k -maxrate 2500k -bufsize 3M \
                 -filter_complex [0:v][1:v]overlay=shortest=1,format=yuv420p";
    made(folder, "numbered", seconds, &input, words)
}

/// So many of those pictures, of eight minutes, made anew: what befell the last ones is
/// gone. More than a small store holds, so that FFmpeg has work as long as they are played.
pub(crate) fn mortal(folder: &Path, count: usize) -> Result<Vec<Film>> {
    let source = numbered_once(folder)?;
    let here = folder.join("mortal");
    if here.exists() {
        std::fs::remove_dir_all(&here)?;
    }
    let again = ["-stream_loop".to_owned(), "11".to_owned()];
    titled(&here, "Mortal", count, &source, &again)
}

/// Another one, which is in no library yet.
pub(crate) fn another(folder: &Path) -> Result<Film> {
    let again = ["-stream_loop".to_owned(), "8".to_owned()];
    let films = titled(&folder.join("other"), "Other", 1, &numbered_once(folder)?, &again)?;
    films.into_iter().next().context("no other film")
}

/// Pictures and a tone, encoded once.
fn made(folder: &Path, name: &str, seconds: u64, input: &[&str], words: &str) -> Result<PathBuf> {
    std::fs::create_dir_all(folder)?;
    let source = folder.join(format!("{name}.mp4"));
    if !source.exists() {
        eprintln!("bench: making a film of {seconds} s (once)");
        let part = source.with_extension("part.mp4");
        let sound = format!("sine=f=440:r=48000:d={seconds}");
        let common = "-c:v libx264 -bf 2 -g 50 -keyint_min 50 -sc_threshold 0 \
                      -c:a aac -ac 2 -shortest -movflags +faststart";
        let mut command = ffmpeg();
        command.args(input).args(["-f", "lavfi", "-i", &sound]);
        command.args(common.split_whitespace()).args(words.split_whitespace()).arg(&part);
        run(&mut command)?;
        std::fs::rename(part, &source)?;
    }
    Ok(source)
}

/// So many films of these pictures, each with a title of its own; none but them in
/// the folder.
fn titled(
    folder: &Path,
    name: &str,
    count: usize,
    source: &Path,
    input: &[String],
) -> Result<Vec<Film>> {
    std::fs::create_dir_all(folder)?;
    let films = (1..=count).map(|n| {
        let title = format!("{name} {n}");
        let path = folder.join(format!("{title}.mp4"));
        if !path.exists() {
            let part = folder.with_extension("part.mp4");
            let title = format!("title={title}");
            let mut command = ffmpeg();
            command.args(input).arg("-i").arg(source);
            command.args(["-c", "copy", "-movflags", "+faststart", "-metadata", &title]);
            run(command.arg(&part))?;
            std::fs::rename(part, &path)?;
        }
        Ok(Film { title, path })
    });
    let films: Vec<Film> = films.collect::<Result<_>>()?;
    for file in std::fs::read_dir(folder)? {
        let path = file?.path();
        if !films.iter().any(|film| film.path == path) {
            std::fs::remove_file(path)?;
        }
    }
    Ok(films)
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
