//! `aerial channel list|add|export|import`.
//!
//! Owns what the commands print. What may be set, and what is wrong with it, is
//! the API's; the file that `export` writes is in `exchange`.

pub(super) mod error;

use std::io::Write;

use axum::http::Method;
use serde_json::{Value, json};

use super::desk::{Desk, escaped};
use super::exchange;
use super::{ChannelCommand, ListFormat, OrderArg};
use crate::config::Settings;
pub use error::ChannelError;
use error::{HIGHEST, Result, file_error, text};

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
