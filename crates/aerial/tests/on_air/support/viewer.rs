//! A viewer that looks closely: reads playlists and takes segments apart.

use std::collections::BTreeMap;
use std::time::Duration;

use aerial_model::mpegts::{AccessUnit, Demuxer, UnitKind};
use aerial_model::time::{AirTime, Ticks};
use bytes::Bytes;

use super::{PATIENCE, Server, until};

/// No list stays without change for longer than a segment of half a second.
const BETWEEN_PLAYLISTS: Duration = Duration::from_millis(250);

/// A segment, as a playlist names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) sequence: u64,
    /// EXT-X-PROGRAM-DATE-TIME.
    pub(crate) date: AirTime,
    /// EXTINF, as it is written.
    pub(crate) length: String,
    pub(crate) uri: String,
}

impl Entry {
    /// When it ends; EXTINF has five decimals.
    pub(crate) fn end(&self) -> AirTime {
        let (seconds, decimals) = self.length.split_once('.').unwrap();
        let seconds = Ticks::from_secs(seconds.parse().unwrap());
        self.date + seconds + Ticks(decimals.parse::<i64>().unwrap() * 9 / 10)
    }
}

/// A media playlist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Playlist {
    pub(crate) text: String,
    pub(crate) discontinuity_sequence: u64,
    pub(crate) discontinuities: usize,
    pub(crate) entries: Vec<Entry>,
}

impl Playlist {
    fn read(text: String) -> Self {
        let tag = |line: &str, tag: &str| line.strip_prefix(tag).map(str::to_owned);
        let find = |name| text.lines().find_map(|line| tag(line, name)).unwrap();
        let first: u64 = find("#EXT-X-MEDIA-SEQUENCE:").parse().unwrap();
        let discontinuity_sequence = find("#EXT-X-DISCONTINUITY-SEQUENCE:").parse().unwrap();
        let discontinuities = text.lines().filter(|line| *line == "#EXT-X-DISCONTINUITY").count();
        let (mut entries, mut date, mut length) = (Vec::new(), None, None);
        for line in text.lines() {
            if let Some(value) = tag(line, "#EXT-X-PROGRAM-DATE-TIME:") {
                date = Some(instant(&value));
            } else if let Some(value) = tag(line, "#EXTINF:") {
                length = Some(value.trim_end_matches(',').to_owned());
            } else if !line.starts_with('#') {
                entries.push(Entry {
                    sequence: first + entries.len() as u64,
                    date: date.take().unwrap(),
                    length: length.take().unwrap(),
                    uri: line.to_owned(),
                });
            }
        }
        Self { text, discontinuity_sequence, discontinuities, entries }
    }
}

/// An instant as the API and playlists write it.
pub(crate) fn instant(text: &str) -> AirTime {
    let timestamp: jiff::Timestamp = text.parse().unwrap();
    AirTime::from_unix_millis(timestamp.as_millisecond())
}

/// The access units of one or more segments.
#[derive(Clone, Debug, Default)]
pub(crate) struct Units(pub(crate) Vec<AccessUnit>);

impl Units {
    /// When the pictures are shown, in order.
    pub(crate) fn video(&self) -> Vec<i64> {
        self.times(|unit| matches!(unit.kind, UnitKind::Video { .. }))
    }

    /// When the sounds are heard, in order.
    pub(crate) fn audio(&self) -> Vec<i64> {
        self.times(|unit| unit.kind == UnitKind::Audio)
    }

    fn times(&self, of: impl Fn(&AccessUnit) -> bool) -> Vec<i64> {
        let mut times: Vec<i64> = self.0.iter().filter(|u| of(u)).map(|u| u.pts.0).collect();
        times.sort_unstable();
        times
    }

    /// All timestamps, as they come.
    pub(crate) fn stamps(&self) -> Vec<(bool, i64, i64)> {
        let is_video = |unit: &AccessUnit| matches!(unit.kind, UnitKind::Video { .. });
        self.0.iter().map(|unit| (is_video(unit), unit.pts.0, unit.dts.0)).collect()
    }
}

/// Takes consecutive segments apart; a fault in them is a panic. `near` is when
/// they are on.
pub(crate) fn units(segments: &[Bytes], near: AirTime) -> Units {
    let mut demuxer = Demuxer::new(near.since_epoch());
    segments.iter().for_each(|bytes| demuxer.push(bytes));
    demuxer.finish();
    let mut units = Vec::new();
    while let Some(unit) = demuxer.next_unit() {
        units.push(unit.expect("a whole transport stream"));
    }
    Units(units)
}

