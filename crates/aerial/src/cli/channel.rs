//! `aerial channel list|add|export|import`.
//!
//! Owns what the commands print. What may be set, and what is wrong with it, is
//! the API's; the file that `export` writes is in `exchange`.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use axum::http::Method;
use serde_json::{Value, json};
use thiserror::Error;

use super::desk::{Desk, DeskError, escaped};
use super::exchange;
use super::{ChannelCommand, ListFormat, OrderArg};
use crate::config::Settings;

/// The highest channel number.
const HIGHEST: u32 = 99_999;

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

pub(super) type Result<T> = std::result::Result<T, ChannelError>;

/// Does what was asked for, printing to `out`.
///
/// # Errors
/// With what went wrong and what to do.
pub async fn run(
    command: &ChannelCommand,
    settings: &Settings,
    out: &mut impl Write,
) -> Result<()> {
    let desk = Desk::open(settings).await?;
    match command {
        ChannelCommand::List { format, .. } => list(&desk, *format, out).await,
        ChannelCommand::Add { name, number, order, show, items, .. } => {
            let order = match order {
                OrderArg::Sequential => "sequential",
                OrderArg::Shuffle => "shuffle",
            };
            let number = match number {
                Some(number) => number.clone(),
                None => free_number(&desk.all("/api/v1/channels").await?)?,
            };
            let mut lineup: Vec<Value> = show.iter().map(|show| json!({ "show": show })).collect();
            lineup.extend(media(&desk, items).await?);
            let body = json!({ "number": number, "name": name, "order": order, "items": lineup });
            let made = desk.ask(Method::POST, "/api/v1/channels", Some(&body)).await?.accepted()?;
            writeln!(out, "{} {}", text(&made, "number"), text(&made, "name"))?;
            Ok(())
        }
        ChannelCommand::Export { file, .. } => {
            let list = exchange::export(&desk).await?;
            let list = format!("{list:#}\n");
            match file {
                None => Ok(out.write_all(list.as_bytes())?),
                Some(path) => {
                    std::fs::write(path, list).map_err(|source| file_error("write", path, source))
                }
            }
        }
        ChannelCommand::Import { file, partly, .. } => {
            exchange::import(&desk, file, *partly, out).await
        }
    }
}

async fn list(desk: &Desk, format: ListFormat, out: &mut impl Write) -> Result<()> {
    let channels = desk.all("/api/v1/channels").await?;
    match format {
        ListFormat::Json => writeln!(out, "{:#}", Value::Array(channels))?,
        ListFormat::Table => {
            let width = channels.iter().map(|c| text(c, "name").chars().count()).max();
            let width = width.unwrap_or_default();
            for channel in &channels {
                let (number, name) = (text(channel, "number"), text(channel, "name"));
                let (order, group) = (text(channel, "order"), text(channel, "group"));
                let line = format!("{number:>7}  {name:width$}  {order:10}  {group}");
                writeln!(out, "{}", line.trim_end())?;
            }
        }
    }
    Ok(())
}

pub(super) fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

pub(super) fn file_error(what: &'static str, path: &Path, source: io::Error) -> ChannelError {
    ChannelError::File { what, path: path.to_owned(), source }
}

fn free_number(channels: &[Value]) -> Result<String> {
    let taken: std::collections::HashSet<&str> =
        channels.iter().map(|channel| text(channel, "number")).collect();
    let mut numbers = (1..=HIGHEST).map(|number| number.to_string());
    numbers.find(|number| !taken.contains(number.as_str())).ok_or(ChannelError::NoNumber)
}

/// Items of these media, each given by its id or path.
async fn media(desk: &Desk, given: &[String]) -> Result<Vec<Value>> {
    let mut items = Vec::with_capacity(given.len());
    let mut missing = Vec::new();
    for one in given {
        if one.parse::<uuid::Uuid>().is_ok() {
            items.push(json!({ "media": one }));
            continue;
        }
        // The library knows files by their full paths.
        let path = std::path::absolute(one).map_err(|e| file_error("find", one.as_ref(), e))?;
        let path = path.canonicalize().unwrap_or(path);
        match media_at(desk, &path.to_string_lossy()).await? {
            Some(id) => items.push(json!({ "media": id })),
            None => missing.push(format!("`{one}`")),
        }
    }
    if missing.is_empty() { Ok(items) } else { Err(ChannelError::NoMedia(missing)) }
}

async fn media_at(desk: &Desk, path: &str) -> Result<Option<String>> {
    let found = desk.get(&format!("/api/v1/media?path={}", escaped(path))).await?;
    Ok(found["items"][0]["id"].as_str().map(str::to_owned))
}
