//! Names: what a file's and its folders' names say of the video.
//!
//! Owns title, show, season, episodes, day and year as read from a path; the
//! table of tests at the end is its specification. `marks` finds the numbers,
//! `folders` reads what lies above the file, `title` the text beside the numbers.
//! Invariant: any path has a title that is not empty, and nothing in a name makes
//! this panic.

mod folders;
mod title;

use std::path::Path;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use self::folders::{Folders, Season, folders};
pub(super) use self::title::letters;
use self::title::{Titled, after_mark, plain, titled};
use super::marks::{self, Mark, Number};
pub use super::marks::{Episodes, Sureness};

/// File names that say nothing, so that the folder's must.
const GENERIC_STEMS: &[&str] = &["film", "main", "movie", "video", "title", "feature", "index"];

/// What names say of a video.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Name {
    /// The film's title, or the episode's.
    pub title: String,
    /// The show that it is an episode of.
    pub show: Option<String>,
    /// The season; 0 for specials.
    pub season: Option<u32>,
    /// The episode or episodes.
    pub episodes: Option<Episodes>,
    /// The day it was first shown, for shows that number by days.
    pub aired: Option<Date>,
    /// The year of the film, or of the show.
    pub year: Option<u16>,
}

/// Reads the name of the video at `path`, below the library folder `root`.
/// Marks less sure than `least` count as part of the title.
pub fn read(path: &Path, root: &Path, least: Sureness) -> Name {
    let stem = path.file_stem().map(plain).unwrap_or_default();
    let folders = folders(path, root);
    let season = folders.season();
    let mark = marks::find(&stem)
        .filter(|mark| mark.sureness == Sureness::Strong)
        .or_else(|| marks::leading(&stem, season.as_ref().map(|s| s.number)))
        .or_else(|| marks::find(&stem))
        .filter(|mark| mark.sureness >= least);
    match (mark, season) {
        (Some(mark), season) => {
            episode(&stem, &mark, season, &folders).unwrap_or_else(|| film(&stem, &folders))
        }
        (None, Some(season)) if season.show.is_some() => {
            let Name { title, .. } = film(&stem, &folders);
            Name {
                title,
                show: season.show,
                season: Some(season.number),
                year: season.year,
                ..Name::default()
            }
        }
        (None, _) => film(&stem, &folders),
    }
}

/// How sure the marks of a file's name are; `None` where it bears none.
pub fn sureness(path: &Path, root: &Path) -> Option<Sureness> {
    let stem = path.file_stem().map(plain).unwrap_or_default();
    let season = folders(path, root).season().map(|season| season.number);
    let leading = marks::leading(&stem, season).map(|mark| mark.sureness);
    marks::find(&stem).map(|mark| mark.sureness).max(leading)
}

/// A film's name, or that of anything else that is no episode.
fn film(stem: &str, folders: &Folders) -> Name {
    let own = titled(stem);
    let parent = folders.nearest.first().filter(|folder| !folder.is_generic());
    let folder = parent.map(|folder| titled(&folder.name));
    let says_nothing = own.title.is_empty() || is_generic_stem(&own.title);
    let read = match folder {
        Some(folder) if says_nothing && !folder.title.is_empty() => folder,
        // `Wonder Woman 1984 (2020)/Wonder Woman 1984.mkv`
        Some(folder) if folder.bracketed && !own.bracketed && belongs(stem, &folder.title) => {
            folder
        }
        _ => own,
    };
    let title = if read.title.is_empty() { untitled(stem) } else { read.title };
    Name { title, year: read.year, ..Name::default() }
}

