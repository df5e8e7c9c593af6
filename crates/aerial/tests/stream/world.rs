//! A whole stream part: schedule, clock, FFmpeg, store, transcoder, manager.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aerial::clock::Clock;
use aerial::db::{Identity, SlateRange};
use aerial::ffmpeg::Spawner;
use aerial::library::{Ffprobe, Stamp};
use aerial::stream::admission::Admission;
use aerial::stream::devices::Devices;
use aerial::stream::encoding::Encoding;
use aerial::stream::error::StreamError;
use aerial::stream::findings::{Finding, Findings};
use aerial::stream::manager::Manager;
use aerial::stream::off_air::ComesBack;
use aerial::stream::programme::Programme;
use aerial::stream::remux::{RemuxTools, Remuxes};
use aerial::stream::slate::{SlateLooks, Slates};
use aerial::stream::slated::{SlateLog, Slated};
use aerial::stream::store::{Limits, Store};
use aerial::stream::timeline::{Alone, MediaSource, OnAir, PlannedAiring, Timeline, TimelineError};
use aerial::stream::transcoder::{Status, Transcoder};
use aerial_model::capacity::Limit;
use aerial_model::channel::Video;
use aerial_model::client::ClientId;
use aerial_model::command::{Filters, Speed, Tuning};
use aerial_model::encoder::Hardware;
use aerial_model::id::{ChannelId, ChannelRef, ItemId, MapId, MediaId};
use aerial_model::ladder::Looks;
use aerial_model::ledger::Ledger;
use aerial_model::lineup::{Lineup, Order, Slot, SlotKey};
use aerial_model::planner::Planner;
use aerial_model::profile::Rendition;
use aerial_model::replay::{Replay, aired};
use aerial_model::segmenter::Treatment;
use aerial_model::time::{AirTime, Ticks};
use bytes::Bytes;
use futures::StreamExt as _;
use futures::future::BoxFuture;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::media::{Film, which};

/// When the clocks of these tests begin.
pub(crate) const NOW: AirTime = AirTime::from_unix_millis(1_800_000_000_000);

/// The one rendition there is.
pub(crate) const HD: Rendition = Rendition::Height(720);

/// Pixels of a picture of [`HD`] on these channels.
pub(crate) const PIXELS: u32 = 320 * 180;

/// Longer than anything takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A channel to be.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) films: Vec<Film>,
    pub(crate) starts_at: AirTime,
    pub(crate) looping: bool,
    pub(crate) grace: Duration,
    pub(crate) kept: bool,
}

impl Plan {
    /// Plays these films for ever, from [`NOW`] on.
    pub(crate) fn of(films: &[Film]) -> Self {
        let grace = Duration::from_secs(30);
        Self { films: films.to_vec(), starts_at: NOW, looping: true, grace, kept: false }
    }

    pub(crate) fn starting(self, starts_at: AirTime) -> Self {
        Self { starts_at, ..self }
    }

    pub(crate) fn grace(self, grace: Duration) -> Self {
        Self { grace, ..self }
    }

    pub(crate) fn kept(self) -> Self {
        Self { kept: true, ..self }
    }

    pub(crate) fn once(self) -> Self {
        Self { looping: false, ..self }
    }
}

/// What a world is made with.
pub(crate) struct Setting {
    pub(crate) clock: Clock,
    pub(crate) channels: Vec<Plan>,
    /// What FFmpeg does with workers; slates are made by the real one.
    pub(crate) workers: Value,
    /// What it does with slates; `null`: the same as with workers.
    pub(crate) slates: Value,
    pub(crate) limits: Limits,
    /// How much may be encoded at once.
    pub(crate) limit: Limit,
    /// The device that encodes.
    pub(crate) hardware: Option<Hardware>,
    /// How hard encoders are to try.
    pub(crate) speed: Speed,
    /// How many workers may build up a buffer at once.
    pub(crate) turns: usize,
    /// Where segments are kept; `None`: in a folder of its own.
    pub(crate) segments: Option<PathBuf>,
    /// What a server before this one wrote down.
    pub(crate) slated: Vec<SlateRange>,
}

/// The real FFmpeg, whatever it is asked for.
pub(crate) fn real() -> Value {
    json!([{ "run": ffmpeg() }])
}

/// The real FFmpeg's output up to a point, then this.
pub(crate) fn relay(bytes: u64, then: Value) -> Value {
    let mut steps = vec![json!({ "relay": { "program": ffmpeg(), "bytes": bytes } })];
    steps.extend(then.as_array().unwrap().iter().cloned());
    Value::Array(steps)
}

