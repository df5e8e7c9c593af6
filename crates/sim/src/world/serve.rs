//! What the server answers: playlists, segments, the guide.
//!
//! Mirrors the server's `stream/manager`. Owns no state. Invariant: whatever is
//! served is committed first, and looked at by the witness.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use aerial_model::client::ClientId;
use aerial_model::hls::window::{self, SERVED_FOR};
use aerial_model::hls::{self, Edge, Entry, TARGET_DURATION_TRANSCODED};
use aerial_model::ledger::{AirSegment, Ledger};
use aerial_model::profile::Rendition;
use aerial_model::session::Event as Heard;
use aerial_model::time::{AirTime, Ticks};

use super::World;
use super::programme::{self, SegmentKey};
use super::session::OnAir;
use super::viewer::{RELOAD_MS, Request};
use crate::invariant::playlist::{self, Reached};
use crate::invariant::{Held, Invariant, Violation, guide};
use crate::random::Random;

/// A playlist is live for as long as a pause may last that is taken up where it
/// stopped (`rules.md`, 19).
const PAUSED_MS: u64 = 60_000;

/// How far ahead guides are looked at.
const GUIDE_MS: u64 = 7 * 24 * 3_600_000;

impl World {
    /// Tells a channel's session; a new one if there is none.
    pub(super) fn tell(&mut self, channel: usize, event: Heard) {
        let sessions = &self.server.sessions;
        if !sessions.iter().any(|session| session.channel == channel && session.is_open()) {
            let grace = self.catalogue.channels[channel].channel.grace();
            let grace_ms = grace.map_or(30_000, |grace| grace.as_millis().max(0).cast_unsigned());
            let session = OnAir::new(channel, grace_ms, self.now_ms, self.level, self.plant);
            self.server.sessions.push(session);
        }
        self.tell_open(channel, event);
    }

    /// Tells a channel's session, if there is one.
    pub(super) fn tell_open(&mut self, channel: usize, event: Heard) {
        let now_ms = self.now_ms;
        let mut sessions = self.server.sessions.iter_mut();
        if let Some(session) = sessions.find(|s| s.channel == channel && s.is_open()) {
            session.tell(event, now_ms);
            if !session.is_open() {
                self.withdrawn();
            }
        }
    }

    /// The committed airings of a channel, from some minutes ago on.
    pub(super) fn committed(&mut self, channel: usize) -> Result<Arc<Ledger>, Violation> {
        let now = self.now(channel);
        let from = now - SERVED_FOR;
        let ledger = self.server.schedule.committed(&mut self.catalogue, channel, from, now)?;
        self.seen()?;
        Ok(ledger)
    }

    /// A client's playlist: its window, what it lists, and its text.
    fn list(
        ledger: &Ledger,
        client: &ClientId,
        rendition: Rendition,
        now: AirTime,
    ) -> Option<(Range<u64>, Vec<Entry>, String)> {
        let edge = Edge::at(ledger, TARGET_DURATION_TRANSCODED, now)?;
        let window = hls::window(client, edge, now);
        let entries = hls::entries(ledger, window.clone());
        let text = hls::media_playlist(TARGET_DURATION_TRANSCODED, rendition, client, &entries);
        Some((window, entries, text))
    }

    /// The playlists of all who watch, read anew from what is stored.
    pub(super) fn all_lists(&mut self, now: &[AirTime]) -> Result<Vec<String>, Violation> {
        let watching: Vec<(usize, Rendition, ClientId)> = self
            .viewers
            .values()
            .filter(|viewer| viewer.watches)
            .filter_map(|viewer| Some((viewer.channel, viewer.rendition, viewer.client()?)))
            .collect();
        let mut lists = Vec::new();
        for (channel, rendition, client) in watching {
            let now = now[channel];
            // What is asked for before the crash is committed by then.
            let ledger = match self.server.since_ms < self.now_ms {
                true => self.committed(channel)?,
                false => {
                    let rows = self.catalogue.channels[channel].rows_from(now - SERVED_FOR);
                    Arc::new(Ledger::read(rows.iter().copied()).unwrap_or_default())
                }
            };
            let list = Self::list(&ledger, &client, rendition, now);
            lists.push(list.map_or_else(String::new, |(_, _, text)| text));
        }
        Ok(lists)
    }

