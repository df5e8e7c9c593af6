//! Thumbnails: one picture of each media: the one that lies beside its file (see
//! `beside`), else what it shows a tenth into it.
//!
//! Owns making them, one FFmpeg each, and keeping them in a folder of the data
//! folder. Invariant: that folder stays under its limit and can be deleted at
//! any time; a picture belongs to one version of a file, so it never goes stale.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use aerial_model::media::VideoFacts;
use aerial_model::probe::input;
use aerial_model::time::Ticks;
use bytes::Bytes;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::Stamp;
use super::beside;
use super::width::Width;
use crate::db::{Media, MediaState};
use crate::ffmpeg::{Exit, Invocation, RunLimits, Spawner};

/// How many are made at a time: a page asks for dozens, and the streams go first.
const MADE_AT_ONCE: usize = 2;

/// How long one may take; a disk that has to spin up takes 10 s.
const TIME: Duration = Duration::from_secs(20);

/// A picture of 480 x 270 has 10 to 40 kB, one of 960 x 540 up to 150.
const MAX_PICTURE_BYTES: usize = 2 << 20;

/// What all pictures together may take: about ten thousand of them.
const MAX_FOLDER_BYTES: u64 = 256 << 20;

/// The folder is looked through every so many pictures.
const SWEEP_EVERY: u64 = 64;

const NICENESS: u8 = 15;

/// How many look for a file, or beside it, at a time, and how long one waits for that: a
/// disk that hangs keeps a thread for each.
const LOOKS_AT_ONCE: usize = 8;
const LOOK_WITHIN: Duration = Duration::from_secs(2);

/// How long it is believed that there is no picture: what kept it from being made may pass.
const NONE_FOR: Duration = Duration::from_secs(86_400);

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
pub enum ThumbnailError {
    /// There is nothing to show.
    #[error("{} has no picture to show", .0.display())]
    NoPicture(PathBuf),
    /// Its file is gone.
    #[error("{} is missing: its picture comes back with it", .0.display())]
    Missing(PathBuf),
    /// FFmpeg could not make one this time.
    #[error("the picture of {} could not be made ({reason}); try again later", path.display())]
    Failed {
        /// The media's file.
        path: PathBuf,
        /// What happened.
        reason: String,
    },
    /// The folder of pictures cannot be used.
    #[error("the folder of pictures {} cannot be used ({source}): check its rights and the space on its disk", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// Where a media's picture comes from.
#[derive(Clone, Debug)]
pub struct Look {
    /// Another one for each version of it, and each width.
    pub name: String,
    width: Width,
    art: Option<PathBuf>,
}

/// Makes and keeps thumbnails. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Thumbnails(Arc<Maker>);

#[derive(Debug)]
struct Maker {
    spawner: Spawner,
    ffmpeg: PathBuf,
    folder: PathBuf,
    max_folder_bytes: u64,
    permits: Semaphore,
    looks: Arc<Semaphore>,
    made: AtomicU64,
}

impl Thumbnails {
    /// Keeps them in `folder`, which is made where it is not there.
    pub fn new(spawner: Spawner, ffmpeg: impl Into<PathBuf>, folder: impl Into<PathBuf>) -> Self {
        Self::limited(spawner, ffmpeg, folder, MAX_FOLDER_BYTES)
    }

    /// With another limit for the folder.
    pub fn limited(
        spawner: Spawner,
        ffmpeg: impl Into<PathBuf>,
        folder: impl Into<PathBuf>,
        max_folder_bytes: u64,
    ) -> Self {
        let permits = Semaphore::new(MADE_AT_ONCE);
        let looks = Arc::new(Semaphore::new(LOOKS_AT_ONCE));
        let (ffmpeg, folder) = (ffmpeg.into(), folder.into());
        let made = AtomicU64::new(0);
        Self(Arc::new(Maker { spawner, ffmpeg, folder, max_folder_bytes, permits, looks, made }))
    }

    /// Where a media's picture of that width comes from, and its version.
    pub async fn look(&self, media: &Media, width: Width) -> Look {
        let art = self.0.look(&media.path, beside::picture).await.flatten();
        let name = name(media, art.as_ref(), width);
        Look { name, width, art: art.map(|(path, _)| path) }
    }