/// An episode's name; `None` if no show can be named.
fn episode(stem: &str, mark: &Mark, season: Option<Season>, folders: &Folders) -> Option<Name> {
    let before = titled(stem[..mark.at.start].trim_end_matches(['(', '[']));
    let folder = season.as_ref().and_then(|s| s.show.clone()).map(|title| Titled {
        title,
        year: season.as_ref().and_then(|s| s.year),
        bracketed: false,
    });
    let parent = || {
        let above = folders.nearest.iter().find(|folder| folder.is_show());
        // A mark that may be none needs a folder of its own to be believed.
        let root = (mark.sureness == Sureness::Strong).then_some(&folders.root);
        let named = above.or(root.filter(|root| root.is_show()));
        named.map(|folder| titled(&folder.name)).filter(|titled| !titled.title.is_empty())
    };
    let show = match folder {
        Some(folder) => folder,
        None if before.title.is_empty() => parent()?,
        // The folder `Show (2019)` knows the year, and how the name is written.
        None => match parent() {
            Some(parent) if letters(&parent.title) == letters(&before.title) => {
                Titled { year: parent.year.or(before.year), ..parent }
            }
            _ => before,
        },
    };
    let after = after_mark(&stem[mark.at.end..]);
    let (number, episodes, aired) = match mark.number {
        Number::Episode { season, episodes } => (season, Some(episodes), None),
        Number::Day(day) => (None, None, Some(day)),
    };
    let title = after.unwrap_or_else(|| match (episodes, aired) {
        (Some(Episodes { first, last }), _) if first != last => format!("Episodes {first}-{last}"),
        (Some(Episodes { first, .. }), _) => format!("Episode {first}"),
        (None, Some(day)) => day.to_string(),
        (None, None) => show.title.clone(),
    });
    let season = number.or_else(|| season.map(|season| season.number).filter(|_| aired.is_none()));
    Some(Name { title, show: Some(show.title), season, episodes, aired, year: show.year })
}

/// Whether a file's name begins with the title of its folder, or the other way round.
fn belongs(stem: &str, title: &str) -> bool {
    let (stem, title) = (letters(stem), letters(title));
    !title.is_empty() && (stem.starts_with(&title) || title.starts_with(&stem))
}

fn is_generic_stem(title: &str) -> bool {
    GENERIC_STEMS.contains(&title.to_lowercase().as_str())
}

