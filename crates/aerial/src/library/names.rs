//! Names: what a file's and its folders' names say of the video.
//!
//! Owns title, show, season, episodes, day and year as read from a path; the
//! table of tests at the end is its specification. `marks` finds the numbers,
//! the crate `hunch` knows the marks of releases (codecs, sources, groups) that
//! end a title; where it takes too much (`X-Men`, `Blade Runner 2049`), our own
//! reading stands. Invariant: any path has a title that is not empty, and
//! nothing in a name makes this panic.

use std::path::Path;
use std::sync::OnceLock;

use hunch::{HunchResult, Property};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::marks::{self, Mark, Number};
pub use super::marks::{Episodes, Sureness};

/// No file system has longer names; what is longer is cut.
const MAX_NAME_BYTES: usize = 255;

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

/// File names that say nothing, so that the folder's must.
const GENERIC_STEMS: &[&str] = &["film", "main", "movie", "video", "title", "feature", "index"];

/// Words that only releases bear, lower case. Beside numbers of three digits
/// (`1080p`, `x264`) one of them is the least that such a name has; all others
/// are not even shown to `hunch`, which takes a hundred times longer than we do.
const RELEASE_WORDS: &[&str] = &[
    "3d", "4k", "5.1", "7.1", "8k", "aac", "ac3", "avc", "bdrip", "bluray", "brrip", "divx", "dts",
    "dvd", "dvdrip", "eac3", "flac", "hd", "hdr", "hdtv", "hevc", "mp3", "remux", "rip", "uhd",
    "web", "webrip", "xvid",
];

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

/// The folders above a file, nearest first.
struct Folders {
    nearest: Vec<Folder>,
    root: Folder,
    /// Where the library folder lies; it says something where that is a season's.
    above_root: Folder,
}

struct Folder {
    name: String,
}

/// What the folders say of the season.
struct Season {
    number: u32,
    show: Option<String>,
    year: Option<u16>,
}

impl Folder {
    fn is_generic(&self) -> bool {
        GENERIC_FOLDERS.contains(&self.name.trim().to_lowercase().as_str())
    }

    /// `Disc 1`, `CD2`: says nothing.
    fn is_disc(&self) -> bool {
        let lower = self.name.to_lowercase();
        let rest = ["disc", "disk", "cd", "dvd"].iter().find_map(|word| lower.strip_prefix(word));
        rest.is_some_and(|rest| rest.trim().chars().all(|c| c.is_ascii_digit()))
    }

    fn is_show(&self) -> bool {
        !self.is_generic() && !self.is_disc() && marks::season_folder(&self.name).is_none()
    }
}

impl Folders {
    fn season(&self) -> Option<Season> {
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

fn folders(path: &Path, root: &Path) -> Folders {
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

/// A title with its year.
struct Titled {
    title: String,
    year: Option<u16>,
    /// The year stood in brackets.
    bracketed: bool,
}

/// Reads the title and year of a film's or show's name.
fn titled(name: &str) -> Titled {
    let name = name.trim();
    // The group's name before it: `[Group] Show`.
    let body = match name.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((_, rest)) if !tidy(rest).is_empty() => rest,
        _ => name,
    };
    let year = marks::year(body);
    if let Some(found) = &year {
        let before = tidy(without_brackets(&body[..found.at.start]).as_str());
        if !before.is_empty() {
            return Titled { title: before, year: Some(found.year), bracketed: found.bracketed };
        }
    }
    let whole = without_brackets(body);
    let whole = match tidy(&whole) {
        // `[Show].mkv`, `(2010).mkv`: better that than nothing.
        empty if empty.is_empty() => body.trim_matches(|c: char| !c.is_alphanumeric()).to_owned(),
        _ => whole,
    };
    let title = tidy(cut_at_release_marks(&whole));
    let title = match title.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
        Some(inside) if !inside.contains(['(', ')']) && !tidy(inside).is_empty() => tidy(inside),
        _ => title,
    };
    Titled {
        title,
        year: year.as_ref().map(|y| y.year),
        bracketed: year.is_some_and(|y| y.bracketed),
    }
}

/// The title of an episode, from what stands after its mark.
fn after_mark(rest: &str) -> Option<String> {
    let rest = without_brackets(rest);
    let rest = rest.trim_start_matches(|c: char| !c.is_alphanumeric() && !"¡¿'\"#$".contains(c));
    if !may_bear_marks(rest) {
        return Some(tidy(rest)).filter(|title| !title.is_empty());
    }
    let seen = parse(&format!("Show.S01E01.{rest}"));
    let title = match release_marks(&seen) {
        false => rest,
        true => common_start(rest, &letters(seen.episode_title().unwrap_or_default())),
    };
    Some(tidy(title)).filter(|title| !title.is_empty())
}

/// `name` up to the first mark of a release that `hunch` knows.
fn cut_at_release_marks(name: &str) -> &str {
    if !may_bear_marks(name) {
        return name;
    }
    let seen = parse(name);
    if !release_marks(&seen) {
        return name;
    }
    let mut title = letters(seen.title().unwrap_or_default());
    for more in seen.all(Property::AlternativeTitle) {
        title.push_str(&letters(more));
    }
    match common_start(name, &title) {
        "" => name,
        cut => cut,
    }
}

/// The part of `name` whose letters are `wanted`; nothing if it does not begin
/// with them.
fn common_start<'a>(name: &'a str, wanted: &str) -> &'a str {
    let mut rest = wanted.chars();
    let mut next = rest.next();
    let mut end = 0;
    for (at, c) in name.char_indices() {
        let Some(_) = next else { break };
        for letter in c.to_lowercase().filter(|c| c.is_alphanumeric()) {
            if next != Some(letter) {
                return "";
            }
            next = rest.next();
            end = at + c.len_utf8();
        }
    }
    if next.is_none() { &name[..end] } else { "" }
}

