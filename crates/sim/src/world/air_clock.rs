//! The channels' time, the wall clock's steps, and what is noted for the next server.
//!
//! Mirrors the server's `clock` and `app/time_kept`; `aerial_model::air_clock` decides.
//! Invariant: nothing here reads a clock but the world's.

use std::collections::BTreeSet;

use aerial_model::air_clock::AirClocks;
use aerial_model::id::ChannelId;
use aerial_model::time::{AirTime, Ticks};

use super::World;
use crate::history::{Level, Plant};

/// How often the clocks are looked at, as `stream/manager` has it.
pub(super) const SWEEP_MS: u64 = 5_000;

/// How often the channels' time is noted, as `app/time_kept` has it.
const NOTED_MS: u64 = 20_000;

/// A step of the wall clock under this is no step (`rules.md`, 8).
const STEP: Ticks = Ticks::from_secs(2);

impl World {
    /// The machine's clock that nobody sets.
    pub(super) fn monotonic(&self) -> Ticks {
        Ticks::from_millis(self.now_ms.cast_signed())
    }

    /// The time on a channel's air.
    pub(super) fn now(&self, channel: usize) -> AirTime {
        self.server.clocks.now_on(self.id(channel), self.monotonic())
    }

    fn id(&self, channel: usize) -> ChannelId {
        self.catalogue.channels[channel].channel.id
    }

    fn wall_now(&self) -> AirTime {
        AirTime(self.wall) + self.monotonic()
    }

    /// A channel's list, or a request, promised what airs until then.
    pub(super) fn clock_promised(&mut self, channel: usize, until: AirTime) {
        let id = self.id(channel);
        if self.server.clocks.promised(id, until) {
            self.note_clocks();
        }
    }

    fn note_clocks(&mut self) {
        self.noted = (self.server.clocks.noted(self.monotonic()), self.now_ms);
    }

    /// When the clocks are to be looked at next, if that may change anything.
    pub(super) fn clocks_wake_at(&self) -> u64 {
        let busy = !self.server.sessions.is_empty();
        let step = self.wall_now() - self.server.clocks.now(self.monotonic());
        let is_set = step > STEP || step < Ticks::ZERO - STEP;
        match is_set || (busy && self.level == Level::Windows) {
            true => self.swept_ms.max(self.now_ms - self.now_ms % SWEEP_MS) + SWEEP_MS,
            false => u64::MAX,
        }
    }

    /// Looks at the wall clock, and notes the time for the next server.
    pub(super) fn clocks_swept(&mut self) {
        let (wall, monotonic) = (self.wall_now(), self.monotonic());
        let open = self.server.sessions.iter().filter(|session| session.is_open());
        let on_air: BTreeSet<ChannelId> = open.map(|session| self.id(session.channel)).collect();
        if self.plant == Some(Plant::ClockStepsBehindPromises) && on_air.is_empty() {
            self.server.clocks = AirClocks::begun(wall, monotonic);
        }
        let _ = self.server.clocks.follow(&on_air, (wall, monotonic), false);
        if self.now_ms >= self.noted.1 + NOTED_MS {
            self.note_clocks();
        }
    }

    /// The clocks of a server that starts. A machine that was off cannot tell how long.
    pub(super) fn clocks_resumed(&self, machine_goes_on: bool) -> AirClocks {
        let (noted, at_ms) = &self.noted;
        let since = Ticks::from_millis((self.now_ms - at_ms).cast_signed());
        let times = (self.wall_now(), self.monotonic());
        AirClocks::resumed(noted, machine_goes_on.then_some(since), times, false).0
    }
}
