//! Slates: what is shown when nothing else can be.
//!
//! Owns the encoded still clips, one per profile and frame rate, made by FFmpeg
//! when first needed. The model composes segments of any length from them.
//! Invariants: a slate has the airing's size and rate, so players see no change
//! of codec configuration; where somebody's own is away, on a disk that hangs, or was
//! refused lately, ours is shown without another try.

use std::collections::HashMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use aerial_model::command::{self, Caption, OUTPUT_OFFSET, SlatePicture, SlateText};
use aerial_model::mpegts::{AccessUnit, Demuxer};
use aerial_model::profile::{Profile, Rendition};
use aerial_model::segment::Segment;
use aerial_model::segmenter::Output;
use aerial_model::segmenter::slate::{self, Slate};
use aerial_model::time::FrameRate;
use tokio::sync::OnceCell;

use super::encoding::Encoding;
use super::off_air::OffAirWords;
use super::source_file;
use super::store::{SegmentKey, Store};
use super::tally::Made;
use super::track::{Source, Track};
use super::worker::Unfinished;
use crate::ffmpeg::{Invocation, RunLimits, Spawner};
use crate::library::Stamp;

/// By how many frames a programme's decoding runs ahead of its display: three
/// B-frames in a pyramid (`profile`). A slate within it does the same.
const PROGRAMME_REORDER: u64 = 2;

/// Making a still of 4 s takes half a second; a machine that needs longer than
/// this cannot transcode anyway.
const LIMITS: RunLimits = RunLimits { time: Duration::from_secs(20), stdout_bytes: 32 << 20 };

/// Clips kept: one for each profile, frame rate and words in use, 60 to 500 kB each
/// (somebody's own clip at 1080p: 3 MB).
const CLIPS: u64 = 64;

/// Somebody's own that FFmpeg refuses is refused the next time, too, unless the machine
/// was too busy. One that is written anew is another one.
const AGAIN_AFTER: Duration = Duration::from_secs(600);

/// How long the disk of somebody's own slate may take to answer: whoever waits for slate
/// is in trouble already, and another is at hand.
const PATIENCE: Duration = Duration::from_secs(2);

/// Why there is no slate.
#[derive(Clone, Debug, thiserror::Error)]
#[error("FFmpeg made no slate: {0}; try `aerial doctor`")]
pub struct SlateError(String);

/// Somebody's own slate cannot be shown.
#[derive(Clone, Debug, thiserror::Error)]
#[error(
    "{setting}: `{}` cannot be shown: {reason}; give a picture or a clip that FFmpeg can read, \
     until then Aerial's own slate is shown",
    path.display()
)]
pub struct OwnSlateError {
    setting: &'static str,
    path: PathBuf,
    reason: String,
}

/// The slates of this server; clones share them.
#[derive(Clone, Debug)]
pub struct Slates {
    spawner: Spawner,
    encoding: Encoding,
    looks: SlateLooks,
    /// What was uploaded in place of what the looks do not name. Held for a look alone.
    uploaded: Arc<RwLock<HashMap<SlateKind, PathBuf>>>,
    /// Why somebody's own is not there, so that it is said once. Held for a look alone.
    trouble: Arc<Mutex<HashMap<SlateKind, String>>>,
    clips: moka::sync::Cache<Still, Arc<OnceCell<Arc<Slate>>>>,
    /// Somebody's own that could not be made lately.
    failed: moka::sync::Cache<Still, ()>,
}

/// For what a slate stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SlateKind {
    /// A channel that is off the air.
    OffAir,
    /// A programme that fails.
    Trouble,
}

impl SlateKind {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::OffAir, Self::Trouble];

    /// As the settings name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::OffAir => "off_air",
            Self::Trouble => "trouble",
        }
    }
}

/// How slates are to look.
#[derive(Clone, Debug, Default)]
pub struct SlateLooks {
    /// For words; without one there are none.
    pub font: Option<PathBuf>,
    /// Somebody's own picture or clip for channels that are off the air.
    pub off_air: Option<PathBuf>,
    /// The same for programmes that fail.
    pub trouble: Option<PathBuf>,
}

/// Which clip: all that decides its pictures.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Still {
    shows: Shows,
    profile: Profile,
    rate: FrameRate,
}

/// What a slate shows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Shows {
    OffAir(Arc<OffAirWords>),
    Trouble,
    /// Somebody's own, this version of it.
    Own(PathBuf, Stamp),
}

impl Slates {
    /// Slates made by this FFmpeg.
    pub fn new(spawner: Spawner, encoding: Encoding, looks: SlateLooks) -> Self {
        let clips = moka::sync::Cache::new(CLIPS);
        let failed = moka::sync::Cache::builder().max_capacity(CLIPS).time_to_live(AGAIN_AFTER);
        let (failed, uploaded, trouble) = (failed.build(), Arc::default(), Arc::default());
        Self { spawner, encoding, looks, uploaded, trouble, clips, failed }
    }

