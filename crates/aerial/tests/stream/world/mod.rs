//! A whole stream part: schedule, clock, FFmpeg, store, transcoder, manager.

mod plan;
mod schedule;
mod setting;
mod told;

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aerial::clock::Clock;
use aerial::ffmpeg::Spawner;
use aerial::library::Ffprobe;
use aerial::stream::admission::Admission;
use aerial::stream::devices::Devices;
use aerial::stream::encoding::Encoding;
use aerial::stream::error::StreamError;
use aerial::stream::manager::Manager;
use aerial::stream::programme::Programme;
use aerial::stream::remux::{RemuxTools, Remuxes};
use aerial::stream::slate::{SlateLooks, Slates};
use aerial::stream::slated::Slated;
use aerial::stream::store::Store;
use aerial::stream::transcoder::{Status, Transcoder};
use aerial_model::client::ClientId;
use aerial_model::command::{Filters, Tuning};
use aerial_model::id::ChannelRef;
use aerial_model::profile::Rendition;
use aerial_model::time::AirTime;
use bytes::Bytes;
use futures::StreamExt as _;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub(crate) use self::plan::Plan;
pub(crate) use self::schedule::Schedule;
use self::setting::write_script;
pub(crate) use self::setting::{Setting, paced, real, relay};
use self::told::{Heard, Written};
use crate::media::which;

/// When the clocks of these tests begin.
pub(crate) const NOW: AirTime = AirTime::from_unix_millis(1_800_000_000_000);

/// The one rendition there is.
pub(crate) const HD: Rendition = Rendition::Height(720);

/// Pixels of a picture of [`HD`] on these channels.
pub(crate) const PIXELS: u32 = 320 * 180;

/// Longer than anything takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// All of it, running.
pub(crate) struct World {
    pub(crate) manager: Manager,
    pub(crate) clock: Clock,
    pub(crate) spawner: Spawner,
    pub(crate) transcoder: Transcoder,
    pub(crate) store: Store,
    pub(crate) devices: Devices,
    pub(crate) channels: Vec<ChannelRef>,
    pub(crate) schedule: Arc<Schedule>,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) findings: Arc<Heard>,
    pub(crate) log: Arc<Written>,
    remuxes: Remuxes,
    segments: PathBuf,
    transcoding: Option<(CancellationToken, JoinHandle<()>)>,
}

