//! `[backup]`: the backups that a server makes by itself.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::units::{Period, Within};

/// `[backup]`: the backups that a server makes by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Backup {
    /// How often one is made, 1h to 90d, or `0s` for never; default `1d`.
    pub every: Period,
    /// How many of them stay, 1 to 1000; default 7. Those that somebody asked for stay
    /// until they are deleted.
    pub keep: Within<1, 1000>,
    /// The folder for them, which must be there; default `backups` in the data folder.
    /// One on another disk outlives this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folder: Option<PathBuf>,
}

impl Default for Backup {
    fn default() -> Self {
        Self { every: Period::secs(86_400), keep: Within::of::<7>(), folder: None }
    }
}

impl Backup {
    /// What types cannot say.
    pub(super) fn validate(&self) -> Result<(), (&'static str, String)> {
        let (every, never) = (self.every, Period::secs(0));
        if every != never && !(Period::secs(3_600)..=Period::secs(90 * 86_400)).contains(&every) {
            let message = format!("{every} is neither from 1h to 90d nor 0s, which is never");
            return Err(("backup.every", message));
        }
        Ok(())
    }
}
