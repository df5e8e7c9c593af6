//! The demo library: clips made by FFmpeg's own sources, and the channels for them.
//!
//! Owns the making of the clips. What they are is `recipes`; that they become media
//! and channels of the catalogue is the caller's work, by the same way as any other
//! folder. Invariant: the library's folder is there whole or not at all; it is made
//! beside its place, and moved there when the last clip is done.

mod progress;
mod recipes;
mod sound;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use thiserror::Error;
use tokio::fs;

use crate::ffmpeg::{Exit, Invocation, RunError, RunLimits, Spawner, font};

pub use progress::Progress;
pub use recipes::{Clip, DemoChannel, Way, channels, recipes};

/// Clips made at once. Each FFmpeg draws on one core and encodes on another.
const AT_ONCE: usize = 2;

/// For the longest clip on a very small machine; two cores take some seconds.
const CLIP_LIMITS: RunLimits =
    RunLimits { time: Duration::from_secs(20 * 60), stdout_bytes: 64 * 1024 };

/// Holds the recipes' version the clips beside it were made by.
const MARKER: &str = ".recipes";

/// Why there is no demo library.
#[derive(Debug, Error)]
pub enum DemoError {
    /// The data folder does not take it.
    #[error("the demo library cannot be written at {}: check that the folder is writable and the disk not full", path.display())]
    Folder {
        /// What was to be written.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// FFmpeg could not be run.
    #[error("the demo clip `{title}` was not made")]
    Run {
        /// Which clip.
        title: &'static str,
        /// What went wrong.
        #[source]
        source: RunError,
    },
    /// FFmpeg ran and failed, in every way there is for this clip.
    #[error("FFmpeg cannot make the demo clip `{title}`, so it cannot be used here: {said}")]
    Failed {
        /// Which clip.
        title: &'static str,
        /// FFmpeg's own words.
        said: String,
    },
}

/// Makes the demo library at `folder`, unless it is there already.
///
/// Takes up to a minute on two cores. What an interrupted run had finished is kept
/// for the next.
///
/// # Errors
/// When the folder cannot be written or FFmpeg cannot make a clip.
pub async fn make(
    folder: &Path,
    ffmpeg: &Path,
    spawner: &Spawner,
    progress: &Progress,
) -> Result<(), DemoError> {
    let clips = recipes(font());
    if is_made(folder, &clips).await {
        return Ok(());
    }
    let workshop = folder.with_extension("making");
    if !is_current(&workshop).await {
        remove(&workshop).await?;
        written(&workshop, fs::create_dir_all(&workshop).await)?;
        mark(&workshop).await?;
    }
    progress.begin(&clips);
    make_clips(&workshop, ffmpeg, spawner, &clips, progress).await?;
    remove(folder).await?;
    written(folder, fs::rename(&workshop, folder).await)?;
    progress.end();
    Ok(())
}

async fn make_clips(
    folder: &Path,
    ffmpeg: &Path,
    spawner: &Spawner,
    clips: &[Clip],
    progress: &Progress,
) -> Result<(), DemoError> {
    let mut longest_first: Vec<&Clip> = clips.iter().collect();
    longest_first.sort_by_key(|clip| std::cmp::Reverse(clip.seconds));
    stream::iter(longest_first)
        .map(|clip| async move {
            let target = folder.join(&clip.file);
            if !fs::try_exists(&target).await.unwrap_or(false) {
                make_clip(&target, ffmpeg, spawner, clip).await?;
            }
            progress.made(clip);
            Ok(())
        })
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await
}

/// Tries the clip's ways in turn; under its own name it is whole.
async fn make_clip(
    target: &Path,
    ffmpeg: &Path,
    spawner: &Spawner,
    clip: &Clip,
) -> Result<(), DemoError> {
    let folder = target.parent().unwrap_or(target);
    written(folder, fs::create_dir_all(folder).await)?;
    // The extension stays, since FFmpeg takes the container from it.
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    let unfinished = folder.join(format!(".making {name}"));
    let mut said = String::new();
    for Way(args) in &clip.ways {
        let invocation = Invocation::new(ffmpeg)
            .args(["-nostdin", "-hide_banner", "-v", "error", "-y"])
            .args(args)
            .arg(format!("file:{}", unfinished.display()))
            .writes(&unfinished)
            .without_stdout();
        let output = spawner
            .run_to_end(invocation, CLIP_LIMITS)
            .await
            .map_err(|source| DemoError::Run { title: clip.title, source })?;
        let length = fs::metadata(&unfinished).await.map_or(0, |file| file.len());
        if output.exit == Exit::Success && length > 0 {
            return written(target, fs::rename(&unfinished, target).await);
        }
        tracing::debug!(clip = clip.title, exit = ?output.exit, said = output.stderr, "this way did not work");
        said = output.stderr.trim().to_owned();
        let _ = fs::remove_file(&unfinished).await;
    }
    Err(DemoError::Failed { title: clip.title, said })
}

/// The library is there, of this version, with all its clips.
async fn is_made(folder: &Path, clips: &[Clip]) -> bool {
    if !is_current(folder).await {
        return false;
    }
    for clip in clips {
        if !fs::try_exists(folder.join(&clip.file)).await.unwrap_or(false) {
            return false;
        }
    }
    true
}

async fn is_current(folder: &Path) -> bool {
    let marker = fs::read_to_string(folder.join(MARKER)).await;
    marker.is_ok_and(|text| text.trim() == recipes::VERSION.to_string())
}

async fn mark(folder: &Path) -> Result<(), DemoError> {
    let marker = folder.join(MARKER);
    written(&marker, fs::write(&marker, recipes::VERSION.to_string()).await)
}

async fn remove(folder: &Path) -> Result<(), DemoError> {
    match fs::remove_dir_all(folder).await {
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => Ok(()),
        other => written(folder, other),
    }
}

fn written(path: &Path, result: io::Result<()>) -> Result<(), DemoError> {
    result.map_err(|source| DemoError::Folder { path: path.to_owned(), source })
}
