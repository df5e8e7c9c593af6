//! What really aired, noted while it airs.
//!
//! Owns the stretches that are on the air and those not written yet; where they are kept
//! for good is [`AsRunLog`]'s business. Decides nothing, and is never waited for: whoever
//! tells it something leaves a note in memory, and one task writes what changed.
//! Invariant: bounded, also where nothing can be written; what was written is only ever
//! completed.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aerial_model::id::{ChannelId, MediaId};
use aerial_model::ledger::{AirSegment, Airing, Content, Ledger, Row};
use aerial_model::time::{AirTime, Ticks};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio::sync::broadcast;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::history::{FaultSeen, SessionId};
use crate::clock::Clock;
use crate::db::{AiredEnd, AsRun, AsRunFault, AsRunId, SlateSpan};

/// What changed is written this often; who looks at the log sees it as late.
const WRITTEN_EVERY: Duration = Duration::from_secs(2);

/// How far a stretch has come, and what was sent of it, is written this often: as much
/// is lost where the server dies, and disks sleep in between.
const PROGRESS_EVERY: Ticks = Ticks::from_secs(60);

/// What ended is kept at hand for this long: players are behind the channel, and what
/// they fetch belongs to it.
const LINGERS: Ticks = Ticks::from_secs(120);

/// Slates and faults remembered of a stretch; the later ones count.
const NOTES_KEPT: usize = 32;

/// Faults of what is made ahead of its time, for each channel.
const EARLY_KEPT: usize = 16;

/// Stretches that wait for a log that cannot be written, and then the oldest go: an
/// hour of 64 channels of clips of a minute.
const WAITING: usize = 4_096;

/// How long the last write of a server that ends may take.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Where the as-run log is kept for good.
pub trait AsRunLog: Send + Sync + 'static {
    /// Stores stretches as they are now, new or known, in this order.
    fn store(&self, stretches: Vec<AsRun>) -> BoxFuture<'_, Result<(), String>>;
}

/// Nothing is kept.
impl AsRunLog for () {
    fn store(&self, _: Vec<AsRun>) -> BoxFuture<'_, Result<(), String>> {
        futures::future::ready(Ok(())).boxed()
    }
}

/// The notes of this server; clones share them.
#[derive(Clone, Debug, Default)]
pub struct AsRunNotes(Arc<Mutex<Book>>);

#[derive(Debug, Default)]
struct Book {
    on_air: HashMap<ChannelId, Page>,
    /// Of channels that are off the air, or that could not be written.
    waiting: VecDeque<AsRun>,
    /// How many were lost for want of room.
    lost: u64,
    /// Sessions that end now end with the server.
    server_stops: bool,
}

/// One channel on the air.
#[derive(Debug)]
struct Page {
    /// Whose it is: one session may begin while the one before it still ends.
    session: SessionId,
    /// Until when the programme was followed.
    seen: Option<AirTime>,
    stretches: Vec<Stretch>,
    /// Faults of media that are not on yet.
    early: VecDeque<(MediaId, AsRunFault)>,
}

#[derive(Debug)]
struct Stretch {
    told: AsRun,
    /// It is on the air, or was.
    begun: bool,
    /// It is otherwise than it was written.
    changed: bool,
    /// How far it had come when it was written last.
    written_to: AirTime,
}

impl AsRunNotes {
    /// A channel is on the air by this session, with this programme and so many viewers.
    pub fn on_air(
        &self,
        (channel, session): (ChannelId, SessionId),
        ledger: &Ledger,
        now: AirTime,
        viewers: usize,
    ) {
        let mut book = self.book();
        let page = book.on_air.entry(channel).or_insert_with(|| Page::of(session));
        page.session = session;
        let since = page.seen.replace(now).unwrap_or(now);
        // All since it was looked at last: an item may last less than a second.
        let since_then = |airing: &&Airing| airing.end > since && airing.row.start <= now;
        for airing in ledger.airings().iter().filter(since_then) {
            page.follow(channel, ledger, airing, (since, now));
        }
        if let Some(on) = page.stretches.iter_mut().rfind(|s| s.begun && s.told.end.is_none()) {
            let viewers = u32::try_from(viewers).unwrap_or(u32::MAX);
            on.told.viewers = on.told.viewers.max(viewers);
        }
        page.stretches.retain(|stretch| match stretch.told.end {
            Some(_) => stretch.changed || stretch.told.to + LINGERS > now,
            // Made ahead, and then it was not to be.
            None => stretch.begun || stretch.told.planned.1 > now,
        });
    }

