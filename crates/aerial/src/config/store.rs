//! `[store]`: where segments are kept.

use serde::{Deserialize, Serialize};

use super::units::ByteSize;

/// `[store]`: where segments are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Store {
    /// How much disk the segments may take, at least 64MiB; default `10GiB`.
    pub limit: ByteSize,
    /// How much of the disk is always left free; default `1GiB`.
    pub free: ByteSize,
}

impl Default for Store {
    fn default() -> Self {
        Self { limit: ByteSize::gib(10), free: ByteSize::gib(1) }
    }
}
