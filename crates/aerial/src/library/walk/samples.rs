//! Samples and trailers, which are left out beside their film.
//!
//! Owns telling them from films that only bear such a name. Invariant: alone, one is a
//! video like any other: `sample.mp4` is what people try a player with.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::Path;

/// A sample or a trailer is at most this part of the film it belongs to; what
/// is bigger only bears the name.
const SAMPLE_PART: u64 = 4;

/// What is no sample by its name: the biggest of each folder.
pub(super) struct Films<'a>(HashMap<&'a Path, u64>);

impl<'a> Films<'a> {
    /// Of all videos there are, each with its size.
    pub(super) fn among(videos: impl Iterator<Item = (&'a Path, u64)>) -> Self {
        let mut biggest = HashMap::new();
        for (path, size) in videos.filter(|(path, _)| !is_named_sample(path)) {
            if let Some(folder) = path.parent() {
                let known: &mut u64 = biggest.entry(folder).or_default();
                *known = size.max(*known);
            }
        }
        Self(biggest)
    }

    /// Whether a video is named as a sample or a trailer *and* has a far bigger one beside
    /// it, or beside its `Sample` folder.
    pub(super) fn have_sample(&self, path: &Path, size: u64) -> bool {
        let Some(folder) = path.parent() else { return false };
        let beside = match folder.parent() {
            Some(parent) if is_sample_folder(folder) => parent,
            _ if is_named_sample(path) => folder,
            _ => return false,
        };
        let film = self.0.get(beside).copied().unwrap_or(0);
        film / SAMPLE_PART >= size.max(1)
    }
}

/// Whether a name is that of a sample or a trailer: the word stands alone, or
/// first or last.
fn is_named_sample(path: &Path) -> bool {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().to_lowercase();
    let mut words = stem.split([' ', '.', '_', '-']).filter(|word| !word.is_empty());
    let junk = |word: Option<&str>| matches!(word, Some("sample" | "trailer"));
    let first = words.next();
    junk(first) || junk(words.next_back())
}

fn is_sample_folder(folder: &Path) -> bool {
    let name = folder.file_name().map(OsStr::to_string_lossy);
    let name = name.map(|name| name.to_lowercase());
    matches!(name.as_deref(), Some("sample" | "samples" | "trailer" | "trailers"))
}
