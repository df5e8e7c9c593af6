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
        let name = one_line(entry.name).replace(',', &LIKE_A_COMMA.to_string());
        let _ = write!(text, ",{name}\n{}\n", entry.url);
    }
    text
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
