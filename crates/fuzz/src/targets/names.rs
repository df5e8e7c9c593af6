//! Names of files and folders, from which titles are read.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use aerial::library::names::{self, Sureness};

use crate::Target;

pub(crate) const TARGET: Target = Target {
    name: "names",
    run,
    seeds,
    words: &[
        "S01E02",
        "s00e00",
        "1x02",
        "Season 1",
        "(1999)",
        "[1080p]",
        ".mkv",
        "/",
        "E01-E03",
        "2001-02-03",
        "x264",
        "BluRay",
        " - ",
        "Part 2",
        "Specials",
        "第1話",
        "99999999999",
    ],
};

fn run(input: &[u8]) {
    let root = Path::new("/library");
    let path = root.join(OsStr::from_bytes(input));
    for least in [Sureness::Weak, Sureness::Strong] {
        let name = names::read(&path, root, least);
        assert!(name.title.len() <= input.len() * 3 + 300, "{name:?}");
    }
    let _ = names::sureness(&path, root);
}

fn seeds() -> Vec<Vec<u8>> {
    [
        "Films/A Film (1999)/A Film (1999) 1080p.mkv",
        "Shows/The Show/Season 1/The Show - S01E02 - Title.mkv",
        "The.Show.S01E01-E03.1080p.WEB-DL.x264-GROUP.mkv",
        "Show/Specials/S00E01 - Special.mkv",
        "Anime/[Group] Name - 012 (1080p) [ABCD1234].mkv",
        "Daily/Daily 2001-02-03.ts",
        "东京物语 (1953)/video.mkv",
        "1x02.avi",
    ]
    .iter()
    .map(|name| name.as_bytes().to_vec())
    .collect()
}
