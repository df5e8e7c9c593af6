//! Devices that encode: which one is used, and for what it is not.
//!
//! Owns the choice that the self-test made, the items that a device failed for,
//! and its breaker (`aerial_model::encoder`). Starts nothing and tries nothing.
//! Invariant: an item that a device failed for is encoded in software, so that
//! its viewers wait for one failure and no more.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aerial_model::encoder::{Breaker, Encoder, Hardware};
use aerial_model::id::MapId;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::clock::monotonic;

/// An item that a device failed for is given to it again after so long: drivers
/// are mended, and a device that was full is not full for ever.
const IN_SOFTWARE_FOR: Duration = Duration::from_secs(3_600);

/// The device in use; clones share it.
#[derive(Clone, Debug)]
pub struct Devices(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// Never held across an await.
    state: Mutex<State>,
    /// Counts the changes of what [`Devices::encoder_for`] says.
    changed: watch::Sender<u64>,
    since: Instant,
}

#[derive(Debug, Default)]
struct State {
    hardware: Option<Arc<Hardware>>,
    breaker: Breaker,
    /// Since when.
    in_software: HashMap<MapId, Duration>,
}

impl Default for Devices {
    fn default() -> Self {
        let (changed, _) = watch::channel(0);
        Self(Arc::new(Inner { state: Mutex::default(), changed, since: monotonic() }))
    }
}

impl Devices {
    /// With this device from now on; `None`: software alone.
    pub fn set(&self, hardware: Option<Hardware>) {
        *self.state() = State { hardware: hardware.map(Arc::new), ..State::default() };
        self.tell();
    }

    /// The device, whether it is used now or not.
    pub fn hardware(&self) -> Option<Arc<Hardware>> {
        self.state().hardware.clone()
    }

    /// What encodes this item now.
    pub fn encoder_for(&self, item: MapId) -> Encoder {
        let (state, now) = (self.state(), self.0.since.elapsed());
        let failed = |since: &Duration| now.saturating_sub(*since) < IN_SOFTWARE_FOR;
        match &state.hardware {
            Some(hardware)
                if state.breaker.is_closed()
                    && !state.in_software.get(&item).is_some_and(failed) =>
            {
                hardware.encoder
            }
            _ => Encoder::X264,
        }
    }

    /// The device failed for this item, which is encoded in software from now on.
    pub fn failed(&self, item: MapId, title: &str, reason: &str) {
        let now = self.0.since.elapsed();
        let opened = {
            let mut state = self.state();
            state.in_software.retain(|_, since| now.saturating_sub(*since) < IN_SOFTWARE_FOR);
            if state.in_software.insert(item, now).is_some() {
                return;
            }
            state.breaker.failed(item, now)
        };
        tracing::warn!(title, reason, "the device failed: this goes on in software");
        if opened {
            tracing::error!(
                reason,
                "the device failed for several programmes: all are encoded in software until a \
                 test of it succeeds"
            );
        }
        self.tell();
    }

    /// Whether the device is kept from work until a test succeeds.
    pub fn is_out(&self) -> bool {
        !self.state().breaker.is_closed()
    }

    /// How long until the device is to be tested; `None` while it is trusted.
    pub fn test_in(&self) -> Option<Duration> {
        self.state().breaker.test_at().map(|at| at.saturating_sub(self.0.since.elapsed()))
    }

    /// The device was tested.
    pub fn tested(&self, works: bool) {
        let closed = {
            let mut state = self.state();
            let closed = state.breaker.tested(works, self.0.since.elapsed());
            if closed {
                state.in_software.clear();
            }
            closed
        };
        if closed {
            tracing::info!("the device works again, and is used again");
            self.tell();
        }
    }

    /// Tells of each change of what encodes.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.changed.subscribe()
    }

    fn tell(&self) {
        self.0.changed.send_modify(|count| *count += 1);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn item(number: u128) -> MapId {
        MapId(Uuid::from_u128(number))
    }
    fn board() -> Devices {
        let devices = Devices::default();
        devices.set(Some(Hardware { encoder: Encoder::V4l2, node: None, pictures: false }));
        devices
    }

    #[test]
    fn an_item_that_a_device_failed_for_goes_on_in_software_and_others_do_not() {
        let devices = board();
        let mut changes = devices.changes();
        changes.mark_unchanged();
        devices.failed(item(1), "A Film", "no such device");
        assert!(changes.has_changed().unwrap());
        assert_eq!(devices.encoder_for(item(1)), Encoder::X264);
        assert_eq!(devices.encoder_for(item(2)), Encoder::V4l2);
        assert_eq!(devices.test_in(), None);
    }

    #[test]
    fn a_device_that_fails_for_three_items_is_out_until_a_test_succeeds() {
        let devices = board();
        (1..=3).for_each(|n| devices.failed(item(n), "A Film", "no such device"));
        assert!(devices.is_out());
        assert_eq!(devices.encoder_for(item(9)), Encoder::X264);
        assert!(devices.test_in().unwrap() > Duration::from_secs(50));
        devices.tested(false);
        assert!(devices.is_out());
        devices.tested(true);
        assert!(!devices.is_out());
        assert_eq!(devices.encoder_for(item(1)), Encoder::V4l2);
    }

    #[test]
    fn without_a_device_all_is_software() {
        assert_eq!(Devices::default().encoder_for(item(1)), Encoder::X264);
    }
}
