//! Viewers: who asks for playlists and segments, and what they see.
//!
//! Owns a player as far as the server notices it: it reloads its playlist every
//! target duration, asks for one segment after the other, and shows them. A
//! viewer's id is kept while the server is away. Invariant: viewers decide
//! nothing by chance.

use std::collections::BTreeMap;

use aerial_model::client::ClientId;
use aerial_model::profile::Rendition;

use super::programme::SegmentKey;
use crate::invariant::playlist::Reached;

/// How often a player reloads its playlist: once a target duration.
pub(crate) const RELOAD_MS: u64 = 4_000;

/// A player fetches no more when it has this much.
const BUFFER_MS: u64 = 30_000;

/// A segment that a player waits for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request {
    pub(crate) sequence: u64,
    pub(crate) key: SegmentKey,
    pub(crate) length_ms: u64,
    pub(crate) since: u64,
}

/// What a viewer has of a channel it has watched.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    pub(crate) client: ClientId,
    pub(crate) reached: Option<Reached>,
    /// When it was given a playlist last, since it tuned in.
    pub(crate) listed_at: Option<u64>,
}

/// One viewer.
#[derive(Debug)]
pub(crate) struct Viewer {
    pub(crate) channel: usize,
    pub(crate) rendition: Rendition,
    /// The unending MPEG-TS: a connection, open for as long as it watches.
    pub(crate) is_transport: bool,
    /// It is watching, or thinks so.
    pub(crate) watches: bool,
    /// When it asks for a playlist next.
    pub(crate) next_at: u64,
    /// It asks for nothing before.
    pub(crate) paused_until: u64,
    pub(crate) request: Option<Request>,
    /// The segment that it wants next, and how far its list goes.
    pub(crate) wants: Option<u64>,
    pub(crate) listed_end: u64,
    /// Its picture runs until then; `None`: it has none yet.
    pub(crate) shows_until: Option<u64>,
    /// It was given what airs later: its picture may stand still.
    pub(crate) is_early: bool,
    pub(crate) known: BTreeMap<usize, Known>,
}

impl Viewer {
    pub(crate) fn new() -> Self {
        Self {
            channel: 0,
            rendition: Rendition::Height(720),
            is_transport: false,
            watches: false,
            next_at: 0,
            paused_until: 0,
            request: None,
            wants: None,
            listed_end: 0,
            shows_until: None,
            is_early: false,
            known: BTreeMap::new(),
        }
    }

    /// Its id on the channel that it watches.
    pub(crate) fn client(&self) -> Option<ClientId> {
        self.known.get(&self.channel).map(|known| known.client)
    }

    /// It begins anew: nothing is buffered, nothing shown.
    pub(crate) fn begins(&mut self) {
        (self.request, self.wants, self.shows_until, self.listed_end) = (None, None, None, 0);
        (self.is_early, self.paused_until) = (false, 0);
    }

    /// Its picture stands still for so long; what it has, it keeps.
    pub(crate) fn pauses(&mut self, now_ms: u64, ms: u64) {
        self.paused_until = self.paused_until.max(now_ms + ms);
        self.next_at = self.next_at.max(self.paused_until);
        self.shows_until = self.shows_until.map(|until| until.max(now_ms) + ms);
    }

    /// It was given a playlist of these numbers.
    pub(crate) fn reads(&mut self, first: u64, end: u64) {
        self.listed_end = end;
        // What left the window cannot be had any more: it goes on with what is
        // there, and its picture begins anew.
        match self.wants {
            Some(wants) if wants >= first => {}
            other => {
                if other.is_some() {
                    self.shows_until = None;
                }
                self.wants = Some(first);
            }
        }
    }

    /// The segment that it asks for now, if any.
    pub(crate) fn next_request(&self, now_ms: u64) -> Option<u64> {
        let has_enough = self.shows_until.is_some_and(|until| until > now_ms + BUFFER_MS);
        let wants = self.wants.filter(|wants| *wants < self.listed_end)?;
        let asks = self.watches && self.request.is_none() && now_ms >= self.paused_until;
        (asks && !has_enough).then_some(wants)
    }

    /// It got the segment; by how long it came after the picture had stopped.
    pub(crate) fn gets(&mut self, request: Request, now_ms: u64) -> u64 {
        self.wants = Some(request.sequence + 1);
        let late_ms = self.shows_until.map_or(0, |until| now_ms.saturating_sub(until));
        let shows = now_ms.max(self.paused_until);
        let from = self.shows_until.map_or(shows, |until| until.max(shows));
        self.shows_until = Some(from + request.length_ms);
        late_ms
    }
}
