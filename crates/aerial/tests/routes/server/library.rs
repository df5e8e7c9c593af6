//! The library of a server under test: what is in it without any scan.

use std::collections::BTreeMap;
use std::path::Path;

use aerial::db::{About, Identity, MediaKind, ScannedMedia};
use aerial::library::{Listener, ProbeFailure, Prober};
use aerial::schedule::Schedule;
use aerial_model::id::MediaId;
use aerial_model::media::{AudioFacts, Color, Entry, FieldOrder, MediaFacts, VideoFacts};
use aerial_model::segment_map::SegmentMap;
use aerial_model::time::{FrameRate, Ticks};
use futures::future::BoxFuture;

use super::Server;

impl Server {
    /// Films of these many seconds.
    pub(crate) async fn films(&self, seconds: &[i64]) -> Vec<MediaId> {
        let film = |(n, seconds): (usize, &i64)| {
            let n = n + 1;
            let title = format!("Film {n}");
            let about =
                About { title, kind: MediaKind::Movie, year: Some(1999), ..About::default() };
            self.scanned(&format!("film {n:05}.mkv"), Ok(*seconds), about)
        };
        self.add(seconds.iter().enumerate().map(film).collect()).await
    }

    /// Episodes of a show, each of that many seconds.
    pub(crate) async fn show(&self, show: &str, episodes: u32, seconds: i64) -> Vec<MediaId> {
        let episode = |episode| {
            let about = About {
                title: format!("Part {episode}"),
                kind: MediaKind::Episode,
                show: Some(show.to_owned()),
                season: Some(1),
                episode: Some(episode),
                ..About::default()
            };
            self.scanned(&format!("{show} S01E{episode:02}.mkv"), Ok(seconds), about)
        };
        self.add((1..=episodes).map(episode).collect()).await
    }

    /// A file that cannot be played.
    pub(crate) async fn broken(&self, name: &str, reason: &str) -> MediaId {
        let about = About { title: name.to_owned(), ..About::default() };
        self.add(vec![self.scanned(name, Err(reason.to_owned()), about)]).await[0]
    }

    fn scanned(&self, name: &str, found: Result<i64, String>, about: About) -> ScannedMedia {
        let map = |seconds| SegmentMap::uniform(FrameRate::PAL, Ticks::from_secs(seconds)).unwrap();
        ScannedMedia {
            id: None,
            folder: self.folder,
            path: self.films.join(name),
            identity: Identity {
                size_bytes: 9,
                mtime_ns: 1,
                hash: Some(*blake3_of(name).as_bytes()),
            },
            found: found.map(|seconds| (facts(seconds), map(seconds))),
            about,
        }
    }

    async fn add(&self, media: Vec<ScannedMedia>) -> Vec<MediaId> {
        let ids = self.db.upsert_media(media, self.clock.now()).await.unwrap().added;
        self.schedule.library_changed(&ids).await.unwrap();
        ids
    }
}

fn blake3_of(name: &str) -> blake3::Hash {
    blake3::hash(name.as_bytes())
}

pub(crate) fn facts(seconds: i64) -> MediaFacts {
    let end = Ticks::from_secs(seconds);
    MediaFacts {
        container: "matroska,webm".to_owned(),
        start_time: Ticks::ZERO,
        length: end,
        video: Some(VideoFacts {
            index: 0,
            codec: "hevc".to_owned(),
            profile: Some("Main 10".to_owned()),
            pixel_format: Some("yuv420p10le".to_owned()),
            width: 1920,
            height: 1080,
            pixel_aspect: (1, 1),
            rotation: 0,
            average_rate: Some(FrameRate::PAL),
            nominal_rate: Some(FrameRate::PAL),
            field_order: FieldOrder::Progressive,
            color: Color::default(),
            start: Ticks::ZERO,
            end,
            kbps: None,
            language: None,
        }),
        audio: vec![AudioFacts {
            index: 1,
            codec: "aac".to_owned(),
            profile: Some("LC".to_owned()),
            sample_rate: 48_000,
            channels: 2,
            layout: Some("stereo".to_owned()),
            start: Ticks::ZERO,
            end,
            language: Some("eng".to_owned()),
        }],
        subtitles: Vec::new(),
        chapters: Vec::new(),
        entry: Entry::Seek { pre_seek: Ticks::from_secs(1) },
        tags: BTreeMap::new(),
    }
}

/// Says of every file that there is nothing in it.
pub(super) struct ReadsNothing;

impl Prober for ReadsNothing {
    fn probe<'a>(&'a self, _: &'a Path, _: u64) -> BoxFuture<'a, Result<MediaFacts, ProbeFailure>> {
        Box::pin(async { Err(ProbeFailure::Bad("it is no video".to_owned())) })
    }
}

/// The schedule hears of what scans find.
pub(super) struct Told(pub(super) Schedule);

impl Listener for Told {
    fn library_changed(&self, media: Vec<MediaId>) -> BoxFuture<'_, ()> {
        Box::pin(async move { self.0.library_changed(&media).await.unwrap() })
    }
}
