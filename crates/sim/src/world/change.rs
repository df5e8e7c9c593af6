//! Channels and files change: edits, replaced files, writers, airings ended early.
//!
//! Owns what is asked of a schedule and what is checked of its answers. Invariant:
//! every commit that comes of it is looked at by the witness.

use aerial_model::hls::{Edge, TARGET_DURATION_TRANSCODED, window};

use super::{World, programme, schedule};
use crate::history::{Edit, Plant};
use crate::invariant::{Held, Invariant, edits, ledger};

impl World {
    pub(super) fn edit(&mut self, channel: u8, edit: &Edit, elsewhere: bool) -> Held {
        let channel = self.channel(channel);
        self.alter(channel, Some(edit), elsewhere)
    }

    fn alter(&mut self, channel: usize, edit: Option<&Edit>, elsewhere: bool) -> Held {
        let now = self.now(channel);
        let writer = if elsewhere { &mut self.elsewhere } else { &mut self.server.schedule };
        let edited = writer.edit(&mut self.catalogue, &self.library, channel, edit, now)?;
        self.seen()?;
        let Some(edited) = edited else { return Ok(()) };
        let Some(announced) = edited.announced else { return Ok(()) };
        let waits = edits::edit_waits_two_minutes(announced.at, now);
        self.tally.check(Invariant::EditsSpareTheCommitted, waits)?;
        let span = (now, announced.at);
        let was = schedule::programmes(&mut self.catalogue, channel, &edited.was, span);
        let is = schedule::programmes(&mut self.catalogue, channel, &edited.is, span);
        let spared = edits::edit_spares_the_committed(&was, &is, announced.at);
        self.tally.check(Invariant::EditsSpareTheCommitted, spared)?;
        self.witnesses[channel].told_of(announced);
        Ok(())
    }

    /// A file is replaced: lineups take it up, and what it airs now becomes slate,
    /// also for those who wait for it.
    pub(super) fn replace(&mut self, media: u8, more_frames: u32) -> Held {
        self.library.replace(media, more_frames);
        self.replaced_ms = self.now_ms;
        for channel in 0..self.witnesses.len() {
            self.alter(channel, None, false)?;
            let ledger = self.committed(channel)?;
            for player in self.viewers.values_mut().filter(|v| v.channel == channel) {
                let Some(request) = &mut player.request else { continue };
                if let Some(segment) = ledger.segment(request.sequence) {
                    request.key = programme::key(&self.library, &segment, player.rendition);
                }
            }
        }
        Ok(())
    }

    pub(super) fn race(&mut self, channel: u8) -> Held {
        let channel = self.channel(channel);
        let now = self.now(channel);
        let (ours, theirs) = (&mut self.server.schedule, &mut self.elsewhere);
        let known = ours.commit_racing(&mut self.catalogue, channel, now, Some(theirs))?;
        let stored = &self.catalogue.channels[channel].rows;
        let agreed = ledger::writers_agree(known.tail(), stored);
        self.tally.check(Invariant::WritersAgree, agreed)
    }

    pub(super) fn skip_airing(&mut self, channel: u8) -> Held {
        let channel = self.channel(channel);
        let now = self.now(channel);
        let ledger = self.committed(channel)?;
        let listed =
            Edge::at(&ledger, TARGET_DURATION_TRANSCODED, now).map_or(0, window::unpromised);
        let open = self.server.sessions.iter().find(|s| s.channel == channel && s.is_open());
        let mut unpromised = listed.max(open.map_or(0, |session| session.promised_end));
        if self.plant == Some(Plant::SkipCutsWhatWasPromised) {
            unpromised = 0;
        }
        // That nothing can be cut is no fault.
        let cut = self.server.schedule.skip(&mut self.catalogue, channel, now, unpromised)?;
        if let Ok(cut) = cut {
            let next = ledger.index_at(now).and_then(|index| ledger.airings().get(index + 1));
            let goes_on = next.map_or(Ok(()), |next| edits::skipping_goes_on(&next.row, &cut));
            self.tally.check(Invariant::SkippingKeepsPromises, goes_on)?;
            // Only one process cuts: others have to read anew.
            self.elsewhere.forget();
        }
        Ok(())
    }
}
