//! The sessions of the server, without any task.
//!
//! Mirrors the server's `stream/manager` and `stream/session`. Owns which session
//! a channel has and what it wants; `aerial_model::session` decides the rest.
//! Invariant: at most one open session per channel.

use std::collections::BTreeSet;
use std::time::Duration;

use aerial_model::demand::Want;
use aerial_model::hls::{Edge, TARGET_DURATION_TRANSCODED, window};
use aerial_model::ledger::Ledger;
use aerial_model::profile::Rendition;
use aerial_model::session::{Action, Event, Session, State};
use aerial_model::time::AirTime;

use super::programme::{self, SegmentKey, Track, Tracks};
use crate::history::{Level, Plant};
use crate::invariant::session::Twin;
use crate::library::Library;

/// As `stream/session` has it.
const DEMAND_EVERY_MS: u64 = 1_000;

/// EXT-X-TARGETDURATION of all channels.
pub(crate) const TARGET_DURATION: Duration = Duration::from_secs(4);

/// One channel on the air.
#[derive(Debug)]
pub(crate) struct OnAir {
    pub(crate) channel: usize,
    pub(crate) model: Session,
    pub(crate) twin: Twin,
    origin_ms: u64,
    /// When it states its demand next.
    pub(crate) demand_at: u64,
    pub(crate) urgent: BTreeSet<(Rendition, u64)>,
    pub(crate) wants: Vec<Want>,
    /// The first sequence number that it promised to nobody.
    pub(crate) promised_end: u64,
    /// Since when it has had clients without a break.
    pub(crate) watched_since: Option<u64>,
    /// Whether it states its demand as soon as its clients change. In a world of
    /// years it is looked in on by the clock alone.
    demands_at_once: bool,
    plant: Option<Plant>,
}

impl OnAir {
    pub(crate) fn new(
        channel: usize,
        grace_ms: u64,
        now_ms: u64,
        level: Level,
        plant: Option<Plant>,
    ) -> Self {
        let early = if plant == Some(Plant::SessionEndsEarly) { 1_000 } else { 0 };
        let grace = Duration::from_millis(grace_ms.saturating_sub(early));
        // No channel says yet that it is to be kept running, and the server asks
        // for none; the third channel here is, so that it is tried.
        let keep_running = channel == 2;
        Self {
            channel,
            model: Session::new(grace, keep_running, TARGET_DURATION, Duration::ZERO),
            twin: Twin::new(grace_ms, keep_running, now_ms),
            origin_ms: now_ms,
            demand_at: now_ms,
            urgent: BTreeSet::new(),
            wants: Vec::new(),
            promised_end: 0,
            watched_since: None,
            demands_at_once: level == Level::Windows,
            plant,
        }
    }

    /// Something happened to it.
    pub(crate) fn tell(&mut self, event: Event, now_ms: u64) {
        let now = Duration::from_millis(now_ms - self.origin_ms);
        self.twin.hears(&event, now_ms);
        let forgets = match event {
            Event::Answered(client) if self.plant == Some(Plant::ClientsAreForgotten) => {
                Some(Event::Left(client))
            }
            _ => None,
        };
        let mut actions = self.model.handle(event, now);
        actions.extend(forgets.into_iter().flat_map(|event| self.model.handle(event, now)));
        for action in actions {
            match action {
                Action::Want(_) if self.demands_at_once => self.demand_at = now_ms,
                Action::Want(_) => {}
                Action::Clear => self.wants.clear(),
            }
        }
        if !self.twin.has_clients() {
            self.watched_since = None;
        } else if self.watched_since.is_none() {
            self.watched_since = Some(now_ms);
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        !matches!(self.model.state(), State::Stopping | State::Ended)
    }

    /// When it is to be looked at: by its own timers, and by its twin's.
    pub(crate) fn wakes_at(&self) -> Option<u64> {
        let own = self
            .model
            .poll_timeout()
            .map(|(then, _reason)| self.origin_ms + then.as_millis() as u64);
        own.into_iter().chain(self.twin.wakes_at()).min()
    }

    /// Says what it will need, if it is time; the tracks of it.
    pub(crate) fn look_ahead(
        &mut self,
        library: &Library,
        ledger: &Ledger,
        now: AirTime,
        made: impl Fn(SegmentKey) -> bool,
    ) -> Vec<Track> {
        let Some(edge) = Edge::at(ledger, TARGET_DURATION_TRANSCODED, now) else {
            return Vec::new();
        };
        let (mut all, mut wants) = (Vec::new(), Vec::new());
        self.urgent.retain(|(_, number)| window::servable(ledger, *number, now).is_some());
        let asked = self.urgent.iter().map(|(rendition, _)| *rendition);
        let renditions: BTreeSet<Rendition> =
            self.model.wanted().iter().copied().chain(asked).collect();
        for rendition in renditions {
            let mut starts = match self.model.wanted().contains(&rendition) {
                true => self.model.starts(rendition, edge),
                false => BTreeSet::new(),
            };
            let urgent = |(of, number): &(Rendition, u64)| (*of == rendition).then_some(*number);
            let earliest = self.urgent.iter().filter_map(urgent).chain(starts.first().copied());
            let from = [earliest.min().unwrap_or(edge.current), edge.current];
            let tracks = Tracks::of(library, ledger, rendition, from, now);
            self.urgent.retain(|(of, number)| {
                *of != rendition || !tracks.key(ledger, *number).is_some_and(&made)
            });
            starts.extend(self.urgent.iter().filter_map(urgent));
            wants.extend(programme::wants(ledger, &tracks, &starts, now, &made));
            all.extend(tracks.0.iter().map(|(_, track)| *track));
        }
        self.wants = wants;
        all
    }

    /// What its clients' lists begin with, in each rendition.
    pub(crate) fn listed(&self, ledger: &Ledger, now: AirTime) -> Vec<(Rendition, u64)> {
        let Some(edge) = Edge::at(ledger, TARGET_DURATION_TRANSCODED, now) else {
            return Vec::new();
        };
        let urgent = |rendition: Rendition| {
            let of = self.urgent.iter().filter(move |(of, _)| *of == rendition);
            of.map(|(_, number)| *number).min().unwrap_or(edge.back)
        };
        let renditions: BTreeSet<Rendition> =
            self.model.wanted().iter().copied().chain(self.urgent.iter().map(|u| u.0)).collect();
        renditions.into_iter().map(|of| (of, urgent(of).min(edge.back))).collect()
    }

    /// It said what it needs, just now.
    pub(crate) fn demanded(&mut self, now_ms: u64) {
        self.demand_at = now_ms + DEMAND_EVERY_MS;
    }
}
