//! `aerial doctor`: what works here, and what to do about what does not.
//!
//! Owns the list of examinations: `ffmpeg`, the `disk`, own `slates`, and who can `reach` the server.
//! It changes nothing: what it writes it removes. Invariant: a fault is what keeps the
//! server from serving; everything else is a note.

mod disk;
mod ffmpeg;
mod reach;
mod report;
mod slates;

use self::disk::{examine_disk, examine_folders};
use self::ffmpeg::examine_ffmpeg;
use self::reach::{
    examine_access, examine_descriptors, examine_discovery, examine_listening, examine_webhooks,
};
pub use self::report::{Finding, Report, Severity};
use self::slates::examine_slates;
use crate::config::{ConfigError, Settings};
use crate::data_dir::{self, CATALOGUE};
use crate::db::Db;
use crate::descriptors::Descriptors;
use crate::ffmpeg::{Ffmpeg, Spawner};
use crate::webhooks;

/// Examine this machine with these settings. `wrong`: why they are not all that were given.
pub async fn examine(
    settings: &Settings,
    wrong: Option<&ConfigError>,
    spawner: &Spawner,
) -> Report {
    let mut report = Report::default();
    if let Some(wrong) = wrong {
        let text = format!("the settings are wrong: {wrong} (the rest is examined without them)");
        report.add(Severity::Fault, text);
    }
    match Ffmpeg::discover(&settings.ffmpeg, spawner).await {
        Ok(ffmpeg) => examine_ffmpeg(&ffmpeg, settings, spawner, &mut report).await,
        Err(error) => report.add(Severity::Fault, error.to_string()),
    }
    let catalogue = settings.server.data.join(CATALOGUE);
    let known = Db::folders_of(&catalogue).await.unwrap_or_default();
    examine_folders(&settings.library.folders, &known, &mut report).await;
    examine_disk(settings, &mut report);
    examine_slates(&settings.slates, &mut report).await;
    let serving = data_dir::holder(&settings.server.data);
    examine_listening(settings, serving.as_deref(), &mut report);
    examine_discovery(settings, serving.as_deref(), &mut report);
    examine_descriptors(settings, Descriptors::read(), &mut report);
    examine_webhooks(settings, webhooks::Client::system().no_https(), &mut report);
    let account = Db::has_account(&catalogue).await;
    examine_access(settings, account, &mut report);
    report
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn folders_of_the_catalogue_are_looked_at_too() {
        let house = tempfile::tempdir().unwrap();
        let path = house.path().join(CATALOGUE);
        assert_eq!(Db::folders_of(&path).await, None);
        assert!(!path.exists());
        let db = Db::open(&path).await.unwrap();
        let now = crate::clock::Clock::system().now();
        for name in ["there", "away"] {
            std::fs::create_dir(house.path().join(name)).unwrap();
            db.add_folder(&house.path().join(name), now).await.unwrap();
        }
        std::fs::remove_dir(house.path().join("away")).unwrap();
        let known = Db::folders_of(&path).await.unwrap();
        let mut report = Report::default();
        examine_folders(&known[..1], &known, &mut report).await;
        let severities: Vec<Severity> = report.0.iter().map(|one| one.severity).collect();
        assert_eq!(severities, [Severity::Fine, Severity::Note], "{report}");
    }

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
