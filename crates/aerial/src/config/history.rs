//! `[history]`: what is remembered of what aired.

use serde::{Deserialize, Serialize};

use super::units::Within;

/// `[history]`: what is remembered of what aired.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct History {
    /// For how many days the as-run log goes back, 1 to 3650; default 90.
    pub days: Within<1, 3650>,
}

impl Default for History {
    fn default() -> Self {
        Self { days: Within::of::<90>() }
    }
}
