//! Files of the library found again by what a list of channels says of them: their
//! place in their folder and their bytes, so that another machine with the same files,
//! or a new catalogue, can use the list.
//!
//! Owns the finding. Reads what the catalogue has, no file. Invariant: what was named
//! by this library is found as the same media.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use aerial_model::id::MediaId;

use crate::db::{Db, DbError, OnShelf};

/// A file, as a list names it. Whatever is not said is not looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named {
    /// The media, in the library that wrote the list.
    pub media: Option<MediaId>,
    /// Where it is, from its folder on, or in whole.
    pub path: String,
    /// Its size.
    pub size_bytes: u64,
    /// Of its first and last 64 KiB, in hexadecimal.
    pub hash: Option<String>,
    /// What it is called, for people who read the list.
    pub title: String,
}

/// What the library has.
#[derive(Debug, Default)]
pub struct Shelf {
    media: Vec<Known>,
    shows: HashSet<String>,
    by_id: HashMap<MediaId, usize>,
    by_place: HashMap<String, Vec<usize>>,
    by_bytes: HashMap<(u64, String), Vec<usize>>,
}

#[derive(Debug)]
struct Known {
    id: MediaId,
    /// From its folder on.
    within: String,
    size_bytes: u64,
    hash: Option<String>,
    title: String,
}

impl Known {
    fn name(&self) -> &str {
        file_name(&self.within)
    }
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

impl Shelf {
    /// All that the catalogue knows.
    pub async fn read(db: &Db) -> Result<Self, DbError> {
        let folders = db.folders().await?;
        let folders: HashMap<_, _> =
            folders.iter().map(|folder| (folder.id, folder.path.as_path())).collect();
        let mut shelf = Self::default();
        for media in db.shelf().await? {
            let folder = folders.get(&media.folder).copied();
            shelf.add(media, folder);
        }
        Ok(shelf)
    }

    fn add(&mut self, media: OnShelf, folder: Option<&Path>) {
        let at = self.media.len();
        let path = media.path.to_string_lossy().into_owned();
        let within = folder.and_then(|folder| media.path.strip_prefix(folder).ok());
        let within = within.map_or_else(|| path.clone(), |within| within.to_string_lossy().into());
        let hash = media.hash.map(|hash| blake3::Hash::from_bytes(hash).to_hex().to_string());
        self.shows.extend(media.show);
        self.by_id.insert(media.id, at);
        self.by_place.entry(within.clone()).or_default().push(at);
        if path != within {
            self.by_place.entry(path).or_default().push(at);
        }
        // Empty files are all alike.
        if let (Some(hash), 1..) = (&hash, media.size_bytes) {
            self.by_bytes.entry((media.size_bytes, hash.clone())).or_default().push(at);
        }
        let (id, size_bytes, title) = (media.id, media.size_bytes, media.title);
        self.media.push(Known { id, within, size_bytes, hash, title });
    }

    /// Whether there is anything of this show.
    pub fn has_show(&self, show: &str) -> bool {
        self.shows.contains(show)
    }

    /// How a list names a media: not by its whole path, which says nothing on another
    /// machine. `None`: the library does not have it.
    pub fn name(&self, media: MediaId) -> Option<Named> {
        let known = &self.media[*self.by_id.get(&media)?];
        Some(Named {
            media: None,
            path: known.within.clone(),
            size_bytes: known.size_bytes,
            hash: known.hash.clone(),
            title: known.title.clone(),
        })
    }

    /// The media that a list names: of the files with its bytes the one at its place, or
    /// of its name, or any; else the one at its place, which then is another version.
    pub fn find(&self, named: &Named) -> Option<MediaId> {
        if let Some(known) = named.media.and_then(|id| self.by_id.get(&id)) {
            return Some(self.media[*known].id);
        }
        let bytes = (named.size_bytes, named.hash.clone().unwrap_or_default());
        let none = Vec::new();
        let here = self.by_place.get(&named.path).unwrap_or(&none);
        let alike = self.by_bytes.get(&bytes).unwrap_or(&none);
        let name = file_name(&named.path);
        let found = alike
            .iter()
            .find(|at| here.contains(at))
            .or_else(|| alike.iter().find(|at| self.media[**at].name() == name))
            .or_else(|| alike.first())
            .or_else(|| here.first())?;
        Some(self.media[*found].id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aerial_model::id::FolderId;
    use uuid::Uuid;

    fn media(n: u128) -> MediaId {
        MediaId(Uuid::from_u128(n))
    }

    fn shelf(files: &[(u128, &str, u64, u8)]) -> Shelf {
        let mut shelf = Shelf::default();
        for (id, path, size_bytes, hash) in files {
            let file = OnShelf {
                id: media(*id),
                folder: FolderId(Uuid::nil()),
                path: format!("/films/{path}").into(),
                size_bytes: *size_bytes,
                hash: Some([*hash; 32]),
                title: path.to_string(),
                show: None,
            };
            shelf.add(file, Some(Path::new("/films")));
        }
        shelf
    }

    fn named(path: &str, size_bytes: u64, hash: u8) -> Named {
        let hash = Some(blake3::Hash::from_bytes([hash; 32]).to_hex().to_string());
        Named { path: path.to_owned(), size_bytes, hash, ..Named::default() }
    }

    #[test]
    fn what_it_names_it_finds() {
        let shelf =
            shelf(&[(1, "a/one.mkv", 5, 1), (2, "b/one.mkv", 5, 1), (3, "empty.mkv", 0, 9)]);
        for id in [1, 2, 3].map(media) {
            assert_eq!(shelf.find(&shelf.name(id).unwrap()), Some(id));
        }
        assert_eq!(shelf.name(media(4)), None);
    }

    #[test]
    fn bytes_come_before_places_and_places_before_nothing() {
        let shelf = shelf(&[(1, "one.mkv", 5, 1), (2, "two.mkv", 6, 2), (3, "copy/two.mkv", 5, 1)]);
        // Moved and renamed, but the same bytes.
        assert_eq!(shelf.find(&named("elsewhere/two.mkv", 5, 1)), Some(media(3)));
        assert_eq!(shelf.find(&named("elsewhere/three.mkv", 6, 2)), Some(media(2)));
        // Other bytes at its place: a new version.
        assert_eq!(shelf.find(&named("one.mkv", 7, 7)), Some(media(1)));
        assert_eq!(shelf.find(&named("/films/one.mkv", 7, 7)), Some(media(1)));
        assert_eq!(shelf.find(&named("gone.mkv", 7, 7)), None);
        let by_id = Named { media: Some(media(2)), ..named("one.mkv", 5, 1) };
        assert_eq!(shelf.find(&by_id), Some(media(2)));
    }
}
