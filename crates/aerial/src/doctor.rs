//! `aerial doctor`: what works here, and what to do about what does not.
//!
//! Owns the list of examinations: `ffmpeg`, the `disk`, and who can `reach` the server.
//! It changes nothing: what it writes it removes. Invariant: a fault is what keeps the
//! server from serving; everything else is a note.

mod disk;
mod ffmpeg;
mod reach;
mod report;

use self::disk::{examine_disk, examine_folders};
use self::ffmpeg::examine_ffmpeg;
use self::reach::{examine_access, examine_descriptors, examine_discovery, examine_webhooks};
pub use self::report::{Finding, Report, Severity};
use crate::config::Settings;
use crate::data_dir::CATALOGUE;
use crate::db::Db;
use crate::descriptors::Descriptors;
use crate::ffmpeg::{Ffmpeg, Spawner};
use crate::keeper::bind;

/// Examine this machine with these settings.
pub async fn examine(settings: &Settings, spawner: &Spawner) -> Report {
    let mut report = Report::default();
    match Ffmpeg::discover(&settings.ffmpeg, spawner).await {
        Ok(ffmpeg) => examine_ffmpeg(&ffmpeg, settings, spawner, &mut report).await,
        Err(error) => report.add(Severity::Fault, error.to_string()),
    }
    examine_folders(&settings.library.folders, &mut report);
    examine_disk(settings, &mut report);
    match bind(settings.server.listen) {
        Ok(_) => report.add(Severity::Fine, format!("{} is free", settings.server.listen)),
        Err(error) => report.add(Severity::Fault, error.to_string()),
    }
    examine_discovery(settings, &mut report);
    examine_descriptors(settings, Descriptors::read(), &mut report);
    examine_webhooks(settings, &mut report);
    let account = Db::has_account(&settings.server.data.join(CATALOGUE)).await;
    examine_access(settings, account, &mut report);
    report
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_account_is_seen_without_changing_the_catalogue() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(CATALOGUE);
        assert_eq!(Db::has_account(&path).await, None);
        assert!(!path.exists());
        let db = Db::open(&path).await.unwrap();
        assert_eq!(Db::has_account(&path).await, Some(false), "also while a server runs");
        db.close().await.unwrap();
        assert_eq!(Db::has_account(&path).await, Some(false));
    }
}