/// The real FFmpeg at a pace, in bytes per second.
pub(crate) fn paced(pace: u64) -> Value {
    let relay = json!({ "program": ffmpeg(), "bytes": u64::MAX, "bytes_per_second": pace });
    json!([{ "relay": relay }])
}

fn ffmpeg() -> PathBuf {
    std::env::var_os("AERIAL_TEST_FFMPEG").map_or_else(|| which("ffmpeg"), PathBuf::from)
}

impl Setting {
    /// One channel, a clock that stands at [`NOW`], and the real FFmpeg.
    pub(crate) fn of(plan: Plan) -> Self {
        Self {
            clock: Clock::simulated(NOW),
            channels: vec![plan],
            workers: json!([{ "steps": real() }]),
            slates: real(),
            limits: Limits { bytes: 1 << 30, free_floor_bytes: 0 },
            limit: Limit::Set { encodes: 1_000, pixels: PIXELS },
            turns: 8,
            hardware: None,
            speed: Speed::Ultrafast,
            segments: None,
            slated: Vec::new(),
        }
    }

    pub(crate) fn and(mut self, plan: Plan) -> Self {
        self.channels.push(plan);
        self
    }

    pub(crate) fn clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// So many encodes at once.
    pub(crate) fn encodes(self, encodes: u32) -> Self {
        Self { limit: Limit::Set { encodes, pixels: PIXELS }, ..self }
    }

    /// The first workers do these things, one after the other, all later ones
    /// the last.
    pub(crate) fn workers(self, turns: &[Value]) -> Self {
        let last = turns.len() - 1;
        let cases = turns.iter().enumerate().map(|(turn, steps)| {
            if turn == last {
                json!({ "steps": steps })
            } else {
                json!({ "times": 1, "steps": steps })
            }
        });
        Self { workers: cases.collect(), ..self }
    }
}

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

/// What would be written down of slates.
#[derive(Debug, Default)]
pub(crate) struct Written(Mutex<Vec<SlateRange>>);

impl Written {
    pub(crate) fn all(&self) -> Vec<SlateRange> {
        self.0.lock().unwrap().clone()
    }
}

impl SlateLog for Written {
    fn store(&self, slate: SlateRange) -> BoxFuture<'_, Result<(), String>> {
        let mut all = self.0.lock().unwrap();
        all.retain(|one| one.sequences.start != slate.sequences.start);
        all.push(slate);
        Box::pin(std::future::ready(Ok(())))
    }
}

/// What the library would hear.
#[derive(Debug, Default)]
pub(crate) struct Heard(Mutex<Vec<Finding>>);

impl Heard {
    pub(crate) fn all(&self) -> Vec<Finding> {
        self.0.lock().unwrap().clone()
    }
}

impl Findings for Heard {
    fn tell(&self, finding: Finding) -> BoxFuture<'_, ()> {
        self.0.lock().unwrap().push(finding);
        Box::pin(std::future::ready(()))
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

/// A program beside its script, which notes each worker's command line first.
fn write_script(folder: &tempfile::TempDir, setting: &Setting) -> PathBuf {
    let program = folder.path().join("ffmpeg");
    let stand_in = std::path::Path::new(env!("CARGO_BIN_EXE_aerial")).with_file_name("fakeff");
    assert!(stand_in.exists(), "run `cargo build -p fakeff` first");
    std::os::unix::fs::symlink(stand_in, &program).unwrap();
    let log = json!({ "log_args": folder.path().join("workers.log") });
    let mut cases = Vec::new();
    if !setting.slates.is_null() {
        for source in ["smptehdbars", "color=c=0x10182a", "matroska"] {
            cases.push(json!({ "when": [source], "steps": setting.slates }));
        }
    }
    for case in setting.workers.as_array().unwrap() {
        let mut case = case.clone();
        case["steps"].as_array_mut().unwrap().insert(0, log.clone());
        cases.push(case);
    }
    let script = json!({ "cases": cases }).to_string();
    std::fs::write(folder.path().join("ffmpeg.json"), script).unwrap();
    program
}

/// Lineups in memory and what of them is committed.
pub(crate) struct Schedule {
    clock: Clock,
    pub(crate) channels: Vec<Channel>,
    films: Vec<Film>,
    media: Mutex<HashMap<MapId, MediaSource>>,
}

pub(crate) struct Channel {
    on_air: OnAir,
    planner: Mutex<Planner>,
    ledger: Mutex<Arc<Ledger>>,
}

impl Schedule {
    fn new(clock: Clock, plans: &[Plan]) -> Self {
        let mut media = HashMap::new();
        let channels = plans
            .iter()
            .enumerate()
            .map(|(n, plan)| {
                let slots = plan.films.iter().enumerate().map(|(rank, film)| {
                    let source = source_of(film);
                    let (media_id, map_id) = (source.media, source.map_id);
                    media.insert(map_id, source);
                    Slot {
                        item: ItemId(Uuid::from_u128(rank as u128 + 1)),
                        media: media_id,
                        key: SlotKey { rank: rank as i64, episode: 0 },
                        map_id,
                        map: film.map.outline(),
                    }
                });
                let slots = slots.collect();
                Channel::new(n, plan, slots, clock.now())
            })
            .collect();
        let films = plans.iter().flat_map(|plan| plan.films.clone()).collect();
        Self { clock, channels, films, media: Mutex::new(media) }
    }

