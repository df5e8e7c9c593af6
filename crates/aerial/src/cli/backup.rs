//! `aerial backup` and `aerial restore`.
//!
//! Owns what the commands print. A backup is made from the data folder itself, whether a
//! server uses it or not; what is in one, and how it is restored, is `backup`'s.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use aerial_model::time::AirTime;
use thiserror::Error;
use tokio_util::sync::CancellationToken;

use crate::backup::{
    self, BackupError, BackupName, Manifest, Restored, Source, Why, backup_folder,
};
use crate::clock::Clock;
use crate::config::Settings;

/// Why a command failed.
#[derive(Debug, Error)]
pub enum BackupFault {
    /// It was not made or not restored.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// The folder for backups cannot be made.
    #[error("cannot make `{}`: {source}", path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The terminal is gone.
    #[error("cannot print: {0}")]
    Print(#[from] io::Error),
}

/// Makes a backup: `to` a file, into a folder, or, without either, where the server
/// keeps its own.
///
/// # Errors
/// Why there is none.
pub async fn make(
    settings: &Settings,
    config: Option<&Path>,
    to: Option<&Path>,
    out: &mut impl Write,
) -> Result<(), BackupFault> {
    let now = Clock::system().now();
    let target = match to {
        Some(path) if path.is_dir() => path.join(BackupName::new(now, Why::ByHand).to_string()),
        Some(path) => path.to_owned(),
        None => {
            let folder = backup_folder(&settings.server.data, &settings.backup);
            if settings.backup.folder.is_none() && settings.server.data.is_dir() {
                let made = std::fs::create_dir_all(&folder);
                made.map_err(|source| BackupFault::Folder { path: folder.clone(), source })?;
            }
            folder.join(BackupName::new(now, Why::ByHand).to_string())
        }
    };
    let source = Source {
        data: settings.server.data.clone(),
        config: config.map(Path::to_owned),
        floor: backup::floor(settings),
    };
    let ending = until_interrupted();
    let manifest = backup::make(&source, &target, now, &ending).await?;
    let bytes = std::fs::metadata(&target).map_or(0, |found| found.len());
    writeln!(out, "{} ({}, {})", target.display(), size(bytes), inside(&manifest))?;
    writeln!(
        out,
        "It was read again and is whole. It holds secrets: keep it where nobody reads it."
    )?;
    Ok(())
}

/// Restores a backup into the data folder, or, with `check`, only says what is in it.
///
/// # Errors
/// Why nothing was restored.
pub async fn restore(
    settings: &Settings,
    file: &Path,
    (check, force): (bool, bool),
    out: &mut impl Write,
) -> Result<(), BackupFault> {
    if check {
        let path = file.to_owned();
        let checked = tokio::task::spawn_blocking(move || backup::verify(&path)).await;
        let manifest = checked.unwrap_or(Err(BackupError::BrokenOff))?;
        writeln!(out, "{} is whole ({})", file.display(), made(&manifest))?;
        return Ok(());
    }
    let (now, ending) = (Clock::system().now(), until_interrupted());
    let data = &settings.server.data;
    let Restored { manifest, aside } = backup::restore(file, data, force, now, &ending).await?;
    writeln!(out, "restored into {} ({})", data.display(), made(&manifest))?;
    writeln!(
        out,
        "The password and the tokens are those of the backup: revoke again what was revoked since. \
         Nobody is signed in."
    )?;
    if let Some(aside) = aside {
        writeln!(out, "What was there is in {}", aside.display())?;
    }
    if let Some(config) = &manifest.config {
        let here = data.join("config.toml");
        writeln!(
            out,
            "The settings were in {config}; they are in {here} now: put them back there, or start \
             with --config {here}",
            here = here.display()
        )?;
    }
    Ok(())
}

/// Ctrl-C breaks off in good order.
fn until_interrupted() -> CancellationToken {
    let ending = CancellationToken::new();
    let interrupted = ending.clone();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            interrupted.cancel();
        }
    });
    ending
}

fn made(manifest: &Manifest) -> String {
    let at = AirTime::from_unix_millis(manifest.made_at_ms);
    format!("made {at} by Aerial {}, {}", manifest.version, inside(manifest))
}

fn inside(manifest: &Manifest) -> String {
    let counted = |count: u64, what: &str| match count {
        1 => format!("1 {what}"),
        count => format!("{count} {what}s"),
    };
    let channels = counted(manifest.channels, "channel");
    format!("{channels}, {}", counted(manifest.media, "file"))
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1_024 => format!("{bytes} B"),
        1_024..1_048_576 => format!("{} KiB", bytes.div_ceil(1 << 10)),
        _ => format!("{} MiB", bytes.div_ceil(1 << 20)),
    }
}
