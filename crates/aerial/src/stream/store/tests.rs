//! The store as its callers see it.

use super::*;
use aerial_model::mpegts::Chunk;
use bytes::Bytes;

const LIMITS: Limits = Limits { bytes: 10_000, free_floor_bytes: 0 };

fn key(index: u32) -> SegmentKey {
    SegmentKey { track: TrackKey([7; 16]), index }
}
fn chunk(text: &str) -> Chunk {
    Chunk { bytes: Bytes::copy_from_slice(text.as_bytes()), ..Chunk::default() }
}
fn store(folder: &tempfile::TempDir) -> Store {
    Store::open(folder.path().join("segments"), LIMITS).unwrap()
}
async fn make(store: &Store, index: u32, text: &str) {
    let growing = store.begin(key(index)).unwrap();
    growing.push(chunk(text));
    growing.finish();
    store.flush().await;
}
fn text(found: Option<Found>) -> String {
    match found {
        Some(Found::Finished(segment)) => String::from_utf8(segment.bytes.to_vec()).unwrap(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_finished_segment_is_found_again_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let packets = "pictures".repeat(2 * 188 / 8);
    make(&store(&folder), 3, &packets).await;
    let again = store(&folder);
    assert!(again.has(key(3)) && !again.has(key(4)));
    assert_eq!(text(again.find(key(3)).await), packets);
}

#[tokio::test]
async fn a_growing_segment_is_read_as_it_grows() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    let growing = store.begin(key(0)).unwrap();
    let Some(Found::Growing(reader)) = store.find(key(0)).await else { panic!("not growing") };
    let reading = tokio::spawn(async move {
        let (mut from, mut text) = (0, Vec::new());
        while let Some(chunks) = reader.chunks_from(from).await {
            from += chunks.len();
            chunks.iter().for_each(|c| text.extend_from_slice(&c.bytes));
        }
        String::from_utf8(text).unwrap()
    });
    growing.push(chunk("one "));
    tokio::task::yield_now().await;
    growing.push(chunk("two"));
    growing.finish();
    assert_eq!(reading.await.unwrap(), "one two");
    store.flush().await;
}

#[tokio::test]
async fn whoever_waits_is_woken_by_the_first_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    let waiting = tokio::spawn({
        let store = store.clone();
        async move { store.wait(key(9)).await }
    });
    tokio::task::yield_now().await;
    let growing = store.begin(key(9)).unwrap();
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    growing.push(chunk("first"));
    assert!(matches!(waiting.await.unwrap(), Found::Growing(_)));
}

#[tokio::test]
async fn whoever_waits_is_not_told_of_a_segment_that_was_given_up_without_a_byte() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    let growing = store.begin(key(9)).unwrap();
    let waiting = tokio::spawn({
        let store = store.clone();
        async move { store.wait(key(9)).await }
    });
    tokio::task::yield_now().await;
    drop(growing);
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    make(&store, 9, "by somebody else").await;
    assert_eq!(text(Some(waiting.await.unwrap())), "by somebody else");
}

/// As it is after a panic of whoever made it.
#[tokio::test]
async fn a_maker_that_is_lost_leaves_nobody_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    let growing = store.begin(key(0)).unwrap();
    growing.push(chunk("half"));
    let Found::Growing(reader) = store.wait(key(0)).await else { panic!("not growing") };
    let lost = tokio::spawn(async move {
        let _growing = growing;
        panic!("as meant");
    });
    assert!(lost.await.is_err());
    assert_eq!(reader.chunks_from(0).await.map(|chunks| chunks.len()), Some(1));
    assert!(reader.chunks_from(1).await.is_none() && reader.is_abandoned());
}

#[tokio::test]
async fn what_cannot_be_written_is_served_from_memory() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    // A file where the track's folder should be: nobody can write there.
    std::fs::write(folder.path().join("segments").join(key(0).track.to_string()), b"").unwrap();
    make(&store, 0, "pictures").await;
    assert_eq!(text(store.find(key(0)).await), "pictures");
    assert_eq!(store.usage().segments, 0);
    assert!(store.begin(key(0)).is_none());
}

#[tokio::test]
async fn a_finished_segment_is_there_before_it_is_written_and_after() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    // The disk is busy.
    let turn = store.0.writing.acquire().await.unwrap();
    let growing = store.begin(key(0)).unwrap();
    growing.push(chunk("pictures"));
    growing.finish();
    store.0.memory.invalidate_all();
    store.sweep();
    assert!(store.has(key(0)) && store.usage().segments == 0);
    assert_eq!(text(store.find(key(0)).await), "pictures");
    drop(turn);
    store.flush().await;
    assert!(store.making().unwritten.is_empty() && store.making().unwritten_bytes == 0);
    assert_eq!(store.usage().segments, 1);
}

