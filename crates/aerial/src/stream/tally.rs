//! What the stream part counts, for whoever watches over the server.
//!
//! Owns the figures since the start; how they are told is the business of `metrics`.
//! They go with the segment store, which all of the stream part has. Invariants: to
//! count holds nothing up, and what is kept is bounded: figures of each channel, and
//! who tunes in now.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aerial_model::client::ClientId;
use aerial_model::fault::Class;
use aerial_model::id::ChannelId;
use aerial_model::time::Ticks;
use prometheus_client::metrics::histogram::Histogram;
use tokio::time::Instant;

use crate::clock::monotonic;

/// Around what a tune-in takes: from what lies in memory to a disk that spins up, and
/// an FFmpeg that hangs.
const TUNE_IN_SECONDS: [f64; 10] = [0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 2.0, 4.0, 8.0, 16.0];

/// Who has not asked for a segment by then does not tune in any more.
const TUNES_IN_WITHIN: Duration = Duration::from_secs(60);

/// Who tunes in at a time, at the most.
const TUNING_IN: u64 = 10_000;

/// How a segment was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Made {
    /// Its picture is the file's own.
    Copied,
    /// Its picture was encoded.
    Encoded,
    /// It is slate, or ends as slate.
    Slate,
}

impl Made {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Copied, Self::Encoded, Self::Slate];

    /// As it is told.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Copied => "copied",
            Self::Encoded => "encoded",
            Self::Slate => "slate",
        }
    }
}

/// What became of a channel's segments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OfChannel {
    /// Handed to players one by one (HLS).
    pub hls: u64,
    /// Handed on within unending streams (MPEG-TS).
    pub mpegts: u64,
    /// Asked for before their time on the air, and not begun by then.
    pub late: u64,
    /// Of a programme, and slate all the same.
    pub slated: u64,
}

/// What the workers of an encoder did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// How long they worked; while they sleep, because nothing more is wanted, is no work.
    pub time: Duration,
    /// How much they made of it.
    pub media: Ticks,
}

/// The figures; clones count together.
#[derive(Clone, Debug)]
pub struct Tally(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    made: [AtomicU64; Made::ALL.len()],
    replayed: AtomicU64,
    refused: AtomicU64,
    runs: AtomicU64,
    /// Never held across an await.
    counts: Mutex<Counts>,
    tuning_in: moka::sync::Cache<ClientId, Instant>,
    tune_in: Histogram,
}

#[derive(Debug, Default)]
struct Counts {
    channels: HashMap<ChannelId, OfChannel>,
    faults: BTreeMap<&'static str, u64>,
    work: BTreeMap<&'static str, Work>,
}

impl Default for Tally {
    fn default() -> Self {
        let tuning_in = moka::sync::Cache::builder()
            .max_capacity(TUNING_IN)
            .time_to_live(TUNES_IN_WITHIN)
            .build();
        Self(Arc::new(Inner {
            made: Default::default(),
            replayed: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            runs: AtomicU64::new(0),
            counts: Mutex::default(),
            tuning_in,
            tune_in: Histogram::new(TUNE_IN_SECONDS),
        }))
    }
}

