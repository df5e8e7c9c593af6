//! What the folders above a file say of the video in it.
//!
//! Owns which folders say nothing, and season and show of those that do. Invariant: of
//! folders that say nothing, nothing is made up.

use std::path::Path;

use super::title::{plain, titled};
use crate::library::marks;

/// Folders above a file that may say something of it.
const MAX_FOLDERS: usize = 4;

/// Folders named after a kind of thing, never after a show or a film.
const GENERIC_FOLDERS: &[&str] = &[
    "anime",
    "cartoons",
    "complete",
    "completed",
    "downloads",
    "episodes",
    "films",
    "library",
    "media",
    "movies",
    "series",
    "shows",
    "torrents",
    "tv",
    "tv series",
    "tv shows",
    "tvshows",
    "video",
    "videos",
];

/// The folders above a file, nearest first.
pub(super) struct Folders {
    pub(super) nearest: Vec<Folder>,
    pub(super) root: Folder,
    /// Where the library folder lies; it says something where that is a season's.
    above_root: Folder,
}

pub(super) struct Folder {
    pub(super) name: String,
}

/// What the folders say of the season.
pub(super) struct Season {
    pub(super) number: u32,
    pub(super) show: Option<String>,
    pub(super) year: Option<u16>,
}

impl Folder {
    pub(super) fn is_generic(&self) -> bool {
        GENERIC_FOLDERS.contains(&self.name.trim().to_lowercase().as_str())
    }

    /// `Disc 1`, `CD2`: says nothing.
    fn is_disc(&self) -> bool {
        let lower = self.name.to_lowercase();
        let rest = ["disc", "disk", "cd", "dvd"].iter().find_map(|word| lower.strip_prefix(word));
        rest.is_some_and(|rest| rest.trim().chars().all(|c| c.is_ascii_digit()))
    }

    pub(super) fn is_show(&self) -> bool {
        !self.is_generic() && !self.is_disc() && marks::season_folder(&self.name).is_none()
    }
}

impl Folders {
    pub(super) fn season(&self) -> Option<Season> {
        let mut above =
            self.nearest.iter().chain([&self.root, &self.above_root]).skip_while(|f| f.is_disc());
        let folder = above.next()?;
        let season = marks::season_folder(&folder.name)?;
        let before = titled(season.before);
        let named = above.next().filter(|folder| folder.is_show()).map(|f| titled(&f.name));
        let show = named.filter(|show| !show.title.is_empty());
        let show = show.or((!before.title.is_empty()).then_some(before));
        let year = show.as_ref().and_then(|show| show.year);
        Some(Season { number: season.season, show: show.map(|show| show.title), year })
    }
}

pub(super) fn folders(path: &Path, root: &Path) -> Folders {
    let below = path.strip_prefix(root).unwrap_or(path);
    let folder = |path: &Path| Folder { name: path.file_name().map(plain).unwrap_or_default() };
    let nearest = below
        .ancestors()
        .skip(1)
        .take(MAX_FOLDERS)
        .filter(|ancestor| !ancestor.as_os_str().is_empty())
        .map(folder)
        .collect();
    let above_root = root.parent().map(folder).unwrap_or(Folder { name: String::new() });
    Folders { nearest, root: folder(root), above_root }
}
