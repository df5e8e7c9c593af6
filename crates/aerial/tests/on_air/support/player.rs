//! FFmpeg as a player: what Plex and Jellyfin watch with.

use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};

use aerial_model::time::TIMESTAMP_MODULUS;
use rustix::process::Signal;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::Child;
use tokio::task::JoinHandle;

use super::server::command;
use super::{PATIENCE, signal, until};

/// Where a player stops.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Limit {
    /// After so many seconds of pictures.
    Seconds(u32),
    /// With timestamps kept (`-copyts`): where they reach this many ticks.
    Until(i64),
}

/// A player at work.
#[derive(Debug)]
pub(crate) struct Player {
    process: Child,
    shown: Arc<Mutex<Shown>>,
    reading: JoinHandle<()>,
    complaints: JoinHandle<String>,
}

/// What a player decoded.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shown {
    /// PTS of the pictures, in ticks.
    pub(crate) video: Vec<i64>,
    /// PTS of the audio frames, in 48ths of a millisecond.
    pub(crate) audio: Vec<i64>,
}

impl Player {
    /// Plays an address. Beside `-f null`, which is what is to be quiet, it tells
    /// the times of all that it decodes.
    pub(crate) fn start(url: &str, limit: Limit) -> Self {
        let (copy, limit) = match limit {
            Limit::Seconds(seconds) => (None, ["-t".to_owned(), seconds.to_string()]),
            Limit::Until(ticks) => {
                let millis = ticks / 90;
                let end = format!("{}.{:03}", millis / 1_000, millis % 1_000);
                (Some("-copyts"), ["-to".to_owned(), end])
            }
        };
        let mut command = tokio::process::Command::from(command("ffmpeg"));
        command.args(["-nostdin", "-v", "warning"]).args(copy).args(["-i", url]);
        command.args(&limit).args(["-enc_time_base", "1:90000", "-f", "null", "-"]);
        command.args(["-map", "0:v:0", "-map", "0:a:0"]).args(&limit);
        command.args(["-enc_time_base:v", "1:90000", "-flush_packets", "1"]);
        command.args(["-f", "framecrc", "pipe:1"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.kill_on_drop(true).spawn().unwrap();
        let shown = Arc::<Mutex<Shown>>::default();
        let (told, into) = (process.stdout.take().unwrap(), Arc::clone(&shown));
        let reading = tokio::spawn(async move {
            let mut lines = BufReader::new(told).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                into.lock().unwrap().read(&line);
            }
        });
        let mut said = process.stderr.take().unwrap();
        let complaints = tokio::spawn(async move {
            let mut text = String::new();
            said.read_to_string(&mut text).await.unwrap();
            text
        });
        Self { process, shown, reading, complaints }
    }

    /// How many pictures it has shown so far.
    pub(crate) fn pictures(&self) -> usize {
        self.shown.lock().unwrap().video.len()
    }

    /// Waits until it has shown so many pictures.
    pub(crate) async fn shows(&self, pictures: usize) {
        until("the player goes on", async || (self.pictures() >= pictures).then_some(())).await;
    }

    /// Waits for its end, which has to be a good one, without a word.
    pub(crate) async fn finish(self) -> Shown {
        let (status, said, shown) = self.end().await;
        assert!(status.success() && said.is_empty(), "{status}: {said}");
        shown
    }

    /// Ends it. It may not have said a word.
    pub(crate) async fn stop(self) -> Shown {
        signal(self.process.id().unwrap(), Signal::KILL);
        let (_, said, shown) = self.end().await;
        assert!(said.is_empty(), "{said}");
        shown
    }

    /// Waits for its end, whatever that is.
    async fn end(mut self) -> (ExitStatus, String, Shown) {
        let ended = tokio::time::timeout(PATIENCE, self.process.wait()).await;
        let status = ended.expect("the player does not end").unwrap();
        self.reading.await.unwrap();
        let said = self.complaints.await.unwrap();
        let shown = self.shown.lock().unwrap().clone();
        (status, said, shown)
    }
}

impl Shown {
    /// One line of framecrc: stream, DTS, PTS, duration, size, checksum.
    fn read(&mut self, line: &str) {
        if line.starts_with('#') {
            return;
        }
        let mut fields = line.split(',').map(str::trim);
        let stream = fields.next();
        let Some(pts) = fields.nth(1).and_then(|pts| pts.parse().ok()) else { return };
        match stream {
            Some("0") => self.video.push(pts),
            Some("1") => self.audio.push(pts),
            _ => {}
        }
    }

    /// Checks that the sound has no gap and no overlap.
    pub(crate) fn assert_audio_unbroken(&self) {
        for (place, pair) in self.audio.windows(2).enumerate() {
            assert_eq!(pair[1] - pair[0], 1_024, "audio frame {place} of {}", self.audio.len());
        }
    }

    /// Checks that the pictures are all of those that were made from the first
    /// to the last one shown; the first one's and the last one's time on the channel.
    pub(crate) fn assert_all_of(&self, made: &[i64]) -> (i64, i64) {
        let (first, count) = (self.video[0], self.video.len());
        let offset = |place: usize| made[place] - first;
        let fits = |place: &usize| {
            let here = made[*place..].iter().zip(&self.video);
            here.clone().count() == count && here.clone().all(|(m, s)| m - s == offset(*place))
        };
        let place = (0..made.len()).find(fits).unwrap_or_else(|| {
            let gaps = |times: &[i64]| times.windows(2).map(|p| p[1] - p[0]).collect::<Vec<_>>();
            panic!("shown {:?}\nmade {:?}", gaps(&self.video), gaps(made))
        });
        (made[place], made[place + count - 1])
    }

    /// Checks that what was shown bears the timestamps that were made.
    pub(crate) fn assert_timestamps(&self, first: i64) {
        let off = (first - self.video[0]).rem_euclid(TIMESTAMP_MODULUS);
        assert_eq!(off, 0, "the player's first PTS is {}", self.video[0]);
    }
}
