//! Indexing: finding out which files' video can be copied, and where it is cut.
//!
//! Owns the runs of FFmpeg that read a file for it, one at a time and behind
//! everything else, and in which order files take their turn. What is copied is
//! `aerial_model::keyframes`' to say. Invariant: a verdict is stored for the version
//! of the file that was read, and for no other.

use std::collections::HashSet;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aerial_model::command;
use aerial_model::id::{MapId, MediaId};
use aerial_model::keyframes::{Indexed, Indexer, NotCopied, mended_times, might_be_copied};
use aerial_model::media::MediaFacts;
use aerial_model::segment_map::{CutList, SegmentMap};
use aerial_model::time::Ticks;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio::io::AsyncReadExt as _;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::clock::{Clock, monotonic};
use crate::db::{Copying, Db, DbError, Identity, Media};
use crate::ffmpeg::{Invocation, RunLimits, Spawner, Urgency};
use crate::library::identity::Stamp;
use crate::schedule::Schedule;
use crate::stream::preflight;
use crate::stream::source_file;
use crate::stream::timeline::MediaSource;

/// Streams go first, and whatever else runs on the machine.
const NICENESS: u8 = 19;

/// Files told of at once: a lineup is looked through for each time.
const TOLD_AT_ONCE: usize = 64;

/// What airs within this time is indexed before all else.
const SOON: Ticks = Ticks::from_secs(6 * 3_600);

/// A file that gives nothing for this long is left for later: a disk spins up in
/// 10 s.
const SILENCE: Duration = Duration::from_secs(60);

/// After a fault of the catalogue.
const PAUSE: Duration = Duration::from_secs(60);

/// What a container begins with, and the list of where its parts are.
const HEAD_BYTES: u64 = 1 << 20;

/// How long reading that may take; a disk that spins up takes 10 s.
const HEAD_WITHIN: Duration = Duration::from_secs(20);

/// As much as a pipe holds.
const READ_BYTES: usize = 64 << 10;

/// One question to ffprobe.
const ASKED: RunLimits = RunLimits { time: Duration::from_secs(30), stdout_bytes: 64 << 10 };

/// What indexing works with.
#[derive(Clone)]
pub struct Indexing {
    /// The catalogue.
    pub db: Db,
    /// What airs when.
    pub schedule: Schedule,
    /// The processes.
    pub spawner: Spawner,
    /// FFmpeg.
    pub ffmpeg: PathBuf,
    /// Its ffprobe.
    pub ffprobe: PathBuf,
    /// The clock.
    pub clock: Clock,
    /// One file is read at a time.
    pub turn: Arc<tokio::sync::Mutex<()>>,
}

impl Indexing {
    /// Indexes whatever a lineup names, what airs soon first, until `ending`.
    pub async fn run(self, ending: CancellationToken) {
        let mut changes = self.schedule.changes();
        let mut left_for_later = HashSet::new();
        loop {
            let again = tokio::select! {
                () = ending.cancelled() => return,
                again = self.index_some(&mut left_for_later) => again,
            };
            match again {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => {
                    tracing::error!(%error, "keyframes cannot be indexed for now");
                    tokio::select! {
                        () = ending.cancelled() => return,
                        () = tokio::time::sleep(PAUSE) => continue,
                    }
                }
            }
            // A lagging listener has missed changes: as good as one.
            tokio::select! {
                () = ending.cancelled() => return,
                _ = changes.recv() => left_for_later.clear(),
            }
        }
    }

    /// Gives these files their verdicts now, as far as they have none. Returns those
    /// whose video is copied from now on.
    ///
    /// # Errors
    /// Those of the catalogue; a file that cannot be read is left for later.
    pub async fn index(&self, media: &[MediaId]) -> Result<Vec<MediaId>, DbError> {
        let _turn = self.turn.lock().await;
        let mut told = Vec::new();
        for media in self.db.not_indexed(media).await? {
            match self.settle(&media).await {
                Ok(Some(true)) => told.push(media.id),
                Ok(_) => {}
                // What was stored before it is to be heard of; the rest waits.
                Err(_) if !told.is_empty() => break,
                Err(error) => return Err(error),
            }
        }
        Ok(told)
    }

    /// Gives a file that airs soon its verdict, and takes it up in the lineups.
    async fn index_one(&self, media: MediaId) -> Result<(), String> {
        let told = self.index(&[media]).await.map_err(|error| error.to_string())?;
        if told.is_empty() {
            return Ok(());
        }
        self.schedule.library_changed(&told).await.map_err(|error| error.to_string())
    }

