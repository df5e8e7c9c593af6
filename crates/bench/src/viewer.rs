//! A viewer of HLS, as far as the network is concerned: lists, segments, and
//! whether its buffer ever ran dry.
//!
//! Invariant: it plays from the first byte of its first segment on, so a segment
//! is late by exactly as much as a picture would have stood still.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use crate::http::{Connection, Fetched, first_link, resolve};

/// A player asks for its list about once per segment.
pub(crate) const RELOAD: Duration = Duration::from_secs(4);

/// A segment of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) sequence: u64,
    pub(crate) length: Duration,
    pub(crate) path: String,
}

/// What a viewer saw.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// How long each list took, but for the first.
    pub(crate) playlists: Vec<Duration>,
    pub(crate) segments: usize,
    pub(crate) bytes: u64,
    /// Segments that came when the picture stood still already.
    pub(crate) late: usize,
    /// The longest that it stood still.
    pub(crate) worst: Duration,
    /// The least that was left to play when a segment came.
    pub(crate) scarcest: Option<Duration>,
}

impl Seen {
    pub(crate) fn add(&mut self, other: Self) {
        self.playlists.extend(other.playlists);
        self.segments += other.segments;
        self.bytes += other.bytes;
        self.late += other.late;
        self.worst = self.worst.max(other.worst);
        self.scarcest = [self.scarcest, other.scarcest].into_iter().flatten().min();
    }
}

/// What there is to play, and until when it lasts.
#[derive(Debug, Default)]
struct Buffer(Option<Instant>);

impl Buffer {
    /// A segment has come.
    fn filled(&mut self, first: Instant, whole: Instant, length: Duration, seen: &mut Seen) {
        let Some(lasts) = self.0 else {
            self.0 = Some(first + length);
            return;
        };
        if whole > lasts {
            seen.late += 1;
            seen.worst = seen.worst.max(whole - lasts);
            self.0 = Some(whole + length);
        } else {
            let left = lasts - whole;
            seen.scarcest = Some(seen.scarcest.map_or(left, |least| least.min(left)));
            self.0 = Some(lasts + length);
        }
    }
}

/// One viewer, on one kept connection.
#[derive(Debug)]
pub(crate) struct Viewer {
    connection: Connection,
    playlist_at: String,
    looked: bool,
    last: Option<u64>,
    buffer: Buffer,
    pub(crate) listed: Vec<Listed>,
    pub(crate) seen: Seen,
}

impl Viewer {
    /// Tunes in by the address that TV apps have.
    pub(crate) fn tune_in(address: SocketAddr, number: &str) -> Result<Self> {
        let entry = format!("/stream/{number}.m3u8");
        let mut connection = Connection::open(address)?;
        let master = connection.get(&entry)?;
        ensure!(master.status == 200, "{entry} was answered {}", master.status);
        let playlist_at = resolve(&entry, first_link(master.text()?)?);
        Ok(Self {
            connection,
            playlist_at,
            looked: false,
            last: None,
            buffer: Buffer::default(),
            listed: Vec::new(),
            seen: Seen::default(),
        })
    }

    /// The rendition that it was given.
    pub(crate) fn rendition(&self) -> &str {
        let path = self.playlist_at.split('?').next().unwrap_or_default();
        path.rsplit('/').next().and_then(|file| file.strip_suffix(".m3u8")).unwrap_or_default()
    }

    /// Reloads the list and fetches what is new in it; the segments that came.
    pub(crate) fn look(&mut self) -> Result<Vec<Fetched>> {
        let mut came = Vec::new();
        for segment in self.news()? {
            let asked = Instant::now();
            let fetched = self.connection.fetch(&segment.path)?;
            let at = &segment.path;
            ensure!(fetched.status == 200, "{at} was answered {}", fetched.status);
            self.seen.segments += 1;
            self.seen.bytes += fetched.bytes;
            let late = self.seen.late;
            self.buffer.filled(fetched.first, fetched.whole, segment.length, &mut self.seen);
            if self.seen.late > late {
                let took = (fetched.first - asked, fetched.whole - asked);
                eprintln!("bench: late: {at}, its {}th, came in {took:?}", self.seen.segments);
            }
            came.push(fetched);
        }
        Ok(came)
    }

