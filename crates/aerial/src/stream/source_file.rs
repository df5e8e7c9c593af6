//! The file of an airing, as the file system tells it.
//!
//! Owns the question whether the bytes are still those that the airing's cut
//! points were made from (`rules.md`, 9). Reads no content. Invariant: a disk
//! that does not answer holds nobody up for long.

use std::io;
use std::path::Path;
use std::time::Duration;

use aerial_model::fault::FileState;
use tokio::time::timeout;

use super::timeline::MediaSource;
use super::track::Source;
use crate::db::Identity;
use crate::library::Stamp;

/// A local disk answers in microseconds, one that must spin up in 10 s, and a
/// lost share never; whoever asks has better things to do than to wait for that.
const PATIENCE: Duration = Duration::from_secs(10);

/// Looks at the file of a track, if it has one.
pub async fn look_at(source: &Source) -> FileState {
    match source {
        Source::Media(source) => look(source).await,
        Source::Slate(_) | Source::Withheld(_) => FileState::Same,
    }
}

/// Looks whether the file is there, and the one it was.
pub async fn look(source: &MediaSource) -> FileState {
    let (path, known) = (source.path.clone(), source.identity);
    let looking = tokio::task::spawn_blocking(move || state(&path, &known));
    match timeout(PATIENCE, looking).await {
        Ok(Ok(state)) => state,
        // The share is lost, or the runtime is being shut down.
        Ok(Err(_)) | Err(_) => FileState::Unknown,
    }
}

fn state(path: &Path, known: &Identity) -> FileState {
    match Stamp::read(path) {
        Ok(stamp) if (stamp.size, stamp.mtime_ns) == (known.size_bytes, known.mtime_ns) => {
            FileState::Same
        }
        Ok(_) => FileState::Replaced,
        Err(error) if error.kind() == io::ErrorKind::NotFound => FileState::Gone,
        Err(_) => FileState::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_gone_another_or_the_one_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("film");
        std::fs::write(&path, b"pictures").unwrap();
        let stamp = Stamp::read(&path).unwrap();
        let known = Identity { size_bytes: stamp.size, mtime_ns: stamp.mtime_ns, hash: None };
        assert_eq!(state(&path, &known), FileState::Same);
        let touched = Identity { mtime_ns: known.mtime_ns + 1, ..known };
        assert_eq!(state(&path, &touched), FileState::Replaced);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(state(&path, &known), FileState::Gone);
        // A file where a folder should be: the system's answer is about the way there.
        std::fs::write(&path, b"no folder").unwrap();
        assert_eq!(state(&path.join("film"), &known), FileState::Unknown);
    }
}
