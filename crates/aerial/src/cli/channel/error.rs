//! Why a command on channels failed, in words for people.
//!
//! Owns those words, and what both kinds of commands say in the same way: what a file
//! lacks, and a field of an answer.

use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;
use thiserror::Error;

use crate::cli::desk::DeskError;

/// The highest channel number.
pub(super) const HIGHEST: u32 = 99_999;

/// Why a command failed.
#[derive(Debug, Error)]
pub enum ChannelError {
    /// The API could not be asked, or refused.
    #[error(transparent)]
    Desk(#[from] DeskError),
    /// A file cannot be read or written.
    #[error("cannot {what} `{path}`: {source}")]
    File {
        /// Read or write.
        what: &'static str,
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file is not what `export` writes.
    #[error("`{path}` is no list of channels: {reason}", path = path.display())]
    NotAList {
        /// Which.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The library does not have these files.
    #[error("the library has no {}; add their folder and scan it first", .0.join(", "))]
    NoMedia(Vec<String>),
    /// The library does not have some of what a list names.
    #[error(
        "the library does not have {}; nothing was changed. Add their folder and scan it, or \
         import the rest with --partly",
        some(.0)
    )]
    NotThere(Vec<String>),
    /// All numbers are taken.
    #[error("all channel numbers up to {HIGHEST} are taken")]
    NoNumber,
    /// The terminal is gone.
    #[error("cannot print: {0}")]
    Print(#[from] io::Error),
}

/// The first of them, for an error that can be read.
fn some(all: &[String]) -> String {
    const SHOWN: usize = 20;
    let shown = all.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    match all.len().checked_sub(SHOWN) {
        Some(more @ 1..) => format!("{shown} and {more} more"),
        _ => shown,
    }
}

pub(in crate::cli) type Result<T> = std::result::Result<T, ChannelError>;

pub(in crate::cli) fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

pub(in crate::cli) fn file_error(
    what: &'static str,
    path: &Path,
    source: io::Error,
) -> ChannelError {
    ChannelError::File { what, path: path.to_owned(), source }
}
