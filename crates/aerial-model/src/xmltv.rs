//! The guide for TV apps: XMLTV, as text.
//!
//! Owns its elements, their order and what of a text XML cannot hold. Which
//! programmes there are is the guide's. Invariants: what is written is well-formed
//! and as `xmltv.dtd` has it, whatever the texts; a programme's end is the next one's
//! beginning, to the second.

use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::tz::Offset;

use crate::id::ChannelNumber;
use crate::time::AirTime;

/// What a guide is that has not begun, or is over.
pub const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
    <!DOCTYPE tv SYSTEM \"xmltv.dtd\">\n<tv generator-info-name=\"Aerial\">\n";

/// What it ends with.
pub const TAIL: &str = "</tv>\n";

/// What a programme is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Details<'a> {
    /// Of the film, or of the show that it is an episode of.
    pub title: &'a str,
    /// Of the episode.
    pub sub_title: Option<&'a str>,
    /// What happens in it.
    pub description: Option<&'a str>,
    /// Who plays in it, and whom.
    pub actors: &'a [(String, Option<String>)],
    /// When it was made or first shown: a year, or a date with hyphens.
    pub date: Option<&'a str>,
    /// Genres.
    pub categories: &'a [String],
    /// Where a picture of it is.
    pub icon: Option<&'a str>,
    /// Season and episode, as people count; season 0 is specials.
    pub episode: (Option<u32>, Option<u32>),
    /// Age rating.
    pub rating: Option<&'a str>,
}

/// A channel: three names, so that an app finds the form that it looks for.
pub fn channel(text: &mut String, id: &str, number: ChannelNumber, name: &str, icon: &str) {
    let (id, icon) = (Escaped(id), Escaped(icon));
    let _ = writeln!(
        text,
        "<channel id=\"{id}\"><display-name>{number} {name}</display-name>\
         <display-name>{number}</display-name><display-name>{name}</display-name>\
         <icon src=\"{icon}\"/></channel>",
        name = Escaped(name),
    );
}

/// Season and episode for programs, counted from nothing, and for people; what is not known
/// is left out. `first` is the day when it was first shown.
fn episode_numbers(
    text: &mut String,
    (season, episode): (Option<u32>, Option<u32>),
    first: Option<&str>,
) {
    if season.is_none() && episode.is_none() {
        return;
    }
    let day = season.zip(episode).and_then(|(season, episode)| day_of(season, episode));
    if let Some(day) = day.filter(|day| first == Some(day)) {
        // Season 2023, episode 314 (from nothing), would tell nobody anything.
        let _ = write!(text, "<episode-num system=\"onscreen\">{day}</episode-num>");
        return;
    }
    let from_nothing = |number: Option<u32>| {
        number.and_then(|n| n.checked_sub(1)).map_or(String::new(), |n| n.to_string())
    };
    let (s, e) = (from_nothing(season), from_nothing(episode));
    if !s.is_empty() || !e.is_empty() {
        let _ = write!(text, "<episode-num system=\"xmltv_ns\">{s}.{e}.</episode-num>");
    }
    text.push_str("<episode-num system=\"onscreen\">");
    for (letter, number) in [('S', season), ('E', episode)] {
        if let Some(number) = number {
            let _ = write!(text, "{letter}{number:02}");
        }
    }
    text.push_str("</episode-num>");
}

/// The day that season and episode stand for where a show numbers by days, as the library
/// writes that: the season is the year, the episode is 315 on the 15th of March.
fn day_of(season: u32, episode: u32) -> Option<String> {
    let (month, day) = (episode / 100, episode % 100);
    let is_day = season >= 1000 && (1..=12).contains(&month) && (1..=31).contains(&day);
    is_day.then(|| format!("{season}-{month:02}-{day:02}"))
}

/// What is in a programme's element before and after whether it was shown before:
/// the same for each airing of a media.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    text: String,
    /// Where `previously-shown` has its place.
    shown_at: usize,
}