    /// The JPEG of a media, kept or made now.
    pub async fn get(&self, media: &Media, look: &Look) -> Result<Bytes, ThumbnailError> {
        let maker = &self.0;
        let none = || ThumbnailError::NoPicture(media.path.clone());
        let kept = maker.folder.join(&look.name);
        if let Some(picture) = maker.read(&kept).await {
            return picture.ok_or_else(none);
        }
        // Never closed; if it were, the limit would be all that is lost.
        let _permit = maker.permits.acquire().await;
        if let Some(picture) = maker.read(&kept).await {
            return picture.ok_or_else(none);
        }
        let mut picture = match &look.art {
            Some(art) => maker.make(art, beside::arguments(art, look.width)).await?,
            None => Bytes::new(),
        };
        // One beside the file that cannot be read is as good as none.
        if picture.is_empty() {
            picture = maker.picture_within(media, look.width).await?;
        }
        maker.keep(&kept, &picture).await?;
        if picture.is_empty() { Err(none()) } else { Ok(picture) }
    }
}

impl Maker {
    /// What a look at the disk finds; `None` if that takes too long.
    async fn look<T: Send + 'static>(
        &self,
        path: &Path,
        question: impl FnOnce(&Path) -> T + Send + 'static,
    ) -> Option<T> {
        let path = path.to_owned();
        let look = async move {
            // It is held by whoever looks, though nobody waits for that any more.
            let permit = self.looks.clone().acquire_owned().await.ok()?;
            let look = tokio::task::spawn_blocking(move || {
                let _permit = permit;
                question(&path)
            });
            look.await.ok()
        };
        timeout(LOOK_WITHIN, look).await.ok().flatten()
    }

    /// What is kept: a picture, or (an empty file) that there is none to be had.
    async fn read(&self, kept: &Path) -> Option<Option<Bytes>> {
        let bytes = Bytes::from(tokio::fs::read(kept).await.ok()?);
        if !bytes.is_empty() {
            return Some(Some(bytes));
        }
        let since = tokio::fs::metadata(kept).await.ok()?.modified().ok()?;
        (since.elapsed().ok()? < NONE_FOR).then_some(None)
    }

    /// What a media shows; nothing where it cannot be entered.
    async fn picture_within(&self, media: &Media, width: Width) -> Result<Bytes, ThumbnailError> {
        let path = &media.path;
        let none = || ThumbnailError::NoPicture(path.clone());
        let facts = media.facts.as_deref().ok_or_else(none)?;
        let video = facts.video.as_ref().ok_or_else(none)?;
        let is_missing = matches!(media.state, MediaState::Missing { .. });
        if is_missing || !self.look(path, Path::exists).await.unwrap_or(false) {
            return Err(ThumbnailError::Missing(path.clone()));
        }
        // What cannot be entered a tenth in may still show its first picture.
        let mut picture = Bytes::new();
        for at in [Ticks(facts.length.0 / 10), Ticks::ZERO] {
            picture = self.make(path, arguments(path, video, at, width)).await?;
            if !picture.is_empty() {
                break;
            }
        }
        Ok(picture)
    }

    async fn make(&self, path: &Path, arguments: Vec<OsString>) -> Result<Bytes, ThumbnailError> {
        let failed = |reason| ThumbnailError::Failed { path: path.to_owned(), reason };
        let run = Invocation::new(&self.ffmpeg).args(arguments).niceness(NICENESS).reads(path);
        let limits = RunLimits { time: TIME, stdout_bytes: MAX_PICTURE_BYTES };
        match self.spawner.run_to_end(run, limits).await {
            Ok(output) if output.exit == Exit::NotStarted => {
                Err(failed(format!("FFmpeg could not be started: {}", output.stderr.trim())))
            }
            Ok(output)
                if output.stdout.is_empty()
                    && matches!(output.exit, Exit::Signal(_) | Exit::Stuck) =>
            {
                Err(failed(format!("FFmpeg: {}", output.exit)))
            }
            // Whatever its exit code: a picture is a picture, none is none.
            Ok(output) => Ok(output.stdout),
            Err(error) => Err(failed(error.to_string())),
        }
    }