    /// Gives some of the waiting files their verdicts. Whether there may be more.
    async fn index_some(&self, later: &mut HashSet<MediaId>) -> Result<bool, DbError> {
        // All lineups are read to tell whose turn it is.
        if !self.db.is_indexing_due().await? {
            return Ok(false);
        }
        let (mut told, mut failed) = (Vec::new(), None);
        let by_turn = self.schedule.media_by_turn(SOON).await;
        let _turn = self.turn.lock().await;
        let mut waiting = self.db.not_indexed(&by_turn).await?;
        waiting.retain(|media| !later.contains(&media.id));
        let more = !waiting.is_empty();
        for media in waiting.into_iter().take(TOLD_AT_ONCE) {
            // What must be read is told of at once: it may air next.
            let reads = media.facts.as_ref().is_some_and(|facts| might_be_copied(facts).is_ok());
            match self.settle(&media).await {
                Ok(Some(true)) => told.push(media.id),
                Ok(Some(false)) => {}
                Ok(None) => {
                    later.insert(media.id);
                }
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            }
            if reads {
                break;
            }
        }
        if let Err(error) = self.schedule.library_changed(&told).await {
            tracing::error!(%error, "what was indexed is not in the lineups yet");
        }
        failed.map_or(Ok(more), Err)
    }

    /// Reads a file and stores the verdict. Whether its video is copied now; `None`
    /// where it is left for later.
    async fn settle(&self, media: &Media) -> Result<Option<bool>, DbError> {
        let (Some(facts), Some((uniform, _))) = (&media.facts, &media.map) else {
            return Ok(Some(false));
        };
        let begun = monotonic();
        let (copying, cuts) = match self.indexed(media, facts).await {
            Ok(Ok(found)) => copied(facts, found),
            Ok(Err(reason)) => (Copying::Transcoded { reason: reason.to_string() }, None),
            Err(reason) => {
                let path = media.path.display();
                tracing::warn!("`{path}` could not be indexed for now: {reason}");
                return Ok(None);
            }
        };
        let elapsed_ms = begun.elapsed().as_millis();
        let title = &media.about.title;
        match &copying {
            Copying::Copied { outline, sound_transcoded, .. } => tracing::info!(
                title,
                elapsed_ms,
                segments = outline.segments(),
                ?sound_transcoded,
                "its video can be copied"
            ),
            Copying::Transcoded { reason } => {
                tracing::debug!(title, elapsed_ms, reason, "its video is transcoded");
            }
        }
        let (now, cuts) = (self.clock.now(), cuts.as_deref());
        let kept = self.db.set_copying(media.id, *uniform, &copying, cuts, now).await?;
        Ok(Some(kept && copying.map().is_some()))
    }

    /// Reads a file: where it is cut, or why it is not copied. An error is no verdict.
    async fn indexed(
        &self,
        media: &Media,
        facts: &MediaFacts,
    ) -> Result<Result<Indexed, NotCopied>, String> {
        if let Err(reason) = might_be_copied(facts) {
            return Ok(Err(reason));
        }
        if !is_unchanged(media).await {
            return Err("it changed, or is not there".to_owned());
        }
        if facts.container.starts_with("matroska") {
            match source_file::ask(&media.path, HEAD_WITHIN, has_cues).await {
                Some(Ok(true)) => {}
                Some(Ok(false)) => return Ok(Err(NotCopied::NoCues)),
                Some(Err(error)) => return Err(error.to_string()),
                None => return Err("its disk does not answer".to_owned()),
            }
        }
        let reordered = self.reordered(&media.path, facts).await?;
        let found = self.read(&media.path, facts).await?;
        if !is_unchanged(media).await {
            return Err("it changed while it was read".to_owned());
        }
        Ok(found.and_then(|indexer| indexer.finish(facts, reordered)))
    }