    /// This session has ended, and with it the channel is off the air, unless another has
    /// begun.
    pub fn off_air(&self, (channel, session): (ChannelId, SessionId), now: AirTime, end: AiredEnd) {
        let mut book = self.book();
        let Entry::Occupied(page) = book.on_air.entry(channel) else { return };
        if page.get().session != session {
            return;
        }
        let page = page.remove();
        let end = if book.server_stops { AiredEnd::ServerStopped } else { end };
        for mut stretch in page.stretches.into_iter().filter(|stretch| stretch.begun) {
            if stretch.told.end.is_none() {
                stretch.told.to = now.max(stretch.told.from);
                stretch.told.end = Some(end);
            }
            book.waiting.push_back(stretch.told);
        }
        book.bound();
    }

    /// Sessions that end from now on end with the server.
    pub fn server_stops(&self) {
        self.book().server_stops = true;
    }

    /// A viewer is sent this segment.
    pub fn sent(&self, channel: ChannelId, segment: &AirSegment) {
        let (from, to) = (segment.start, segment.end());
        self.note(channel, segment, |told| {
            told.sent = Some(match told.sent {
                Some((first, last)) => (first.min(from), last.max(to)),
                None => (from, to),
            });
            // What is on is written now and then in any case.
            told.end.is_some()
        });
    }

    /// This segment is slate.
    pub fn slate(&self, channel: ChannelId, segment: &AirSegment, reason: &str) {
        let (from, to) = (segment.start, segment.end());
        self.note(channel, segment, |told| {
            match told.slates.iter_mut().rfind(|span| span.to == from && span.reason == reason) {
                Some(span) => span.to = to,
                None => {
                    told.slates.push(SlateSpan { from, to, reason: reason.to_owned() });
                    keep_last(&mut told.slates);
                }
            }
            true
        });
    }

    /// A worker that made this media for a channel failed.
    fn fault(&self, channel: ChannelId, media: MediaId, fault: AsRunFault) {
        let book = &mut *self.book();
        let Some(page) = book.on_air.get_mut(&channel) else {
            // It went off the air just then.
            let its = |told: &&mut AsRun| told.channel == channel && told.media == Some(media);
            if let Some(told) = book.waiting.iter_mut().rev().find(its) {
                failed(told, fault);
            }
            return;
        };
        let of_media =
            |s: &&mut Stretch| s.begun && s.told.end.is_none() && s.told.media == Some(media);
        match page.stretches.iter_mut().find(of_media) {
            Some(stretch) => stretch.failed(fault),
            None => {
                page.early.push_back((media, fault));
                while page.early.len() > EARLY_KEPT {
                    page.early.pop_front();
                }
            }
        }
    }

    /// Notes something of a segment's stretch; `note` says whether it is to be written
    /// soon.
    fn note(
        &self,
        channel: ChannelId,
        segment: &AirSegment,
        note: impl FnOnce(&mut AsRun) -> bool,
    ) {
        let mut book = self.book();
        let Some(page) = book.on_air.get_mut(&channel) else { return };
        if let Some(stretch) = page.stretch_of(channel, &segment.row, segment.row.end()) {
            stretch.changed |= note(&mut stretch.told);
        }
    }