    fn channel_of(&self, channel: ChannelRef) -> Option<&Channel> {
        self.channels.iter().find(|c| match channel {
            ChannelRef::Id(id) => c.on_air.id == id,
            ChannelRef::Number(number) => c.on_air.number == number,
        })
    }

    /// Other films from what is not committed on.
    pub(crate) fn replace_lineup(&self, channel: usize, films: &[Film]) {
        let mut planner = self.channels[channel].planner.lock().unwrap();
        let old = planner.lineup();
        let slots = films.iter().enumerate().map(|(rank, film)| {
            let source = source_of(film);
            let (media, map_id) = (source.media, source.map_id);
            self.media.lock().unwrap().insert(map_id, source);
            let item = ItemId(Uuid::from_u128(rank as u128 + 100));
            let key = SlotKey { rank: rank as i64 + 100, episode: 0 };
            Slot { item, media, key, map_id, map: film.map.outline() }
        });
        let slots = slots.collect();
        let lineup = Lineup { version: old.version + 1, slots, ..Lineup::clone(old) };
        *planner = Planner::new(Arc::new(lineup));
    }

    /// The film of that place, as it was planned.
    pub(crate) fn film(&self, place: usize) -> Film {
        self.films[place].clone()
    }

    /// From now on the ends of this film's file are known too.
    pub(crate) fn hashed(&self, film: &Film) -> Identity {
        let identity = aerial::library::identity::Identity::read(&film.path).unwrap().into();
        let mut media = self.media.lock().unwrap();
        media.get_mut(&source_of(film).map_id).unwrap().identity = identity;
        identity
    }

    /// Waits until nothing that it plays waits for a copy.
    pub(crate) async fn copied(&self, world: &World) {
        let sources: Vec<MediaSource> = self.media.lock().unwrap().values().cloned().collect();
        for source in sources {
            while world.remuxes.entered(source.clone()).await.is_err() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    }

    /// The file is replaced: its airings cannot be made any more.
    pub(crate) fn forget_media(&self) {
        self.media.lock().unwrap().clear();
    }

    /// The file of an airing, as the stream part gets it.
    pub(crate) fn source(&self, film: &Film) -> MediaSource {
        source_of(film)
    }

    /// The airings committed so far.
    pub(crate) fn ledger(&self, channel: usize) -> Arc<Ledger> {
        self.channels[channel].ledger.lock().unwrap().clone()
    }
}

/// The same film has the same ids on every channel.
fn source_of(film: &Film) -> MediaSource {
    let hash = blake3::hash(film.path.as_os_str().as_encoded_bytes());
    let id = Uuid::from_slice(&hash.as_bytes()[..16]).unwrap();
    let stamp = Stamp::read(&film.path).unwrap_or(Stamp { size: 0, mtime_ns: 0 });
    MediaSource {
        media: MediaId(id),
        map_id: MapId(Uuid::from_u128(id.as_u128() ^ u128::from(film.map.frames()))),
        path: film.path.clone(),
        facts: Arc::clone(&film.facts),
        map: film.map.clone(),
        treatment: match film.map.cut_list() {
            Some(_) => Treatment::CopiedVideo,
            None => Treatment::Transcoded,
        },
        identity: Identity { size_bytes: stamp.size, mtime_ns: stamp.mtime_ns, hash: None },
        title: film.path.file_stem().unwrap().to_string_lossy().into_owned(),
    }
}

impl Channel {
    fn new(n: usize, plan: &Plan, slots: Vec<Slot>, now: AirTime) -> Self {
        let on_air = OnAir {
            id: ChannelId(Uuid::from_u128(n as u128 + 1)),
            number: (n + 1).to_string().parse().unwrap(),
            name: format!("Channel {}", n + 1),
            ladder: Vec::new(),
            grace: Ticks::from_millis(plan.grace.as_millis() as i64),
            keep_running: plan.kept,
            catchup: Some(Ticks::from_secs(86_400)),
            frame_height: 180,
            looks: Looks::Transcoded,
            video: Video::Transcode,
            stream_since: None,
        };
        let lineup = Lineup {
            version: 1,
            order: Order::Sequential,
            seed: 1,
            looping: plan.looping,
            starts_at: plan.starts_at,
            created_at: plan.starts_at.min(now),
            frame_height: on_air.frame_height,
            slots,
        };
        let planner = Mutex::new(Planner::new(Arc::new(lineup)));
        Self { on_air, planner, ledger: Mutex::default() }
    }

