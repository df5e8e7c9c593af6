//! HLS playlists (RFC 8216) as pure functions.
//!
//! Owns the text of master and media playlists and the window of segments that
//! a client is shown (`rules.md`, 18 to 20). Knows no session and no file.
//! Invariant: the same ledger, client id and clock give the same bytes; a
//! window's first and last sequence never go back.

use std::fmt::Write as _;
use std::ops::Range;

use crate::channel::Video;
use crate::client::ClientId;
use crate::profile::Rendition;
use crate::time::{AirTime, Ticks};

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

/// How far a client's window reaches back: a pause of a minute is taken up
/// where it stopped (`rules.md`, 19).
pub const WINDOW_BACK: Ticks = Ticks::from_secs(60);

/// The window reaches at least to the segment that contains now + this: with
/// short segments alone, mpv was left with 1.6 s of buffer (`rules.md`, 19).
pub const WINDOW_AHEAD: Ticks = Ticks::from_secs(8);

/// Segments promised after the join segment and after the current one: all
/// players tried ask for the join segment first then (`engine-notes.md`).
pub const PROMISED: u64 = 2;

/// For how long a newcomer is shown no more than its first promise.
pub const NEWCOMER: Ticks = Ticks::from_secs(4);

/// A player has asked for its list again, and fetched what is new in it, after a target
/// duration of 4 s and one more: a newcomer's list that ends earlier lets its picture
/// stop. So it is where items last a second or two.
pub const RELOADED: Ticks = Ticks::from_secs(5);

/// Where the sequence numbers stand at one instant, read from the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edge {
    /// The segment that contains now - [`WINDOW_BACK`], or the first there is.
    pub back: u64,
    /// The segment that contains now.
    pub current: u64,
    /// The segment that contains now + [`RELOADED`].
    pub soon: u64,
    /// The segment that contains now + [`WINDOW_AHEAD`].
    pub ahead: u64,
}

/// The sequence numbers that a client's playlist lists.
pub fn window(client: &ClientId, edge: Edge, target_duration: u32, now: AirTime) -> Range<u64> {
    // An id from before the clock was set back, or a made-up one, joins now.
    let join = client.joined_sequence().min(edge.current);
    let first = join.max(edge.back);
    // For such an id it is new until the clock has passed its joining once more:
    // else its list would grow, and then be a newcomer's again.
    let newcomer = now < client.joined_at() + NEWCOMER;
    let end = match newcomer {
        true if is_short(join, client, edge, target_duration) => edge.ahead + 1,
        true => join + PROMISED + 1,
        false => unpromised(edge),
    };
    // A newcomer whose segments are short is past its promise before its 4 s.
    first..end.max(join + PROMISED + 1).max(edge.current + 1)
}

/// Whether a newcomer's first promise runs out before its list is asked for again.
fn is_short(join: u64, client: &ClientId, edge: Edge, target_duration: u32) -> bool {
    // Where the target duration is 8 s, the window's end is no more than that.
    let needed = match target_duration > TARGET_DURATION_TRANSCODED {
        true => edge.ahead,
        false => edge.soon,
    };
    // For an id that joins now again and again the promise moves on by itself.
    client.joined_sequence() <= edge.current && join + PROMISED < needed
}