    /// What is to be written now; `all`: also how far the others have come.
    fn take(&self, all: bool) -> Vec<AsRun> {
        let mut book = self.book();
        let mut taken: Vec<AsRun> = book.waiting.drain(..).collect();
        for stretch in book.on_air.values_mut().flat_map(|page| &mut page.stretches) {
            let far = stretch.told.to - stretch.written_to >= PROGRESS_EVERY;
            if stretch.begun && (stretch.changed || far || all) {
                (stretch.changed, stretch.written_to) = (false, stretch.told.to);
                taken.push(stretch.told.clone());
            }
        }
        taken
    }

    /// Could not be written: before whatever comes later.
    fn give_back(&self, stretches: Vec<AsRun>) {
        let mut book = self.book();
        for stretch in stretches.into_iter().rev() {
            book.waiting.push_front(stretch);
        }
        book.bound();
    }

    /// Writes what changes, and takes note of faults, until it is told to stop; then
    /// what is left.
    pub async fn write(
        self,
        log: Arc<dyn AsRunLog>,
        mut faults: broadcast::Receiver<FaultSeen>,
        clock: Clock,
        stop: CancellationToken,
    ) {
        let mut often = tokio::time::interval(WRITTEN_EVERY);
        often.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut failing = false;
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                seen = faults.recv() => match seen {
                    Ok(seen) => self.told_of_fault(&seen, &clock),
                    // It has nothing more to tell.
                    Err(broadcast::error::RecvError::Closed) => {
                        stop.cancelled().await;
                        break;
                    }
                    Err(broadcast::error::RecvError::Lagged(missed)) => lacks(missed),
                },
                _ = often.tick() => {
                    // What is written as ended hears of no fault any more.
                    self.told_of_faults(&mut faults, &clock);
                    self.write_out(&*log, &mut failing, false).await;
                }
            }
        }
        self.told_of_faults(&mut faults, &clock);
        if timeout(LAST_WORDS, self.write_out(&*log, &mut failing, true)).await.is_err() {
            tracing::error!("the end of the as-run log is not written in time");
        }
    }

    async fn write_out(&self, log: &dyn AsRunLog, failing: &mut bool, all: bool) {
        let stretches = self.take(all);
        if stretches.is_empty() {
            return;
        }
        match log.store(stretches.clone()).await {
            Ok(()) if std::mem::take(failing) => {
                let lost = std::mem::take(&mut self.book().lost);
                tracing::info!(lost, "the as-run log is written again");
            }
            Ok(()) => {}
            Err(error) => {
                if !std::mem::replace(failing, true) {
                    tracing::error!(error, "the as-run log cannot be written; it waits in memory");
                }
                self.give_back(stretches);
            }
        }
    }

    /// All that were told up to now.
    fn told_of_faults(&self, faults: &mut broadcast::Receiver<FaultSeen>, clock: &Clock) {
        loop {
            match faults.try_recv() {
                Ok(seen) => self.told_of_fault(&seen, clock),
                Err(broadcast::error::TryRecvError::Lagged(missed)) => lacks(missed),
                Err(_) => return,
            }
        }
    }

    fn told_of_fault(&self, seen: &FaultSeen, clock: &Clock) {
        let Some(media) = seen.media else { return };
        for channel in &seen.channels {
            let (class, reason) = (seen.class.name().to_owned(), seen.reason.clone());
            let at = clock.now_on(*channel);
            self.fault(*channel, media, AsRunFault { at, class, reason });
        }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    fn bound(&mut self) {
        while self.waiting.len() > WAITING {
            self.waiting.pop_front();
            self.lost += 1;
        }
    }
}

impl Page {
    fn of(session: SessionId) -> Self {
        let (stretches, early) = (Vec::new(), VecDeque::new());
        Self { session, seen: None, stretches, early }
    }

