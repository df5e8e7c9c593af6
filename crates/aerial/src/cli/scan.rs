//! `aerial scan`: the library's folders looked through, with a bar.
//!
//! Owns what is shown of a scan. Where a server runs on the data folder it is
//! the one that scans, and this looks on. Invariant: it ends well only if every
//! folder could be read.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::http::Method;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Deserialize;
use serde_json::{Value, json};
use thiserror::Error;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::channel::error::text;
use super::desk::{Desk, DeskError, Here};
use crate::app::{AppError, add_folders};
use crate::config::Settings;
use crate::db::DbError;
use crate::ffmpeg::{DiscoverError, Ffmpeg, SpawnError, Spawner, own_binary};
use crate::library::{Ffprobe, Library, LibraryClosed, Progress, ScanRequest, Tools};

/// How often a server is asked how far it is.
const ASK_EVERY: Duration = Duration::from_millis(300);

/// Notes and files that cannot be played that are shown; the rest is counted.
const SHOWN: usize = 20;

/// Why a scan failed.
#[derive(Debug, Error)]
pub enum ScanFault {
    /// The server or the catalogue could not be asked.
    #[error(transparent)]
    Desk(#[from] DeskError),
    /// The catalogue failed.
    #[error(transparent)]
    Db(#[from] DbError),
    /// A folder cannot be added.
    #[error(transparent)]
    Folder(#[from] AppError),
    /// There is no FFmpeg.
    #[error(transparent)]
    Ffmpeg(#[from] DiscoverError),
    /// No process can be started.
    #[error(transparent)]
    Spawn(#[from] SpawnError),
    /// This program does not find itself.
    #[error("cannot find this program's own file: {0}")]
    Program(#[source] io::Error),
    /// The library ended before the scan.
    #[error(transparent)]
    Closed(#[from] LibraryClosed),
    /// There is nothing to scan.
    #[error("the library has no folder; give one with --media DIR")]
    NoFolder,
    /// Some folders cannot be read.
    #[error("{0} of the library's folders cannot be read")]
    Unreachable(usize),
    /// Somebody ended it.
    #[error("the scan was cancelled; what was read until then is kept")]
    Cancelled,
    /// It could not go on.
    #[error("{0}")]
    Failed(String),
    /// The terminal is gone.
    #[error("cannot print: {0}")]
    Print(#[from] io::Error),
}

type Result<T> = std::result::Result<T, ScanFault>;

/// How far a scan is, here or at a server.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Shown {
    job: Option<uuid::Uuid>,
    state: crate::library::ScanState,
    found: u64,
    to_probe: u64,
    probed: u64,
    failed: u64,
    missing: u64,
    returned: u64,
    moved: u64,
    growing: u64,
    current: Option<String>,
    notes: Vec<crate::library::ScanNote>,
    notes_total: u64,
    error: Option<String>,
}

impl From<Progress> for Shown {
    fn from(progress: Progress) -> Self {
        let Progress { job, state, found, to_probe, probed, failed, missing, .. } = progress;
        let Progress { returned, moved, growing, current, notes, notes_total, error, .. } =
            progress;
        Self {
            job,
            state,
            found,
            to_probe,
            probed,
            failed,
            missing,
            returned,
            moved,
            growing,
            current,
            notes,
            notes_total,
            error,
        }
    }
}

/// Scans all folders to the end, saying on `out` what came of it.
///
/// # Errors
/// Why it could not, or which folders could not be read.
pub async fn run(settings: &Settings, out: &mut impl Write) -> Result<()> {
    let desk = Desk::open(settings).await?;
    let bar = Bar::new();
    let shown = match &desk {
        Desk::Here(here) => scan_here(here, settings, &bar).await?,
        Desk::There(_) => scan_there(&desk, settings, &bar).await?,
    };
    bar.0.finish_and_clear();
    tell(&desk, &shown, out).await?;
    if let Desk::Here(here) = desk {
        here.schedule.db().clone().close().await?;
    }
    match (shown.error, shown.state) {
        (Some(error), _) => Err(ScanFault::Failed(error)),
        (None, crate::library::ScanState::Cancelled) => Err(ScanFault::Cancelled),
        (None, _) => Ok(()),
    }
}

async fn scan_here(here: &Here, settings: &Settings, bar: &Bar) -> Result<Shown> {
    let db = here.schedule.db();
    add_folders(db, &settings.library.folders, &here.clock).await?;
    if db.folders().await?.is_empty() {
        return Err(ScanFault::NoFolder);
    }
    let shim = own_binary().map_err(ScanFault::Program)?;
    let spawner = Spawner::sandboxed(shim, settings.ffmpeg.sandbox)?;
    let ffmpeg = Ffmpeg::discover(&settings.ffmpeg, &spawner).await?;
    let prober = Ffprobe::new(spawner.clone(), &ffmpeg.ffprobe)
        .at_once(usize::from(settings.library.probes.get()));
    let (library, task) = Library::new(Tools {
        db: db.clone(),
        prober: Arc::new(prober),
        listener: Arc::new(here.schedule.clone()),
        clock: here.clock.clone(),
    });
    let ending = CancellationToken::new();
    let task = tokio::spawn(task.run(ending.clone()));
    let job = library.scan(ScanRequest::all()).await?;
    let mut progress = library.subscribe();
    let end = async {
        loop {
            bar.show(&progress.borrow_and_update().clone().into());
            if progress.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    };
    let ended = tokio::select! {
        ended = library.ended(job) => ended,
        () = end => unreachable!("it only looks on"),
    };
    ending.cancel();
    let joined = task.await;
    spawner.shut_down().await;
    joined.map_err(|_| LibraryClosed)?;
    Ok(ended?.into())
}

async fn scan_there(desk: &Desk, settings: &Settings, bar: &Bar) -> Result<Shown> {
    for folder in &settings.library.folders {
        add_there(desk, folder).await?;
    }
    if desk.all("/api/v1/folders").await?.is_empty() {
        return Err(ScanFault::NoFolder);
    }
    let asked = desk.ask(Method::POST, "/api/v1/scan", Some(&json!({}))).await?.accepted()?;
    let job = text(&asked, "job").parse::<uuid::Uuid>().ok();
    loop {
        let told = desk.get("/api/v1/scan").await?;
        let shown: Shown = serde_json::from_value(told)
            .map_err(|error| ScanFault::Failed(format!("the server told nonsense: {error}")))?;
        bar.show(&shown);
        // Ids are UUIDv7: a later job's is greater.
        if shown.job > job || (shown.job == job && !shown.state.is_running()) {
            return Ok(shown);
        }
        sleep(ASK_EVERY).await;
    }
}

async fn add_there(desk: &Desk, folder: &Path) -> Result<()> {
    let unreadable = |source| AppError::Folder { folder: folder.to_owned(), source };
    let path = folder.canonicalize().map_err(unreadable)?;
    let path = path.to_string_lossy();
    let known = desk.all("/api/v1/folders").await?;
    if !known.iter().any(|folder| text(folder, "path") == path) {
        let body = json!({ "path": path });
        desk.ask(Method::POST, "/api/v1/folders", Some(&body)).await?.accepted()?;
    }
    Ok(())
}

/// What came of it: numbers, notes, and what cannot be played or read.
async fn tell(desk: &Desk, shown: &Shown, out: &mut impl Write) -> Result<()> {
    let mut numbers = vec![format!("{} videos", shown.found), format!("{} read", shown.probed)];
    let others = [
        (shown.failed, "of these cannot be played"),
        (shown.moved, "moved"),
        (shown.missing, "gone"),
        (shown.returned, "there again"),
        (shown.growing, "still being written"),
    ];
    let others = others.into_iter().filter(|(count, _)| *count > 0);
    numbers.extend(others.map(|(count, what)| format!("{count} {what}")));
    writeln!(out, "{}", numbers.join(", "))?;
    for note in shown.notes.iter().take(SHOWN) {
        writeln!(out, "  {}: {}", plain(&note.path), plain(&note.says))?;
    }
    if let more @ 1.. = shown.notes_total.saturating_sub(SHOWN as u64) {
        writeln!(out, "  and {more} notes more")?;
    }
    if shown.failed > 0 {
        let page = format!("/api/v1/media?state=unplayable&limit={SHOWN}");
        for media in desk.get(&page).await?["items"].as_array().into_iter().flatten() {
            let (path, reason) = (plain(text(media, "path")), plain(text(media, "reason")));
            writeln!(out, "  {path} cannot be played: {reason}")?;
        }
    }
    let folders = desk.all("/api/v1/folders").await?;
    match folders.iter().filter(|folder| folder["last_error"] != Value::Null).count() {
        0 => Ok(()),
        unreachable => Err(ScanFault::Unreachable(unreachable)),
    }
}

/// A name from a disk may hold anything; a terminal must not be told it.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// The bar; indicatif draws none where stderr is no terminal.
struct Bar(ProgressBar);

impl Bar {
    fn new() -> Self {
        Self(ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()))
    }

    fn show(&self, shown: &Shown) {
        let bar = &self.0;
        let template = match shown.to_probe {
            0 => "Looking through the library: {msg}",
            _ => "Reading videos {bar:32} {pos}/{len}  {wide_msg}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        match shown.to_probe {
            0 => bar.set_message(format!("{} videos", shown.found)),
            all => {
                bar.set_length(all);
                bar.set_position(shown.probed);
                let current = shown.current.as_deref().unwrap_or_default();
                bar.set_message(plain(current.rsplit('/').next().unwrap_or_default()));
            }
        }
        bar.tick();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_tells_is_understood() {
        let told = json!({
            "job": "01890000-0000-7000-8000-000000000000", "state": "probing", "running": true,
            "folders": [], "started_at": "2026-12-24T18:00:00.000Z", "finished_at": null,
            "found": 7, "unchanged": 1, "to_probe": 6, "probed": 2, "failed": 1, "missing": 0,
            "returned": 0, "moved": 0, "growing": 0, "current": "/films/a.mkv",
            "notes": [{ "path": "/films/x", "says": "odd" }], "notes_total": 1, "error": null,
        });
        let shown: Shown = serde_json::from_value(told).unwrap();
        assert_eq!((shown.found, shown.to_probe, shown.probed), (7, 6, 2));
        assert!(shown.state.is_running() && shown.notes[0].says == "odd");
    }

    #[test]
    fn names_cannot_talk_to_the_terminal() {
        assert_eq!(plain("a\u{1b}[2Jb\n"), "a\u{fffd}[2Jb\u{fffd}");
    }
}