/// One HLS client.
#[derive(Clone, Debug)]
pub(crate) struct Viewer {
    http: reqwest::Client,
    /// The media playlist's address, with the client's id.
    pub(crate) url: reqwest::Url,
}

impl Viewer {
    /// Tunes in by the address that TV apps have.
    pub(crate) async fn tune_in(server: &Server, channel: &str) -> Self {
        let master: reqwest::Url = server.url(&format!("/stream/{channel}.m3u8")).parse().unwrap();
        let text = text_of(&server.http, master.clone()).await;
        let media = text.lines().find(|line| !line.starts_with('#')).unwrap();
        Self { http: server.http.clone(), url: master.join(media).unwrap() }
    }

    /// The same client at another server.
    pub(crate) fn at(&self, server: &Server) -> Self {
        let mut url = self.url.clone();
        url.set_port(Some(server.address.port())).unwrap();
        Self { http: server.http.clone(), url }
    }

    /// Its opaque id.
    pub(crate) fn client(&self) -> String {
        let (_, client) = self.url.query_pairs().find(|(key, _)| key == "client").unwrap();
        client.into_owned()
    }

    pub(crate) async fn playlist(&self) -> Playlist {
        Playlist::read(text_of(&self.http, self.url.clone()).await)
    }

    /// A segment of its playlist, whole.
    pub(crate) async fn segment(&self, entry: &Entry) -> Bytes {
        let url = self.url.join(&entry.uri).unwrap();
        let response = self.http.get(url).timeout(PATIENCE).send().await.unwrap();
        assert!(response.status().is_success(), "{entry:?}: {response:?}");
        response.bytes().await.unwrap()
    }

    /// The beginning of a segment, and the rest of it to be read.
    pub(crate) async fn begin_segment(&self, entry: &Entry) -> reqwest::Response {
        let url = self.url.join(&entry.uri).unwrap();
        self.http.get(url).timeout(PATIENCE).send().await.unwrap()
    }

    /// Takes every segment until one ends after `end`. The playlists have to
    /// agree with one another.
    pub(crate) async fn watch_until(&self, end: AirTime) -> Watched {
        let mut watched = Watched::default();
        until("the end has been seen", async || {
            self.watch_more(&mut watched).await;
            let last = watched.entries.last_key_value();
            last.is_some_and(|(_, entry)| entry.end() > end).then_some(())
        })
        .await;
        watched
    }

    /// Takes every segment while others are at work, and what was listed to them.
    pub(crate) async fn watch_during<T>(
        &self,
        watched: &mut Watched,
        work: impl Future<Output = T>,
    ) -> T {
        let mut work = std::pin::pin!(work);
        loop {
            let done = tokio::select! {
                done = work.as_mut() => Some(done),
                () = tokio::time::sleep(BETWEEN_PLAYLISTS) => None,
            };
            self.watch_more(watched).await;
            if let Some(done) = done {
                return done;
            }
        }
    }

    /// Takes the segments of its playlist that it has not yet.
    pub(crate) async fn watch_more(&self, watched: &mut Watched) {
        let playlist = self.playlist().await;
        assert_eq!(playlist.discontinuities, 0, "{}", playlist.text);
        for entry in playlist.entries {
            if let Some(known) = watched.entries.get(&entry.sequence) {
                assert_eq!(*known, entry, "what was promised has changed");
                continue;
            }
            if let Some((last, _)) = watched.entries.last_key_value() {
                assert_eq!(entry.sequence, last + 1);
            }
            watched.segments.push(self.segment(&entry).await);
            watched.entries.insert(entry.sequence, entry);
        }
    }
}

/// All that a viewer has seen.
#[derive(Clone, Default)]
pub(crate) struct Watched {
    pub(crate) entries: BTreeMap<u64, Entry>,
    pub(crate) segments: Vec<Bytes>,
}

impl Watched {
    /// The access units of all of it, taken apart in one go.
    pub(crate) fn units(&self) -> Units {
        let (_, first) = self.entries.first_key_value().unwrap();
        units(&self.segments, first.date)
    }
}

impl std::fmt::Debug for Watched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.entries.values()).finish()
    }
}

async fn text_of(http: &reqwest::Client, url: reqwest::Url) -> String {
    let response = http.get(url).timeout(PATIENCE).send().await.unwrap();
    let status = response.status();
    let text = response.text().await.unwrap();
    assert!(status.is_success(), "{status}: {text}");
    text
}