    async fn keep(&self, kept: &Path, picture: &Bytes) -> Result<(), ThumbnailError> {
        let nth = self.made.fetch_add(1, Ordering::Relaxed);
        let written = kept.with_extension(format!("{nth}.part"));
        let store = async {
            tokio::fs::create_dir_all(&self.folder).await?;
            tokio::fs::write(&written, picture).await?;
            tokio::fs::rename(&written, kept).await
        };
        store
            .await
            .map_err(|source| ThumbnailError::Folder { folder: self.folder.clone(), source })?;
        if nth.is_multiple_of(SWEEP_EVERY) {
            let (folder, limit) = (self.folder.clone(), self.max_folder_bytes);
            // What could not be swept now is by the next one.
            let _ = tokio::task::spawn_blocking(move || sweep(&folder, limit)).await;
        }
        Ok(())
    }
}

/// The media, the version of its bytes and of the picture beside it, and the width.
fn name(media: &Media, art: Option<&(PathBuf, Stamp)>, width: Width) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&media.identity.size_bytes.to_le_bytes());
    hasher.update(&media.identity.mtime_ns.to_le_bytes());
    hasher.update(&media.identity.hash.unwrap_or_default());
    if let Some((path, stamp)) = art {
        hasher.update(path.as_os_str().as_encoded_bytes());
        hasher.update(&stamp.size.to_le_bytes());
        hasher.update(&stamp.mtime_ns.to_le_bytes());
    }
    if width != Width::USUAL {
        hasher.update(&width.pixels().to_le_bytes());
    }
    format!("{}-{}.jpg", media.id, &hasher.finalize().to_hex()[..16])
}

fn arguments(path: &Path, video: &VideoFacts, at: Ticks, width: Width) -> Vec<OsString> {
    let text = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
    let mut arguments = text(&["-nostdin", "-v", "error", "-protocol_whitelist", "file,pipe"]);
    arguments.extend(text(&["-threads", "1", "-ss", &at.to_string(), "-i"]));
    arguments.push(input(path));
    arguments.extend(text(&["-map", &format!("0:{}", video.index), "-frames:v", "1", "-vf"]));
    // Square pixels first, so that the picture has the shape people see.
    let (wide, high) = (width.pixels(), width.pixels() * 9 / 16);
    let scale = format!(
        "scale=w=trunc(iw*max(sar\\,0.1)/2)*2:h=ih,setsar=1,\
         scale=w={wide}:h={high}:force_original_aspect_ratio=decrease"
    );
    arguments.extend(text(&[scale.as_str(), "-q:v", "5", "-f", "mjpeg", "pipe:1"]));
    arguments
}

/// Deletes the oldest pictures, and what a crash left half written, until the
/// folder is under its limit; blocks.
fn sweep(folder: &Path, limit: u64) -> io::Result<()> {
    let mut files: Vec<(SystemTime, u64, PathBuf)> = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        if metadata.is_file() {
            files.push((metadata.modified()?, metadata.len(), entry.path()));
        }
    }
    files.sort();
    let mut total: u64 = files.iter().map(|(_, size, _)| size).sum();
    for (_, size, path) in files {
        if total <= limit {
            break;
        }
        std::fs::remove_file(path)?;
        total -= size;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_pictures_go_first() {
        let folder = tempfile::tempdir().unwrap();
        for (age, name) in ["a.jpg", "b.jpg", "c.jpg", "d.1.part"].iter().enumerate() {
            let path = folder.path().join(name);
            std::fs::write(&path, [0; 100]).unwrap();
            let when = SystemTime::UNIX_EPOCH + Duration::from_secs(age as u64);
            std::fs::File::options().append(true).open(&path).unwrap().set_modified(when).unwrap();
        }
        sweep(folder.path(), 250).unwrap();
        let mut left: Vec<_> =
            std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["c.jpg", "d.1.part"]);
    }
}