#[tokio::test]
async fn a_new_segment_is_never_refused_for_older_ones() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    let large = || Segment { bytes: vec![0; 8 << 20].into(), stamps: Vec::new() };
    for index in 0..40 {
        store.stand_in(key(index), large());
        store.sweep();
        assert!(store.has(key(index)), "{index}");
    }
    assert!(!store.has(key(0)), "the memory is bounded");
}

#[tokio::test]
async fn the_first_writer_wins() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    let growing = store.begin(key(0)).unwrap();
    assert!(store.begin(key(0)).is_none());
    growing.finish();
    assert!(store.begin(key(0)).is_none());
    store.flush().await;
}

#[tokio::test]
async fn an_abandoned_segment_can_be_begun_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    let growing = store.begin(key(0)).unwrap();
    let Some(Found::Growing(reader)) = store.find(key(0)).await else { panic!("not growing") };
    assert!(growing.is_read());
    drop(growing);
    assert!(reader.chunks_from(0).await.is_none() && reader.is_abandoned());
    assert!(store.begin(key(0)).is_some());
}

#[tokio::test]
async fn a_slate_stands_in_in_memory_alone() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    let slate = Segment { bytes: Bytes::from_static(b"slate"), stamps: Vec::new() };
    store.stand_in(key(0), slate);
    assert_eq!(text(store.find(key(0)).await), "slate");
    assert_eq!(store.usage().segments, 0);
}

#[tokio::test]
async fn a_slate_goes_when_the_programme_is_to_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    store.mark_slate(key(0));
    store.stand_in(key(0), Segment { bytes: Bytes::from_static(b"slate"), stamps: Vec::new() });
    assert!(store.is_slate(key(0)) && store.slate_since(key(0)).is_some());
    store.drop_slate(key(0));
    assert!(!store.has(key(0)) && store.slate_since(key(0)).is_none());
    make(&store, 0, "the programme").await;
    store.drop_slate(key(0));
    assert!(store.has(key(0)), "it is no slate");
}

/// A disk that fails for a while.
#[derive(Clone, Debug, Default)]
struct Flaky {
    fails: Arc<AtomicBool>,
}

impl Files for Flaky {
    fn read(&self, path: &std::path::Path) -> std::io::Result<Vec<u8>> {
        OnDisk.read(path)
    }
    fn write(
        &self,
        path: &std::path::Path,
        temporary: &std::path::Path,
        bytes: &[u8],
    ) -> std::io::Result<()> {
        match self.fails.load(Ordering::Relaxed) {
            // EIO, as Linux numbers it.
            true => Err(std::io::Error::from_raw_os_error(5)),
            false => OnDisk.write(path, temporary, bytes),
        }
    }
    fn mark_used(&self, path: &std::path::Path) -> std::io::Result<()> {
        OnDisk.mark_used(path)
    }
    fn free_bytes(&self, _: &std::path::Path) -> u64 {
        u64::MAX
    }
}

#[tokio::test]
async fn a_failing_disk_is_told_with_what_to_do_and_used_again_when_it_works() {
    let folder = tempfile::tempdir().unwrap();
    let files = Flaky::default();
    let limits = Limits { bytes: 10_000, free_floor_bytes: 0 };
    let store =
        Store::open_with(folder.path().join("segments"), limits, Box::new(files.clone())).unwrap();
    files.fails.store(true, Ordering::Relaxed);
    make(&store, 0, "pictures").await;
    assert_eq!(text(store.find(key(0)).await), "pictures");
    let usage = store.usage();
    let trouble = usage.trouble.unwrap();
    assert!(trouble.reason.contains("Input/output error"), "{trouble:?}");
    assert!(trouble.advice.contains("disk may be failing"), "{trouble:?}");
    assert_eq!((usage.segments, usage.bytes), (0, 0));
    files.fails.store(false, Ordering::Relaxed);
    make(&store, 1, "more").await;
    let usage = store.usage();
    assert_eq!((usage.segments, usage.trouble), (1, Some(trouble)), "it may be luck");
    tokio::time::pause();
    tokio::time::advance(WELL_AFTER).await;
    tokio::time::resume();
    make(&store, 2, "even more").await;
    let usage = store.usage();
    assert_eq!((usage.segments, usage.trouble), (2, None));
    assert_eq!(text(store.find(key(0)).await), "pictures", "still from memory");
}
