//! What the stream part finds out about files, taken into the catalogue.
//!
//! Owns what becomes of a finding: gone files are marked, replaced ones read
//! again, bad ones put aside, remuxed ones planned by their true length. Invariant:
//! plans change by way of the listener alone, which commits first (`rules.md`, 3),
//! and a folder that cannot be reached makes nothing missing.

use std::io;
use std::path::Path;

use aerial_model::id::MediaId;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use std::sync::Arc;
use tracing::{info, warn};

use super::jobs::{Library, ScanRequest};
use super::scan::Listener;
use crate::clock::Clock;
use crate::db::{Db, DbError, Media};
use crate::stream::findings::{Finding, Findings};
use crate::stream::source_file;

/// The library, as the stream part tells it of files.
#[derive(Clone)]
pub struct FromTheAir {
    /// The catalogue.
    pub db: Db,
    /// Whoever reads files again.
    pub library: Library,
    /// Whoever must know of changes.
    pub listener: Arc<dyn Listener>,
    /// The time.
    pub clock: Clock,
}

impl FromTheAir {
    async fn hear(&self, finding: Finding) -> Result<(), DbError> {
        let now = self.clock.now();
        let (media, changed) = match finding {
            Finding::Missing { media } => (media, self.missing(media).await?),
            Finding::Replaced { media } => {
                if let Some(Media { folder, .. }) = self.db.media(media).await? {
                    // Refused by a library that shuts down: the next start scans.
                    let _asked = self.library.scan(ScanRequest::folder(folder)).await;
                }
                (media, false)
            }
            Finding::Bad { media, identity, reason } => {
                let aside = self.db.put_aside(media, &identity, &reason, now).await?;
                if aside {
                    warn!(%media, reason, "put aside: it failed on the air");
                }
                (media, aside)
            }
            Finding::Remuxed { media, identity, length, map } => {
                let changed = self.db.remap(media, &identity, (length, map), now).await?;
                if changed {
                    info!(%media, %length, "its true length is planned from now on");
                }
                (media, changed)
            }
        };
        if changed {
            self.listener.library_changed(vec![media]).await;
        }
        Ok(())
    }

    /// Looks for itself: what a worker read may have been another file.
    async fn missing(&self, id: MediaId) -> Result<bool, DbError> {
        let Some(media) = self.db.media(id).await? else { return Ok(false) };
        let Some(folder) = self.db.folder(media.folder).await? else { return Ok(false) };
        let gone = move |file: &Path| is_gone(&folder.path, file);
        let looked = source_file::ask(&media.path, source_file::PATIENCE, gone).await;
        if !looked.unwrap_or(false) {
            return Ok(false);
        }
        let marked = self.db.mark_missing(&[id], self.clock.now()).await?;
        Ok(!marked.is_empty())
    }
}

impl Findings for FromTheAir {
    fn tell(&self, finding: Finding) -> BoxFuture<'_, ()> {
        async move {
            if let Err(error) = self.hear(finding.clone()).await {
                warn!(?finding, %error, "the catalogue does not know of a fault");
            }
        }
        .boxed()
    }
}

impl std::fmt::Debug for FromTheAir {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FromTheAir").finish_non_exhaustive()
    }
}

/// The file is not there, and its folder is, with something in it: an empty one
/// may be a disk that is not mounted.
fn is_gone(folder: &Path, file: &Path) -> bool {
    let is_there = std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some());
    let error = std::fs::metadata(file).err();
    is_there && error.is_some_and(|error| error.kind() == io::ErrorKind::NotFound)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_empty_or_away_makes_nothing_missing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("film.mkv");
        assert!(!is_gone(folder.path(), &file), "as if nothing were mounted");
        std::fs::write(folder.path().join("other.mkv"), b"").unwrap();
        assert!(is_gone(folder.path(), &file));
        std::fs::write(&file, b"").unwrap();
        assert!(!is_gone(folder.path(), &file));
        assert!(!is_gone(&folder.path().join("away"), &folder.path().join("away/film.mkv")));
    }
}