    /// By how many pictures the header says that decoding runs ahead.
    async fn reordered(&self, path: &Path, facts: &MediaFacts) -> Result<usize, String> {
        let stream = facts.video.as_ref().map_or(0, |video| video.index).to_string();
        let question = Invocation::new(&self.ffprobe)
            .args(["-v", "error", "-protocol_whitelist", "file,pipe"])
            .args(["-select_streams", &stream])
            .args(["-show_entries", "stream=has_b_frames", "-of", "csv=p=0", "-i"])
            .arg(aerial_model::probe::input(path))
            .reads(path)
            .niceness(NICENESS);
        let answer = self.spawner.run_to_end(question, ASKED).await.map_err(|e| e.to_string())?;
        let text = String::from_utf8_lossy(&answer.stdout);
        let number = text.trim().trim_end_matches(',').lines().next().and_then(|n| n.parse().ok());
        number.ok_or_else(|| format!("ffprobe said `{}`", text.trim()))
    }

    /// Reads the whole file as a copying worker would.
    async fn read(
        &self,
        path: &Path,
        facts: &MediaFacts,
    ) -> Result<Result<Indexer, NotCopied>, String> {
        let run =
            Invocation::new(&self.ffmpeg).args(command::index(path, facts)).niceness(NICENESS);
        let run = run.reads(path);
        let mut child = self.spawner.spawn(run).await.map_err(|error| error.to_string())?;
        let stderr = child.stderr_tail();
        let Some(mut stdout) = child.take_stdout() else {
            unreachable!("an indexing FFmpeg is always started with a pipe for its output")
        };
        let (mut demuxer, mut indexer) = (Indexer::demuxer(), Indexer::default());
        let mut buffer = vec![0; READ_BYTES];
        let unreadable = loop {
            let read = match timeout(SILENCE, stdout.read(&mut buffer)).await {
                Err(_) => {
                    let _killed = child.end(Urgency::Now).await;
                    return Err(format!("it gave nothing for {} s", SILENCE.as_secs()));
                }
                Ok(Err(error)) => return Err(error.to_string()),
                Ok(Ok(read)) => read,
            };
            if read == 0 {
                demuxer.finish();
            } else {
                demuxer.push(&buffer[..read]);
            }
            let fault = indexer.take_units(&mut demuxer).err().map(|error| error.to_string());
            if read == 0 || fault.is_some() {
                break fault;
            }
        };
        drop(stdout);
        let exit = child.wait().await;
        let said = stderr.text();
        if let Some(fault) = unreadable {
            return Ok(Err(NotCopied::Unreadable(fault)));
        }
        if !exit.is_success() {
            let last = said.lines().next_back().unwrap_or_default();
            return Ok(Err(NotCopied::Unreadable(format!("FFmpeg ended ({exit}): {last}"))));
        }
        Ok(mended_times(&said).map_or(Ok(indexer), Err))
    }
}

/// Before it airs, so that it is copied where it can be.
impl preflight::Indexing for Indexing {
    fn prepare<'a>(&'a self, source: &'a MediaSource) -> BoxFuture<'a, Result<(), String>> {
        self.index_one(source.media).boxed()
    }
}

impl std::fmt::Debug for Indexing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Indexing").field("ffmpeg", &self.ffmpeg).finish_non_exhaustive()
    }
}

fn copied(facts: &MediaFacts, found: Indexed) -> (Copying, Option<Arc<CutList>>) {
    let Indexed { cuts, sound_transcoded } = found;
    let cuts = Arc::new(cuts);
    match SegmentMap::copied(facts.rate(), Arc::clone(&cuts)) {
        Some(map) => {
            let (map_id, outline) = (MapId(Uuid::now_v7()), map.outline());
            (Copying::Copied { map_id, outline, sound_transcoded }, Some(cuts))
        }
        None => (Copying::Transcoded { reason: NotCopied::NoPicture.to_string() }, None),
    }
}

/// Whether the file is the version that is to be indexed.
async fn is_unchanged(media: &Media) -> bool {
    let Identity { size_bytes: size, mtime_ns, .. } = media.identity;
    let known = Stamp { size, mtime_ns };
    let look = move |path: &Path| Stamp::read(path).is_ok_and(|stamp| stamp == known);
    source_file::ask(&media.path, source_file::PATIENCE, look).await.unwrap_or(false)
}

/// Whether Matroska says where its Cues are (RFC 9559, 5.1.1 and 5.1.5): without
/// them each seek reads all before it.
fn has_cues(path: &Path) -> std::io::Result<bool> {
    const CUES: [u8; 4] = [0x1c, 0x53, 0xbb, 0x6b];
    let mut head = Vec::new();
    std::fs::File::open(path)?.take(HEAD_BYTES).read_to_end(&mut head)?;
    Ok(head.windows(CUES.len()).any(|bytes| bytes == CUES))
}
