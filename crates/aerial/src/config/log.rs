//! `[log]`: what is logged.

use serde::{Deserialize, Serialize};

/// `[log]`: what is logged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// `text` for people or `json` for programs; default `text`.
    pub format: LogFormat,
    /// What is let through, such as `info` or `info,aerial::stream=debug`;
    /// default `info`. The variable `RUST_LOG` wins over it.
    pub filter: String,
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Text, filter: "info".to_owned() }
    }
}

/// How a log line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// For programs, one object a line.
    Json,
}
