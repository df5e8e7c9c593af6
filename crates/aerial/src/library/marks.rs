//! Marks in names: `S01E02`, `1x05`, `Season 2`, `2024-01-31`, `- 05`, `(1999)`.
//!
//! Owns finding them in one name and where they stand. Does not decide what
//! the rest of the name means (`names` does). Invariant: positions are byte
//! offsets at character boundaries of the name that was given.

use std::ops::Range;

use jiff::civil::Date;

/// Years that a film can be of; higher numbers are part of the title.
pub(super) const YEARS: Range<u32> = 1888..2040;

/// Words for a season in folder names, lower case.
const SEASON_WORDS: &[&str] =
    &["season", "series", "staffel", "saison", "temporada", "stagione", "sezon", "seizoen"];

/// Words for an episode, lower case, the longer before those they begin with.
const EPISODE_WORDS: &[&str] = &["episode", "folge", "episodio", "aflevering", "ep"];

/// Which episode, or which ones a file holds together.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct Episodes {
    /// The first.
    pub first: u32,
    /// The last; the first where there is one alone.
    pub last: u32,
}

impl Episodes {
    /// One episode alone.
    pub const fn one(number: u32) -> Self {
        Self { first: number, last: number }
    }
}

/// How sure a mark is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sureness {
    /// A number that may be part of a title: `Show - 05`, `01 - Title`.
    Weak,
    /// Nobody writes `S01E02`, `1x05` or a date by accident.
    Strong,
}

/// What a mark says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Number {
    /// An episode, of a season where the mark says so.
    Episode { season: Option<u32>, episodes: Episodes },
    /// An episode by its day.
    Day(Date),
}

/// A mark and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) at: Range<usize>,
    pub(super) number: Number,
    pub(super) sureness: Sureness,
}

/// Reads one kind of mark where the cursor stands.
type Reader = fn(&mut Cursor<'_>) -> Option<Number>;

/// The first mark of the surest kind in `name`.
pub(super) fn find(name: &str) -> Option<Mark> {
    let lower = name.to_ascii_lowercase();
    let kinds: [(Reader, Sureness); 6] = [
        (season_and_episode, Sureness::Strong),
        (season_word_and_episode, Sureness::Strong),
        (season_x_episode, Sureness::Strong),
        (day, Sureness::Strong),
        (season_dash_episode, Sureness::Weak),
        (episode_word, Sureness::Weak),
    ];
    kinds
        .into_iter()
        .find_map(|(kind, sureness)| {
            word_starts(&lower).find_map(|start| {
                let mut cursor = Cursor { text: &lower, at: start };
                let number = kind(&mut cursor)?;
                Some(Mark { at: start..cursor.at, number, sureness })
            })
        })
        .or_else(|| after_dash(&lower))
}

/// The number that `name` begins with: `01 - Title`, `01. Title`. Alone, or
/// followed by a bare space, it counts only in a season's folder.
pub(super) fn leading(name: &str, in_season: Option<u32>) -> Option<Mark> {
    let mut cursor = Cursor { text: name, at: 0 };
    let number = cursor.number(1..=3)?;
    let rest = cursor.rest();
    let divided = [" - ", ". ", ".", "_-_", "_", "-"].iter().any(|mark| rest.starts_with(mark));
    let sureness = match in_season {
        Some(_) if rest.is_empty() || rest.starts_with(' ') || divided => Sureness::Strong,
        None if rest.starts_with(" - ") || rest.starts_with(". ") || rest.starts_with("_-_") => {
            Sureness::Weak
        }
        _ => return None,
    };
    // 203 in season 2 is its third.
    let episode = match in_season {
        Some(season) if season > 0 && number > 100 && number / 100 == season => number % 100,
        _ => number,
    };
    let number = Number::Episode { season: None, episodes: Episodes::one(episode) };
    Some(Mark { at: 0..cursor.at, number, sureness })
}

/// A folder that holds one season.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SeasonFolder<'a> {
    pub(super) season: u32,
    /// What stands before the mark: often the show's name.
    pub(super) before: &'a str,
}

/// Reads a folder's name as that of a season: `Season 1`, `Specials`, `S01`,
/// `Show - Season 2 (2010)`, `Show.S02.1080p`.
pub(super) fn season_folder(name: &str) -> Option<SeasonFolder<'_>> {
    let lower = name.to_ascii_lowercase();
    if matches!(lower.trim(), "specials" | "special" | "season specials") {
        return Some(SeasonFolder { season: 0, before: "" });
    }
    word_starts(&lower).find_map(|start| {
        let mut cursor = Cursor { text: &lower, at: start };
        let season = season_word(&mut cursor).or_else(|| {
            cursor.at = start;
            cursor.letter('s').and_then(|()| cursor.number(1..=2))
        })?;
        cursor.is_word_end().then_some(SeasonFolder { season, before: &name[..start] })
    })
}