    /// A viewer asks for its playlist; all of it is looked at.
    pub(super) fn reload(&mut self, viewer: u32) -> Held {
        let Some(player) = self.viewers.get(&viewer) else { return Ok(()) };
        let (channel, rendition) = (player.channel, player.rendition);
        let Some(client) = player.client() else { return Ok(()) };
        let now = self.now(channel);
        let ledger = self.committed(channel)?;
        let Some((window, entries, text)) = Self::list(&ledger, &client, rendition, now) else {
            return Ok(());
        };
        self.tell(channel, Heard::Seen { client, rendition: Some(rendition) });
        self.tally.playlists += 1;
        let joined = client.joined_sequence();
        let current = ledger.segment_at_or_after(now).map_or(0, |segment| segment.sequence);
        let begins = playlist::list_begins_at_join(window.start, joined, current);
        self.tally.check(Invariant::ListsHoldNow, begins)?;
        let held = playlist::list_holds_now(&entries, &ledger, now);
        self.tally.check(Invariant::ListsHoldNow, held)?;
        self.tally.check(Invariant::LengthsAreKept, playlist::lengths_are_kept(&text))?;
        self.tally.check(Invariant::DatesAreTrue, playlist::dates_are_true(&text, &ledger))?;
        for segment in programme::listed(&ledger, window.clone()) {
            self.promise(channel, &segment)?;
        }
        let mut sessions = self.server.sessions.iter_mut();
        if let Some(session) = sessions.find(|s| s.channel == channel && s.is_open()) {
            session.promised_end = session.promised_end.max(window.end);
        }
        let Some(player) = self.viewers.get_mut(&viewer) else { return Ok(()) };
        player.next_at = self.now_ms + RELOAD_MS;
        player.reads(window.start, window.end);
        if ledger.segment_at(now).is_none() {
            // The clock came back to where nothing is told: what it is given airs later.
            player.is_early = true;
        }
        let reached = Reached::of(&entries);
        if let (Some(known), Some(is)) = (player.known.get_mut(&channel), reached) {
            let forward = known.reached.map_or(Ok(()), |was| playlist::list_goes_forward(was, is));
            (known.reached, known.listed_at) = (Some(is), Some(self.now_ms));
            self.tally.check(Invariant::ListsGoForward, forward)?;
        }
        Ok(())
    }

    /// Whether a segment is there, or slate for good.
    pub(super) fn can_send(&self, channel: usize, sequence: u64, key: SegmentKey) -> bool {
        self.slated.contains(&(channel, sequence)) || self.server.memory.has(&self.disk, key)
    }

    /// Somebody reads or lists a segment: it must not go.
    pub(super) fn touch(&mut self, key: SegmentKey) {
        self.disk.touch(key, self.now_ms);
        self.server.memory.touch(key, self.now_ms);
    }

    /// A segment's number was told to somebody.
    fn promise(&mut self, channel: usize, segment: &AirSegment) -> Held {
        self.clock_promised(channel, segment.end());
        self.witnesses[channel].promised(segment, &mut self.tally)
    }

