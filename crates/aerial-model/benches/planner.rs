//! How long "now" takes, and planning after a year without a viewer, on a
//! channel of 10,000 items.
#![allow(missing_docs)]

use std::hint::black_box;
use std::sync::Arc;

use aerial_model::guide::Guide;
use aerial_model::id::{ItemId, MapId, MediaId};
use aerial_model::ledger::Ledger;
use aerial_model::lineup::{Lineup, Order, Slot, SlotKey};
use aerial_model::planner::Planner;
use aerial_model::segment_map::MapOutline;
use aerial_model::time::{AirTime, FrameRate, Ticks};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use uuid::Uuid;

const DAY: Ticks = Ticks::from_secs(86_400);

fn lineup(order: Order) -> Arc<Lineup> {
    let rate = FrameRate::new(24_000, 1_001).expect("a frame rate");
    let slots = (0..10_000u32).map(|n| Slot {
        item: ItemId(Uuid::from_u128(n.into())),
        media: MediaId(Uuid::from_u128((n ^ 0x5555).into())),
        key: SlotKey { rank: n.into(), episode: 0 },
        map_id: MapId(Uuid::from_u128(n.into())),
        // 20 to 53 minutes.
        map: MapOutline::of_frames(rate, 28_800 + u64::from(n * 7_919 % 48_000)).expect("frames"),
    });
    let start = AirTime::from_unix_millis(1_767_225_600_000);
    Arc::new(Lineup {
        version: 1,
        order,
        seed: 5,
        looping: true,
        starts_at: start,
        created_at: start,
        frame_height: 720,
        slots: slots.collect(),
    })
}

fn bench(criterion: &mut Criterion) {
    for (name, order) in [("sequential", Order::Sequential), ("shuffled", Order::Shuffle)] {
        let lineup = lineup(order);
        let start = lineup.starts_at;
        let planner = Arc::new(Planner::new(lineup.clone()));
        let ledger = Ledger::read(planner.commit(None, start + DAY)).expect("a valid ledger");
        let none = |_| None;
        let mut group = criterion.benchmark_group(name);
        group.bench_function("now", |b| {
            let guide = Guide::new(&ledger, &planner, &none);
            b.iter(|| black_box(guide.now(black_box(start + DAY * 3))));
        });
        group.bench_function("now, nobody watched for a year", |b| {
            let guide = Guide::new(&ledger, &planner, &none);
            b.iter(|| black_box(guide.now(black_box(start + DAY * 366))));
        });
        group.bench_function("now, a cycle not yet known", |b| {
            let guide = Guide::new(&ledger, &planner, &none);
            // Each time another cycle, so that a shuffle has to be sorted.
            let mut day = 0;
            b.iter(|| {
                day = (day + 300) % 30_000;
                black_box(guide.now(black_box(start + DAY * (day + 1))))
            });
        });
        group.bench_function("commit after a year", |b| {
            b.iter(|| planner.commit(ledger.tail(), black_box(start + DAY * 366)).count());
        });
        group.bench_function("guide of a week", |b| {
            let guide = Guide::new(&ledger, &planner, &none);
            b.iter(|| guide.programmes(start + DAY, start + DAY * 8).count());
        });
        group.bench_function("a new planner", |b| {
            b.iter_batched(|| lineup.clone(), Planner::new, BatchSize::SmallInput);
        });
        group.finish();
    }
}

criterion_group!(benches, bench);
criterion_main!(benches);