/// A year in `name`, with where it stands, its brackets included.
pub(super) struct Year {
    pub(super) at: Range<usize>,
    pub(super) year: u16,
    /// In brackets, it is surely a year.
    pub(super) bracketed: bool,
}

/// The year of `name`: the last in brackets, else the last that stands alone
/// and is not the first word (`2012.mkv` is a title).
pub(super) fn year(name: &str) -> Option<Year> {
    let mut best: Option<Year> = None;
    for start in word_starts(name) {
        let mut cursor = Cursor { text: name, at: start };
        let Some(number) = cursor.number(4..=4).filter(|n| YEARS.contains(n)) else { continue };
        if !cursor.is_word_end() {
            continue;
        }
        let opens = name[..start].ends_with(['(', '[']);
        let closes = cursor.rest().starts_with([')', ']']);
        let bracketed = opens && closes;
        let stronger = best.as_ref().is_none_or(|best| bracketed || !best.bracketed);
        let at = if bracketed { start - 1..cursor.at + 1 } else { start..cursor.at };
        let leads = name[..at.start].chars().all(|c| !c.is_alphanumeric());
        if stronger && (bracketed || !leads) {
            best = Some(Year { at, year: number as u16, bracketed });
        }
    }
    best
}

/// A place in a name, in lower case.
struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn literal(&mut self, text: &str) -> Option<()> {
        self.rest().starts_with(text).then(|| self.at += text.len())
    }

    fn letter(&mut self, letter: char) -> Option<()> {
        self.rest().starts_with(letter).then(|| self.at += letter.len_utf8())
    }

    fn skip(&mut self, any: &[char]) -> usize {
        let before = self.at;
        self.at += self.rest().len() - self.rest().trim_start_matches(any).len();
        self.at - before
    }

    /// A number of so many digits, no digit after it.
    fn number(&mut self, digits: std::ops::RangeInclusive<usize>) -> Option<u32> {
        let rest = self.rest();
        let length = rest.bytes().take_while(u8::is_ascii_digit).count();
        if !digits.contains(&length) {
            return None;
        }
        let number = rest[..length].parse().ok()?;
        self.at += length;
        Some(number)
    }

    fn is_word_end(&self) -> bool {
        !self.rest().starts_with(char::is_alphanumeric)
    }

    /// `v2` after an episode's number, of those who correct their work.
    fn version(&mut self) {
        let start = self.at;
        if self.letter('v').and_then(|()| self.number(1..=1)).is_none() || !self.is_word_end() {
            self.at = start;
        }
    }

    /// The rest of `E01-E03`, `E01E02`, `E01-03` or `x01-x03`.
    fn more_episodes(&mut self, first: u32, mark: char) -> Episodes {
        let mut episodes = Episodes::one(first);
        loop {
            let start = self.at;
            let divided = self.skip(&['-', '&', '+', '~', '.', ' ', '_']);
            let between = &self.text[start..self.at];
            let marked = self.letter(mark).is_some();
            // `E01 - 720` is no range, `E01-02` is one.
            let digits = if marked { 1..=4 } else { 2..=3 };
            let dash = divided == 0 || between == "-" || between == "~" || between == "&";
            match self.number(digits) {
                Some(last)
                    if (marked || (divided > 0 && dash))
                        && (self.is_word_end() || self.rest().starts_with(mark))
                        && last > episodes.last
                        && last - first < 100 =>
                {
                    episodes.last = last;
                }
                _ => {
                    self.at = start;
                    self.version();
                    return episodes;
                }
            }
        }
    }
}

/// Where words begin: after anything that is no letter and no digit.
fn word_starts(text: &str) -> impl Iterator<Item = usize> {
    let mut before = ' ';
    text.char_indices().filter_map(move |(at, c)| {
        let starts = c.is_alphanumeric() && !before.is_alphanumeric();
        before = c;
        starts.then_some(at)
    })
}

const GAPS: &[char] = &[' ', '.', '_', '-', ','];

fn season_and_episode(cursor: &mut Cursor<'_>) -> Option<Number> {
    cursor.letter('s')?;
    let season = cursor.number(1..=4)?;
    cursor.skip(&[' ', '.', '_', '-']);
    cursor.literal("ep").or_else(|| cursor.letter('e'))?;
    cursor.skip(&['.', ' ', '_']);
    let first = cursor.number(1..=4)?;
    let episodes = cursor.more_episodes(first, 'e');
    cursor.is_word_end().then_some(Number::Episode { season: Some(season), episodes })
}