    /// Reloads the list; what is new in it.
    pub(crate) fn news(&mut self) -> Result<Vec<Listed>> {
        let asked = Instant::now();
        let playlist = self.connection.get(&self.playlist_at)?;
        ensure!(playlist.status == 200, "a playlist was answered {}", playlist.status);
        if std::mem::replace(&mut self.looked, true) {
            self.seen.playlists.push(asked.elapsed());
        }
        self.listed = read(&self.playlist_at, playlist.text()?)?;
        let new = |segment: &&Listed| self.last.is_none_or(|last| segment.sequence > last);
        let news: Vec<Listed> = self.listed.iter().filter(new).cloned().collect();
        if let (Some(last), Some(first)) = (self.last, news.first()) {
            ensure!(first.sequence == last + 1, "the list has left out a segment");
        }
        self.last = news.last().map(|segment| segment.sequence).or(self.last);
        Ok(news)
    }

    /// Reads the list and fetches the segment that it begins with.
    pub(crate) fn first(&mut self) -> Result<Fetched> {
        let first = self.news()?.into_iter().next().context("a list without a segment")?;
        let fetched = self.connection.fetch(&first.path)?;
        ensure!(fetched.status == 200, "{} was answered {}", first.path, fetched.status);
        Ok(fetched)
    }

    /// The list as it is now.
    pub(crate) fn playlist(&mut self) -> Result<Vec<u8>> {
        Ok(self.connection.get(&self.playlist_at)?.body)
    }

    /// Says that nobody looks any more, as players do that can.
    pub(crate) fn leave(mut self, number: &str) -> Result<()> {
        let query = self.playlist_at.split_once('?').map_or("", |(_, query)| query);
        let client = query.split('&').find_map(|pair| pair.strip_prefix("client="));
        let client = client.context("a list without a client's id")?;
        let path = format!("/stream/{number}/clients/{client}");
        let left = self.connection.send("DELETE", &path, "")?;
        ensure!(matches!(left.status, 204 | 404), "{path} was answered {}", left.status);
        Ok(())
    }

    /// Watches until then, and looks at the list at even times from `from` on.
    pub(crate) fn watch(&mut self, from: Instant, until: Instant) -> Result<()> {
        let mut next = from;
        while next < until {
            std::thread::sleep(next.saturating_duration_since(Instant::now()));
            self.look()?;
            next = (next + RELOAD).max(Instant::now());
        }
        Ok(())
    }
}

/// The segments of a media playlist.
fn read(base: &str, text: &str) -> Result<Vec<Listed>> {
    let mut sequence: u64 = text
        .lines()
        .find_map(|line| line.strip_prefix("#EXT-X-MEDIA-SEQUENCE:"))
        .and_then(|number| number.parse().ok())
        .with_context(|| format!("a playlist without a sequence: {text}"))?;
    let (mut length, mut listed) = (None, Vec::new());
    for line in text.lines().filter(|line| !line.is_empty()) {
        if let Some(seconds) = line.strip_prefix("#EXTINF:") {
            let seconds: f64 = seconds.trim_end_matches(',').parse()?;
            length = Some(Duration::from_secs_f64(seconds));
        } else if !line.starts_with('#') {
            let length = length.take().context("a segment without a length")?;
            listed.push(Listed { sequence, length, path: resolve(base, line) });
            sequence += 1;
        }
    }
    Ok(listed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOUR: Duration = Duration::from_secs(4);

    #[test]
    fn a_list_is_read_with_its_sequences_and_lengths() {
        let text = "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:7\n#EXTINF:4.00000,\n7.ts?client=a\n\
                    #EXTINF:2.50000,\n8.ts?client=a\n";
        let listed = read("/stream/x/720p.m3u8?client=a", text).unwrap();
        assert_eq!(listed.iter().map(|one| one.sequence).collect::<Vec<_>>(), [7, 8]);
        assert_eq!(listed[1].length, Duration::from_millis(2_500));
        assert_eq!(listed[0].path, "/stream/x/7.ts?client=a");
    }

    #[test]
    fn a_segment_is_late_by_as_much_as_the_picture_stands_still() {
        let (began, mut buffer, mut seen) = (Instant::now(), Buffer::default(), Seen::default());
        let at = |millis| began + Duration::from_millis(millis);
        buffer.filled(at(0), at(900), FOUR, &mut seen);
        buffer.filled(at(3_000), at(3_500), FOUR, &mut seen);
        assert_eq!((seen.late, seen.scarcest), (0, Some(Duration::from_millis(500))));
        buffer.filled(at(8_000), at(8_250), FOUR, &mut seen);
        assert_eq!((seen.late, seen.worst), (1, Duration::from_millis(250)));
        // From there on it plays later.
        buffer.filled(at(12_000), at(12_250), FOUR, &mut seen);
        assert_eq!((seen.late, seen.scarcest), (1, Some(Duration::ZERO)));
    }
}
