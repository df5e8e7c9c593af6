//! `aerial channel list|add|export|import`.
//!
//! Owns what the commands print and the file that `export` writes. What may be
//! set, and what is wrong with it, is the API's. Invariant: `import` of what
//! `export` wrote changes nothing; it names all that is missing before it
//! begins.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use axum::http::Method;
use serde_json::{Map, Value, json};
use thiserror::Error;

use super::desk::{Desk, DeskError};
use super::{ChannelCommand, ListFormat, OrderArg};
use crate::config::Settings;

/// The fields of a channel that `export` writes: all that people set.
const SETTINGS: [&str; 9] =
    ["number", "name", "logo", "group", "starts_at", "loop", "order", "ladder", "grace_ms"];

/// The highest channel number.
const HIGHEST: u32 = 99_999;

/// Why a command failed.
#[derive(Debug, Error)]
pub enum ChannelError {
    /// The API could not be asked, or refused.
    #[error(transparent)]
    Desk(#[from] DeskError),
    /// The API refused a channel of the file.
    #[error("channel {number}: {source}")]
    Channel {
        /// Which.
        number: String,
        /// Why.
        #[source]
        source: DeskError,
    },
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
    /// All numbers are taken.
    #[error("all channel numbers up to {HIGHEST} are taken")]
    NoNumber,
    /// The terminal is gone.
    #[error("cannot print: {0}")]
    Print(#[from] io::Error),
}

type Result<T> = std::result::Result<T, ChannelError>;

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
                None => free_number(&all(&desk, "/api/v1/channels").await?)?,
            };
            let mut lineup: Vec<Value> = show.iter().map(|show| json!({ "show": show })).collect();
            lineup.extend(media(&desk, items).await?);
            let body = json!({ "number": number, "name": name, "order": order, "items": lineup });
            let made = desk.ask(Method::POST, "/api/v1/channels", Some(&body)).await?.accepted()?;
            writeln!(out, "{} {}", text(&made, "number"), text(&made, "name"))?;
            Ok(())
        }
        ChannelCommand::Export { file, .. } => {
            let list = export(&desk).await?;
            let list = format!("{list:#}\n");
            match file {
                None => Ok(out.write_all(list.as_bytes())?),
                Some(path) => {
                    std::fs::write(path, list).map_err(|source| file_error("write", path, source))
                }
            }
        }
        ChannelCommand::Import { file, .. } => import(&desk, file, out).await,
    }
}