    /// A viewer asks for its next segment.
    pub(super) fn ask(&mut self, viewer: u32, sequence: u64) -> Held {
        let Some(player) = self.viewers.get(&viewer) else { return Ok(()) };
        let (channel, rendition) = (player.channel, player.rendition);
        let Some(client) = player.client() else { return Ok(()) };
        let ledger = self.committed(channel)?;
        let Some(segment) = window::servable(&ledger, sequence, self.now(channel)) else {
            // Answered with 404: the player looks at its list again.
            self.viewers.get_mut(&viewer).into_iter().for_each(|player| player.wants = None);
            return Ok(());
        };
        self.tell(channel, Heard::Asked { client, rendition, sequence });
        self.tell(channel, Heard::Waiting(client));
        self.promise(channel, &segment)?;
        let key = programme::key(&self.library, &segment, rendition);
        let now_ms = self.now_ms;
        self.drop_earlier(channel, &segment, rendition, self.now(channel));
        let has = self.can_send(channel, sequence, key);
        let mut sessions = self.server.sessions.iter_mut();
        if let Some(session) = sessions.find(|s| s.channel == channel && s.is_open()) {
            session.promised_end = session.promised_end.max(sequence + 1);
            if !has && session.urgent.insert((rendition, sequence)) {
                session.demand_at = now_ms;
            }
        }
        // Its last picture stays until the next segment's first: timestamps tell.
        let until = match ledger.airing_of(sequence) {
            Some(airing) if sequence + 1 == airing.end_sequence => airing.end,
            _ => segment.end(),
        };
        let length_ms = (until.unix_millis() - segment.start.unix_millis()).max(0);
        let length_ms = length_ms.cast_unsigned();
        if let Some(player) = self.viewers.get_mut(&viewer) {
            player.request = Some(Request { sequence, key, length_ms, since: now_ms });
        }
        Ok(())
    }

    /// The segments that are named by the playlists of those who watch, also by those
    /// that a server before this one gave out; slate can be made at any time.
    pub(super) fn named(&self, ledgers: &[(usize, Arc<Ledger>)]) -> BTreeSet<SegmentKey> {
        let mut named = BTreeSet::new();
        for viewer in self.viewers.values().filter(|v| v.watches && !v.is_transport) {
            let known = viewer.known.get(&viewer.channel);
            let since_ms = self.now_ms.saturating_sub(PAUSED_MS);
            let known = known.filter(|known| known.listed_at.is_some_and(|at| at >= since_ms));
            let Some(reached) = known.and_then(|known| known.reached) else { continue };
            let Some((_, ledger)) = ledgers.iter().find(|(of, _)| *of == viewer.channel) else {
                continue;
            };
            let segments = programme::listed(ledger, reached.first..reached.end);
            let key = |segment| programme::key(&self.library, segment, viewer.rendition);
            let is_slate = |s: &AirSegment| self.slated.contains(&(viewer.channel, s.sequence));
            named.extend(segments.iter().filter(|s| !is_slate(s)).map(key));
        }
        named
    }

    /// Guide, now and playlist are compared, now and at some other time.
    pub(super) fn agrees(&mut self, channel: usize) -> Held {
        let now = self.now(channel);
        let mut random = Random::new(self.now_ms ^ (channel as u64) << 56);
        let ahead_ms = random.within(0..GUIDE_MS).cast_signed();
        for instant in [now, now + Ticks::from_millis(ahead_ms)] {
            let live = self.server.schedule.live(&self.catalogue, channel, now)?;
            let tail = live.ledger.tail().copied();
            let held = guide::airing_holds(&live.ledger, instant);
            self.tally.check(Invariant::AllAgree, held)?;
            let stored = self.catalogue.channels[channel].lineup();
            if stored.version != live.planner.lineup().version {
                // Another process wrote: this one knows with its next commit.
                continue;
            }
            let planned = live.planner.at(tail.as_ref(), instant);
            if let Some(row) = planned {
                let found = [row.start, row.end() - Ticks(1)]
                    .map(|instant| live.planner.at(tail.as_ref(), instant));
                self.tally.check(Invariant::AllAgree, guide::plan_holds(&row, &found))?;
            }
            let schedule = &mut self.server.schedule;
            let agree = |guide: aerial_model::guide::Guide<'_>, ledger: &Ledger| {
                guide::all_agree(guide, ledger, planned.as_ref(), instant)
            };
            let span = (instant.min(now), now);
            let agreed = schedule.guide(&mut self.catalogue, channel, span, agree)?;
            self.tally.check(Invariant::AllAgree, agreed)?;
        }
        Ok(())
    }
}