fn season_word(cursor: &mut Cursor<'_>) -> Option<u32> {
    SEASON_WORDS.iter().find_map(|word| cursor.literal(word))?;
    cursor.skip(&[' ', '.', '_', '-']);
    cursor.number(1..=4)
}

fn season_word_and_episode(cursor: &mut Cursor<'_>) -> Option<Number> {
    let season = season_word(cursor)?;
    cursor.skip(GAPS);
    EPISODE_WORDS.iter().find_map(|word| cursor.literal(word)).or_else(|| cursor.letter('e'))?;
    cursor.skip(&[' ', '.', '_', '#']);
    let first = cursor.number(1..=4)?;
    let episodes = cursor.more_episodes(first, 'e');
    cursor.is_word_end().then_some(Number::Episode { season: Some(season), episodes })
}

fn season_x_episode(cursor: &mut Cursor<'_>) -> Option<Number> {
    let season = cursor.number(1..=2)?;
    cursor.letter('x')?;
    let first = cursor.number(2..=3)?;
    let episodes = cursor.more_episodes(first, 'x');
    cursor.is_word_end().then_some(Number::Episode { season: Some(season), episodes })
}

fn day(cursor: &mut Cursor<'_>) -> Option<Number> {
    let year = cursor.number(4..=4).filter(|n| (1900..2100).contains(n))?;
    let gap = cursor.rest().chars().next().filter(|c| ['-', '.', '_', ' '].contains(c))?;
    cursor.letter(gap)?;
    let month = cursor.number(2..=2)?;
    cursor.letter(gap)?;
    let day = cursor.number(2..=2)?;
    let date = Date::new(year as i16, month as i8, day as i8).ok()?;
    cursor.is_word_end().then_some(Number::Day(date))
}

/// `S2 - 05`, the way of anime groups.
fn season_dash_episode(cursor: &mut Cursor<'_>) -> Option<Number> {
    cursor.letter('s')?;
    let season = cursor.number(1..=2)?;
    cursor.skip(&[' ', '_']);
    cursor.letter('-')?;
    cursor.skip(&[' ', '_']);
    let first = cursor.number(2..=4)?;
    let episodes = cursor.more_episodes(first, 'e');
    cursor.is_word_end().then_some(Number::Episode { season: Some(season), episodes })
}

fn episode_word(cursor: &mut Cursor<'_>) -> Option<Number> {
    let spelt = EPISODE_WORDS.iter().find_map(|word| cursor.literal(word)).is_some();
    if !spelt {
        cursor.letter('e')?;
    }
    if spelt {
        cursor.skip(&[' ', '.', '_', '#']);
    }
    // `E3` is a fair, `E03` an episode.
    let first = cursor.number(if spelt { 1..=4 } else { 2..=3 })?;
    let episodes = cursor.more_episodes(first, 'e');
    cursor.is_word_end().then_some(Number::Episode { season: None, episodes })
}

