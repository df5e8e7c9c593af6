//! First starts on libraries of empty files, read by a prober that waits for us.

use std::path::Path;
use std::sync::Arc;

use aerial_model::channel::What;
use aerial_model::id::ChannelRef;
use aerial_model::media::{Color, Entry, FieldOrder, MediaFacts, VideoFacts};
use aerial_model::time::{FrameRate, Ticks};
use futures::future::BoxFuture;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::*;
use crate::clock::Clock;
use crate::library::{ProbeFailure, Prober, Tools};

/// Nothing here takes longer, however busy the machine.
const LIMIT: Duration = Duration::from_secs(60);

/// So that a look never makes a test wait.
const QUICK: Pace = Pace {
    look: Duration::from_millis(10),
    gather: Duration::from_millis(10),
    join: Duration::from_millis(10),
    join_at_most: Duration::from_millis(20),
};

/// Reads as many files as it is let; each is ten seconds of video.
struct Reader(Semaphore);

impl Prober for Reader {
    fn probe<'a>(
        &'a self,
        _path: &'a Path,
        _size_bytes: u64,
    ) -> BoxFuture<'a, Result<MediaFacts, ProbeFailure>> {
        Box::pin(async move {
            self.0.acquire().await.unwrap().forget();
            Ok(facts())
        })
    }
}

fn facts() -> MediaFacts {
    let length = Ticks::from_secs(10);
    let video = VideoFacts {
        index: 0,
        codec: "h264".to_owned(),
        profile: None,
        pixel_format: None,
        width: 640,
        height: 360,
        pixel_aspect: (1, 1),
        rotation: 0,
        average_rate: Some(FrameRate::PAL),
        nominal_rate: None,
        field_order: FieldOrder::Progressive,
        color: Color::default(),
        start: Ticks::ZERO,
        end: length,
        kbps: None,
        language: None,
    };
    MediaFacts {
        container: "matroska,webm".to_owned(),
        start_time: Ticks::ZERO,
        length,
        video: Some(video),
        audio: Vec::new(),
        subtitles: Vec::new(),
        chapters: Vec::new(),
        entry: Entry::Seek { pre_seek: Ticks::from_secs(1) },
        tags: Default::default(),
    }
}

/// A server's library, without the server.
struct House {
    data: tempfile::TempDir,
    media: tempfile::TempDir,
}

/// One run of it.
struct Run {
    schedule: Schedule,
    reader: Arc<Reader>,
    library: Library,
    ending: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

impl House {
    fn new(files: &[&str]) -> Self {
        let house =
            Self { data: tempfile::tempdir().unwrap(), media: tempfile::tempdir().unwrap() };
        for file in files {
            house.write(file);
        }
        house
    }

    fn write(&self, file: &str) {
        let path = self.media.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, file).unwrap();
    }

    /// Starts, and lets so many files be read.
    async fn start(&self, files: usize) -> Run {
        let db = Db::open(&self.data.path().join("catalogue.sqlite")).await.unwrap();
        let clock = Clock::system();
        if db.folders().await.unwrap().is_empty() {
            db.add_folder(self.media.path(), clock.now()).await.unwrap();
        }
        let schedule = Schedule::open(db.clone(), clock.clone()).await.unwrap();
        let reader = Arc::new(Reader(Semaphore::new(files)));
        let (library, task) = Library::new(Tools {
            db,
            prober: reader.clone(),
            listener: Arc::new(schedule.clone()),
            clock,
        });
        let ending = CancellationToken::new();
        let first = FirstScan { library: library.clone(), schedule: schedule.clone(), pace: QUICK };
        let tasks =
            vec![tokio::spawn(task.run(ending.clone())), tokio::spawn(first.run(ending.clone()))];
        Run { schedule, reader, library, ending, tasks }
    }
}

impl Run {
    fn let_read(&self, files: usize) {
        self.reader.0.add_permits(files);
    }

    /// Number and name of each channel.
    fn channels(&self) -> Vec<String> {
        let channels = self.schedule.channels();
        channels.iter().map(|channel| format!("{} {}", channel.number, channel.name)).collect()
    }

    /// The titles of what a channel plays, in order.
    async fn items(&self, number: &str) -> Vec<String> {
        let Some(channel) = self.schedule.channel(number.parse().unwrap()) else {
            return Vec::new();
        };
        let mut titles = Vec::new();
        for item in self.schedule.lineup(channel.id).await.unwrap() {
            titles.push(match item.what {
                What::Show(show) => format!("all of {show}"),
                What::Media(id) => self.schedule.db().media(id).await.unwrap().unwrap().about.title,
            });
        }
        titles
    }

    async fn until(&self, channels: &[&str]) {
        until(async || self.channels() == channels).await;
    }

    /// Waits until all was made.
    async fn done(mut self) -> Self {
        let first = self.tasks.pop().unwrap();
        tokio::time::timeout(LIMIT, first).await.unwrap().unwrap();
        self
    }

    async fn stop(self) {
        self.ending.cancel();
        for task in self.tasks {
            tokio::time::timeout(LIMIT, task).await.unwrap().unwrap();
        }
    }
}