impl World {
    pub(crate) async fn new(setting: Setting) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("stream-world-")
            .tempdir_in(env!("CARGO_TARGET_TMPDIR"))
            .unwrap();
        let program = write_script(&folder, &setting);
        let clock = setting.clock;
        let spawner = Spawner::new(env!("CARGO_BIN_EXE_aerial")).unwrap();
        let segments = setting.segments.unwrap_or_else(|| folder.path().join("segments"));
        let store = Store::open(segments.clone(), setting.limits).unwrap();
        let devices = Devices::default();
        devices.set(setting.hardware);
        let encoding = Encoding {
            ffmpeg: program,
            filters: Filters { zscale: false, drawtext: false },
            tuning: Tuning { speed: setting.speed, threads: 2, lookahead: 5 },
            niceness: 0,
            turns: setting.turns,
            devices: devices.clone(),
        };
        let slates = Slates::new(spawner.clone(), encoding.clone(), SlateLooks::default());
        let again = slates.clone();
        let stop = CancellationToken::new();
        let findings = Arc::new(Heard::default());
        let ffmpeg = encoding.ffmpeg.clone();
        let (transcoder, task) = Transcoder::start(
            spawner.clone(),
            encoding,
            store.clone(),
            slates,
            findings.clone(),
            stop.clone(),
        );
        let schedule = Arc::new(Schedule::new(clock.clone(), &setting.channels));
        let channels = schedule.channels.iter().map(|c| ChannelRef::Id(c.on_air.id)).collect();
        let tools = RemuxTools {
            spawner: spawner.clone(),
            ffmpeg,
            prober: Arc::new(Ffprobe::new(spawner.clone(), which("ffprobe"))),
            store: store.clone(),
            findings: findings.clone(),
        };
        let remuxes = Remuxes::new(tools, stop.clone());
        let programme = Programme::new(schedule.clone(), "test")
            .on(devices.clone())
            .with_remuxes(remuxes.clone());
        let admission = Admission::new(setting.limit);
        let log = Arc::new(Written::default());
        let slated = Slated::new(log.clone(), again, store.clone(), setting.slated);
        let manager = Manager::new(
            clock.clone(),
            programme,
            transcoder.clone(),
            store.clone(),
            admission,
            slated,
        );
        Self {
            manager,
            clock,
            spawner,
            transcoder,
            store,
            devices,
            channels,
            schedule,
            folder,
            findings,
            log,
            remuxes,
            segments,
            transcoding: Some((stop, task)),
        }
    }

    /// The first channel.
    pub(crate) fn channel(&self) -> ChannelRef {
        self.channels[0]
    }

    /// A player that tunes in as most do: a playlist, from which it knows itself
    /// and its first segment.
    pub(crate) async fn tune_in(&self, channel: ChannelRef) -> (ClientId, u64) {
        self.tune_in_to(channel, HD).await
    }

    pub(crate) async fn tune_in_to(
        &self,
        channel: ChannelRef,
        rendition: Rendition,
    ) -> (ClientId, u64) {
        let viewer = (IpAddr::V4(Ipv4Addr::LOCALHOST), Uuid::new_v4().to_string());
        let list = self.manager.playlist(channel, rendition, None, viewer).await.unwrap();
        (list.client, first_listed(&list.text))
    }

    /// A segment, whole.
    pub(crate) async fn segment(&self, client: ClientId, sequence: u64) -> Bytes {
        self.segment_in(HD, client, sequence).await
    }

    pub(crate) async fn segment_in(
        &self,
        rendition: Rendition,
        client: ClientId,
        sequence: u64,
    ) -> Bytes {
        let segment = self.try_segment_in(rendition, self.channel(), client, sequence);
        segment.await.unwrap_or_else(|error| panic!("segment {sequence}: {error}"))
    }

    pub(crate) async fn try_segment(
        &self,
        channel: ChannelRef,
        client: ClientId,
        sequence: u64,
    ) -> Result<Bytes, Lost> {
        self.try_segment_in(HD, channel, client, sequence).await
    }

    async fn try_segment_in(
        &self,
        rendition: Rendition,
        channel: ChannelRef,
        client: ClientId,
        sequence: u64,
    ) -> Result<Bytes, Lost> {
        let segment = async {
            let (body, _waiting) = self
                .manager
                .segment(channel, rendition, sequence, Some(client))
                .await
                .map_err(Lost::Refused)?;
            let mut bytes = Vec::new();
            let mut stream = Box::pin(body.into_stream());
            while let Some(piece) = stream.next().await {
                bytes.extend_from_slice(&piece.map_err(|_| Lost::CutOff(bytes.len()))?);
            }
            Ok(bytes.into())
        };
        tokio::time::timeout(PATIENCE, segment).await.unwrap_or(Err(Lost::Late))
    }

    /// Some segments one after the other, as a player asks for them.
    pub(crate) async fn segments(
        &self,
        client: ClientId,
        sequences: impl IntoIterator<Item = u64>,
    ) -> Bytes {
        let mut bytes = Vec::new();
        for sequence in sequences {
            bytes.extend_from_slice(&self.segment(client, sequence).await);
        }
        bytes.into()
    }

    pub(crate) fn status(&self) -> Arc<Status> {
        self.transcoder.status()
    }

    /// The command lines of the workers so far.
    pub(crate) fn starts(&self) -> Vec<String> {
        let log = std::fs::read_to_string(self.folder.path().join("workers.log"));
        log.unwrap_or_default().lines().map(str::to_owned).collect()
    }

    /// Ends all, in the server's order, and looks whether anything is left.
    pub(crate) async fn end(mut self) {
        self.shut_down().await;
        self.assert_clean().await;
    }

    pub(crate) async fn shut_down(&mut self) {
        let Some((stop, task)) = self.transcoding.take() else { return };
        let ending = async {
            self.manager.shut_down().await;
            stop.cancel();
            task.await.unwrap();
            self.remuxes.shut_down().await;
            self.store.flush().await;
        };
        tokio::time::timeout(Duration::from_secs(15), ending).await.expect("ends within 15 s");
    }

    /// Nothing of any part is left: no process, no task, no unfinished file.
    pub(crate) async fn assert_clean(&self) {
        assert_eq!(self.manager.list().len(), 0);
        until("no process is left", || self.spawner.living() == 0).await;
        let tasks = tokio::runtime::Handle::current().metrics();
        until("no task is left", || tasks.num_alive_tasks() == 0).await;
        assert_eq!(unfinished_files(&self.segments), Vec::<PathBuf>::new());
    }
}

/// Why a segment was not had.
#[derive(Debug)]
pub(crate) enum Lost {
    Refused(StreamError),
    /// In the middle, after so many bytes.
    CutOff(usize),
    Late,
}

impl std::fmt::Display for Lost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused(error) => write!(f, "refused: {error}"),
            Self::CutOff(bytes) => write!(f, "cut off after {bytes} bytes"),
            Self::Late => write!(f, "not there after {} s", PATIENCE.as_secs()),
        }
    }
}

/// The sequence number that a playlist begins with.
pub(crate) fn first_listed(playlist: &str) -> u64 {
    let tag = "#EXT-X-MEDIA-SEQUENCE:";
    playlist.lines().find_map(|line| line.strip_prefix(tag)).unwrap().parse().unwrap()
}

/// Waits until something holds.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    if tokio::time::timeout(PATIENCE, waiting).await.is_err() {
        panic!("waited in vain until {what}");
    }
}

fn unfinished_files(folder: &std::path::Path) -> Vec<PathBuf> {
    let Ok(tracks) = std::fs::read_dir(folder) else { return Vec::new() };
    let files =
        tracks.flat_map(|track| std::fs::read_dir(track.unwrap().path()).into_iter().flatten());
    files
        .map(|file| file.unwrap().path())
        .filter(|path| {
            let kind = path.extension().and_then(|extension| extension.to_str());
            !matches!(kind, Some("segment" | "mkv" | "json"))
        })
        .collect()
}
