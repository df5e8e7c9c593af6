//! Logs: how they look and what is let through.
//!
//! Owns the one subscriber. What is logged is the business of those who log;
//! they never log secrets, and neither variables nor command lines of the
//! server are logged anywhere. Invariant: logs go to stderr, so stdout is free
//! for what a command was asked for.

use std::io::{self, IsTerminal};

use thiserror::Error;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

use crate::config::{Log, LogFormat};

/// The variable that wins over the setting.
const FILTER_VARIABLE: &str = "RUST_LOG";

/// Why there are no logs.
#[derive(Debug, Error)]
pub enum TelemetryError {
    /// The filter in the variable makes no sense.
    #[error("the variable RUST_LOG: {0} (write for example info,aerial::stream=debug)")]
    Filter(String),
    /// There is a subscriber already.
    #[error("logs are set up twice: {0}")]
    Twice(#[source] TryInitError),
}

/// Libraries that tell at `info` what only their own developers need; a filter
/// that names them overrules this.
const QUIET: &str = "memory_serve=warn,sea_orm_migration=warn,sqlx=warn";

/// Set up the logs of this process.
///
/// # Errors
/// When `RUST_LOG` is wrong, or when called twice.
pub fn start(settings: &Log) -> Result<(), TelemetryError> {
    let variable = std::env::var(FILTER_VARIABLE).ok().filter(|text| !text.is_empty());
    let filter = variable.as_ref().unwrap_or(&settings.filter);
    let filter = EnvFilter::try_new(format!("{QUIET},{filter}"))
        .map_err(|error| TelemetryError::Filter(error.to_string()))?;
    // Where stderr is gone (a terminal that was closed, a pipe that nobody reads), to say so
    // on stderr would panic.
    let lines = tracing_subscriber::fmt().log_internal_errors(false);
    let lines = lines.with_env_filter(filter).with_writer(io::stderr);
    match settings.format {
        LogFormat::Json => lines.json().flatten_event(true).finish().try_init(),
        LogFormat::Text => {
            let colours = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            lines.with_ansi(colours).finish().try_init()
        }
    }
    .map_err(TelemetryError::Twice)
}
