//! What webhooks are told of: faults as they are, and what is seen at a look now and then.
//!
//! Owns the looking and what is told once rather than again and again. Invariant: the
//! same trouble is told once in a while, however often it happens.

use std::collections::HashMap;
use std::time::Duration;

use aerial_model::id::{ChannelId, ChannelRef, MediaId};
use tokio::sync::broadcast;
use tokio::time::{Instant, MissedTickBehavior};

use super::{ChannelNamed, Webhooks, What};
use crate::clock::{Clock, monotonic};
use crate::db::{Db, MediaState};
use crate::schedule::{self, Schedule};
use crate::stream::history::FaultSeen;
use crate::stream::store::Store;

/// How often it is looked at what tells nothing by itself.
const LOOKS_EVERY: Duration = Duration::from_secs(5);

/// The same is not told again for so long.
const TOLD_AGAIN_AFTER: Duration = Duration::from_secs(600);

/// So much is remembered as told.
const REMEMBERED: usize = 1_024;

/// What is looked at.
pub struct Sources {
    /// Workers that fail.
    pub faults: broadcast::Receiver<FaultSeen>,
    /// What is planned, and files that change their state.
    pub schedule: Schedule,
    /// The catalogue.
    pub db: Db,
    /// Segments, and what is counted of them.
    pub store: Store,
    /// The time.
    pub clock: Clock,
}

/// What was told.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Told {
    Fault(Option<MediaId>, &'static str),
    PutAside(MediaId),
    Slate(ChannelId),
}

/// Tells of what happens, until the future is dropped.
pub async fn watch(webhooks: Webhooks, sources: Sources) {
    let Sources { mut faults, schedule, db, store, clock } = sources;
    let mut changes = schedule.changes();
    let mut looks = tokio::time::interval(LOOKS_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut watcher = Watcher {
        webhooks,
        schedule,
        db,
        store,
        clock,
        told: Memory::default(),
        slated: HashMap::new(),
        failing: false,
    };
    loop {
        tokio::select! {
            seen = faults.recv() => match seen {
                Ok(seen) => watcher.fault(&seen),
                // What was missed is in the history, and in the log.
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return,
            },
            change = changes.recv() => match change {
                Ok(schedule::Change::Media(media)) => watcher.media(&media).await,
                Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return,
            },
            _ = looks.tick() => watcher.look(),
        }
    }
}

struct Watcher {
    webhooks: Webhooks,
    schedule: Schedule,
    db: Db,
    store: Store,
    clock: Clock,
    told: Memory,
    /// Segments that were slate at the last look.
    slated: HashMap<ChannelId, u64>,
    /// Whether segments could not be written then.
    failing: bool,
}

impl Watcher {
    fn fault(&mut self, seen: &FaultSeen) {
        let class = seen.class.name();
        if !self.told.is_new(Told::Fault(seen.media, class)) {
            return;
        }
        let channels = seen.channels.iter().filter_map(|id| self.named(*id)).collect();
        self.tell(What::Fault { class, title: seen.title.clone(), channels });
    }

    /// Some of these may have been put aside just now.
    async fn media(&mut self, changed: &[MediaId]) {
        // A scan tells of thousands, and puts none aside.
        let failed: Vec<MediaId> =
            changed.iter().copied().filter(|media| self.told.has_failed(*media)).collect();
        for id in failed {
            let Ok(Some(media)) = self.db.media(id).await else { continue };
            let is_aside = matches!(media.state, MediaState::Quarantined { .. });
            if is_aside && self.told.is_new(Told::PutAside(id)) {
                self.tell(What::PutAside { media: id.0, title: media.about.title });
            }
        }
    }

    fn look(&mut self) {
        for channel in self.schedule.channels() {
            let slated = self.store.tally().of_channel(channel.id).slated;
            let before = self.slated.insert(channel.id, slated).unwrap_or(0);
            if slated > before
                && self.told.is_new(Told::Slate(channel.id))
                && let Some(channel) = self.named(channel.id)
            {
                self.tell(What::Slate { channel });
            }
        }
        let trouble = self.store.usage().trouble;
        let failing = trouble.is_some();
        if std::mem::replace(&mut self.failing, failing) != failing {
            let advice = trouble.map(|trouble| trouble.advice);
            self.tell(What::Store { failing, advice });
        }
    }

    fn tell(&self, what: What) {
        self.webhooks.tell(what, self.clock.now());
    }

    fn named(&self, id: ChannelId) -> Option<ChannelNamed> {
        let channel = self.schedule.channel(ChannelRef::Id(id))?;
        let (number, name) = (channel.number.to_string(), channel.name.clone());
        Some(ChannelNamed { id: id.0, number, name })
    }
}

/// What was told, and when.
#[derive(Debug, Default)]
struct Memory(HashMap<Told, Instant>);

impl Memory {
    /// Whether that was not told for a while; it is from now on.
    fn is_new(&mut self, what: Told) -> bool {
        let now = monotonic();
        self.0.retain(|_, at| now.saturating_duration_since(*at) < TOLD_AGAIN_AFTER);
        if self.0.contains_key(&what) || self.0.len() >= REMEMBERED {
            return false;
        }
        self.0.insert(what, now);
        true
    }

    /// Whether a fault of this media was told of lately.
    fn has_failed(&self, media: MediaId) -> bool {
        self.0.keys().any(|told| matches!(told, Told::Fault(Some(of), _) if *of == media))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[tokio::test(start_paused = true)]
    async fn the_same_is_told_once_in_a_while_and_not_more_than_is_remembered() {
        let mut memory = Memory::default();
        let media = |n| MediaId(Uuid::from_u128(n));
        assert!(memory.is_new(Told::Fault(Some(media(1)), "hang")));
        assert!(!memory.is_new(Told::Fault(Some(media(1)), "hang")));
        assert!(memory.is_new(Told::Fault(Some(media(1)), "crash")));
        assert!(memory.is_new(Told::Fault(Some(media(2)), "hang")));
        assert!(memory.has_failed(media(1)) && !memory.has_failed(media(3)));
        let told = (3..2_000).filter(|n| memory.is_new(Told::PutAside(media(*n)))).count();
        assert_eq!(told, REMEMBERED - 3);
        tokio::time::advance(TOLD_AGAIN_AFTER).await;
        assert!(memory.is_new(Told::Fault(Some(media(1)), "hang")));
        assert_eq!(memory.0.len(), 1);
    }
}
