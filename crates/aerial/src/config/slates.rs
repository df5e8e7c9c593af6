//! `[slates]`: what is shown where nothing else can be.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// `[slates]`: what is shown where nothing else can be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Slates {
    /// A picture or clip for channels that are off the air; default: the channel's
    /// name, when it is back, and with what.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub off_air: Option<PathBuf>,
    /// A picture or clip in place of a programme that fails; default: "We'll be right
    /// back". Of a clip the first 4 s are shown over and over, without sound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<PathBuf>,
}
