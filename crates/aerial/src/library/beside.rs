//! Pictures that lie beside a video, as Kodi and its like name them.
//!
//! Owns which of them stands for the video: its own picture before its folder's, and a
//! wide one before a poster. Invariant: the same folder gives the same picture.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use aerial_model::probe::input;

use super::Stamp;
use super::width::Width;

/// What is put behind the video's own name, the best first.
const OF_THE_FILE: [&str; 5] = ["-thumb", "-landscape", "-fanart", "-poster", ""];

/// What a folder's picture is called, the best first.
const OF_THE_FOLDER: [&str; 6] = ["landscape", "fanart", "backdrop", "poster", "folder", "cover"];

const FORMATS: [&str; 4] = ["jpg", "jpeg", "png", "webp"];

/// Larger ones are no artwork.
const MAX_BYTES: u64 = 20 << 20;

/// The picture that stands for this video, and its version; blocks.
pub(super) fn picture(video: &Path) -> Option<(PathBuf, Stamp)> {
    let stem = video.file_stem()?;
    let own = OF_THE_FILE.iter().map(|ending| {
        let mut name = stem.to_owned();
        name.push(ending);
        name
    });
    let folders = OF_THE_FOLDER.iter().map(OsString::from);
    own.chain(folders).find_map(|name| {
        FORMATS.iter().find_map(|format| {
            let mut file = name.clone();
            file.push(".");
            file.push(format);
            let path = video.with_file_name(file);
            let stamp = Stamp::read(&path).ok()?;
            (stamp.size > 0 && stamp.size <= MAX_BYTES && path.is_file()).then_some((path, stamp))
        })
    })
}

/// The arguments of the run that makes a thumbnail of it.
pub(super) fn arguments(picture: &Path, width: Width) -> Vec<OsString> {
    let before = "-nostdin -v error -protocol_whitelist file,pipe -threads 1 -i".split(' ');
    let mut arguments: Vec<OsString> = before.map(OsString::from).collect();
    arguments.push(input(picture));
    let most = width.pixels();
    let after = format!(
        "-frames:v 1 -vf \
         scale=w='min({most},iw)':h='min({most},ih)':force_original_aspect_ratio=decrease \
         -q:v 4 -f mjpeg pipe:1"
    );
    arguments.extend(after.split_ascii_whitespace().map(OsString::from));
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_videos_own_picture_stands_before_its_folders() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let video = at("House S01E01.mkv");
        let found = || picture(&video).map(|(path, _)| path);
        assert_eq!(found(), None);
        for (name, best) in [
            ("poster.jpg", "poster.jpg"),
            ("fanart.png", "fanart.png"),
            ("House S01E01.webp", "House S01E01.webp"),
            ("House S01E01-thumb.jpg", "House S01E01-thumb.jpg"),
            ("House S01E02-thumb.jpg", "House S01E01-thumb.jpg"),
        ] {
            std::fs::write(at(name), "picture").unwrap();
            assert_eq!(found(), Some(at(best)));
        }
        std::fs::write(at("House S01E01-thumb.jpg"), "").unwrap();
        assert_eq!(found(), Some(at("House S01E01.webp")), "an empty file is none");
    }
}
