//! Small clips from FFmpeg's own sources, made once for all tests.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::server::command;

/// Held while a clip is made, since the tests of one process share its name.
static MAKING: Mutex<()> = Mutex::new(());

/// A clip to put on the air.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Clip {
    /// Its file's name.
    pub(crate) file: &'static str,
    size: &'static str,
    rate: &'static str,
    frames: &'static str,
    seconds: &'static str,
    /// What is done to the picture, after a comma.
    drawn: &'static str,
}

impl Clip {
    /// 225 frames at 25 per second.
    pub(crate) const ALPHA: Self = Self {
        file: "Alpha.mp4",
        size: "320x180",
        rate: "25",
        frames: "225",
        seconds: "9",
        drawn: "",
    };
    /// 206 frames at 23.976 per second.
    pub(crate) const BETA: Self = Self {
        file: "Beta.mkv",
        size: "320x180",
        rate: "24000/1001",
        frames: "206",
        seconds: "8.592",
        drawn: "",
    };
    /// 400 frames at 50 per second.
    pub(crate) const DELTA: Self = Self {
        file: "Delta.mov",
        size: "320x180",
        rate: "50",
        frames: "400",
        seconds: "8",
        drawn: "",
    };
    /// 300 frames at 29.97 per second.
    pub(crate) const GAMMA: Self = Self {
        file: "Gamma.ts",
        size: "320x180",
        rate: "30000/1001",
        frames: "300",
        seconds: "10.01",
        drawn: "",
    };
    /// Three minutes, of so few pictures that it is made in a second.
    pub(crate) const LONG: Self = Self {
        file: "Long.mp4",
        size: "160x90",
        rate: "10",
        frames: "1800",
        seconds: "180",
        drawn: "",
    };
    /// Large enough that a segment of it is not made at once.
    pub(crate) const LARGE: Self = Self {
        file: "Large.mp4",
        size: "1280x720",
        rate: "30",
        frames: "420",
        seconds: "14",
        drawn: "",
    };
    /// 190 frames at 25 per second, of which the first two are white.
    pub(crate) const MARKED: Self = Self {
        file: "Marked.mp4",
        size: "320x180",
        rate: "25",
        frames: "190",
        seconds: "7.6",
        drawn: ",drawbox=color=white:t=fill:enable='lt(n,2)'",
    };
    /// Four short clips, each with another frame rate and container.
    pub(crate) const FOUR: [Self; 4] = [Self::ALPHA, Self::BETA, Self::DELTA, Self::GAMMA];

    /// What it is called in the guide.
    pub(crate) fn title(&self) -> &str {
        self.file.split('.').next().unwrap()
    }

    /// Puts a copy of it into a folder.
    pub(crate) fn put_into(&self, folder: &Path) -> PathBuf {
        let target = folder.join(self.file);
        std::fs::copy(self.made(), &target).unwrap();
        target
    }

    /// Made by whichever test needs it first.
    fn made(&self) -> PathBuf {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("on-air-clips-2");
        let made = folder.join(self.file);
        let _making = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
        if made.exists() {
            return made;
        }
        std::fs::create_dir_all(&folder).unwrap();
        let mine = folder.join(format!("{}-{}", std::process::id(), self.file));
        let Self { size, rate, drawn, .. } = self;
        let picture = format!("testsrc2=s={size}:r={rate}{drawn},format=yuv420p");
        let status = command("ffmpeg")
            .args(["-nostdin", "-v", "error", "-y", "-f", "lavfi", "-i", &picture])
            .args(["-f", "lavfi", "-i", "sine=f=440:r=48000", "-frames:v", self.frames])
            .args(["-t", self.seconds, "-c:v", "libx264", "-preset", "ultrafast", "-g", "48"])
            .args(["-c:a", "aac", "-b:a", "64k"])
            .arg(&mine)
            .status()
            .unwrap();
        assert!(status.success(), "{} was not made", self.file);
        std::fs::rename(&mine, &made).unwrap();
        made
    }
}