/// The first sequence number that no client's playlist has listed so far: a
/// function of the clock, so it holds for what was told before a restart too.
pub fn unpromised(edge: Edge) -> u64 {
    edge.ahead.max(edge.current + PROMISED) + 1
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
    let mut previous: Option<&Entry> = None;
    for entry in entries {
        if previous.is_some_and(|p| p.discontinuity_sequence != entry.discontinuity_sequence) {
            text.push_str("#EXT-X-DISCONTINUITY\n");
        }
        let _ = write!(
            text,
            "#EXT-X-PROGRAM-DATE-TIME:{}\n#EXTINF:{},\n{rendition}/{}.ts?client={client}\n",
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
    use proptest::prelude::*;

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

    #[test]
    fn a_newcomer_sees_its_join_segment_and_two_more() {
        let edge = Edge { back: 85, current: 100, soon: 101, ahead: 102 };
        let now = AirTime::from_unix_millis(3_999);
        assert_eq!(window(&client_at(100, 0), edge, 4, now), 100..103);
        let later = Edge { current: 101, soon: 102, ahead: 103, ..edge };
        assert_eq!(window(&client_at(100, 0), later, 4, now), 100..103);
        assert_eq!(window(&client_at(100, 0), later, 4, now + Ticks::from_millis(1)), 100..104);
    }

    #[test]
    fn a_newcomer_among_short_items_sees_as_much_as_lasts_until_it_asks_again() {
        // Items of a second: join + 2 is over 2 s from now.
        let (client, now) = (client_at(100, 0), AirTime::from_unix_millis(500));
        let edge = Edge { back: 40, current: 100, soon: 105, ahead: 108 };
        assert_eq!(window(&client, edge, 4, now), 100..109);
        // Some of a second, and then a long one: what is promised is enough.
        let edge = Edge { back: 85, current: 100, soon: 102, ahead: 103 };
        assert_eq!(window(&client, edge, 4, now), 100..103);
        // Where players ask every 8 s, it is not.
        assert_eq!(window(&client, edge, 8, now), 100..104);
    }

    #[test]
    fn an_old_client_sees_a_minute_back() {
        let edge = Edge { back: 85, current: 100, soon: 101, ahead: 102 };
        assert_eq!(window(&client_at(3, 0), edge, 4, AirTime::from_unix_millis(9_000)), 85..103);
    }

    #[test]
    fn an_id_from_the_future_joins_now() {
        let edge = Edge { back: 85, current: 100, soon: 101, ahead: 102 };
        assert_eq!(window(&client_at(5_000, 90_000), edge, 4, AirTime::EPOCH), 100..103);
    }

    proptest! {
        #[test]
        fn a_window_never_goes_back_and_always_holds_now(
            lengths in prop::collection::vec(90_000i64..360_360, 60..200),
            // Asked for from before the joining on: a clock that was set back.
            join_at in 0i64..20_000, set_back in prop_oneof![Just(0i64), 0i64..20_000],
            steps in prop::collection::vec(1i64..6_000, 1..60),
            target in prop_oneof![Just(4u32), Just(8u32)],
        ) {
            // A ledger of segments laid end to end from the epoch.
            let mut ends = Vec::new();
            let mut end = 0;
            for length in lengths { end += length; ends.push(end); }
            let sequence_at = |t: AirTime| {
                ends.partition_point(|end| *end <= t.0).min(ends.len() - 1) as u64
            };
            let edge_at = |now: AirTime| Edge {
                back: sequence_at(now - WINDOW_BACK),
                current: sequence_at(now),
                soon: sequence_at(now + RELOADED),
                ahead: sequence_at(now + WINDOW_AHEAD),
            };
            let joined = AirTime::from_unix_millis(join_at);
            let client = ClientId::new(sequence_at(joined), joined, 1);
            let (mut now, mut previous) = (joined - Ticks::from_millis(set_back), 0..0);
            for step in steps {
                let edge = edge_at(now);
                let window = window(&client, edge, target, now);
                prop_assert!(window.contains(&edge.current));
                prop_assert!(window.start >= previous.start && window.end >= previous.end);
                prop_assert!(window.end <= unpromised(edge));
                // As far as there is a ledger.
                if let Some(end) = ends.get(window.end as usize - 1).filter(|_| set_back == 0)
                    && (now + RELOADED).0 < ends[ends.len() - 1]
                {
                    prop_assert!(AirTime(*end) > now + RELOADED);
                }
                previous = window;
                now += Ticks::from_millis(step);
            }
        }
    }
}