fn untitled(stem: &str) -> String {
    let stem = stem.trim();
    if stem.is_empty() { "Untitled".to_owned() } else { stem.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::title::MAX_NAME_BYTES;
    use super::*;
    use proptest::prelude::*;

    /// `title | show | season | episodes | year`, as short as it can be said.
    fn says(path: &str) -> String {
        let path = Path::new("/library").join(path);
        let name = read(&path, Path::new("/library"), Sureness::Weak);
        let mut text = name.title;
        if let Some(show) = name.show {
            text = format!("{show}: {text}");
        }
        if let Some(season) = name.season {
            text += &format!(", s{season}");
        }
        if let Some(Episodes { first, last }) = name.episodes {
            text += &if first == last { format!(" e{first}") } else { format!(" e{first}-{last}") };
        }
        if let Some(day) = name.aired {
            text += &format!(", on {day}");
        }
        if let Some(year) = name.year {
            text += &format!(" ({year})");
        }
        text
    }

    #[test]
    fn films_are_read_from_their_names() {
        for (path, wanted) in [
            ("Title (1999) [1080p].mkv", "Title (1999)"),
            ("The.Matrix.1999.1080p.BluRay.x264-GROUP.mkv", "The Matrix (1999)"),
            ("Movies/Heat (1995)/movie.mp4", "Heat (1995)"),
            ("The Matrix (1999)/The Matrix.mkv", "The Matrix (1999)"),
            ("Wonder Woman 1984 (2020)/Wonder Woman 1984.mkv", "Wonder Woman 1984 (2020)"),
            ("2001 A Space Odyssey (1968).mkv", "2001 A Space Odyssey (1968)"),
            ("2012.mkv", "2012"),
            ("1917 (2019).mkv", "1917 (2019)"),
            ("Blade.Runner.2049.2017.2160p.UHD.mkv", "Blade Runner 2049 (2017)"),
            ("Blade Runner 2049.mkv", "Blade Runner 2049"),
            ("X-Men.mkv", "X-Men"),
            ("X-Men.2000.1080p.BluRay.x264-GRP.mkv", "X-Men (2000)"),
            ("Spider-Man - Far From Home 1080p.mkv", "Spider-Man - Far From Home"),
            (
                "Mission Impossible - Fallout (2018) {tmdb-353081} [Bluray-1080p].mkv",
                "Mission Impossible - Fallout (2018)",
            ),
            ("Charlotte's Web.mkv", "Charlotte's Web"),
            ("Mr. Robot.mkv", "Mr. Robot"),
            ("Amélie.2001.FRENCH.1080p.mkv", "Amélie (2001)"),
            ("千と千尋の神隠し (2001).mkv", "千と千尋の神隠し (2001)"),
            ("Фильм.2010.mkv", "Фильм (2010)"),
            ("big_buck_bunny_1080p_h264.mov", "big buck bunny"),
            ("S.W.A.T.2003.mkv", "S.W.A.T. (2003)"),
            ("Se7en.1995.mkv", "Se7en (1995)"),
            ("300.mkv", "300"),
            ("12 Monkeys.mkv", "12 Monkeys"),
            ("Title CD1.avi", "Title CD1"),
            ("my-home-video.mp4", "my home video"),
            ("IMG_1234.MOV", "IMG 1234"),
            ("test-mp4.mp4", "test-mp4"),
            ("Clip 01 fractal.mp4", "Clip 01 fractal"),
            ("holiday in spain.mp4", "holiday in spain"),
            ("a\nb 🎬.mkv", "a b 🎬"),
            ("🎬.mkv", "🎬"),
            ("(2010).mkv", "2010 (2010)"),
            ("---.mkv", "---"),
            (" .mkv", "Untitled"),
        ] {
            assert_eq!(says(path), wanted, "{path}");
        }
    }

    #[test]
    fn episodes_are_read_from_their_names_and_folders() {
        for (path, wanted) in [
            ("The.Wire.S03E07.720p.BluRay.x264-GRP.mkv", "The Wire: Episode 7, s3 e7"),
            ("Show (2019)/Season 1/01 - Title.mkv", "Show: Title, s1 e1 (2019)"),
            (
                "Show (2019)/Season 01/Show (2019) - S01E02 - The Second.mkv",
                "Show: The Second, s1 e2 (2019)",
            ),
            ("Show/Specials/S00E01 Making Of.mkv", "Show: Making Of, s0 e1"),
            ("Show/Specials/Making Of.mkv", "Show: Making Of, s0"),
            ("Show/Season 1/S01E01-E02.mkv", "Show: Episodes 1-2, s1 e1-2"),
            ("Show.S01E01E02E03.The.Big.One.mkv", "Show: The Big One, s1 e1-3"),
            ("Show - 1x05 - Name.mkv", "Show: Name, s1 e5"),
            ("[Group] Show - 05 [1080p][ABCD1234].mkv", "Show: Episode 5 e5"),
            (
                "[SubsPlease] Sousou no Frieren - 12 (1080p) [F02B9CEE].mkv",
                "Sousou no Frieren: Episode 12 e12",
            ),
            ("[Group] Show S2 - 05.mkv", "Show: Episode 5, s2 e5"),
            (
                "Daily.Show.2024-01-31.Guest.Name.1080p.WEB.h264-GRP.mkv",
                "Daily Show: Guest Name, on 2024-01-31",
            ),
            ("Daily Show 2024.01.31.mkv", "Daily Show: 2024-01-31, on 2024-01-31"),
            ("24/Season 1/24 - 1x01 - 12am.mkv", "24: 12am, s1 e1"),
            ("The 100 S01E01.mkv", "The 100: Episode 1, s1 e1"),
            ("Show/Season 1/3.mkv", "Show: Episode 3, s1 e3"),
            ("Show/Season 1/103 Title.mkv", "Show: Title, s1 e3"),
            ("Show/S01/E05.mkv", "Show: Episode 5, s1 e5"),
            ("Show/Season 1/Disc 2/05. Five.mkv", "Show: Five, s1 e5"),
            ("Show/Season 1/Episode 3 - Thing.mkv", "Show: Thing, s1 e3"),
            ("Show.S02.1080p.BluRay.x264-GRP/Show.S02E01.1080p.mkv", "Show: Episode 1, s2 e1"),
            ("TV/The.Wire.S03E07.mkv", "The Wire: Episode 7, s3 e7"),
            ("the wire (2002)/The.Wire.S03E07.mkv", "the wire: Episode 7, s3 e7 (2002)"),
            ("Show/01 - Pilot.mkv", "Show: Pilot e1"),
            ("Show.S2024E05.mkv", "Show: Episode 5, s2024 e5"),
            ("Show - S01E05v2.mkv", "Show: Episode 5, s1 e5"),
            ("Show - S01E03 - Pilot (1).mkv", "Show: Pilot (1), s1 e3"),
            ("Show - S01E03 - Mr. Smith goes (1080p WEB-DL).mkv", "Show: Mr. Smith goes, s1 e3"),
            (
                "Marvel's.Agents.of.S.H.I.E.L.D.S01E02.mkv",
                "Marvel's Agents of S.H.I.E.L.D.: Episode 2, s1 e2",
            ),
            ("Night Owl - S01E01 - Mandelbrot.mkv", "Night Owl: Mandelbrot, s1 e1"),
        ] {
            assert_eq!(says(path), wanted, "{path}");
        }
    }

    #[test]
    fn a_library_folder_may_be_the_shows_own() {
        let root = Path::new("/tv/Show (2001)");
        let name = read(&root.join("S01E01.mkv"), root, Sureness::Strong);
        assert_eq!((name.show.as_deref(), name.year), (Some("Show"), Some(2001)));
        let root = root.join("Season 3");
        let name = read(&root.join("04.mkv"), &root, Sureness::Strong);
        assert_eq!((name.show.as_deref(), name.season), (Some("Show"), Some(3)));
    }

    #[test]
    fn a_weak_mark_is_part_of_the_title_where_only_strong_ones_count() {
        let root = Path::new("/library");
        let name = |path: &str| read(&root.join(path), root, Sureness::Strong);
        assert_eq!(name("Films/Area - 51.mkv").title, "Area - 51");
        assert_eq!(name("Films/Area - 51.mkv").show, None);
        assert_eq!(name("Show S01E01.mkv").show.as_deref(), Some("Show"));
        assert_eq!(sureness(&root.join("Area - 51.mkv"), root), Some(Sureness::Weak));
        assert_eq!(sureness(&root.join("Show/Season 1/2.mkv"), root), Some(Sureness::Strong));
        assert_eq!(sureness(&root.join("Heat.mkv"), root), None);
    }

    #[test]
    fn absurd_names_are_cut_and_still_have_a_title() {
        let long = format!("{}.S01E01.mkv", "é.".repeat(4000));
        let name = read(Path::new(&long), Path::new("/"), Sureness::Weak);
        assert!(!name.title.is_empty() && name.title.len() <= MAX_NAME_BYTES);
    }

    proptest! {
        #[test]
        fn any_name_has_a_title(
            path in "\\PC{0,60}|[sSeExX0-9 ._\\-\\[\\](){}/éß]{0,60}|(\\PC{0,8}/){0,4}[\\PC\\x00-\\x1f]{1,12}\\.mkv",
            weak in any::<bool>(),
        ) {
            let least = if weak { Sureness::Weak } else { Sureness::Strong };
            let name = read(Path::new(&path), Path::new(""), least);
            prop_assert!(!name.title.trim().is_empty());
            prop_assert!(name.show.is_none_or(|show| !show.trim().is_empty()));
        }

        #[test]
        fn any_bytes_have_a_title(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            use std::os::unix::ffi::OsStrExt;
            let path = Path::new(std::ffi::OsStr::from_bytes(&bytes));
            prop_assert!(!read(path, Path::new(""), Sureness::Weak).title.is_empty());
        }
    }
}
