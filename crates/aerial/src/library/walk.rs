//! The walk: which video files a folder of the library holds.
//!
//! Owns finding and listing (path, size, mtime), what is skipped by default and
//! the notes on what could not be looked into. Does not open videos, does not
//! know the catalogue. Invariant: an error of the root is an error of the whole
//! folder, so that nothing is taken for missing because a disk is away; an
//! error below it is a note, and what lies under it is not known to be gone.

mod kind;
mod samples;

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use tokio_util::sync::CancellationToken;

use self::kind::is_source_text;
pub use self::kind::{is_hidden, is_nfo, is_video};
use self::samples::Films;
use super::identity::Stamp;

/// A folder that holds one of these is not meant for a library.
const IGNORE_MARKS: &[&str] = &[".ignore", ".nomedia"];

/// Deeper trees are not libraries; PATH_MAX (4096) allows about as many.
const MAX_DEPTH: usize = 128;

/// One video file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundFile {
    /// Where it is: the folder's path and what was found below it.
    pub path: PathBuf,
    /// Its size and time of change.
    pub stamp: Stamp,
}

/// What a walk found.
#[derive(Clone, Debug, Default)]
pub struct Walked {
    /// The videos, in the order people would list them.
    pub videos: Vec<FoundFile>,
    /// The `.nfo` files, by path.
    pub nfos: BTreeMap<PathBuf, Stamp>,
    /// What could not be looked into, or was left out.
    pub notes: Vec<Note>,
    /// The folder holds nothing whatever, as a mount point does while its disk
    /// is away.
    pub is_bare: bool,
}

impl Walked {
    /// Whether this walk would have seen `path` if it were there: nothing can
    /// be said of what lies below a folder that could not be read.
    pub fn has_seen(&self, path: &Path) -> bool {
        !self.notes.iter().any(|note| note.reason.hides() && path.starts_with(&note.path))
    }
}

/// Something that the walk passed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The file or folder.
    pub path: PathBuf,
    /// Why.
    pub reason: NoteReason,
}

/// Why something was passed over.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteReason {
    /// The system's own words.
    #[error("cannot be read ({0}): give the user that runs aerial the right to read it")]
    Unreadable(String),
    /// A link to a folder that was walked already: a loop, or a second way.
    #[error("is a link to a folder that is in the library already")]
    SeenBefore,
    /// A link to nothing.
    #[error("is a link to something that is not there")]
    BrokenLink,
    /// Too many folders in one another.
    #[error("lies too deep, in more than {MAX_DEPTH} folders")]
    TooDeep,
    /// A sample or a trailer beside its film.
    #[error("is a sample or a trailer of the film beside it")]
    Sample,
}

impl NoteReason {
    /// Whether files may be there that the walk did not see.
    fn hides(&self) -> bool {
        matches!(self, Self::Unreadable(_) | Self::TooDeep)
    }
}

/// Why a folder was not walked at all.
#[derive(Debug, thiserror::Error)]
pub enum WalkError {
    /// The folder itself cannot be opened.
    #[error(
        "the folder {} cannot be reached ({source}): check that its disk is mounted and that the user that runs aerial may read it; its media are kept as they are",
        .folder.display()
    )]
    Unreachable {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The walk was cancelled.
    #[error("the walk was cancelled")]
    Cancelled,
}

/// Walk `root`; `found` is told of each video's path as it is met.
pub fn walk(
    root: &Path,
    cancel: &CancellationToken,
    mut found: impl FnMut(&Path),
) -> Result<Walked, WalkError> {
    let unreachable = |source| WalkError::Unreachable { folder: root.to_path_buf(), source };
    // An automounted or stale root fails here or at its first entry, not later.
    let metadata = fs::metadata(root).map_err(unreachable)?;
    let entries = fs::read_dir(root).map_err(unreachable)?;

    let mut walk = Walk {
        cancel,
        found: &mut found,
        seen: HashSet::new(),
        result: Walked::default(),
        folders: VecDeque::new(),
        links: VecDeque::new(),
    };
    walk.seen.insert((metadata.dev(), metadata.ino()));
    walk.list(root, 0, entries)?;
    walk.rest()?;
    let mut result = walk.result;
    leave_out_samples(&mut result);
    result.videos.sort_by(|a, b| super::order::natural(&a.path, &b.path));
    Ok(result)
}

