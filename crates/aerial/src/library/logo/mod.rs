//! Logos: those that were uploaded, and a tile with a channel's first letters for
//! channels that have none.
//!
//! Owns drawing the tiles and making uploads smaller, one FFmpeg each, and keeping the
//! last of them in memory: a list of channels is asked for as a whole. Where uploads lie
//! is the business of `uploads`. Invariant: the same name and id give the same tile, so
//! that it can be kept for long.

mod uploads;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aerial_model::command::logo::{letters, logo, smaller_logo};
use aerial_model::id::ChannelId;
use bytes::Bytes;
use tokio::sync::Semaphore;

use self::uploads::kind;
pub use self::uploads::{LogoError, Uploads};
use super::width::Width;
use crate::ffmpeg::{Invocation, RunLimits, Spawner};

/// Width and height of what is drawn, unless asked otherwise; what TV apps show is smaller.
const SIDE: u32 = 512;
/// How many are made at a time: an app asks for all at once, and the streams go first.
const DRAWN_AT_ONCE: usize = 2;
/// It takes a tenth of a second.
const TIME: Duration = Duration::from_secs(10);
/// A tile has some kilobytes, a photograph of 960 x 960 two megabytes.
const MAX_BYTES: usize = 4 << 20;
/// Thousands of them.
const KEPT_BYTES: u64 = 16 << 20;
const NICENESS: u8 = 15;

/// Draws and keeps logos. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Logos(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    spawner: Spawner,
    ffmpeg: PathBuf,
    font: Option<PathBuf>,
    kept: moka::sync::Cache<(Of, Option<Width>), Bytes>,
    permits: Semaphore,
    uploads: Uploads,
}

/// What a picture was made of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Of {
    /// A channel's letters.
    Letters(ChannelId, String),
    /// An upload, by its name.
    Upload(String),
}

impl Logos {
    /// Drawn with this font, if there is one; uploads lie in `folder`.
    pub fn new(spawner: Spawner, ffmpeg: &Path, font: Option<&Path>, folder: PathBuf) -> Self {
        let kept = moka::sync::Cache::builder()
            .max_capacity(KEPT_BYTES)
            .weigher(|_, picture: &Bytes| picture.len().try_into().unwrap_or(u32::MAX))
            .build();
        let permits = Semaphore::new(DRAWN_AT_ONCE);
        let (ffmpeg, font) = (ffmpeg.to_owned(), font.map(Path::to_owned));
        Self(Arc::new(Inner {
            spawner,
            ffmpeg,
            font,
            kept,
            permits,
            uploads: Uploads::new(folder),
        }))
    }

    /// Those that were uploaded.
    pub fn uploads(&self) -> &Uploads {
        &self.0.uploads
    }

    /// An upload as a PNG of at most that width and height; an error in words.
    pub async fn smaller(&self, name: &str, width: Width) -> Result<Option<Bytes>, String> {
        let Some((picture, _)) = self.0.uploads.get(name).await else { return Ok(None) };
        let demuxer = match kind(&picture) {
            Some(("png", _)) => "png_pipe",
            Some(("jpg", _)) => "jpeg_pipe",
            _ => "webp_pipe",
        };
        let most = width.pixels().into();
        let arguments = smaller_logo(&self.0.uploads.path(name), demuxer, most);
        self.made(Of::Upload(name.to_owned()), Some(width), arguments).await.map(Some)
    }

    /// The PNG for a channel of that name; an error in words.
    pub async fn get(
        &self,
        channel: ChannelId,
        name: &str,
        width: Option<Width>,
    ) -> Result<Bytes, String> {
        let (letters, side) = (letters(name), width.map_or(SIDE, |width| width.pixels().into()));
        let arguments = logo(&letters, ground(channel), self.0.font.as_deref(), side);
        self.made(Of::Letters(channel, letters), width, arguments).await
    }

    /// What this run writes, kept or made now.
    async fn made(
        &self,
        of: Of,
        width: Option<Width>,
        arguments: Vec<OsString>,
    ) -> Result<Bytes, String> {
        let key = (of, width);
        if let Some(picture) = self.0.kept.get(&key) {
            return Ok(picture);
        }
        // Never closed; if it were, the limit would be all that is lost.
        let _permit = self.0.permits.acquire().await;
        if let Some(picture) = self.0.kept.get(&key) {
            return Ok(picture);
        }
        let mut run = Invocation::new(&self.0.ffmpeg).args(arguments).niceness(NICENESS);
        let read = match &key.0 {
            Of::Upload(name) => Some(self.0.uploads.path(name)),
            Of::Letters(..) => self.0.font.clone(),
        };
        if let Some(read) = read {
            run = run.reads(read);
        }
        let limits = RunLimits { time: TIME, stdout_bytes: MAX_BYTES };
        let output = self.0.spawner.run_to_end(run, limits).await.map_err(|e| e.to_string())?;
        if output.stdout.is_empty() {
            let said = output.stderr.trim().lines().next_back().unwrap_or_default().to_owned();
            return Err(format!("FFmpeg drew nothing ({}): {said}", output.exit));
        }
        self.0.kept.insert(key, output.stdout.clone());
        Ok(output.stdout)
    }
}

/// A colour of its own for each channel, dark enough for white letters.
fn ground(channel: ChannelId) -> [u8; 3] {
    let hash = blake3::hash(channel.0.as_bytes());
    let hue = u16::from_le_bytes([hash.as_bytes()[0], hash.as_bytes()[1]]) % 360;
    // Of saturation 55 % and lightness 36 %: between these, round the circle.
    let (low, high) = (41_u16, 142_u16);
    let rise = |degrees: u16| u8::try_from(low + (high - low) * degrees / 60).unwrap_or(u8::MAX);
    let (least, most, within) = (rise(0), rise(60), hue % 60);
    let (up, down) = (rise(within), rise(60 - within));
    match hue / 60 {
        0 => [most, up, least],
        1 => [down, most, least],
        2 => [least, most, up],
        3 => [least, down, most],
        4 => [up, least, most],
        _ => [most, least, down],
    }
}
