//! Time passing: timers, players, workers, in the order of their instants.
//!
//! Owns what wakes when. Invariant: whatever has a timer is looked at exactly
//! then, and nothing happens between.

use std::collections::BTreeSet;
use std::sync::Arc;

use aerial_model::demand::Want;
use aerial_model::ledger::Ledger;
use aerial_model::profile::Rendition;
use aerial_model::session::Event as Heard;
use aerial_model::time::AirTime;

use super::World;
use super::air_clock::SWEEP_MS;
use super::programme::{self, SegmentKey};
use super::transcoder::Surroundings;
use crate::history::Level;
use crate::invariant::{Held, Invariant, session, store, work};
use crate::library::Mood;
use crate::random::Random;

/// How often workers' reach is compared with demand, as `stream/transcoder` has it.
const REVIEW_MS: u64 = 250;

/// In a world of years, a session is looked in on after so long, or sooner. All
/// half-hour items are so committed one by one.
const LOOK_IN_MS: u64 = 25 * 60_000;

/// A session that had viewers for so long before an item has it begun in time:
/// what comes next is begun 20 s before.
const STEADY_MS: u64 = 30_000;

/// Two workers that hang take 20 s; then it is slate, at the next review or two.
const BEGUN_WITHIN_MS: u64 = 3_000;

/// A segment that is asked for is there in this time where workers are fast: a
/// second to state the demand, 0.3 s to start, three times a segment's work.
const WAIT_CALM_MS: u64 = 6_000;

/// And where they fail: two that hang before it is slate, after one that was told
/// to end or was killed, all at what two tracks could take.
const WAIT_TROUBLED_MS: u64 = 45_000;

impl World {
    pub(super) fn wait(&mut self, ms: u64) -> Held {
        let end = self.now_ms + ms;
        while self.now_ms < end {
            let wakes = self.wakes_at().max(self.now_ms + 1).min(end);
            self.count_time(wakes - self.now_ms);
            self.now_ms = wakes;
            self.turn()?;
        }
        Ok(())
    }

    fn wakes_at(&self) -> u64 {
        let sessions = self.server.sessions.iter();
        let mut next = sessions.filter_map(super::OnAir::wakes_at).min().unwrap_or(u64::MAX);
        let busy = !self.server.sessions.is_empty();
        if self.level == Level::Years {
            let looks_in = self.server.sessions.iter().map(|session| session.demand_at);
            next = looks_in.fold(next, u64::min);
        } else {
            let watching = self.viewers.values().filter(|v| v.watches && !v.is_transport);
            next = watching.map(|viewer| viewer.next_at).fold(next, u64::min);
            if busy || !self.server.transcoder.is_idle() {
                next = next.min(self.reviewed_ms + REVIEW_MS);
            }
        }
        next.min(self.clocks_wake_at())
    }

    fn turn(&mut self) -> Held {
        let now_ms = self.now_ms;
        for place in 0..self.server.sessions.len() {
            let session = &mut self.server.sessions[place];
            if session.model.poll_timeout().is_some() {
                session.tell(Heard::Tick, now_ms);
            }
            if !self.server.sessions[place].is_open() {
                self.withdrawn();
            }
        }
        match self.level {
            Level::Years => self.look_in()?,
            Level::Windows => self.play()?,
        }
        if now_ms - self.swept_ms >= SWEEP_MS {
            self.sweep()?;
        }
        self.sessions_hold()
    }

    /// The session has ended: nobody wants its tracks for it any more.
    pub(super) fn withdrawn(&mut self) {
        let wants = self.all_wants();
        self.server.transcoder.withdrawn(&wants);
    }

    fn all_wants(&self) -> Vec<Want> {
        self.server.sessions.iter().flat_map(|session| session.wants.iter().copied()).collect()
    }

    /// What must hold of sessions; those that are over go.
    pub(super) fn sessions_hold(&mut self) -> Held {
        let now_ms = self.now_ms;
        for on_air in &self.server.sessions {
            let (model, twin) = (&on_air.model, &on_air.twin);
            let counted = session::clients_are_counted(model, twin, now_ms);
            self.tally.check(Invariant::ClientsAreCounted, counted)?;
            let exact = session::grace_is_exact(model, twin, now_ms);
            self.tally.check(Invariant::GraceIsExact, exact)?;
        }
        let open = self.server.sessions.iter().filter(|s| s.is_open()).map(|s| s.channel);
        self.tally.check(Invariant::OneSession, session::one_session(open.collect()))?;
        self.server.sessions.retain(super::OnAir::is_open);
        Ok(())
    }