    fn commit(&self, now: AirTime, media: &Mutex<HashMap<MapId, MediaSource>>) -> Arc<Ledger> {
        let mut ledger = self.ledger.lock().unwrap();
        let planner = self.planner.lock().unwrap();
        let rows: Vec<_> = planner.commit(ledger.tail(), now).collect();
        if !rows.is_empty() {
            let mut longer = Ledger::clone(&ledger);
            let media = media.lock().unwrap();
            let map = |id| media.get(&id).map(|source| source.map.clone());
            rows.into_iter().for_each(|row| longer.push_with(row, map).unwrap());
            *ledger = Arc::new(longer);
        }
        Arc::clone(&ledger)
    }
}

impl Timeline for Schedule {
    fn channel(&self, channel: ChannelRef) -> BoxFuture<'_, Result<Option<OnAir>, TimelineError>> {
        Box::pin(async move { Ok(self.channel_of(channel).map(|c| c.on_air.clone())) })
    }

    fn kept(&self) -> Vec<ChannelRef> {
        let kept = self.channels.iter().filter(|channel| channel.on_air.keep_running);
        kept.map(|channel| ChannelRef::Id(channel.on_air.id)).collect()
    }

    fn committed(
        &self,
        channel: ChannelId,
        _from: AirTime,
    ) -> BoxFuture<'_, Result<Arc<Ledger>, TimelineError>> {
        Box::pin(async move {
            Ok(self
                .channel_of(ChannelRef::Id(channel))
                .unwrap()
                .commit(self.clock.now(), &self.media))
        })
    }

    fn aired(
        &self,
        channel: ChannelId,
        span: Range<AirTime>,
    ) -> BoxFuture<'_, Result<Replay, TimelineError>> {
        Box::pin(async move {
            let channel = self.channel_of(ChannelRef::Id(channel)).unwrap();
            let ledger = channel.commit(self.clock.now(), &self.media);
            let lineup = channel.planner.lock().unwrap().lineup().clone();
            let planner = Arc::new(Planner::new(lineup));
            let rows = aired(&ledger, &|_| Some(planner.clone()), &span)?;
            let media = self.media.lock().unwrap();
            let map = |id| media.get(&id).map(|source: &MediaSource| source.map.clone());
            Ok(Replay::of(rows, map).unwrap())
        })
    }

    fn alone(&self, media: MediaId) -> BoxFuture<'_, Result<Alone, TimelineError>> {
        Box::pin(async move {
            let known = self.media.lock().unwrap();
            let source = known.values().find(|source| source.media == media);
            let source = source.ok_or(TimelineError::Gone(media))?;
            Ok(Alone {
                media,
                title: source.title.clone(),
                map_id: source.map_id,
                map: source.map.clone(),
                frame_height: 180,
                looks: Looks::Transcoded,
            })
        })
    }

    fn comes_back(
        &self,
        channel: ChannelId,
        _: AirTime,
    ) -> BoxFuture<'_, Result<ComesBack, TimelineError>> {
        let name = self.channel_of(ChannelRef::Id(channel)).unwrap().on_air.name.clone();
        Box::pin(async move { Ok(ComesBack { name, next: None }) })
    }

    fn planned(
        &self,
        channel: ChannelId,
        until: AirTime,
    ) -> BoxFuture<'_, Result<Vec<PlannedAiring>, TimelineError>> {
        Box::pin(async move {
            let channel = self.channel_of(ChannelRef::Id(channel)).unwrap();
            let (ledger, planner) =
                (channel.ledger.lock().unwrap(), channel.planner.lock().unwrap());
            let now = self.clock.now();
            let mut rows: Vec<_> = ledger.airings().iter().map(|airing| airing.row).collect();
            rows.extend(planner.rows(ledger.tail(), now, until));
            Ok(PlannedAiring::of_rows(&rows, |_| None, now))
        })
    }

    fn media(
        &self,
        media: MediaId,
        map: MapId,
    ) -> BoxFuture<'_, Result<MediaSource, TimelineError>> {
        Box::pin(async move {
            self.media.lock().unwrap().get(&map).cloned().ok_or(TimelineError::Gone(media))
        })
    }
}
