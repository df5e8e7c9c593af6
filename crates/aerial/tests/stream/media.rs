//! Small films with numbered frames and a tone, made once by the real FFmpeg.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use aerial_model::keyframes::Indexer;
use aerial_model::media::MediaFacts;
use aerial_model::probe::{Answer, Probe, Step};
use aerial_model::segment_map::SegmentMap;

/// A file of the library.
#[derive(Clone, Debug)]
pub(crate) struct Film {
    pub(crate) path: PathBuf,
    pub(crate) facts: Arc<MediaFacts>,
    pub(crate) map: SegmentMap,
}

/// The programs by their names on the path.
#[allow(clippy::disallowed_methods, reason = "the test waits for each process it starts")]
pub(crate) fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::null());
    command
}

/// Where a program is.
pub(crate) fn which(program: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap();
    let mut found = std::env::split_paths(&path).map(|folder| folder.join(program));
    found.find(|file| file.is_file()).unwrap_or_else(|| panic!("{program} must be installed"))
}

/// A film of that many frames at that rate; each bears its number (see
/// [`crate::picture`]). Made once, also where tests run side by side.
pub(crate) fn film(rate: &str, frames: u32) -> Film {
    let name = format!("stream-film-{}-{frames}.mp4", rate.replace('/', "_"));
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    {
        static MAKING: Mutex<()> = Mutex::new(());
        let _one_after_the_other = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
        if !path.exists() {
            make(&path, rate, frames);
        }
    }
    let facts = probed(&path);
    let map = facts.uniform_map().unwrap();
    assert_eq!(map.frames(), u64::from(frames), "{}", path.display());
    Film { path, facts: Arc::new(facts), map }
}

/// The same, cut at its own keyframes, which are 50 frames apart.
pub(crate) fn copied_film(rate: &str, frames: u32) -> Film {
    let film = film(rate, frames);
    let index = aerial_model::command::index(&film.path, &film.facts);
    let output = command("ffmpeg").args(index).output().unwrap();
    let (mut demuxer, mut indexer) = (Indexer::demuxer(), Indexer::default());
    demuxer.push(&output.stdout);
    demuxer.finish();
    indexer.take_units(&mut demuxer).unwrap();
    let indexed = indexer.finish(&film.facts, 2).unwrap();
    let map = SegmentMap::copied(film.facts.rate(), Arc::new(indexed.cuts)).unwrap();
    Film { map, ..film }
}

/// Ten blocks along the top, white for a one.
fn make(path: &Path, rate: &str, frames: u32) {
    let mut graph = format!(
        "testsrc2=s=320x180:r={rate},trim=end_frame={frames},\
         drawbox=x=0:y=0:w=320:h=32:color=black:t=fill"
    );
    for bit in 0..10 {
        graph += &format!(
            ",drawbox=x={}:y=0:w=32:h=32:color=white:t=fill:enable='mod(floor(n/{}),2)'",
            bit * 32,
            1 << bit
        );
    }
    graph += ",format=yuv420p";
    let encode = "-c:v libx264 -preset ultrafast -bf 2 -g 50 -c:a aac -shortest -f mp4";
    // Named when it is whole: whoever finds it can use it.
    let unfinished = path.with_extension(format!("{}.part", std::process::id()));
    let output = command("ffmpeg")
        .args(["-v", "error", "-y", "-f", "lavfi", "-i", &graph])
        .args(["-f", "lavfi", "-i", "sine=f=440:r=48000"])
        .args(encode.split(' '))
        .arg(&unfinished)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // Of several tests' the first stays, as it may be in use: another in its place, though
    // alike, is a file that was replaced.
    let named = rustix::fs::renameat_with(
        rustix::fs::CWD,
        &unfinished,
        rustix::fs::CWD,
        path,
        rustix::fs::RenameFlags::NOREPLACE,
    );
    match named {
        Err(rustix::io::Errno::EXIST) => std::fs::remove_file(&unfinished).unwrap(),
        named => named.unwrap(),
    }
}

/// As the library does.
pub(crate) fn probed(path: &Path) -> MediaFacts {
    let mut probe = Probe::new(path, std::fs::metadata(path).unwrap().len()).unwrap();
    for _ in 0..8 {
        let output = command("ffprobe").args(probe.arguments()).output().unwrap();
        let answer = Answer {
            success: output.status.success(),
            stdout: &output.stdout,
            stderr: &output.stderr,
        };
        match probe.answer(answer).unwrap() {
            Step::Again(next) => probe = next,
            Step::Done(facts) => return *facts,
        }
    }
    panic!("probing {} does not end", path.display())
}
