//! HLS playlists (RFC 8216) as pure functions.
//!
//! Owns the text of master and media playlists (`rules.md`, 18 to 20); which
//! segments a client is shown is [`mod@window`]'s. Knows no session and no file.
//! Invariant: the same ledger, client id and clock give the same bytes.

use std::fmt::Write as _;
use std::ops::Range;

use crate::channel::Video;
use crate::client::ClientId;
use crate::ledger::Ledger;
use crate::profile::Rendition;
use crate::time::{AirTime, Ticks};

pub mod vod;
pub mod window;

pub use vod::{VodEntry, vod_playlist};
pub use window::{Edge, PROMISED, window};

/// EXT-X-TARGETDURATION of a channel whose every segment is transcoded: no
/// uniform segment is over 4.004 s, which rounds to 4 (RFC 8216, 4.3.3.1).
pub const TARGET_DURATION_TRANSCODED: u32 = 4;

/// The same where video is copied: no segment is over 8 s (`rules.md`, 11).
pub const TARGET_DURATION_COPIED: u32 = 8;

/// EXT-X-TARGETDURATION of a channel that treats video so, for its stream's life.
pub fn target_duration(video: Video) -> u32 {
    match video {
        Video::Auto => TARGET_DURATION_COPIED,
        Video::Transcode => TARGET_DURATION_TRANSCODED,
    }
}

/// One segment, as a playlist names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its sequence number.
    pub sequence: u64,
    /// When its first picture is shown.
    pub start: AirTime,
    /// How long its pictures last.
    pub length: Ticks,
    /// EXT-X-DISCONTINUITY-SEQUENCE that holds for it.
    pub discontinuity_sequence: u32,
}

/// The entries of a window, as far as they are committed.
pub fn entries(ledger: &Ledger, window: Range<u64>) -> Vec<Entry> {
    ledger
        .segments_from(window.start)
        .take_while(|segment| segment.sequence < window.end)
        .map(|segment| Entry {
            sequence: segment.sequence,
            start: segment.start,
            length: segment.length,
            discontinuity_sequence: segment.row.discontinuity_sequence,
        })
        .collect()
}

/// A live media playlist. `entries` are consecutive; segment addresses are
/// relative to `/stream/{channel}/{rendition}.m3u8`.
pub fn media_playlist(
    target_duration: u32,
    rendition: Rendition,
    client: &ClientId,
    entries: &[Entry],
) -> String {
    let mut text = String::with_capacity(256 + entries.len() * 128);
    let first = entries.first();
    let _ = write!(
        text,
        "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-INDEPENDENT-SEGMENTS\n\
         #EXT-X-TARGETDURATION:{target_duration}\n\
         #EXT-X-MEDIA-SEQUENCE:{}\n#EXT-X-DISCONTINUITY-SEQUENCE:{}\n",
        first.map_or(0, |entry| entry.sequence),
        // The tag counts what has left the window: the first entry's own tag,
        // if it had one, is already counted in its number.
        first.map_or(0, |entry| entry.discontinuity_sequence),
    );
    // Once, not for each of them: playlists are asked for more often than all else.
    let (directory, query) = (format!("{rendition}/"), format!(".ts?client={client}\n"));
    let mut previous: Option<&Entry> = None;
    for entry in entries {
        if previous.is_some_and(|p| p.discontinuity_sequence != entry.discontinuity_sequence) {
            text.push_str("#EXT-X-DISCONTINUITY\n");
        }
        let _ = write!(
            text,
            "#EXT-X-PROGRAM-DATE-TIME:{}\n#EXTINF:{},\n{directory}{}{query}",
            entry.start, entry.length, entry.sequence,
        );
        previous = Some(entry);
    }
    text
}

/// One rendition, as a master playlist offers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variant {
    /// Which.
    pub rendition: Rendition,
    /// Peak, bits per second.
    pub bandwidth: u64,
    /// Average, bits per second.
    pub average_bandwidth: u64,
    /// RFC 6381 codecs, such as `avc1.64001f,mp4a.40.2`.
    pub codecs: String,
    /// Width and height.
    pub resolution: (u16, u16),
    /// The highest frame rate, in thousandths per second.
    pub frame_rate_milli: u32,
}