    /// Somebody's own picture or clip that the settings name.
    pub fn set(&self, kind: SlateKind) -> Option<&Path> {
        match kind {
            SlateKind::OffAir => self.looks.off_air.as_deref(),
            SlateKind::Trouble => self.looks.trouble.as_deref(),
        }
    }

    /// The one that was uploaded.
    pub fn uploaded(&self, kind: SlateKind) -> Option<PathBuf> {
        self.uploaded.read().unwrap_or_else(PoisonError::into_inner).get(&kind).cloned()
    }

    /// Shows an uploaded one from now on, or none any more.
    pub fn show_uploaded(&self, kind: SlateKind, path: Option<PathBuf>) {
        let mut uploaded = self.uploaded.write().unwrap_or_else(PoisonError::into_inner);
        match path {
            Some(path) => drop(uploaded.insert(kind, path)),
            None => drop(uploaded.remove(&kind)),
        }
    }

    /// Those of somebody's own pictures that cannot be shown: each is made once, small.
    pub async fn try_own(&self) -> Vec<OwnSlateError> {
        let mut refused = Vec::new();
        for (setting, path) in
            [("slates.off_air", &self.looks.off_air), ("slates.trouble", &self.looks.trouble)]
        {
            if let Some(path) = path
                && let Err(reason) = self.try_picture(path).await
            {
                refused.push(OwnSlateError { setting, path: path.clone(), reason });
            }
        }
        refused
    }

    /// Whether a picture or clip can be shown: made once, small. The error is why not.
    pub async fn try_picture(&self, path: &Path) -> Result<(), String> {
        let stamp = find_picture(path).await?;
        let profile = Profile::transcoded(Rendition::Height(144), 144);
        let profile = profile.unwrap_or_else(|| unreachable!("a height has a profile"));
        let shows = Shows::Own(path.to_owned(), stamp);
        let still = Still { shows, profile, rate: FrameRate::PAL };
        self.clip(still).await.map(|_| ()).map_err(|error| error.0)
    }

    /// Puts slate in the place of the missing segments of a track, having
    /// completed the one that was left unfinished. In memory alone: it is not
    /// what the track's segments are. Where no slate can be made, gives back what
    /// was left unfinished.
    pub async fn fill(
        &self,
        track: &Track,
        unfinished: Option<Unfinished>,
        segments: Range<u32>,
        store: &Store,
    ) -> Result<(), (SlateError, Option<Unfinished>)> {
        let clip = match self.clip_for(track).await {
            Ok(clip) => clip,
            Err(error) => return Err((error, unfinished)),
        };
        let failed = |error: slate::SlateError| (SlateError(error.to_string()), None);
        if let Some(Unfinished { growth, handover }) = unfinished {
            store.mark_slate(growth.key());
            let mut outputs = Vec::new();
            clip.complete(&track.map, track.treatment, handover, &mut outputs).map_err(failed)?;
            for output in outputs {
                if let Output::Chunk { chunk, .. } = output {
                    growth.push(chunk);
                }
            }
            growth.finish_unkept();
            store.tally().made(Made::Slate);
        }
        for index in segments {
            let key = SegmentKey { track: track.key, index };
            if !store.has(key) {
                let segment = segment_of(&clip, track, index).map_err(failed)?;
                store.mark_slate(key);
                store.stand_in(key, segment);
                store.tally().made(Made::Slate);
            }
        }
        Ok(())
    }

    /// Slate in the place of one segment of a programme, for nobody to keep.
    pub async fn one(&self, track: &Track, index: u32) -> Result<Segment, SlateError> {
        let clip = self.clip_for(track).await?;
        segment_of(&clip, track, index).map_err(|error| SlateError(error.to_string()))
    }

    /// The clip for a track: somebody's own, unless it cannot be made any more.
    async fn clip_for(&self, track: &Track) -> Result<Arc<Slate>, SlateError> {
        let (profile, rate) = (Profile::clone(&track.profile), track.map.rate());
        let (kind, shows) = match &track.source {
            Source::Slate(words) => (SlateKind::OffAir, Shows::OffAir(Arc::clone(words))),
            Source::Media(_) | Source::Withheld(_) => (SlateKind::Trouble, Shows::Trouble),
        };
        let own = self.set(kind).map(Path::to_owned).or_else(|| self.uploaded(kind));
        if let Some(path) = own {
            let found = find_picture(&path).await;
            self.note_trouble(kind, found.as_ref().err());
            if let Ok(stamp) = found {
                let still = Still { shows: Shows::Own(path, stamp), profile, rate };
                if let Some(clip) = self.own_clip(kind, &still).await {
                    return Ok(clip);
                }
                return self.clip(Still { shows, ..still }).await;
            }
        }
        self.clip(Still { shows, profile, rate }).await
    }