/// `Show - 05`, at the end or before brackets or another dash.
fn after_dash(name: &str) -> Option<Mark> {
    let found = ["-", "_-_"].iter().flat_map(|dash| name.rmatch_indices(dash));
    found.into_iter().find_map(|(at, dash)| {
        let before = &name[..at];
        if !(dash.len() > 1 || before.ends_with([' ', '_'])) || before.trim().is_empty() {
            return None;
        }
        let mut cursor = Cursor { text: name, at: at + dash.len() };
        if cursor.skip(&[' ', '_']) == 0 && dash.len() == 1 {
            return None;
        }
        let first = cursor.number(2..=4).filter(|n| !YEARS.contains(n))?;
        let episodes = cursor.more_episodes(first, 'e');
        let rest = cursor.rest().trim_start_matches([' ', '_']);
        let divided =
            cursor.is_word_end() && (rest.is_empty() || rest.starts_with(['[', '(', '-', '{']));
        divided.then_some(Mark {
            at: at..cursor.at,
            number: Number::Episode { season: None, episodes },
            sureness: Sureness::Weak,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(name: &str) -> Option<(Option<u32>, u32, u32)> {
        match find(name)?.number {
            Number::Episode { season, episodes } => Some((season, episodes.first, episodes.last)),
            Number::Day(_) => None,
        }
    }

    #[test]
    fn episodes_are_found_as_people_write_them() {
        for (name, season, first, last) in [
            ("Show.S01E02.720p", Some(1), 2, 2),
            ("show s1e2", Some(1), 2, 2),
            ("Show S01.E02", Some(1), 2, 2),
            ("Show S01 EP02", Some(1), 2, 2),
            ("Show S01E01-E02", Some(1), 1, 2),
            ("Show S01E01E02E03 Big", Some(1), 1, 3),
            ("Show S01E01-03", Some(1), 1, 3),
            ("Show S01E05v2", Some(1), 5, 5),
            ("Show S01E05 - 720p", Some(1), 5, 5),
            ("Show.S01E05.10.Things", Some(1), 5, 5),
            ("Show S2024E05", Some(2024), 5, 5),
            ("S00E01 Making Of", Some(0), 1, 1),
            ("Show - 1x05 - Name", Some(1), 5, 5),
            ("Show 1x05-x06", Some(1), 5, 6),
            ("Show 10x123", Some(10), 123, 123),
            ("Show Season 2 Episode 11", Some(2), 11, 11),
            ("Show - Season 2, Ep. 3", Some(2), 3, 3),
            ("[Group] Show - 05 [1080p]", None, 5, 5),
            ("[Group]_Show_-_05v2_[AB]", None, 5, 5),
            ("[Group] Show S2 - 05", Some(2), 5, 5),
            ("One Piece - 1071 (1080p)", None, 1071, 1071),
            ("Show Episode 7", None, 7, 7),
            ("Show E05", None, 5, 5),
            ("Show - 05 - Title", None, 5, 5),
        ] {
            assert_eq!(read(name), Some((season, first, last)), "{name}");
        }
    }

    #[test]
    fn what_only_looks_like_an_episode_is_none() {
        for name in [
            "1920x1080 test",
            "Blade Runner 2049",
            "Se7en",
            "Ocean's Eleven",
            "E3 2019 Trailer",
            "Film - 1999",
            "Terminator 2",
            "Plan 9",
            "x264",
            "H.264",
            "ss12e",
            "Apollo 13",
            "Film 2x4",
            "Room-05",
            "7-10",
            "",
        ] {
            assert_eq!(find(name), None, "{name}");
        }
    }

    #[test]
    fn days_are_days_of_the_calendar() {
        let day = |name| match find(name) {
            Some(Mark { number: Number::Day(day), .. }) => Some(day.to_string()),
            _ => None,
        };
        assert_eq!(day("Daily.2024.01.31.Guest").as_deref(), Some("2024-01-31"));
        assert_eq!(day("Daily 2024-01-31").as_deref(), Some("2024-01-31"));
        assert_eq!(day("Daily 2024-02-30"), None);
        assert_eq!(day("Daily 2024.01-31"), None);
    }

    #[test]
    fn seasons_folders_are_known_in_several_tongues() {
        for (name, season, before) in [
            ("Season 1", 1, ""),
            ("Season 01", 1, ""),
            ("S01", 1, ""),
            ("Specials", 0, ""),
            ("Staffel 3", 3, ""),
            ("Saison 2", 2, ""),
            ("Season 2 (2010)", 2, ""),
            ("Show - Season 2", 2, "Show - "),
            ("Show.S02.1080p.BluRay", 2, "Show."),
        ] {
            assert_eq!(season_folder(name), Some(SeasonFolder { season, before }), "{name}");
        }
        for name in ["Show", "Seasons", "Season", "S", "Specials of the day", "S123 Robot"] {
            assert_eq!(season_folder(name), None, "{name}");
        }
    }

    #[test]
    fn the_year_is_the_last_one_and_brackets_are_stronger() {
        let found = |name| year(name).map(|y| y.year);
        assert_eq!(found("Title (1999) [1080p]"), Some(1999));
        assert_eq!(found("Wonder.Woman.1984.2020.1080p"), Some(2020));
        assert_eq!(found("2001 A Space Odyssey (1968) 2012"), Some(1968));
        assert_eq!(found("Blade.Runner.2049.2017"), Some(2017));
        assert_eq!(found("2012"), None);
        assert_eq!(found("1080p 12345"), None);
    }

    proptest! {
        #[test]
        fn marks_stand_at_character_boundaries(name in "\\PC{0,40}|[sSeExX0-9 ._\\-\\[\\]()é]{0,30}") {
            for mark in [find(&name), leading(&name, Some(1)), leading(&name, None)].into_iter().flatten() {
                prop_assert!(name.get(mark.at).is_some());
            }
            if let Some(year) = year(&name) {
                prop_assert!(name.get(year.at).is_some());
            }
            let _ = season_folder(&name);
        }
    }
}