/// A master playlist. `base` is what leads from the master's own address to
/// `/stream/{channel}/`.
pub fn master_playlist(base: &str, client: &ClientId, variants: &[Variant]) -> String {
    let mut text = String::from("#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-INDEPENDENT-SEGMENTS\n");
    for variant in variants {
        let _ = write!(
            text,
            "#EXT-X-STREAM-INF:BANDWIDTH={},AVERAGE-BANDWIDTH={},CODECS=\"{}\",\
             RESOLUTION={}x{},FRAME-RATE={}.{:03}\n{base}{}.m3u8?client={client}\n",
            variant.bandwidth,
            variant.average_bandwidth,
            variant.codecs,
            variant.resolution.0,
            variant.resolution.1,
            variant.frame_rate_milli / 1_000,
            variant.frame_rate_milli % 1_000,
            variant.rendition,
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const HD: Rendition = Rendition::Height(720);

    fn client_at(sequence: u64, ms: i64) -> ClientId {
        ClientId::new(sequence, AirTime::from_unix_millis(ms), 5)
    }

    fn entry(sequence: u64, discontinuity_sequence: u32) -> Entry {
        Entry {
            sequence,
            start: AirTime::from_unix_millis(1_767_225_600_000) + Ticks(360_360) * sequence as i64,
            length: Ticks(360_360),
            discontinuity_sequence,
        }
    }

    #[test]
    fn a_media_playlist_reads_like_this() {
        let entries = [entry(7, 2), entry(8, 2), entry(9, 3)];
        insta::assert_snapshot!(
            media_playlist(4, HD, &client_at(7, 1_000), &entries), @r"
        #EXTM3U
        #EXT-X-VERSION:3
        #EXT-X-INDEPENDENT-SEGMENTS
        #EXT-X-TARGETDURATION:4
        #EXT-X-MEDIA-SEQUENCE:7
        #EXT-X-DISCONTINUITY-SEQUENCE:2
        #EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:28.028Z
        #EXTINF:4.00400,
        720p/7.ts?client=7-rs-5
        #EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:32.032Z
        #EXTINF:4.00400,
        720p/8.ts?client=7-rs-5
        #EXT-X-DISCONTINUITY
        #EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:36.036Z
        #EXTINF:4.00400,
        720p/9.ts?client=7-rs-5
        "
        );
    }

    #[test]
    fn a_master_playlist_reads_like_this() {
        let variant = Variant {
            rendition: HD,
            bandwidth: 3_900_000,
            average_bandwidth: 3_300_000,
            codecs: "avc1.64001f,mp4a.40.2".to_owned(),
            resolution: (1_280, 720),
            frame_rate_milli: 59_940,
        };
        insta::assert_snapshot!(
            master_playlist("", &client_at(7, 1_000), &[variant]), @r#"
        #EXTM3U
        #EXT-X-VERSION:3
        #EXT-X-INDEPENDENT-SEGMENTS
        #EXT-X-STREAM-INF:BANDWIDTH=3900000,AVERAGE-BANDWIDTH=3300000,CODECS="avc1.64001f,mp4a.40.2",RESOLUTION=1280x720,FRAME-RATE=59.940
        720p.m3u8?client=7-rs-5
        "#
        );
    }

    #[test]
    fn another_reader_understands_what_is_written() {
        use quick_m3u8::{HlsLine, Reader, config::ParsingOptions};
        let text = media_playlist(4, HD, &client_at(7, 0), &[entry(7, 0), entry(8, 1)]);
        let mut reader = Reader::from_str(&text, ParsingOptions::default());
        let (mut tags, mut uris) = (0, Vec::new());
        while let Some(line) = reader.read_line().unwrap() {
            match line {
                HlsLine::KnownTag(_) => tags += 1,
                HlsLine::Uri(uri) => uris.push(uri.to_string()),
                other => panic!("not understood: {other:?}"),
            }
        }
        assert_eq!(tags, 6 + 1 + 2 * 2);
        assert_eq!(uris, ["720p/7.ts?client=7-0-5", "720p/8.ts?client=7-0-5"]);
    }
}