    /// The clip of somebody's own, unless it cannot be made: that is said, and tried again
    /// after a while.
    async fn own_clip(&self, kind: SlateKind, still: &Still) -> Option<Arc<Slate>> {
        let cell = self.clips.get_with(still.clone(), Arc::default);
        // Whoever waited for a try that failed does not try again.
        let clip = cell.get_or_try_init(async || {
            if self.failed.contains_key(still) {
                return Err(());
            }
            self.make(still).await.map_err(|error| {
                self.failed.insert(still.clone(), ());
                let slate = kind.name();
                tracing::warn!(slate, %error, "somebody's own slate cannot be shown: ours is");
            })
        });
        clip.await.ok().cloned()
    }

    /// Says why somebody's own is not there, unless that was said already.
    fn note_trouble(&self, kind: SlateKind, reason: Option<&String>) {
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        let before = match reason {
            Some(reason) => trouble.insert(kind, reason.clone()),
            None => trouble.remove(&kind),
        };
        if let Some(reason) = reason.filter(|reason| before.as_ref() != Some(reason)) {
            let slate = kind.name();
            tracing::warn!(slate, reason, "somebody's own slate cannot be shown: ours is");
        }
    }

    /// The clip of a still, made now if it is the first time.
    async fn clip(&self, still: Still) -> Result<Arc<Slate>, SlateError> {
        let cell = self.clips.get_with(still.clone(), Arc::default);
        cell.get_or_try_init(|| self.make(&still)).await.cloned()
    }

    async fn make(&self, still: &Still) -> Result<Arc<Slate>, SlateError> {
        let frame = (still.profile.width, still.profile.height);
        let (picture, caption) = match &still.shows {
            Shows::OffAir(words) => {
                let OffAirWords { name, back, next } = &**words;
                let caption = Caption::off_air(name, back, next.as_deref(), frame);
                (SlatePicture::Plain, Some(caption))
            }
            Shows::Trouble => (SlatePicture::Bars, Some(Caption::trouble(frame))),
            Shows::Own(path, _) => (SlatePicture::Own(path), None),
        };
        let font = self.looks.font.as_deref();
        let arguments = command::slate(&command::Slate {
            profile: &still.profile,
            rate: still.rate,
            picture,
            text: font.zip(caption.as_ref()).map(|(font, caption)| SlateText { font, caption }),
            tuning: &self.encoding.tuning,
            filters: self.encoding.filters,
        });
        let mut invocation = Invocation::new(&self.encoding.ffmpeg).args(arguments);
        if let Some(font) = font {
            invocation = invocation.reads(font);
        }
        if let Shows::Own(path, _) = &still.shows {
            invocation = invocation.reads(path);
        }
        let output = self
            .spawner
            .run_to_end(invocation, LIMITS)
            .await
            .map_err(|error| SlateError(error.to_string()))?;
        if !output.exit.is_success() {
            return Err(SlateError(format!("{}: {}", output.exit, output.stderr.trim())));
        }
        let mut demuxer = Demuxer::new(OUTPUT_OFFSET);
        demuxer.push(&output.stdout);
        demuxer.finish();
        let mut units: Vec<AccessUnit> = Vec::new();
        while let Some(unit) = demuxer.next_unit() {
            units.push(unit.map_err(|error| SlateError(error.to_string()))?);
        }
        let codec = demuxer.video_codec().unwrap_or_default();
        Slate::from_clip(still.rate, codec, &units)
            .map(Arc::new)
            .map_err(|error| SlateError(error.to_string()))
    }
}

/// Finds the file of somebody's own slate. The error says why there is none, and what to do.
pub(crate) async fn find_picture(path: &Path) -> Result<Stamp, String> {
    let look = |path: &Path| {
        let found = std::fs::metadata(path)?;
        Ok::<_, std::io::Error>(found.is_file().then(|| Stamp::of(&found)))
    };
    let shown = path.display();
    match source_file::ask(path, PATIENCE, look).await {
        Some(Ok(Some(stamp))) => Ok(stamp),
        Some(Ok(None)) => Err(format!("{shown} is no file: give the path of a picture or a clip")),
        Some(Err(error)) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(format!("there is no file {shown}: give the path of a picture or a clip"))
        }
        Some(Err(error)) => Err(format!("{shown} cannot be read: {error}")),
        None => Err(format!("the disk of {shown} gives no answer")),
    }
}

/// One segment of a track, decoded as far ahead as the programme around it.
fn segment_of(clip: &Slate, track: &Track, index: u32) -> Result<Segment, slate::SlateError> {
    let copied = track.map.cut_list().filter(|_| track.treatment.copies_video());
    let reorder = match (copied, &track.source) {
        (Some(cuts), _) => cuts.reorder() as u64,
        (None, Source::Slate(_)) => 0,
        // Devices reorder none.
        (None, _) if track.profile.encoder.is_device() => 0,
        (None, Source::Media(_) | Source::Withheld(_)) => PROGRAMME_REORDER,
    };
    clip.segment(&track.map, track.treatment, index, reorder)
}
