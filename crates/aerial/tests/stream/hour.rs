//! An hour of the unending MPEG-TS, in simulated time.

use std::collections::BTreeSet;
use std::time::Duration;

use aerial::stream::transport;
use aerial_model::mpegts::{Demuxer, UnitKind};
use aerial_model::time::{AUDIO_FRAME, AirTime, TIMESTAMP_MODULUS, Ticks};
use futures::StreamExt as _;

use crate::media::film;
use crate::world::{NOW, Plan, Setting, World, until};

/// A recording of an hour: a drift of a sample in each programme would be heard by then.
/// `AERIAL_TEST_HOURS` asks for more.
fn length() -> Ticks {
    let hours = std::env::var("AERIAL_TEST_HOURS").map_or(1, |hours| hours.parse().unwrap());
    Ticks::from_secs(3_600) * hours
}

/// The standard's limit between two clock references.
const PCR_GAP: i64 = 9_000;

const TICK: Duration = Duration::from_millis(250);

/// Judges packets as they come.
struct Judge {
    demuxer: Demuxer,
    partial: Vec<u8>,
    pcr: Option<i64>,
    decoded: Option<Ticks>,
    heard: Option<Ticks>,
    shown: BTreeSet<Ticks>,
    pictures: u64,
}

impl Judge {
    fn new() -> Self {
        Self {
            demuxer: Demuxer::new(NOW.since_epoch()),
            partial: Vec::new(),
            pcr: None,
            decoded: None,
            heard: None,
            shown: BTreeSet::new(),
            pictures: 0,
        }
    }

    fn push(&mut self, bytes: &[u8], starts: &BTreeSet<Ticks>) {
        self.partial.extend_from_slice(bytes);
        let whole = self.partial.len() / 188 * 188;
        for packet in self.partial[..whole].chunks_exact(188) {
            if let Some(pcr) = clock_reference(packet) {
                let gap = self.pcr.map(|last| (pcr - last).rem_euclid(TIMESTAMP_MODULUS));
                assert!(gap.is_none_or(|gap| (1..=PCR_GAP).contains(&gap)), "{gap:?} to {pcr}");
                self.pcr = Some(pcr);
            }
        }
        self.demuxer.push(&self.partial[..whole]);
        self.partial.drain(..whole);
        while let Some(unit) = self.demuxer.next_unit() {
            let unit = unit.expect("whole packets with rising counters");
            match unit.kind {
                UnitKind::Video { .. } => {
                    assert!(self.decoded < Some(unit.dts), "{:?} is decoded again", unit.dts);
                    self.decoded = Some(unit.dts);
                    self.pictures += 1;
                    if starts.contains(&unit.pts) {
                        self.shown.insert(unit.pts);
                    }
                }
                UnitKind::Audio => {
                    let step = self.heard.map(|last| unit.pts - last);
                    assert!(step.is_none_or(|step| step == AUDIO_FRAME), "{step:?} in the sound");
                    self.heard = Some(unit.pts);
                }
            }
        }
    }
}

/// The base of the PCR, if the packet has one.
fn clock_reference(packet: &[u8]) -> Option<i64> {
    let has_field = packet[3] & 0x20 != 0 && packet[4] >= 7 && packet[5] & 0x10 != 0;
    let base = || {
        let high = packet[6..10].iter().fold(0, |base, byte| base << 8 | i64::from(*byte));
        high << 1 | i64::from(packet[10] >> 7)
    };
    has_field.then(base)
}

#[tokio::test]
async fn an_hour_of_the_unending_stream_has_no_seam() {
    // 40 s and 29.2 s, of other rates.
    let films = [film("25", 1_000), film("24000/1001", 700)];
    let world = World::new(Setting::of(Plan::of(&films))).await;
    // All of both is made first, so that no FFmpeg works in simulated time.
    let (client, _) = world.tune_in(world.channel()).await;
    world.segments(client, 0..10).await;
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(38)).await;
    world.clock.set(NOW + Ticks::from_secs(38));
    tokio::time::resume();
    world.segments(client, 10..18).await;
    until("both workers are done", || world.status().workers.is_empty()).await;

    tokio::time::pause();
    let clock = world.clock.clone();
    let passing = tokio::spawn(async move {
        loop {
            tokio::time::sleep(TICK).await;
            clock.set(clock.now() + Ticks::from_millis(TICK.as_millis() as i64));
        }
    });
    let mut stream =
        Box::pin(transport::tune_in(&world.manager, world.channel(), None).await.unwrap());
    let (begun, length) = (world.clock.now(), length());
    let mut judge = Judge::new();
    let mut starts = BTreeSet::new();
    while judge.heard.is_none_or(|heard| AirTime(heard.0) < begun + length) {
        let piece = stream.next().await.expect("it goes on");
        let airings = world.schedule.ledger(0);
        starts.extend(airings.airings().iter().map(|airing| airing.row.start.since_epoch()));
        judge.push(&piece, &starts);
    }
    passing.abort();
    // Each programme began with a picture at its instant, and the sound is on one grid
    // with all of them.
    let (first, last) = (begun.since_epoch(), begun.since_epoch() + length);
    let aired: Vec<Ticks> =
        starts.iter().copied().filter(|start| *start > first && *start < last).collect();
    assert!(aired.len() > 100, "{} programmes", aired.len());
    assert!(aired.iter().all(|start| judge.shown.contains(start)));
    let heard = judge.heard.unwrap();
    assert!(aired.iter().all(|start| (heard - *start).0 % AUDIO_FRAME.0 == 0));
    assert!(judge.pictures > 80_000, "{} pictures", judge.pictures);
    assert_eq!(world.starts().len(), 2, "all of it is kept");
    tokio::time::resume();
    drop(stream);
    world.end().await;
}