async fn until(mut done: impl AsyncFnMut() -> bool) {
    let wait = async {
        while !done().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(LIMIT, wait).await.expect("it did not come to pass within a minute");
}

/// The first files are films: with any two read, there is one.
const FILES: [&str; 11] = [
    "Films/Amber (1999).mkv",
    "Films/Birch (1999).mkv",
    "Films/Cedar (1999).mkv",
    "Films/Dogma (1999).mkv",
    "Films/Ember (1999).mkv",
    "Shows/Alone/Alone S01E01.mkv",
    "Shows/Monk/Monk S01E01.mkv",
    "Shows/Monk/Monk S01E02.mkv",
    "Shows/Zorro/Zorro S01E01.mkv",
    "Shows/Zorro/Zorro S01E02.mkv",
    "Zebra (2001).mkv",
];

/// So many are read at first.
const SOME: usize = 2;

const CHANNELS: [&str; 3] = ["1 Monk", "2 Zorro", "3 Films"];
const FILMS: usize = 7;

#[tokio::test]
async fn channels_are_there_before_the_scan_has_ended_and_grow_with_it() {
    let house = House::new(&FILES);
    let run = house.start(SOME).await;
    run.until(&["3 Films"]).await;
    assert!(run.items("3").await.len() <= SOME);
    assert!(run.library.progress().state.is_running());
    run.let_read(FILES.len() - SOME);
    let run = run.done().await;
    assert_eq!(run.channels(), CHANNELS);
    assert_eq!(run.items("1").await, ["all of Monk"]);
    assert_eq!(run.items("3").await.len(), FILMS);
    run.stop().await;
}

#[tokio::test]
async fn however_often_they_grew_the_channels_are_the_same_in_the_end() {
    let mut ends = Vec::new();
    for step in [FILES.len(), 4, 3] {
        let house = House::new(&FILES);
        let run = house.start(0).await;
        let all = MediaFilter::default();
        for read in (0..FILES.len()).step_by(step) {
            run.let_read(step.min(FILES.len() - read));
            // What was read is stored a second later: the channels grow meanwhile.
            let read = (read + step).min(FILES.len()) as u64;
            until(async || run.schedule.db().count_media(&all).await.unwrap() == read).await;
        }
        let run = run.done().await;
        ends.push((
            run.channels(),
            run.items("1").await,
            run.items("2").await,
            run.items("3").await,
        ));
        run.stop().await;
    }
    assert_eq!(ends[0].0, CHANNELS);
    assert_eq!(ends[0].3.len(), FILMS);
    assert!(ends.iter().all(|end| *end == ends[0]), "{ends:#?}");
}

#[tokio::test]
async fn a_restart_in_the_middle_of_the_first_scan_goes_on_where_it_was() {
    let house = House::new(&FILES);
    let run = house.start(SOME).await;
    run.until(&["3 Films"]).await;
    run.stop().await;
    let run = house.start(FILES.len()).await.done().await;
    assert_eq!(run.channels(), CHANNELS);
    assert_eq!(run.items("3").await.len(), FILMS);
    run.stop().await;
    // And the start after that makes nothing more.
    house.write("Shows/New/New S01E01.mkv");
    house.write("Shows/New/New S01E02.mkv");
    let run = house.start(2).await.done().await;
    assert_eq!(run.channels(), CHANNELS);
    run.stop().await;
}

#[tokio::test]
async fn what_people_touch_while_the_scan_goes_on_is_left_alone() {
    let house = House::new(&FILES);
    let run = house.start(4).await;
    until(async || run.items("3").await.len() >= 2).await;
    let films = run.schedule.channel("3".parse().unwrap()).unwrap();
    let first = run.schedule.lineup(films.id).await.unwrap().remove(0);
    run.schedule.delete_item(films.id, first.id).await.unwrap();
    let left = run.items("3").await;
    run.let_read(FILES.len());
    let run = run.done().await;
    assert_eq!(run.channels(), CHANNELS);
    assert_eq!(run.items("3").await, left);
    run.stop().await;
}

#[tokio::test]
async fn a_channel_deleted_while_the_scan_goes_on_stays_deleted() {
    let house = House::new(&FILES);
    let run = house.start(SOME).await;
    run.until(&["3 Films"]).await;
    let films = run.schedule.channels()[0].id;
    run.schedule.delete_channel(films).await.unwrap();
    run.let_read(FILES.len());
    let run = run.done().await;
    assert_eq!(run.channels(), ["1 Monk", "2 Zorro"]);
    assert!(run.schedule.channel(ChannelRef::Id(films)).is_none());
    run.stop().await;
}

#[tokio::test]
async fn where_people_made_a_channel_first_none_is_made() {
    let house = House::new(&FILES);
    let run = house.start(0).await;
    let edit = aerial_model::channel::Edit {
        number: Some("7".to_owned()),
        name: Some("Mine".to_owned()),
        ..Default::default()
    };
    run.schedule.create_channel(&edit, Vec::new()).await.unwrap();
    run.let_read(FILES.len());
    let run = run.done().await;
    assert_eq!(run.channels(), ["7 Mine"]);
    run.stop().await;
}

#[tokio::test]
async fn a_library_that_is_empty_at_first_gets_its_channels_with_its_first_media() {
    let house = House::new(&[]);
    let run = house.start(FILES.len()).await;
    until(async || run.library.progress().finished_at.is_some()).await;
    assert!(run.channels().is_empty());
    for file in FILES {
        house.write(file);
    }
    run.library.scan(ScanRequest::all()).await.unwrap();
    let run = run.done().await;
    assert_eq!(run.channels(), CHANNELS);
    run.stop().await;
}
