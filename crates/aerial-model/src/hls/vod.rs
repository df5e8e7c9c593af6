//! A list of what is played from beginning to end (EXT-X-PLAYLIST-TYPE:VOD).
//!
//! Owns its text. Knows no ledger: what is listed is given. Invariant: it is whole, so
//! players begin with its first segment and need to ask for it once.

use std::fmt::Write as _;

use crate::time::{AirTime, TICKS_PER_SECOND, Ticks};

/// A segment of such a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VodEntry {
    /// Where it is, from the list's own address.
    pub uri: String,
    /// When its first picture was shown, where it was.
    pub start: Option<AirTime>,
    /// How long its pictures last.
    pub length: Ticks,
    /// Another number where the codec configuration is another one.
    pub discontinuity_sequence: u32,
}

/// The list.
pub fn vod_playlist(entries: &[VodEntry]) -> String {
    let mut text = String::with_capacity(256 + entries.len() * 160);
    let longest = entries.iter().map(|entry| entry.length).max().unwrap_or_default();
    // Rounded to the nearest second (RFC 8216, 4.3.3.1).
    let target = ((longest.0 + TICKS_PER_SECOND / 2) / TICKS_PER_SECOND).max(1);
    let _ = write!(
        text,
        "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-PLAYLIST-TYPE:VOD\n\
         #EXT-X-TARGETDURATION:{target}\n#EXT-X-MEDIA-SEQUENCE:0\n"
    );
    let mut previous: Option<&VodEntry> = None;
    for entry in entries {
        if previous.is_some_and(|p| p.discontinuity_sequence != entry.discontinuity_sequence) {
            text.push_str("#EXT-X-DISCONTINUITY\n");
        }
        if let Some(start) = entry.start {
            let _ = writeln!(text, "#EXT-X-PROGRAM-DATE-TIME:{start}");
        }
        let _ = write!(text, "#EXTINF:{},\n{}\n", entry.length, entry.uri);
        previous = Some(entry);
    }
    text.push_str("#EXT-X-ENDLIST\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(uri: &str, ticks: i64, discontinuity_sequence: u32) -> VodEntry {
        let start = Some(AirTime::from_unix_millis(1_767_225_600_000));
        VodEntry { uri: uri.to_owned(), start, length: Ticks(ticks), discontinuity_sequence }
    }

    #[test]
    fn a_list_reads_like_this() {
        let undated = VodEntry { start: None, ..entry("c.ts", 90_000, 1) };
        let entries = [entry("a.ts", 360_360, 0), entry("b.ts", 412_000, 0), undated];
        insta::assert_snapshot!(vod_playlist(&entries), @r"
        #EXTM3U
        #EXT-X-VERSION:3
        #EXT-X-INDEPENDENT-SEGMENTS
        #EXT-X-PLAYLIST-TYPE:VOD
        #EXT-X-TARGETDURATION:5
        #EXT-X-MEDIA-SEQUENCE:0
        #EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:00.000Z
        #EXTINF:4.00400,
        a.ts
        #EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:00.000Z
        #EXTINF:4.57778,
        b.ts
        #EXT-X-DISCONTINUITY
        #EXTINF:1.00000,
        c.ts
        #EXT-X-ENDLIST
        ");
    }

    #[test]
    fn another_reader_understands_what_is_written() {
        use quick_m3u8::{HlsLine, Reader, config::ParsingOptions};
        let text = vod_playlist(&[entry("a.ts", 360_000, 0), entry("b.ts", 9_000, 1)]);
        let mut reader = Reader::from_str(&text, ParsingOptions::default());
        let mut uris = Vec::new();
        while let Some(line) = reader.read_line().unwrap() {
            match line {
                HlsLine::KnownTag(_) => {}
                HlsLine::Uri(uri) => uris.push(uri.to_string()),
                other => panic!("not understood: {other:?}"),
            }
        }
        assert_eq!(uris, ["a.ts", "b.ts"]);
    }
}