    /// In a world of years: what sessions would do each second is done now and
    /// then, and their clients' playlists are looked at.
    fn look_in(&mut self) -> Held {
        let now_ms = self.now_ms;
        for place in 0..self.server.sessions.len() {
            let on_air = &mut self.server.sessions[place];
            if on_air.demand_at > now_ms {
                continue;
            }
            let channel = on_air.channel;
            let mut random = Random::new(now_ms ^ (channel as u64) << 48);
            on_air.demand_at = now_ms + random.within(1_000..LOOK_IN_MS);
            self.committed(channel)?;
            let watching = |(number, viewer): (&u32, &super::Viewer)| {
                (viewer.watches && viewer.channel == channel).then_some(*number)
            };
            let viewers: Vec<u32> = self.viewers.iter().filter_map(watching).collect();
            for viewer in viewers {
                self.reload(viewer)?;
            }
            self.agrees(channel)?;
            let now = self.now(channel);
            self.witnesses[channel].forgets(now);
        }
        Ok(())
    }

    /// In a window: players play, sessions state their demand, workers work.
    fn play(&mut self) -> Held {
        let now_ms = self.now_ms;
        let due = |(number, viewer): (&u32, &super::Viewer)| {
            (viewer.watches && !viewer.is_transport && viewer.next_at <= now_ms).then_some(*number)
        };
        let reloading: Vec<u32> = self.viewers.iter().filter_map(due).collect();
        for viewer in reloading {
            self.reload(viewer)?;
        }
        self.fetch()?;
        if now_ms >= self.reviewed_ms + REVIEW_MS {
            self.review()?;
            self.fetch()?;
            self.items_begin()?;
        }
        Ok(())
    }

    /// Players get what they wait for, and ask for the next.
    fn fetch(&mut self) -> Held {
        let numbers: Vec<u32> = self.viewers.keys().copied().collect();
        for number in numbers {
            // A player with much to catch up with asks for one after the other.
            for _ in 0..16 {
                self.deliver(number)?;
                let next = self.viewers.get(&number).and_then(|v| v.next_request(self.now_ms));
                let Some(sequence) = next else { break };
                self.ask(number, sequence)?;
                if self.viewers.get(&number).is_none_or(|viewer| viewer.request.is_none()) {
                    break;
                }
            }
        }
        Ok(())
    }

    fn deliver(&mut self, number: u32) -> Held {
        let now_ms = self.now_ms;
        let Some(player) = self.viewers.get_mut(&number) else { return Ok(()) };
        let Some(request) = player.request else { return Ok(()) };
        let has = self.slated.contains(&(player.channel, request.sequence))
            || self.server.memory.has(&self.disk, request.key);
        if !has {
            let most_ms = match self.mood {
                Mood::Calm => WAIT_CALM_MS,
                Mood::Troubled => WAIT_TROUBLED_MS,
                Mood::Slow => return Ok(()),
            };
            let waited_ms = now_ms - request.since;
            let in_time = work::nobody_waits_long(request.sequence, waited_ms, most_ms);
            return self.tally.check(Invariant::NobodyWaitsLong, in_time);
        }
        player.request = None;
        let late_ms = player.gets(request, now_ms);
        let (channel, client, is_early) = (player.channel, player.client(), player.is_early);
        let rendition = player.rendition;
        self.touch(request.key);
        self.sent(channel, request.sequence, rendition)?;
        self.tell_open(channel, Heard::Delivered);
        if let Some(client) = client {
            self.tell_open(channel, Heard::Answered(client));
        }
        if self.mood == Mood::Calm && !is_early {
            let runs = work::picture_runs_on(request.sequence, late_ms);
            self.tally.check(Invariant::PicturesRunOn, runs)?;
        }
        Ok(())
    }

    /// Before it is sent, it is written down that it is slate.
    fn sent(&mut self, channel: usize, number: u64, rendition: Rendition) -> Held {
        let ledger = self.committed(channel)?;
        if let Some(segment) = ledger.segment(number) {
            self.note(channel, &segment, rendition);
        }
        Ok(())
    }