/// One walk on its way.
struct Walk<'a> {
    cancel: &'a CancellationToken,
    found: &'a mut dyn FnMut(&Path),
    /// Device and inode of each folder entered.
    seen: HashSet<(u64, u64)>,
    result: Walked,
    folders: VecDeque<(PathBuf, usize)>,
    /// Links to folders wait until the real ones are done, so that a folder is
    /// known by its real path where it has one in the library.
    links: VecDeque<(PathBuf, usize)>,
}

impl Walk<'_> {
    fn rest(&mut self) -> Result<(), WalkError> {
        while let Some((path, depth)) = self.folders.pop_front().or_else(|| self.links.pop_front())
        {
            self.enter(path, depth)?;
        }
        Ok(())
    }

    fn enter(&mut self, path: PathBuf, depth: usize) -> Result<(), WalkError> {
        if depth > MAX_DEPTH {
            self.note(path, NoteReason::TooDeep);
            return Ok(());
        }
        // What a folder is, is asked of the folder itself, after links.
        let key = match fs::metadata(&path) {
            Ok(metadata) => (metadata.dev(), metadata.ino()),
            Err(error) => {
                self.failed(path, &error);
                return Ok(());
            }
        };
        if !self.seen.insert(key) {
            self.note(path, NoteReason::SeenBefore);
            return Ok(());
        }
        match fs::read_dir(&path) {
            Ok(entries) => self.list(&path, depth, entries),
            Err(error) => {
                self.failed(path, &error);
                Ok(())
            }
        }
    }

    fn list(&mut self, folder: &Path, depth: usize, entries: fs::ReadDir) -> Result<(), WalkError> {
        let mut names = Vec::new();
        for entry in entries {
            if self.cancel.is_cancelled() {
                return Err(WalkError::Cancelled);
            }
            match entry {
                Ok(entry) => names.push(entry),
                // The listing broke off: there may be more.
                Err(error) => self.failed(folder.to_path_buf(), &error),
            }
        }
        self.result.is_bare |= depth == 0 && names.is_empty();
        let ignored = |entry: &fs::DirEntry| {
            IGNORE_MARKS.iter().any(|mark| entry.file_name() == OsStr::new(mark))
        };
        if names.iter().any(ignored) {
            return Ok(());
        }
        for entry in names {
            if self.cancel.is_cancelled() {
                return Err(WalkError::Cancelled);
            }
            if !is_hidden(&entry.file_name()) {
                self.meet(entry, depth);
            }
        }
        Ok(())
    }

    fn meet(&mut self, entry: fs::DirEntry, depth: usize) {
        let path = entry.path();
        let kind = match entry.file_type() {
            Ok(kind) => kind,
            Err(error) => return self.failed(path, &error),
        };
        if kind.is_dir() {
            self.folders.push_back((path, depth + 1));
            return;
        }
        let named = is_video(&path) || is_nfo(&path);
        if !named && !kind.is_symlink() {
            return;
        }
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_dir() => self.links.push_back((path, depth + 1)),
            // Pipes, sockets and devices would hang whoever reads them.
            Ok(metadata) if metadata.is_file() && named => self.keep(path, Stamp::of(&metadata)),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if kind.is_symlink() {
                    self.note(path, NoteReason::BrokenLink);
                }
            }
            Err(error) => self.failed(path, &error),
        }
    }

    fn keep(&mut self, path: PathBuf, stamp: Stamp) {
        if is_nfo(&path) {
            self.result.nfos.insert(path, stamp);
        } else if !is_source_text(&path, stamp.size) {
            (self.found)(&path);
            self.result.videos.push(FoundFile { path, stamp });
        }
    }

    fn failed(&mut self, path: PathBuf, error: &io::Error) {
        // Gone between the listing and the look: nothing to tell.
        if error.kind() != io::ErrorKind::NotFound {
            self.note(path, NoteReason::Unreadable(error.to_string()));
        }
    }

    fn note(&mut self, path: PathBuf, reason: NoteReason) {
        self.result.notes.push(Note { path, reason });
    }
}