    /// This airing is on now, or was since the programme was looked at last.
    fn follow(
        &mut self,
        channel: ChannelId,
        ledger: &Ledger,
        airing: &Airing,
        (since, now): (AirTime, AirTime),
    ) {
        let row = &airing.row;
        if matches!(row.content, Content::Skip { .. }) {
            return;
        }
        for stretch in &mut self.stretches {
            if stretch.begun && stretch.told.end.is_none() && !stretch.is_of(row) {
                stretch.end(ledger, row.start);
            }
        }
        let Some(stretch) = self.stretch_of(channel, row, airing.end) else { return };
        if !std::mem::replace(&mut stretch.begun, true) {
            stretch.told.from = since.max(row.start);
            stretch.changed = true;
            let media = stretch.told.media;
            let early = std::mem::take(&mut self.early);
            let (its, others) = early.into_iter().partition(|(of, _)| Some(*of) == media);
            self.early = others;
            let its: VecDeque<(MediaId, AsRunFault)> = its;
            if let Some(stretch) = self.stretch_of(channel, row, airing.end) {
                its.into_iter().for_each(|(_, fault)| stretch.failed(fault));
            }
        }
        if let Some(stretch) = self.stretch_of(channel, row, airing.end) {
            stretch.told.to = stretch.told.to.max(now.min(airing.end));
            stretch.told.planned.1 = stretch.told.planned.1.max(airing.row.end());
        }
    }

    /// The stretch that this row belongs to; a new one where it is still to come.
    fn stretch_of(&mut self, channel: ChannelId, row: &Row, end: AirTime) -> Option<&mut Stretch> {
        let known = self.stretches.iter().position(|stretch| stretch.is_of(row));
        if known.is_none() && self.seen.is_some_and(|seen| end <= seen && !self.follows(row)) {
            return None;
        }
        let place = known.unwrap_or_else(|| {
            self.stretches.push(Stretch::of(channel, row));
            self.stretches.len() - 1
        });
        self.stretches.get_mut(place)
    }

    /// Whether the row comes after all that has begun.
    fn follows(&self, row: &Row) -> bool {
        self.stretches.iter().filter(|s| s.begun).all(|s| s.told.ordinal < row.ordinal)
    }
}

impl Stretch {
    fn of(channel: ChannelId, row: &Row) -> Self {
        let told = AsRun {
            id: AsRunId::fresh(),
            channel,
            ordinal: row.ordinal,
            media: media_of(row),
            planned: (row.start, row.end()),
            from: row.start,
            to: row.start,
            sent: None,
            end: None,
            viewers: 0,
            slates: Vec::new(),
            faults: Vec::new(),
            restarts: 0,
        };
        Self { written_to: told.to, told, begun: false, changed: false }
    }

    /// Time off the air is one stretch, however many rows it has.
    fn is_of(&self, row: &Row) -> bool {
        let off_air = self.told.media.is_none() && self.told.end.is_none();
        self.told.ordinal == row.ordinal || (off_air && media_of(row).is_none())
    }

    /// Another is on since then.
    fn end(&mut self, ledger: &Ledger, next: AirTime) {
        let is_its = |airing: &&Airing| airing.row.ordinal == self.told.ordinal;
        let airing = ledger.airings().iter().find(is_its);
        let cut = self.told.media.is_some() && airing.is_some_and(Airing::is_cut);
        self.told.end = Some(if cut { AiredEnd::CutShort } else { AiredEnd::Completed });
        self.told.to = next.max(self.told.from);
        self.changed = true;
    }

    fn failed(&mut self, fault: AsRunFault) {
        failed(&mut self.told, fault);
        self.changed = true;
    }
}

fn failed(told: &mut AsRun, fault: AsRunFault) {
    told.restarts = told.restarts.saturating_add(1);
    told.faults.push(fault);
    keep_last(&mut told.faults);
}

fn lacks(missed: u64) {
    tracing::warn!(missed, "the as-run log lacks some faults: there were too many");
}

fn media_of(row: &Row) -> Option<MediaId> {
    match row.content {
        Content::Media { cursor, .. } => Some(cursor.media),
        Content::OffAir { .. } | Content::Skip { .. } => None,
    }
}

fn keep_last<T>(notes: &mut Vec<T>) {
    let over = notes.len().saturating_sub(NOTES_KEPT);
    notes.drain(..over);
}

#[cfg(test)]
mod tests;