    /// Sessions say what they need, workers work, and what they need is compared.
    fn review(&mut self) -> Held {
        let now_ms = self.now_ms;
        for place in 0..self.server.sessions.len() {
            if self.server.sessions[place].demand_at > now_ms {
                continue;
            }
            let channel = self.server.sessions[place].channel;
            let now = self.now(channel);
            let ledger = self.committed(channel)?;
            for (rendition, from) in self.server.sessions[place].listed(&ledger, now) {
                self.tend(channel, &ledger, rendition, (from, now));
            }
            let (memory, disk) = (&self.server.memory, &self.disk);
            let on_air = &mut self.server.sessions[place];
            let made = |key: SegmentKey| memory.has(disk, key);
            let tracks = on_air.look_ahead(&self.library, &ledger, now, made);
            on_air.demanded(now_ms);
            self.server.transcoder.wanted(&tracks);
            self.witnesses[channel].forgets(now);
        }
        let wants = self.all_wants();
        let awaited = self.awaited();
        let mut at = Surroundings {
            library: &self.library,
            disk: &mut self.disk,
            memory: &mut self.server.memory,
            awaited: &awaited,
            now_ms,
            passed_ms: now_ms - self.reviewed_ms,
            speed_percent: self.speed_percent,
        };
        self.reviewed_ms = now_ms;
        self.server.transcoder.turn(&wants, &mut at, &mut self.tally)?;
        self.store_holds()
    }

    fn awaited(&self) -> BTreeSet<SegmentKey> {
        self.viewers.values().filter_map(|viewer| Some(viewer.request?.key)).collect()
    }

    fn store_holds(&mut self) -> Held {
        let kept = store::store_keeps_its_limit(self.disk.bytes(), self.disk.limit());
        self.tally.check(Invariant::StoreKeepsItsLimit, kept)?;
        let evicted = std::mem::take(&mut self.server.transcoder.evicted);
        if evicted.is_empty() {
            return Ok(());
        }
        let channels: BTreeSet<usize> =
            self.server.sessions.iter().map(|session| session.channel).collect();
        let mut ledgers: Vec<(usize, Arc<Ledger>)> = Vec::new();
        for channel in channels {
            ledgers.push((channel, self.committed(channel)?));
        }
        let stay = store::named_segments_stay(&evicted, &self.named(&ledgers));
        self.tally.check(Invariant::NamedSegmentsStay, stay)
    }

    /// Items that began moments ago, on channels that were watched all the while,
    /// have begun to be made.
    fn items_begin(&mut self) -> Held {
        let now_ms = self.now_ms;
        // What is replaced as it begins is slate a moment later.
        if self.mood == Mood::Slow || now_ms < self.replaced_ms + STEADY_MS {
            return Ok(());
        }
        for place in 0..self.server.sessions.len() {
            let on_air = &self.server.sessions[place];
            let steady = on_air.watched_since.is_some_and(|since| now_ms - since >= STEADY_MS);
            if !steady {
                continue;
            }
            let channel = on_air.channel;
            let mut of_channel =
                self.viewers.values().filter(|v| v.watches && v.channel == channel);
            let Some((rendition, wants)) = of_channel.find_map(|viewer| {
                let is_steady = viewer.shows_until.is_some_and(|until| until > now_ms)
                    && now_ms >= viewer.paused_until + STEADY_MS;
                Some((viewer.rendition, viewer.wants?)).filter(|_| is_steady)
            }) else {
                continue;
            };
            let ledger = self.committed(channel)?;
            let late = AirTime(self.now(channel).0 - BEGUN_WITHIN_MS.cast_signed() * 90);
            let Some(index) = ledger.index_at(late) else { continue };
            let airing = &ledger.airings()[index];
            let since_ms = (late - airing.row.start).as_millis();
            if since_ms >= REVIEW_MS.cast_signed() {
                continue;
            }
            let Some(first) = ledger.segment(airing.row.first_sequence) else { continue };
            let key = programme::key(&self.library, &first, rendition);
            // What the player has may be gone again.
            let has_begun = wants > first.sequence
                || self.slated.contains(&(channel, first.sequence))
                || self.server.memory.has_begun(&self.disk, key);
            let begun = work::item_begins_on_time(first.sequence, first.start, has_begun);
            self.tally.check(Invariant::ItemsBeginOnTime, begun)?;
        }
        Ok(())
    }

    pub(super) fn kill_workers(&mut self) {
        let awaited = self.awaited();
        let mut at = Surroundings {
            library: &self.library,
            disk: &mut self.disk,
            memory: &mut self.server.memory,
            awaited: &awaited,
            now_ms: self.now_ms,
            passed_ms: 0,
            speed_percent: self.speed_percent,
        };
        self.server.transcoder.kill(&mut at);
    }

    /// Caches are looked through, and the wall clock is looked at (`rules.md`, 8).
    fn sweep(&mut self) -> Held {
        self.swept_ms = self.now_ms;
        let expired = self.server.memory.sweep(self.now_ms);
        self.server.transcoder.evicted.extend(expired);
        self.disk.mark_used();
        self.clocks_swept();
        self.store_holds()
    }
}
