//! The file with channels that `aerial channel export` writes and `import` reads.
//!
//! Owns the file and what is printed. Its form, and what becomes of it, is the API's
//! (`http::exchange`), here as from the page.

use std::collections::HashSet;
use std::io::{self, Read, Write};
use std::path::Path;

use axum::http::Method;
use serde_json::Value;

use super::channel::error::{ChannelError, Result, file_error, text};
use super::desk::Desk;

/// How the API says what the library lacks.
const LACKS: &str = "the library does not have ";

/// All channels with what people set, and their lineups.
pub(super) async fn export(desk: &Desk) -> Result<Value> {
    Ok(desk.get("/api/v1/channels/export").await?)
}

/// Makes or changes the channels of a list. Where something is missing, nothing
/// is done, or with `partly` all the rest.
pub(super) async fn import(
    desk: &Desk,
    file: &Path,
    partly: bool,
    out: &mut impl Write,
) -> Result<()> {
    let wrong = |reason: String| ChannelError::NotAList { path: file.to_owned(), reason };
    let mut list = String::new();
    let read = match file.as_os_str() == "-" {
        true => io::stdin().read_to_string(&mut list).map(|_| ()),
        false => std::fs::read_to_string(file).map(|text| list = text),
    };
    read.map_err(|source| file_error("read", file, source))?;
    let list: Value = serde_json::from_str(&list).map_err(|error| wrong(error.to_string()))?;
    if !list["channels"].is_array() {
        return Err(wrong("it has no `channels`".to_owned()));
    }
    let path = format!("/api/v1/channels/import?partly={partly}");
    let answer = desk.ask(Method::POST, &path, Some(&list)).await?;
    let faults = answer.faults();
    let lacks = |message: &str| message.strip_prefix(LACKS).map(str::to_owned);
    let missing: Option<Vec<String>> = faults.iter().map(|(_, message)| lacks(message)).collect();
    match missing {
        Some(missing) if missing.is_empty() => {}
        Some(missing) => {
            let mut seen = HashSet::new();
            let named = missing.into_iter().filter(|one| seen.insert(one.clone())).collect();
            return Err(ChannelError::NotThere(named));
        }
        None => {
            let told = faults.iter().map(|(field, message)| format!("{field}: {message}"));
            return Err(wrong(told.collect::<Vec<_>>().join("; ")));
        }
    }
    let done = answer.accepted()?;
    for channel in done["channels"].as_array().into_iter().flatten() {
        writeln!(out, "{} {}", text(channel, "done"), text(channel, "number"))?;
        for left in channel["left_out"].as_array().into_iter().flatten() {
            let left = left.as_str().unwrap_or_default();
            writeln!(out, "  left out: {LACKS}{left}")?;
        }
    }
    Ok(())
}