/// Whether `hunch` saw marks that only releases bear. One word that is also
/// plain language (`Charlotte's Web`, `Director's Cut`) is not enough.
fn release_marks(seen: &HunchResult) -> bool {
    let any = |properties: &[Property]| {
        properties.iter().filter(|property| seen.first(**property).is_some()).count()
    };
    any(&[Property::ScreenSize, Property::VideoCodec, Property::AudioCodec]) > 0
        || any(&[
            Property::Source,
            Property::ColorDepth,
            Property::AudioChannels,
            Property::StreamingService,
            Property::Edition,
        ]) > 1
}

/// Whether `name` may bear marks of a release at all.
fn may_bear_marks(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let mut words = lower.split(|c: char| !(c.is_alphanumeric() || c == '.'));
    words.any(|word| {
        let parts = || word.split('.').chain([word]);
        let long_number =
            |part: &str| part.split(|c: char| !c.is_ascii_digit()).any(|digits| digits.len() >= 3);
        parts().any(|part| RELEASE_WORDS.contains(&part) || long_number(part))
            || RELEASE_WORDS.iter().any(|mark| mark.contains('.') && word.contains(mark))
    })
}

fn parse(name: &str) -> HunchResult {
    static PIPELINE: OnceLock<hunch::Pipeline> = OnceLock::new();
    // It wants an extension, and takes the last word for one otherwise.
    PIPELINE
        .get_or_init(hunch::Pipeline::new)
        .run(&format!("{}.mkv", name.replace(['/', '\\'], " ")))
}

/// A name as text: what is not UTF-8 replaced, control characters blanks, not
/// longer than names are.
fn plain(name: &std::ffi::OsStr) -> String {
    let text = name.to_string_lossy();
    let end = text.floor_char_boundary(MAX_NAME_BYTES);
    text[..end].chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// `name` without `[…]` and `{…}`, and without `(…)` at its end if that is a
/// mark of a release.
fn without_brackets(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    let mut depth = 0usize;
    for c in name.chars() {
        match c {
            '[' | '{' => depth += 1,
            ']' | '}' => {
                depth = depth.saturating_sub(1);
                text.push(' ');
            }
            _ if depth == 0 => text.push(c),
            _ => {}
        }
    }
    while let Some((before, inside)) =
        text.trim_end().strip_suffix(')').and_then(|open| open.rsplit_once('('))
        && may_bear_marks(inside)
        && release_marks(&parse(&format!("Title {inside}")))
    {
        text.truncate(before.len());
    }
    text
}

/// A name as people write it: dots and underscores are blanks where they stand
/// for them, one blank between words, none at the ends.
fn tidy(name: &str) -> String {
    let name = name.trim();
    let dotted = !name.contains(' ');
    let dashed = dotted && !name.contains(['.', '_']) && name.matches('-').count() > 1;
    let mut text = String::with_capacity(name.len());
    let mut letters = name.char_indices().peekable();
    while let Some((at, c)) = letters.next() {
        let next = letters.peek().map(|(_, c)| *c);
        match c {
            '_' => text.push(' '),
            '.' if dotted && !is_abbreviation(name, at) => text.push(' '),
            '-' if dashed && next.is_some() => text.push(' '),
            _ => text.push(c),
        }
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    let joined = words.join(" ");
    let loose = |c: char| c.is_whitespace() || "-_,;:|~+–—".contains(c);
    let text = joined.trim_matches(loose).trim_end_matches(['(', '[', '{']).trim_end_matches(loose);
    if text.chars().any(char::is_alphanumeric) { text.to_owned() } else { symbols(text) }
}

/// Emoji alone are a title; dots and dashes alone are none.
fn symbols(text: &str) -> String {
    if text.is_ascii() { String::new() } else { text.to_owned() }
}

/// Whether the dot at `at` belongs to an abbreviation such as `S.H.I.E.L.D.`:
/// a lone capital before it, and one after it or before that.
fn is_abbreviation(name: &str, at: usize) -> bool {
    let lone_before = |end: usize| {
        let mut back = name[..end].chars().rev();
        back.next().is_some_and(char::is_uppercase) && back.next().is_none_or(|c| c == '.')
    };
    let lone_after = {
        let mut ahead = name[at + 1..].chars();
        ahead.next().is_some_and(char::is_uppercase) && ahead.next().is_none_or(|c| c == '.')
    };
    let before_that = name[..at]
        .char_indices()
        .next_back()
        .is_some_and(|(start, _)| name[..start].ends_with('.') && lone_before(start - 1));
    lone_before(at) && (lone_after || before_that)
}

/// Letters and digits alone, in lower case, for comparing.
pub(super) fn letters(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).filter(|c| c.is_alphanumeric()).collect()
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
