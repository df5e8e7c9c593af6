//! `[discovery]`: how TV apps find the server.

use serde::{Deserialize, Serialize};

/// `[discovery]`: how TV apps find the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Discovery {
    /// Whether those who look for an HDHomeRun tuner on the network are answered, from
    /// where the server can be reached; default true.
    pub hdhomerun: bool,
    /// The UDP port on which they are; default 65001, the one that all of them ask.
    pub port: u16,
    /// Whether searches for UPnP devices (SSDP, UDP 1900) are answered too; default
    /// false.
    pub ssdp: bool,
}

impl Default for Discovery {
    fn default() -> Self {
        Self { hdhomerun: true, port: aerial_model::discovery::PORT, ssdp: false }
    }
}