fn leave_out_samples(walked: &mut Walked) {
    let videos = std::mem::take(&mut walked.videos);
    let films = Films::among(videos.iter().map(|video| (&*video.path, video.stamp.size)));
    let is_sample = |video: &FoundFile| films.have_sample(&video.path, video.stamp.size);
    let samples: Vec<bool> = videos.iter().map(is_sample).collect();
    for (video, is_sample) in videos.into_iter().zip(samples) {
        match is_sample {
            true => walked.notes.push(Note { path: video.path, reason: NoteReason::Sample }),
            false => walked.videos.push(video),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn touch(root: &Path, names: &[&str]) {
        for name in names {
            write(root, name, 1);
        }
    }

    fn write(root: &Path, name: &str, size: usize) {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, vec![b'x'; size]).unwrap();
    }

    fn walked(root: &Path) -> Walked {
        walk(root, &CancellationToken::new(), |_| {}).unwrap()
    }

    fn names(root: &Path, walked: &Walked) -> Vec<String> {
        let name = |path: &Path| path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
        walked.videos.iter().map(|v| name(&v.path)).collect()
    }

    #[test]
    fn videos_are_found_by_their_extension_in_any_case() {
        let root = tempfile::tempdir().unwrap();
        touch(
            root.path(),
            &["b.MKV", "a/x 10.mp4", "a/x 2.Mp4", "song.mp3", "a.nfo", "mkv", "c.txt"],
        );
        let walked = walked(root.path());
        assert_eq!(names(root.path(), &walked), ["a/x 2.Mp4", "a/x 10.mp4", "b.MKV"]);
        assert_eq!(walked.nfos.len(), 1);
        assert!(walked.notes.is_empty());
    }

    #[test]
    fn odd_names_are_kept_to_the_byte() {
        let root = tempfile::tempdir().unwrap();
        let odd = [&b"new\nline \xf0\x9f\x8e\xac.mkv"[..], b"\xff\xfe.mp4", b" .avi", b"-i.ts"];
        for name in odd {
            fs::write(root.path().join(OsStr::from_bytes(name)), b"G\0").unwrap();
        }
        let walked = walked(root.path());
        for name in odd {
            let path = root.path().join(OsStr::from_bytes(name));
            assert!(walked.videos.iter().any(|v| v.path == path), "{path:?}");
        }
    }

    #[test]
    fn loops_of_links_end_and_real_paths_win() {
        let root = tempfile::tempdir().unwrap();
        touch(root.path(), &["z/real/a.mkv"]);
        symlink(root.path(), root.path().join("z/real/up")).unwrap();
        symlink(root.path().join("z/real"), root.path().join("a link")).unwrap();
        symlink("nowhere", root.path().join("broken.mkv")).unwrap();
        symlink("itself.mkv", root.path().join("itself.mkv")).unwrap();
        let walked = walked(root.path());
        assert_eq!(names(root.path(), &walked), ["z/real/a.mkv"]);
        let count = |wanted: fn(&NoteReason) -> bool| {
            walked.notes.iter().filter(|note| wanted(&note.reason)).count()
        };
        assert_eq!(count(|r| *r == NoteReason::SeenBefore), 2);
        assert_eq!(count(|r| *r == NoteReason::BrokenLink), 1);
        assert_eq!(count(|r| matches!(r, NoteReason::Unreadable(_))), 1);
    }

    #[test]
    fn links_out_of_the_folder_are_followed() {
        let (root, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        touch(other.path(), &["a.mkv", "one.mp4"]);
        symlink(other.path(), root.path().join("other")).unwrap();
        symlink(other.path().join("one.mp4"), root.path().join("single.mp4")).unwrap();
        let walked = walked(root.path());
        assert_eq!(names(root.path(), &walked), ["other/a.mkv", "other/one.mp4", "single.mp4"]);
    }

    #[test]
    fn an_unreadable_folder_is_a_note_and_hides_what_lies_below() {
        let root = tempfile::tempdir().unwrap();
        touch(root.path(), &["open/a.mkv", "shut/b.mkv"]);
        let shut = root.path().join("shut");
        fs::set_permissions(&shut, fs::Permissions::from_mode(0o000)).unwrap();
        let barred = fs::read_dir(&shut).is_err();
        let walked = walked(root.path());
        fs::set_permissions(&shut, fs::Permissions::from_mode(0o755)).unwrap();
        if barred {
            assert_eq!(names(root.path(), &walked), ["open/a.mkv"]);
            assert!(!walked.has_seen(&shut.join("b.mkv")));
        } else {
            // Nothing is barred to root.
            assert_eq!(walked.videos.len(), 2);
        }
        assert!(walked.has_seen(&root.path().join("open/gone.mkv")));
    }

    #[test]
    fn hidden_things_and_the_systems_own_are_left_out() {
        let root = tempfile::tempdir().unwrap();
        touch(
            root.path(),
            &[
                ".hidden.mkv",
                ".dir/a.mkv",
                "@eaDir/a.mkv",
                "#recycle/a.mkv",
                "$RECYCLE.BIN/a.mkv",
                "skip/.nomedia",
                "skip/a.mkv",
                "._a.mkv",
                "a.mkv",
            ],
        );
        assert_eq!(names(root.path(), &walked(root.path())), ["a.mkv"]);
    }

    #[test]
    fn samples_and_trailers_go_only_beside_their_film() {
        let root = tempfile::tempdir().unwrap();
        for (name, size) in [
            ("film/film.mkv", 5000),
            ("film/film-sample.mkv", 500),
            ("film/Sample/x.mkv", 500),
            ("film/film-trailer.mp4", 900),
            ("alone/sample.mp4", 500),
            ("big/film.mkv", 1000),
            ("big/sample.mkv", 900),
            ("film/Trailer Park.mkv", 4000),
        ] {
            write(root.path(), name, size);
        }
        let walked = walked(root.path());
        assert_eq!(
            names(root.path(), &walked),
            [
                "alone/sample.mp4",
                "big/film.mkv",
                "big/sample.mkv",
                "film/film.mkv",
                "film/Trailer Park.mkv"
            ]
        );
        assert_eq!(walked.notes.len(), 3);
    }

    #[test]
    fn typescript_is_not_a_transport_stream_but_a_text_named_mkv_is_found() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("app.ts"), "export const ü = 1;\n".repeat(200)).unwrap();
        fs::write(root.path().join("text.mkv"), "just text").unwrap();
        fs::write(root.path().join("real.ts"), [0x47, 0x40, 0, 0x10, 0]).unwrap();
        fs::write(root.path().join("empty.ts"), []).unwrap();
        assert_eq!(names(root.path(), &walked(root.path())), ["empty.ts", "real.ts", "text.mkv"]);
    }

    #[test]
    fn what_is_not_a_file_is_not_opened() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("folder.mkv")).unwrap();
        let _listener =
            std::os::unix::net::UnixListener::bind(root.path().join("socket.mkv")).unwrap();
        assert!(walked(root.path()).videos.is_empty());
    }

    #[test]
    fn an_unreachable_root_is_an_error_that_names_it() {
        let root = tempfile::tempdir().unwrap();
        let gone = root.path().join("gone");
        let error = walk(&gone, &CancellationToken::new(), |_| {}).unwrap_err().to_string();
        assert!(error.contains(&*gone.to_string_lossy()), "{error}");
        touch(root.path(), &["file"]);
        assert!(walk(&root.path().join("file"), &CancellationToken::new(), |_| {}).is_err());
    }

    #[test]
    fn a_bare_root_is_told_from_one_that_holds_no_videos() {
        let root = tempfile::tempdir().unwrap();
        assert!(walked(root.path()).is_bare);
        touch(root.path(), &["a.txt"]);
        assert!(!walked(root.path()).is_bare);
    }

    #[test]
    fn a_walk_can_be_cancelled_on_its_way() {
        let root = tempfile::tempdir().unwrap();
        touch(root.path(), &["a.mkv", "b.mkv", "c.mkv"]);
        let cancel = CancellationToken::new();
        let result = walk(root.path(), &cancel, |_| cancel.cancel());
        assert!(matches!(result, Err(WalkError::Cancelled)));
    }

    #[test]
    fn a_tree_that_is_too_deep_is_a_note() {
        let root = tempfile::tempdir().unwrap();
        let deep: PathBuf = std::iter::repeat_n("d", MAX_DEPTH + 2).collect();
        fs::create_dir_all(root.path().join(&deep)).unwrap();
        let walked = walked(root.path());
        assert_eq!(walked.notes.len(), 1);
        assert_eq!(walked.notes[0].reason, NoteReason::TooDeep);
    }

    #[test]
    fn ten_thousand_files_are_all_found() {
        let root = tempfile::tempdir().unwrap();
        for show in 0..100 {
            let folder = root.path().join(format!("show {show}"));
            fs::create_dir(&folder).unwrap();
            for episode in 0..100 {
                fs::File::create(folder.join(format!("e{episode}.mkv"))).unwrap();
            }
        }
        let mut told = 0;
        let walked = walk(root.path(), &CancellationToken::new(), |_| told += 1).unwrap();
        assert_eq!((walked.videos.len(), told), (10_000, 10_000));
        assert!(walked.videos[9_999].path.ends_with("show 99/e99.mkv"));
    }
}
