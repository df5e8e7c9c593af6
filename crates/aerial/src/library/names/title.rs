//! A title out of a name: without releases' marks, as people write it.
//!
//! Owns where a title ends, and its dots, dashes and brackets. The crate `hunch` knows
//! the marks of releases (codecs, sources, groups); where it takes too much (`X-Men`,
//! `Blade Runner 2049`), our own reading stands. Invariant: what `hunch` cannot place in
//! the name itself is not cut off.

use std::ffi::OsStr;
use std::sync::OnceLock;

use hunch::{HunchResult, Property};

use crate::library::marks;

/// Words that only releases bear, lower case. Beside numbers of three digits
/// (`1080p`, `x264`) one of them is the least that such a name has; all others
/// are not even shown to `hunch`, which takes a hundred times longer than we do.
const RELEASE_WORDS: &[&str] = &[
    "3d", "4k", "5.1", "7.1", "8k", "aac", "ac3", "avc", "bdrip", "bluray", "brrip", "divx", "dts",
    "dvd", "dvdrip", "eac3", "flac", "hd", "hdr", "hdtv", "hevc", "mp3", "remux", "rip", "uhd",
    "web", "webrip", "xvid",
];

/// No file system has longer names; what is longer is cut.
pub(super) const MAX_NAME_BYTES: usize = 255;

/// A name as text: what is not UTF-8 replaced, control characters blanks, not
/// longer than names are.
pub(super) fn plain(name: &OsStr) -> String {
    let text = name.to_string_lossy();
    let end = text.floor_char_boundary(MAX_NAME_BYTES);
    text[..end].chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// A title with its year.
pub(super) struct Titled {
    pub(super) title: String,
    pub(super) year: Option<u16>,
    /// The year stood in brackets.
    pub(super) bracketed: bool,
}

/// Reads the title and year of a film's or show's name.
pub(super) fn titled(name: &str) -> Titled {
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
pub(super) fn after_mark(rest: &str) -> Option<String> {
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
pub(in crate::library) fn letters(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).filter(|c| c.is_alphanumeric()).collect()
}
