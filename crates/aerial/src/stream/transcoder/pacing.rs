//! Keeping up: workers' speeds, and the preset that follows from them.
//!
//! Owns the readings of all workers and what is done about them. The model
//! (`pace`) decides. Invariant: a worker is replaced for its speed only at the end
//! of a segment, and its successor goes on with the next picture.

use std::collections::BTreeMap;

use aerial_model::command::Tuning;
use aerial_model::demand::{Want, WorkerView};
use aerial_model::pace::{Pace, Reading};
use aerial_model::turns;

use super::owner::Owner;
use super::turns::device;
use crate::clock::monotonic;
use crate::stream::track::Track;

impl Owner {
    /// How hard the next worker of a track tries.
    pub(super) fn tuning(&self, track: &Track) -> Tuning {
        let tuning = self.encoding.tuning;
        let pace = device(track).and_then(|device| self.paces.get(device));
        Tuning { speed: pace.map_or(tuning.speed, Pace::speed), ..tuning }
    }

    /// Looks how workers keep up; steps down or up for the next ones, and sends
    /// away those whose buffers run out.
    pub(super) fn keep_pace(&mut self, views: &[WorkerView], wants: &[Want]) {
        let mut by_device: BTreeMap<&'static str, Vec<Reading>> = BTreeMap::new();
        let now = monotonic();
        for view in views {
            let Some(worker) = self.workers.get_mut(&view.id) else { continue };
            let working = view.position < view.limit;
            let passed = now.saturating_duration_since(worker.looked);
            worker.looked = now;
            worker.gauge.look(passed, working, worker.track.map.cut(view.position));
            if worker.retires_at.is_some_and(|segment| view.position >= segment) {
                worker.stop.cancel();
            }
            if let Some(device) = device(&worker.track) {
                let due = turns::due(view, wants).unwrap_or(std::time::Duration::MAX);
                let (worker, speed, percent) = (view.id, worker.speed, worker.gauge.percent());
                let reading = Reading { worker, speed, percent, due, working };
                by_device.entry(device).or_default().push(reading);
            }
        }
        let asked = self.encoding.tuning.speed;
        let elapsed = now.saturating_duration_since(self.began);
        // Also those without workers: they grow calm.
        let devices: Vec<&'static str> = self.paces.keys().copied().collect();
        for device in devices {
            by_device.entry(device).or_default();
        }
        for (device, readings) in by_device {
            let pace = self.paces.entry(device).or_insert_with(|| Pace::of(asked));
            if let Some(change) = pace.look(&readings, elapsed) {
                let (from, to) = (change.from.preset(), change.to.preset());
                if change.is_down() {
                    tracing::warn!(
                        device,
                        from,
                        to,
                        "encoding falls behind real time: the next workers try less hard"
                    );
                } else {
                    tracing::info!(
                        device,
                        from,
                        to,
                        "encoding keeps up again: back to a better preset"
                    );
                }
            }
            for id in pace.too_slow(&readings) {
                let Some(worker) = self.workers.get_mut(&id) else { continue };
                let next = worker.progress.borrow().segment + 1;
                if worker.retires_at.replace(worker.retires_at.unwrap_or(next)).is_none() {
                    let title = worker.track.title();
                    worker.span.in_scope(|| {
                        tracing::info!(title, "too slow: it is replaced after this segment");
                    });
                    worker.limit.send_replace(next);
                }
            }
        }
    }
}
