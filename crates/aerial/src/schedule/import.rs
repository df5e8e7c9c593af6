//! Many channels made or changed at once, as a list has them.
//!
//! Owns that all of it happens or nothing: one transaction. Invariant: gates are taken
//! in the order of the channels' ids, and none is waited for while the catalogue is
//! written to.

use std::sync::Arc;

use aerial_model::channel::{Channel, Edit, What};
use aerial_model::id::{ChannelId, ChannelNumber, ChannelRef};
use uuid::Uuid;

use super::edit::{Alteration, Altered};
use super::live::{ATTEMPTS, Entry, is_conflict};
use super::{Effect, Result, Schedule, ScheduleError};

/// A channel of a list.
#[derive(Clone, Debug)]
pub struct Listed {
    /// By which it is known, or will be.
    pub number: ChannelNumber,
    /// What it is set to, its number too; what is not said stays as it is.
    pub edit: Edit,
    /// What it plays; `None`: what it plays already, and nothing where it is new.
    pub items: Option<Vec<What>>,
}

/// What became of one.
#[derive(Clone, Debug)]
pub struct Imported {
    /// As it is now.
    pub channel: Arc<Channel>,
    /// When it changes what airs; `None`: it is new.
    pub effect: Option<Effect>,
}

/// Which of a list could not be, so that nothing was done.
#[derive(Debug, thiserror::Error)]
#[error("channel {number}: {source}")]
pub struct NotImported {
    /// Its place in the list.
    pub index: usize,
    /// Its number.
    pub number: ChannelNumber,
    /// Why not.
    #[source]
    pub source: ScheduleError,
}

impl Schedule {
    /// Makes or changes all channels of a list, or, where one cannot be, none. Numbers
    /// in it must differ.
    ///
    /// # Errors
    /// The first that cannot be.
    pub async fn import(
        &self,
        list: Vec<Listed>,
    ) -> std::result::Result<Vec<Imported>, NotImported> {
        let Some(first) = list.first().map(|listed| listed.number) else { return Ok(Vec::new()) };
        let schedule = self.clone();
        // Carried through even if whoever asked goes away in the middle.
        let import = tokio::spawn(async move {
            let mut attempts = 1;
            loop {
                match schedule.try_import(&list).await {
                    Err(error) if is_conflict(&error.source) && attempts < ATTEMPTS => {
                        schedule.entries_of(&list).iter().flatten().for_each(|one| one.forget());
                        attempts += 1;
                    }
                    other => return other,
                }
            }
        });
        import.await.unwrap_or_else(|_| {
            let source = ScheduleError::BrokenOff(ChannelId(Uuid::nil()));
            Err(NotImported { index: 0, number: first, source })
        })
    }

    /// The channels that there are already.
    fn entries_of(&self, list: &[Listed]) -> Vec<Option<Arc<Entry>>> {
        let entry = |one: &Listed| self.find(ChannelRef::Number(one.number)).ok();
        list.iter().map(|one| entry(one).map(|(_, entry)| entry)).collect()
    }

    async fn try_import(&self, list: &[Listed]) -> std::result::Result<Vec<Imported>, NotImported> {
        let entries = self.entries_of(list);
        let mut known: Vec<&Arc<Entry>> = entries.iter().flatten().collect();
        known.sort_by_key(|entry| entry.id);
        let mut gates = Vec::with_capacity(known.len());
        for entry in known {
            gates.push(entry.gate.lock().await);
        }
        let failed = |index: usize, source: ScheduleError| NotImported {
            index,
            number: list[index].number,
            source,
        };
        let write = self.0.db.write().await.map_err(|error| failed(0, error.into()))?;
        let mut changed = Vec::with_capacity(list.len());
        for (index, (listed, entry)) in list.iter().zip(&entries).enumerate() {
            let done = match entry {
                Some(entry) => {
                    let edit = listed.edit.clone();
                    let alteration = match listed.items.clone() {
                        Some(items) => Alteration::All { edit, items },
                        None => Alteration::Settings(edit),
                    };
                    self.alter_within(&write, entry, &alteration).await.map(Changed::Known)
                }
                None => self.begin(&write, listed).await.map(Changed::New),
            };
            changed.push(done.map_err(|error| failed(index, error))?);
        }
        write.commit().await.map_err(|error| failed(0, error.into()))?;
        let imported =
            changed.into_iter().zip(&entries).map(|(changed, entry)| match (changed, entry) {
                (Changed::Known(pending), Some(entry)) => {
                    let Altered { channel, effect } = self.committed(entry, pending);
                    Imported { channel, effect: Some(effect) }
                }
                (Changed::New(channel), _) => {
                    self.announce(channel.clone());
                    Imported { channel, effect: None }
                }
                (Changed::Known(_), None) => unreachable!("only an entry is altered"),
            });
        Ok(imported.collect())
    }

    /// Writes a channel that is new.
    async fn begin(&self, write: &crate::db::Write, listed: &Listed) -> Result<Arc<Channel>> {
        let (id, now) = (ChannelId(Uuid::now_v7()), self.now());
        let channel = Channel::create(id, id.0.as_u64_pair().1, now, &listed.edit)?;
        let items = listed.items.clone().unwrap_or_default();
        self.insert(write, &channel, items, now).await?;
        Ok(Arc::new(channel))
    }
}

/// One that is written and not committed yet.
enum Changed {
    Known(super::edit::Pending),
    New(Arc<Channel>),
}
