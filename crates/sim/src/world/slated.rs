//! What was slate inside airings: the same numbers stay slate.
//!
//! Mirrors the server's `stream/slated`. Survives a crash. Invariant: a number that was
//! slate once is never anything else, and no other turn is slate for it.

use std::collections::BTreeSet;
use std::sync::Arc;

use aerial_model::demand::wanted::HIGH_MARK;
use aerial_model::hls::{Edge, TARGET_DURATION_TRANSCODED};
use aerial_model::ledger::{AirSegment, Content, Ledger};
use aerial_model::profile::Rendition;
use aerial_model::time::AirTime;

use super::World;
use super::programme;

/// As `stream/slated` has it.
const MADE_FOR_IT_MS: u64 = 40_000;

/// Numbers that are slate for good, by channel.
pub(super) type Slated = BTreeSet<(usize, u64)>;

impl World {
    /// Looks after all that playlists of a rendition list, or are about to: it stays in
    /// the store, and stays slate where it was.
    pub(super) fn tend(
        &mut self,
        channel: usize,
        ledger: &Arc<Ledger>,
        rendition: Rendition,
        (from, now): (u64, AirTime),
    ) {
        let edge = Edge::at(ledger, TARGET_DURATION_TRANSCODED, now);
        let last = edge.map_or(0, |edge| edge.last);
        for segment in ledger.segments_from(from).take_while(|s| s.start <= now + HIGH_MARK) {
            self.drop_earlier(channel, &segment, rendition, now);
            let key = programme::key(&self.library, &segment, rendition);
            self.touch(key);
            if segment.sequence <= last {
                self.note(channel, &segment, rendition);
            }
        }
    }

    /// Forgets a slate that was made for an earlier turn of the programme.
    pub(super) fn drop_earlier(
        &mut self,
        channel: usize,
        segment: &AirSegment,
        rendition: Rendition,
        now: AirTime,
    ) {
        let key = programme::key(&self.library, segment, rendition);
        let Some(since) = self.server.memory.slate_since(key) else { return };
        let due_ms = (segment.start - now).as_millis().max(0).cast_unsigned();
        let earlier = self.now_ms - since + due_ms > MADE_FOR_IT_MS;
        if earlier && is_media(segment) && !self.slated.contains(&(channel, segment.sequence)) {
            self.server.memory.drop_slate(key);
        }
    }

    /// Writes down that a segment is slate, if it is.
    pub(super) fn note(&mut self, channel: usize, segment: &AirSegment, rendition: Rendition) {
        let key = programme::key(&self.library, segment, rendition);
        if is_media(segment) && self.server.memory.slate_since(key).is_some() {
            self.slated.insert((channel, segment.sequence));
        }
    }
}

fn is_media(segment: &AirSegment) -> bool {
    matches!(segment.row.content, Content::Media { .. })
}