async fn list(desk: &Desk, format: ListFormat, out: &mut impl Write) -> Result<()> {
    let channels = all(desk, "/api/v1/channels").await?;
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

/// All items of a list, page by page.
async fn all(desk: &Desk, path: &str) -> std::result::Result<Vec<Value>, DeskError> {
    let mut items = Vec::new();
    let mut page = format!("{path}?limit=500");
    loop {
        let mut listing = desk.get(&page).await?;
        if let Some(some) = listing["items"].as_array_mut() {
            items.append(some);
        }
        let Some(next) = listing["next"].as_str() else { return Ok(items) };
        page = format!("{path}?limit=500&cursor={}", escaped(next));
    }
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

fn escaped(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

fn file_error(what: &'static str, path: &Path, source: io::Error) -> ChannelError {
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

/// Channels with what people set, and lineups that name files by their paths, so
/// that they can be read on another machine, or after the catalogue was lost.
async fn export(desk: &Desk) -> Result<Value> {
    let mut exported = Vec::new();
    for channel in all(desk, "/api/v1/channels").await? {
        let mut told: Map<String, Value> =
            SETTINGS.iter().map(|field| ((*field).to_owned(), channel[field].clone())).collect();
        let lineup = format!("/api/v1/channels/{}/lineup", text(&channel, "id"));
        let items = all(desk, &lineup).await?;
        let items = items.iter().map(|item| match item["show"].as_str() {
            Some(show) => json!({ "show": show }),
            // A path that is not text cannot be written; its id can.
            None if text(item, "path").contains('\u{fffd}') => json!({ "media": item["media"] }),
            None => json!({ "path": item["path"] }),
        });
        told.insert("items".to_owned(), items.collect());
        exported.push(Value::Object(told));
    }
    Ok(json!({ "channels": exported }))
}

async fn import(desk: &Desk, file: &Path, out: &mut impl Write) -> Result<()> {
    let wrong = |reason: String| ChannelError::NotAList { path: file.to_owned(), reason };
    let mut list = String::new();
    let read = match file.as_os_str() == "-" {
        true => io::stdin().read_to_string(&mut list).map(|_| ()),
        false => std::fs::read_to_string(file).map(|text| list = text),
    };
    read.map_err(|source| file_error("read", file, source))?;
    let list: Value = serde_json::from_str(&list).map_err(|error| wrong(error.to_string()))?;
    let channels = list["channels"].as_array();
    let channels = channels.ok_or_else(|| wrong("it has no `channels`".to_owned()))?;
    let mut missing = Vec::new();
    let mut ready = Vec::new();
    for (index, channel) in channels.iter().enumerate() {
        let is_named = channel["number"].is_string() && channel.is_object();
        if !is_named {
            return Err(wrong(format!("channels[{index}] has no `number`")));
        }
        let mut settings = channel.as_object().cloned().unwrap_or_default();
        let items = settings.remove("items").unwrap_or_else(|| json!([]));
        let mut lineup = Vec::new();
        for item in items.as_array().into_iter().flatten() {
            let Some(path) = item["path"].as_str() else {
                lineup.push(item.clone());
                continue;
            };
            match media_at(desk, path).await? {
                Some(id) => lineup.push(json!({ "media": id })),
                None => missing.push(format!("`{path}`")),
            }
        }
        ready.push((text(channel, "number").to_owned(), settings, lineup));
    }
    if !missing.is_empty() {
        missing.sort();
        missing.dedup();
        return Err(ChannelError::NoMedia(missing));
    }
    for (number, settings, lineup) in ready {
        let done = put(desk, &number, settings, lineup).await;
        let done =
            done.map_err(|source| ChannelError::Channel { number: number.clone(), source })?;
        writeln!(out, "{done} {number}")?;
    }
    Ok(())
}

/// Makes a channel, or gives the one of that number these settings and items.
async fn put(
    desk: &Desk,
    number: &str,
    mut settings: Map<String, Value>,
    items: Vec<Value>,
) -> std::result::Result<&'static str, DeskError> {
    let path = format!("/api/v1/channels/{}", escaped(number));
    let known = desk.ask(Method::GET, &path, None).await?;
    if known.is_not_found() {
        settings.insert("items".to_owned(), items.into());
        let body = Value::Object(settings);
        desk.ask(Method::POST, "/api/v1/channels", Some(&body)).await?.accepted()?;
        return Ok("added");
    }
    known.accepted()?;
    // The lineup first: it is refused where it names what is not there.
    let body = json!({ "items": kept(desk, &path, items).await? });
    desk.ask(Method::PUT, &format!("{path}/lineup"), Some(&body)).await?.accepted()?;
    let body = Value::Object(settings);
    desk.ask(Method::PATCH, &path, Some(&body)).await?.accepted()?;
    Ok("changed")
}

/// Gives items that are in the lineup already their ids, so that what plays now
/// stays what it is.
async fn kept(
    desk: &Desk,
    path: &str,
    mut items: Vec<Value>,
) -> std::result::Result<Vec<Value>, DeskError> {
    let current = all(desk, &format!("{path}/lineup")).await?;
    let mut ids: std::collections::HashMap<String, std::collections::VecDeque<Value>> =
        Default::default();
    let key = |item: &Value| format!("{}\n{}", text(item, "media"), text(item, "show"));
    for item in &current {
        ids.entry(key(item)).or_default().push_back(item["id"].clone());
    }
    for item in &mut items {
        if let Some(id) = ids.get_mut(&key(item)).and_then(std::collections::VecDeque::pop_front) {
            item["id"] = id;
        }
    }
    Ok(items)
}
