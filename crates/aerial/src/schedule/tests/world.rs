//! A catalogue on disk with films and shows in it, and the schedule over that.

use std::path::Path;
use std::sync::Arc;

use aerial_model::channel::{Channel, Edit, What};
use aerial_model::id::{ChannelId, FolderId, MapId, MediaId};
use aerial_model::keyframes::Indexer;
use aerial_model::ledger::{Content, Row};
use aerial_model::media::{self, MediaFacts};
use aerial_model::mpegts::{AccessUnit, UnitKind};
use aerial_model::segment_map::{CutList, SegmentMap};
use aerial_model::time::{AirTime, FrameRate, Ticks};
use uuid::Uuid;

use crate::clock::Clock;
use crate::db::{About, Copying, Db, Identity, MediaKind, ScannedMedia};
use crate::schedule::Schedule;

/// When it is at first.
pub(super) const NOW: AirTime = AirTime::from_unix_millis(1_800_000_000_000);

/// A library on disk, and the schedule over it.
pub(super) struct World {
    pub(super) dir: tempfile::TempDir,
    pub(super) db: Db,
    pub(super) clock: Clock,
    pub(super) schedule: Schedule,
    pub(super) folder: FolderId,
}

impl World {
    pub(super) async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open(&dir.path().join("catalogue.sqlite")).await.unwrap();
        let clock = Clock::simulated(NOW);
        let schedule = Schedule::open(db.clone(), clock.clone()).await.unwrap();
        let folder = db.add_folder("/films".as_ref(), NOW).await.unwrap().id;
        Self { dir, db, clock, schedule, folder }
    }

    pub(super) fn scanned(&self, name: &str, seconds: i64, about: About) -> ScannedMedia {
        let path = Path::new("/films").join(name);
        let hash = *blake3::hash(name.as_bytes()).as_bytes();
        ScannedMedia {
            id: None,
            folder: self.folder,
            path,
            identity: Identity { size_bytes: 9, mtime_ns: 1, hash: Some(hash) },
            found: Ok((
                facts(seconds),
                SegmentMap::uniform(FrameRate::PAL, Ticks::from_secs(seconds)).unwrap(),
            )),
            about,
        }
    }

    pub(super) async fn add(&self, media: Vec<ScannedMedia>) -> Vec<MediaId> {
        self.db.upsert_media(media, self.clock.now()).await.unwrap().added
    }

    /// Films of these many seconds.
    pub(super) async fn films(&self, seconds: &[i64]) -> Vec<MediaId> {
        let film = |(n, seconds): (usize, &i64)| {
            let title = format!("Film {n}");
            let about = About { title, kind: MediaKind::Movie, ..About::default() };
            self.scanned(&format!("{n:05}.mkv"), *seconds, about)
        };
        self.add(seconds.iter().enumerate().map(film).collect()).await
    }

    pub(super) async fn channel(&self, number: &str, media: &[MediaId]) -> Arc<Channel> {
        let items = media.iter().copied().map(What::Media).collect();
        self.schedule.create_channel(&named(number), items).await.unwrap()
    }

    /// What an index finds of a film of so many seconds.
    pub(super) async fn indexed(&self, film: MediaId, seconds: i64) -> (MapId, SegmentMap) {
        let waiting = self.db.not_indexed(&[film]).await.unwrap();
        let (uniform, _) = waiting[0].map.clone().unwrap();
        let cuts = cut_list(seconds);
        let map = SegmentMap::copied(FrameRate::PAL, Arc::new(cuts.clone())).unwrap();
        let map_id = MapId(Uuid::now_v7());
        let (outline, sound_transcoded) = (map.outline(), None);
        let copying = Copying::Copied { map_id, outline, sound_transcoded };
        let now = self.clock.now();
        let stored = self.db.set_copying(film, uniform, &copying, Some(&cuts), now).await.unwrap();
        assert!(stored && self.db.not_indexed(&[film]).await.unwrap().is_empty());
        self.schedule.library_changed(&[film]).await.unwrap();
        (map_id, map)
    }

    pub(super) fn pass(&self, seconds: i64) {
        self.clock.set(self.clock.now() + Ticks::from_secs(seconds));
    }

    /// All rows that are stored.
    pub(super) async fn rows(&self, channel: ChannelId) -> Vec<Row> {
        self.db.ledger_rows(channel, AirTime(i64::MIN / 2), None).await.unwrap()
    }
}

pub(super) fn facts(seconds: i64) -> MediaFacts {
    MediaFacts {
        container: "matroska,webm".to_owned(),
        start_time: Ticks::ZERO,
        length: Ticks::from_secs(seconds),
        video: Some(media::VideoFacts {
            index: 0,
            codec: "h264".to_owned(),
            profile: None,
            pixel_format: None,
            width: 640,
            height: 360,
            pixel_aspect: (1, 1),
            rotation: 0,
            average_rate: None,
            nominal_rate: None,
            field_order: Default::default(),
            color: Default::default(),
            start: Ticks::ZERO,
            end: Ticks::from_secs(seconds),
            kbps: None,
            language: None,
        }),
        audio: Vec::new(),
        subtitles: Vec::new(),
        chapters: Vec::new(),
        entry: media::Entry::Seek { pre_seek: Ticks::from_secs(1) },
        tags: Default::default(),
    }
}

pub(super) fn named(number: &str) -> Edit {
    Edit { number: Some(number.to_owned()), name: Some("A".to_owned()), ..Edit::default() }
}

pub(super) fn episode(show: &str, season: u32, number: u32) -> About {
    let show = Some(show.to_owned());
    let (season, episode) = (Some(season), Some(number));
    About { kind: MediaKind::Episode, show, season, episode, ..About::default() }
}

pub(super) fn aired(rows: &[Row]) -> Vec<MediaId> {
    let media = |row: &Row| match row.content {
        Content::Media { cursor, .. } => Some(cursor.media),
        _ => None,
    };
    rows.iter().filter_map(media).collect()
}

/// The cuts of 25 pictures a second, a keyframe every 5 s.
pub(super) fn cut_list(seconds: i64) -> CutList {
    let mut indexer = Indexer::default();
    let sets = [0, 0, 1, 0x67, 100, 0, 31, 1, 0, 0, 1, 0x68, 1, 0, 0, 1, 0x65];
    for n in 0..seconds * 25 {
        let idr = n % 125 == 0;
        let data = if idr { sets.to_vec() } else { vec![0, 0, 1, 0x41] };
        let pts = Ticks(n * 3_600);
        indexer.push(&AccessUnit {
            kind: UnitKind::Video { idr },
            pts,
            dts: pts,
            data: data.into(),
        });
    }
    indexer.finish(&facts(seconds), 0).unwrap().cuts
}