impl Tally {
    /// A segment is whole.
    pub fn made(&self, how: Made) {
        self.0.made[how as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// How many were made so.
    pub fn segments_made(&self, how: Made) -> u64 {
        self.0.made[how as usize].load(Ordering::Relaxed)
    }

    /// A segment was handed to a player.
    pub fn served_hls(&self, channel: ChannelId) {
        self.counts().channels.entry(channel).or_default().hls += 1;
    }

    /// A segment was handed on within an unending stream.
    pub fn served_mpegts(&self, channel: ChannelId) {
        self.counts().channels.entry(channel).or_default().mpegts += 1;
    }

    /// A segment was not begun when its time came.
    pub fn late(&self, channel: ChannelId) {
        self.counts().channels.entry(channel).or_default().late += 1;
    }

    /// A segment of a programme is slate.
    pub fn slated(&self, channel: ChannelId) {
        self.counts().channels.entry(channel).or_default().slated += 1;
    }

    /// What became of this channel's segments.
    pub fn of_channel(&self, channel: ChannelId) -> OfChannel {
        self.counts().channels.get(&channel).copied().unwrap_or_default()
    }

    /// Forgets channels that are no more.
    pub fn keep(&self, is_there: impl Fn(&ChannelId) -> bool) {
        self.counts().channels.retain(|channel, _| is_there(channel));
    }

    /// A segment of something that is played again was handed to a player.
    pub fn replayed(&self) {
        self.0.replayed.fetch_add(1, Ordering::Relaxed);
    }

    /// How many were.
    pub fn segments_replayed(&self) -> u64 {
        self.0.replayed.load(Ordering::Relaxed)
    }

    /// Somebody was not let in, because the machine does as much as it can.
    pub fn refused(&self) {
        self.0.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// How many were not.
    pub fn tune_ins_refused(&self) -> u64 {
        self.0.refused.load(Ordering::Relaxed)
    }

    /// A worker begins.
    pub fn ran(&self) {
        self.0.runs.fetch_add(1, Ordering::Relaxed);
    }

    /// How many began.
    pub fn runs(&self) -> u64 {
        self.0.runs.load(Ordering::Relaxed)
    }

    /// A worker failed, for this.
    pub fn failed(&self, class: Class) {
        *self.counts().faults.entry(class.name()).or_default() += 1;
    }

    /// How many failed for that.
    pub fn faults(&self, class: Class) -> u64 {
        self.counts().faults.get(class.name()).copied().unwrap_or_default()
    }

    /// A worker with this encoder made so much in that time.
    pub fn worked(&self, encoder: &'static str, time: Duration, media: Ticks) {
        let mut counts = self.counts();
        let work = counts.work.entry(encoder).or_default();
        work.time += time;
        work.media += media;
    }

    /// What the workers of each encoder did.
    pub fn work(&self) -> Vec<(&'static str, Work)> {
        self.counts().work.iter().map(|(encoder, work)| (*encoder, *work)).collect()
    }

    /// A viewer was let in, and has nothing to see yet.
    pub fn tuning_in(&self, client: ClientId) {
        self.0.tuning_in.insert(client, monotonic());
    }

    /// The first bytes of a segment are there for a viewer: the first ones count.
    pub fn tuned_in(&self, client: ClientId) {
        if let Some(since) = self.0.tuning_in.remove(&client) {
            self.0.tune_in.observe(since.elapsed().as_secs_f64());
        }
    }

    /// How long viewers waited from being let in to their first bytes of a picture.
    pub fn tune_in_seconds(&self) -> Histogram {
        self.0.tune_in.clone()
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use aerial_model::time::AirTime;
    use prometheus_client::encoding::prometheus_text::encode;
    use prometheus_client::registry::Registry;
    use uuid::Uuid;

    use super::*;

    fn told(tally: &Tally) -> String {
        let (mut registry, mut text) = (Registry::default(), String::new());
        registry.register("tune_in", "Tune-ins", tally.tune_in_seconds());
        encode(&mut text, &registry).unwrap();
        text
    }

    #[tokio::test(start_paused = true)]
    async fn a_tune_in_lasts_until_the_first_bytes_and_counts_once() {
        let tally = Tally::default();
        let client = |nonce| ClientId::new(7, AirTime::from_unix_millis(1), nonce);
        tally.tuning_in(client(1));
        tokio::time::advance(Duration::from_millis(300)).await;
        (0..3).for_each(|_| tally.tuned_in(client(1)));
        // One that the server before this one let in.
        tally.tuned_in(client(2));
        let text = told(&tally);
        assert!(text.contains("tune_in_count 1\n"), "{text}");
        assert!(text.contains("tune_in_bucket{le=\"0.25\"} 0\n"), "{text}");
        assert!(text.contains("tune_in_bucket{le=\"0.5\"} 1\n"), "{text}");
    }

    #[test]
    fn figures_are_of_each_channel_and_go_with_it() {
        let tally = Tally::default();
        let [one, two] = [1, 2].map(|n| ChannelId(Uuid::from_u128(n)));
        tally.served_hls(one);
        tally.served_hls(one);
        tally.served_mpegts(two);
        tally.late(two);
        tally.slated(two);
        assert_eq!(tally.of_channel(one), OfChannel { hls: 2, ..OfChannel::default() });
        let of_two = OfChannel { hls: 0, mpegts: 1, late: 1, slated: 1 };
        assert_eq!(tally.of_channel(two), of_two);
        tally.keep(|channel| *channel == two);
        assert_eq!(tally.of_channel(one), OfChannel::default());
        assert_eq!(tally.of_channel(two), of_two);
    }

    #[test]
    fn segments_and_faults_are_counted_by_their_kind() {
        let tally = Tally::default();
        tally.made(Made::Slate);
        tally.made(Made::Slate);
        tally.made(Made::Copied);
        assert_eq!(Made::ALL.map(|how| tally.segments_made(how)), [1, 0, 2]);
        tally.failed(Class::Hang);
        assert_eq!((tally.faults(Class::Hang), tally.faults(Class::Crash)), (1, 0));
    }
}