impl Body {
    /// In the order that the DTD wants.
    pub fn of(details: &Details<'_>) -> Self {
        let mut text = String::with_capacity(512);
        // There must be one.
        let is_shown = details.title.chars().any(|c| !c.is_control() && !c.is_whitespace());
        element(&mut text, "title", Some(if is_shown { details.title } else { "Untitled" }));
        element(&mut text, "sub-title", details.sub_title);
        element(&mut text, "desc", details.description);
        if !details.actors.is_empty() {
            text.push_str("<credits>");
            for (actor, role) in details.actors {
                text.push_str("<actor");
                if let Some(role) = role {
                    let _ = write!(text, " role=\"{}\"", Escaped(role));
                }
                let _ = write!(text, ">{}</actor>", Escaped(actor));
            }
            text.push_str("</credits>");
        }
        let date: String = details.date.unwrap_or_default().chars().filter(|c| *c != '-').collect();
        let is_date = matches!(date.len(), 4 | 6 | 8) && date.bytes().all(|b| b.is_ascii_digit());
        element(&mut text, "date", is_date.then_some(&date));
        for category in details.categories {
            element(&mut text, "category", Some(category));
        }
        if let Some(icon) = details.icon {
            let _ = write!(text, "<icon src=\"{}\"/>", Escaped(icon));
        }
        episode_numbers(&mut text, details.episode, details.date);
        let shown_at = text.len();
        if let Some(rating) = details.rating.filter(|rating| !rating.trim().is_empty()) {
            let _ = write!(text, "<rating><value>{}</value></rating>", Escaped(rating));
        }
        Self { text, shown_at }
    }
}

/// A programme of the channel with that id.
pub fn programme(
    text: &mut String,
    id: &str,
    (start, stop): (AirTime, AirTime),
    body: &Body,
    shown_before: bool,
) {
    let (before, after) = body.text.split_at(body.shown_at);
    let shown = if shown_before { "<previously-shown/>" } else { "" };
    text.push_str("<programme start=\"");
    second(text, start);
    text.push_str("\" stop=\"");
    second(text, stop);
    let _ = writeln!(text, "\" channel=\"{}\">{before}{shown}{after}</programme>", Escaped(id));
}

fn element(text: &mut String, name: &str, value: Option<&str>) {
    if let Some(value) = value.map(str::trim).filter(|value| !value.is_empty()) {
        let _ = write!(text, "<{name}>{}</{name}>", Escaped(value));
    }
}

/// `20261123183000 +0000`: the nearest second; the last that a calendar has where
/// there is none.
fn second(text: &mut String, at: AirTime) {
    let rounded = at.unix_millis().saturating_add(500).div_euclid(1_000);
    let instant = Timestamp::from_second(rounded).unwrap_or(Timestamp::MAX);
    let at = Offset::UTC.to_datetime(instant);
    let _ = write!(
        text,
        "{:04}{:02}{:02}{:02}{:02}{:02} +0000",
        at.year(),
        at.month(),
        at.day(),
        at.hour(),
        at.minute(),
        at.second()
    );
}

/// A text as XML can hold it, in an element or an attribute: without what XML 1.0 has
/// no way to write.
struct Escaped<'a>(&'a str);

