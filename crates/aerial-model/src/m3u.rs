//! The channel list for TV apps: extended M3U, as their parsers read it.
//!
//! Owns its text and what of a name its readers cannot bear. Knows no address: they
//! are given. Invariants: a line is one line; an attribute is never empty and holds
//! no quote; the last comma of an entry's line is the one before its name, where
//! Kodi and Jellyfin look for it.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::id::ChannelNumber;

/// Looks like a comma, and is none.
const LIKE_A_COMMA: char = '\u{201a}';

/// A channel of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// As the guide names it (XMLTV's `channel`).
    pub guide_id: &'a str,
    /// What people type.
    pub number: ChannelNumber,
    /// Its name, any text.
    pub name: &'a str,
    /// Where its logo is.
    pub logo: &'a str,
    /// The heading it is listed under.
    pub group: Option<&'a str>,
    /// Where its stream is.
    pub url: &'a str,
    /// How what aired is played again, where it is.
    pub catchup: Option<Catchup<'a>>,
}

/// How what a channel aired is played again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Catchup<'a> {
    /// How many days back.
    pub days: u32,
    /// The address of the list, without a query.
    pub list: &'a str,
}

/// The list; `guide` is where its guide is.
pub fn channels(guide: &str, entries: &[Entry<'_>]) -> String {
    let mut text = String::with_capacity(128 + entries.len() * 384);
    text.push_str("#EXTM3U");
    attribute(&mut text, "url-tvg", guide);
    attribute(&mut text, "x-tvg-url", guide);
    text.push('\n');
    for entry in entries {
        text.push_str("#EXTINF:-1");
        attribute(&mut text, "tvg-id", entry.guide_id);
        let _ = write!(text, " tvg-chno=\"{}\"", entry.number);
        attribute(&mut text, "tvg-name", entry.name);
        attribute(&mut text, "tvg-logo", entry.logo);
        attribute(&mut text, "group-title", entry.group.unwrap_or_default());
        attribute(&mut text, "channel-id", entry.guide_id);
        if let Some(catchup) = entry.catchup {
            played_again(&mut text, catchup);
        }
        let name = one_line(entry.name).replace(',', &LIKE_A_COMMA.to_string());
        let _ = write!(text, ",{name}\n{}\n", entry.url);
    }
    text
}

/// A whole address in which apps put the programme's start and end, in seconds since
/// 1970: this form is known to Kodi, TiviMate and others alike, and one with an end
/// tells Kodi that it is played like a film.
fn played_again(text: &mut String, Catchup { days, list }: Catchup<'_>) {
    attribute(text, "catchup", "default");
    let _ = write!(text, " catchup-days=\"{days}\"");
    attribute(text, "catchup-source", &format!("{list}?from=${{start}}&to=${{end}}"));
}

/// Nothing is better than an empty value, which Jellyfin reads as the next one's.
fn attribute(text: &mut String, name: &str, value: &str) {
    let value = one_line(value);
    if !value.is_empty() {
        let _ = write!(text, " {name}=\"{value}\"");
    }
}

/// On one line, without the quotes that would end an attribute.
fn one_line(text: &str) -> Cow<'_, str> {
    let breaks = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    if !text.contains(|c| breaks(c) || c == '"') {
        return Cow::Borrowed(text.trim());
    }
    let words = text.split(|c: char| breaks(c) || c.is_whitespace());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    Cow::Owned(words.join(" ").replace('"', "'"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entry<'a>(name: &'a str, group: Option<&'a str>) -> Entry<'a> {
        Entry {
            guide_id: "c1.aerial",
            number: "5.1".parse().unwrap(),
            name,
            logo: "http://tv/logo/c1.png",
            group,
            url: "http://tv/stream/5.1.m3u8",
            catchup: None,
        }
    }

    #[test]
    fn a_list_reads_like_this() {
        let entries =
            [entry("Aerial One", Some("Films")), entry("Tom, \"Jerry\" & 🐭\r\nagain", None)];
        insta::assert_snapshot!(channels("http://tv/xmltv.xml", &entries), @r#"
        #EXTM3U url-tvg="http://tv/xmltv.xml" x-tvg-url="http://tv/xmltv.xml"
        #EXTINF:-1 tvg-id="c1.aerial" tvg-chno="5.1" tvg-name="Aerial One" tvg-logo="http://tv/logo/c1.png" group-title="Films" channel-id="c1.aerial",Aerial One
        http://tv/stream/5.1.m3u8
        #EXTINF:-1 tvg-id="c1.aerial" tvg-chno="5.1" tvg-name="Tom, 'Jerry' & 🐭 again" tvg-logo="http://tv/logo/c1.png" channel-id="c1.aerial",Tom‚ 'Jerry' & 🐭 again
        http://tv/stream/5.1.m3u8
        "#);
    }

    #[test]
    fn what_can_be_played_again_says_how() {
        let list = "http://tv/stream/5.1/catchup.m3u8";
        let again = Entry { catchup: Some(Catchup { days: 7, list }), ..entry("One", None) };
        let text = channels("http://tv/xmltv.xml", &[again]);
        let (attributes, name) = text.lines().nth(1).unwrap().rsplit_once(',').unwrap();
        assert_eq!(name, "One");
        assert_eq!(as_kodi_reads(attributes, "catchup"), Some("default"));
        assert_eq!(as_kodi_reads(attributes, "catchup-days"), Some("7"));
        let source = as_kodi_reads(attributes, "catchup-source").unwrap();
        // As apps fill it in.
        let asked = source.replace("${start}", "1767225600").replace("${end}", "1767229200");
        assert_eq!(asked, format!("{list}?from=1767225600&to=1767229200"));
    }

    /// As Kodi's PVR IPTV Simple reads a line: the name is behind its last comma; an
    /// attribute ends at the quote that follows its beginning.
    fn as_kodi_reads<'a>(line: &'a str, name: &str) -> Option<&'a str> {
        let begin = line.find(&format!("{name}=\""))? + name.len() + 2;
        line[begin..].split('"').next()
    }

    proptest! {
        #[test]
        fn any_name_stays_within_its_entry(name in any::<String>(), group in any::<String>()) {
            let text = channels("http://tv/xmltv.xml", &[entry(&name, Some(&group))]);
            let lines: Vec<&str> = text.lines().collect();
            prop_assert_eq!(lines.len(), 3);
            let (attributes, shown) = lines[1].rsplit_once(',').unwrap();
            prop_assert_eq!(as_kodi_reads(attributes, "channel-id"), Some("c1.aerial"));
            prop_assert_eq!(as_kodi_reads(attributes, "tvg-chno"), Some("5.1"));
            prop_assert!(attributes.ends_with('"'));
            prop_assert_eq!(attributes.matches('"').count() % 2, 0);
            prop_assert!(!attributes.contains("=\"\""));
            prop_assert_eq!(shown, one_line(&name).replace(',', "\u{201a}"));
        }
    }
}
