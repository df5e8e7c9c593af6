//! Remuxes in the store's folder: files of the library, copied to Matroska once.
//!
//! Owns their names and the step from half-made to whole. What is in them is
//! `remux`'s, how much room they take the disk's. Blocks. Invariant: a file that
//! bears a remux's name is whole.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use super::DiskError;
use super::files::{self, Files as _, OnDisk, read_dir};

/// The folder in the store's.
pub(super) const FOLDER: &str = "remuxes";

const WHOLE: &str = "mkv";
const PART: &str = "part";
/// What was found in it, so that it needs not be probed at each start.
const FACTS: &str = "json";
const FACTS_PART: &str = "facts";

/// Names the remux of one version of a file's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RemuxKey(pub [u8; 16]);

impl fmt::Display for RemuxKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl RemuxKey {
    fn read(name: &str) -> Option<Self> {
        if name.len() != 32 || !name.is_ascii() {
            return None;
        }
        let mut key = [0; 16];
        for (place, byte) in key.iter_mut().enumerate() {
            *byte = u8::from_str_radix(name.get(2 * place..2 * place + 2)?, 16).ok()?;
        }
        Some(Self(key))
    }
}

pub(super) fn path(folder: &Path, key: RemuxKey) -> PathBuf {
    folder.join(format!("{key}.{WHOLE}"))
}

/// Where it is while it is made.
pub(super) fn part(folder: &Path, key: RemuxKey) -> PathBuf {
    folder.join(format!("{key}.{PART}"))
}

/// What lies in the folder; what a crash left half made is removed.
pub(super) fn found(folder: &Path) -> Result<Vec<RemuxKey>, DiskError> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for file in read_dir(folder)? {
        let key = file.file_stem().and_then(|name| RemuxKey::read(name.to_str()?));
        let kind = file.extension().and_then(|kind| kind.to_str());
        match (key, kind) {
            (Some(key), Some(WHOLE)) => found.push(key),
            (Some(_), Some(PART | FACTS_PART)) => {
                if let Err(error) = fs::remove_file(&file) {
                    tracing::warn!(file = %file.display(), %error, "left by a crash, and cannot be removed");
                }
            }
            _ => {}
        }
    }
    Ok(found)
}

pub(super) fn make_folder(folder: &Path) -> Result<(), DiskError> {
    files::make_folder(folder).map_err(|source| DiskError::at(folder, source))
}

/// Gives a half-made file its name: it is whole, with these facts. Its size.
pub(super) fn keep(folder: &Path, key: RemuxKey, facts: &[u8]) -> Result<u64, DiskError> {
    let part = part(folder, key);
    let size = fs::metadata(&part).map_err(|source| DiskError::at(&part, source))?.len();
    // FFmpeg made it, with whatever rights are usual here.
    files::make_private(&part).map_err(|source| DiskError::at(&part, source))?;
    // A machine that loses its power must not leave less than all under a whole one's name.
    fs::File::open(&part)
        .and_then(|file| file.sync_all())
        .map_err(|source| DiskError::at(&part, source))?;
    let facts_path = folder.join(format!("{key}.{FACTS}"));
    let temporary = facts_path.with_extension(FACTS_PART);
    OnDisk
        .write(&facts_path, &temporary, facts)
        .map_err(|source| DiskError::at(&facts_path, source))?;
    fs::rename(&part, path(folder, key)).map_err(|source| DiskError::at(&part, source))?;
    Ok(size)
}

/// The facts of a whole one.
pub(super) fn facts(folder: &Path, key: RemuxKey) -> Result<Vec<u8>, DiskError> {
    let path = folder.join(format!("{key}.{FACTS}"));
    fs::read(&path).map_err(|source| DiskError::at(&path, source))
}

pub(super) fn remove(folder: &Path, key: RemuxKey) {
    // Some may not be there; what cannot be removed is found at the next start.
    let _ = fs::remove_file(path(folder, key));
    let _ = fs::remove_file(folder.join(format!("{key}.{FACTS}")));
    let _ = fs::remove_file(part(folder, key));
}
