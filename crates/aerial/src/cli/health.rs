//! `aerial health`: whether a server answers here that can serve.
//!
//! Owns the question and how long it waits. What makes a server ready is `http::system`'s
//! to say. Invariant: it ends well only if a server said that it is ready; it opens no
//! data folder, so that it costs next to nothing and can be asked every few seconds.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::Duration;

use axum::http::Method;
use thiserror::Error;
use tokio::time::timeout;

use super::desk::{DeskError, from_here, talk};
use crate::config::Settings;

/// A server that takes longer is of no use to its viewers either.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why there is no server that can serve.
#[derive(Debug, Error)]
pub enum HealthError {
    /// Nothing answers.
    #[error(
        "no server answers on {address}: {source}; is it started, and is that its address \
         (--listen, AERIAL_SERVER_LISTEN)?"
    )]
    Nobody {
        /// Where it was looked for.
        address: SocketAddr,
        /// Why it did not answer.
        #[source]
        source: io::Error,
    },
    /// It answers that it is not.
    #[error("the server on {address} cannot serve: {reason}")]
    NotReady {
        /// Which.
        address: SocketAddr,
        /// What it said.
        reason: DeskError,
    },
    /// Nothing can be printed.
    #[error("cannot print: {0}")]
    Print(#[from] io::Error),
}

/// Asks the server that these settings are for.
///
/// # Errors
/// When there is none, or it is not ready.
pub async fn run(settings: &Settings, out: &mut impl Write) -> Result<(), HealthError> {
    let address = from_here(settings.server.listen);
    let answer = timeout(PATIENCE, talk(address, &Method::GET, "/readyz", "", None))
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        .map_err(|source| HealthError::Nobody { address, source })?;
    answer.accepted().map_err(|reason| HealthError::NotReady { address, reason })?;
    writeln!(out, "the server on {address} is ready")?;
    Ok(())
}