impl std::fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let special = |c: char| {
            matches!(c, '&' | '<' | '>' | '"' | '\'' | '\u{fffe}' | '\u{ffff}') || c.is_control()
        };
        let mut rest = self.0;
        while let Some((at, c)) = rest.char_indices().find(|(_, c)| special(*c)) {
            f.write_str(&rest[..at])?;
            f.write_str(match c {
                '&' => "&amp;",
                '<' => "&lt;",
                '>' => "&gt;",
                '"' => "&quot;",
                '\'' => "&apos;",
                '\n' | '\t' => " ",
                _ => "",
            })?;
            rest = &rest[at + c.len_utf8()..];
        }
        f.write_str(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> AirTime {
        let instant: jiff::Timestamp = text.parse().unwrap();
        AirTime::from_unix_millis(instant.as_millisecond())
    }

    #[test]
    fn a_guide_reads_like_this() {
        let mut text = String::from(HEAD);
        let number = "5.1".parse().unwrap();
        channel(&mut text, "c1.aerial", number, "Tom & \"Jerry\"", "http://tv/logo.png?a=1&b=2");
        let body = Body::of(&Details {
            title: "Deep <Zoom>",
            sub_title: Some("The first"),
            description: Some("It's\n\u{7}deep 🐭"),
            actors: &[("A. Actor".into(), Some("The \"Zoom\"".into())), ("B".into(), None)],
            date: Some("2009-04-17"),
            categories: &["Drama".into(), " ".into()],
            icon: Some("http://tv/1.jpg"),
            episode: (Some(1), Some(2)),
            rating: Some("TV-14"),
        });
        let times = (at("2026-11-23T18:30:00.4Z"), at("2026-11-23T18:59:59.6Z"));
        programme(&mut text, "c1.aerial", times, &body, true);
        let special =
            Details { title: "Off air", episode: (Some(0), Some(3)), ..Details::default() };
        programme(&mut text, "c1.aerial", (times.1, times.1), &Body::of(&special), false);
        text.push_str(TAIL);
        insta::assert_snapshot!(text, @r#"
        <?xml version="1.0" encoding="UTF-8"?>
        <!DOCTYPE tv SYSTEM "xmltv.dtd">
        <tv generator-info-name="Aerial">
        <channel id="c1.aerial"><display-name>5.1 Tom &amp; &quot;Jerry&quot;</display-name><display-name>5.1</display-name><display-name>Tom &amp; &quot;Jerry&quot;</display-name><icon src="http://tv/logo.png?a=1&amp;b=2"/></channel>
        <programme start="20261123183000 +0000" stop="20261123190000 +0000" channel="c1.aerial"><title>Deep &lt;Zoom&gt;</title><sub-title>The first</sub-title><desc>It&apos;s deep 🐭</desc><credits><actor role="The &quot;Zoom&quot;">A. Actor</actor><actor>B</actor></credits><date>20090417</date><category>Drama</category><icon src="http://tv/1.jpg"/><episode-num system="xmltv_ns">0.1.</episode-num><episode-num system="onscreen">S01E02</episode-num><previously-shown/><rating><value>TV-14</value></rating></programme>
        <programme start="20261123190000 +0000" stop="20261123190000 +0000" channel="c1.aerial"><title>Off air</title><episode-num system="xmltv_ns">.2.</episode-num><episode-num system="onscreen">S00E03</episode-num></programme>
        </tv>
        "#);
    }

    #[test]
    fn a_show_that_numbers_by_days_bears_the_day() {
        let numbers = |season, episode, first| {
            let mut text = String::new();
            episode_numbers(&mut text, (Some(season), Some(episode)), first);
            text
        };
        assert_eq!(
            numbers(2024, 315, Some("2024-03-15")),
            r#"<episode-num system="onscreen">2024-03-15</episode-num>"#
        );
        // Seasons that are years, and episodes that are counted.
        assert!(numbers(2024, 315, Some("2024-11-10")).contains("S2024E315"));
        assert!(numbers(2024, 315, None).contains("2023.314."));
        assert!(numbers(3, 315, Some("2024-03-15")).contains("2.314."));
    }

    proptest! {
        #[test]
        fn a_second_is_that_of_the_calendar(millis in -60_000_000_000_000i64..200_000_000_000_000) {
            let mut text = String::new();
            second(&mut text, AirTime::from_unix_millis(millis));
            let rounded = (millis + 500).div_euclid(1_000);
            let instant = jiff::Timestamp::from_second(rounded).unwrap();
            prop_assert_eq!(text, instant.strftime("%Y%m%d%H%M%S +0000").to_string());
        }

        #[test]
        fn no_text_breaks_its_element(texts in prop::collection::vec(any::<String>(), 6)) {
            let body = Body::of(&Details {
                title: &texts[0],
                sub_title: Some(&texts[1]),
                description: Some(&texts[2]),
                actors: &[(texts[3].clone(), Some(texts[4].clone()))],
                rating: Some(&texts[5]),
                ..Details::default()
            });
            let mut text = String::new();
            let times = (AirTime::EPOCH, AirTime::EPOCH);
            programme(&mut text, &texts[0], times, &body, true);
            let names = |text: &str| {
                text.split('<').skip(1).map(|tag| tag.split([' ', '>']).next().unwrap().to_owned())
                    .collect::<Vec<_>>()
            };
            let allowed = [
                "programme", "title", "sub-title", "desc", "credits", "actor", "rating", "value",
                "previously-shown/",
            ];
            for name in names(&text) {
                prop_assert!(allowed.contains(&name.trim_start_matches('/')), "{name} in {text}");
            }
            prop_assert!(text.chars().all(|c| c == '\n' || !c.is_control()));
            let entities = ["&amp;", "&lt;", "&gt;", "&quot;", "&apos;"];
            let written: usize = entities.iter().map(|entity| text.matches(entity).count()).sum();
            prop_assert_eq!(text.matches('&').count(), written);
        }
    }
}
