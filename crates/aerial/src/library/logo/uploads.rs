//! Logos that people uploaded, in a folder of their own.
//!
//! Owns the folder. Invariant: an upload's name is made of its bytes, so that an address
//! with it can be kept for ever, and the same picture has the same name on every machine.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{Mutex, MutexGuard};

/// The uploads. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Uploads(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// Made with the first.
    folder: PathBuf,
    turn: Mutex<()>,
}

/// Why a picture is no logo.
#[derive(Debug, thiserror::Error)]
pub enum LogoError {
    /// It is of no kind that all apps show.
    #[error("it is no PNG, JPEG or WebP picture")]
    Kind,
    /// The folder cannot be used.
    #[error("{} cannot be written ({source}): check its rights and the space on its disk", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl Uploads {
    /// Those in this folder, which need not be there.
    pub fn new(folder: PathBuf) -> Self {
        Self(Arc::new(Inner { folder, turn: Mutex::default() }))
    }

    /// For whoever changes which uploads there are.
    pub async fn turn(&self) -> MutexGuard<'_, ()> {
        self.0.turn.lock().await
    }

    /// What a picture would be called.
    ///
    /// # Errors
    /// When it is no picture that all apps show.
    pub fn name(picture: &[u8]) -> Result<String, LogoError> {
        let (ending, _) = kind(picture).ok_or(LogoError::Kind)?;
        Ok(format!("{}.{ending}", &blake3::hash(picture).to_hex()[..32]))
    }

    /// Keeps an upload; its name.
    ///
    /// # Errors
    /// When it is no picture that all apps show, or cannot be written.
    pub async fn keep(&self, picture: Bytes) -> Result<String, LogoError> {
        let name = Self::name(&picture)?;
        let folder = &self.0.folder;
        let (path, written) = (self.path(&name), folder.join(format!("{name}.part")));
        let store = async {
            tokio::fs::create_dir_all(folder).await?;
            tokio::fs::write(&written, &picture).await?;
            tokio::fs::rename(&written, &path).await
        };
        let done = store.await;
        done.map_err(|source| LogoError::Folder { folder: folder.clone(), source })?;
        Ok(name)
    }

    /// An upload of that name, and its media type.
    pub async fn get(&self, name: &str) -> Option<(Bytes, &'static str)> {
        let (stem, _) = name.split_once('.')?;
        if !stem.bytes().all(|byte| byte.is_ascii_hexdigit()) || name.contains(['/', '\\']) {
            return None;
        }
        let picture = Bytes::from(tokio::fs::read(self.path(name)).await.ok()?);
        let (_, media_type) = kind(&picture)?;
        Some((picture, media_type))
    }

    /// Deletes uploads that none of these names.
    pub async fn keep_only(&self, named: &BTreeSet<String>) {
        let Ok(mut folder) = tokio::fs::read_dir(&self.0.folder).await else { return };
        while let Ok(Some(entry)) = folder.next_entry().await {
            let is_named = entry.file_name().to_str().is_some_and(|name| named.contains(name));
            if !is_named && let Err(error) = tokio::fs::remove_file(entry.path()).await {
                tracing::warn!(%error, "an old logo stays");
            }
        }
    }

    /// Where one of that name lies.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.folder.join(name)
    }
}

/// The ending and the media type of a picture, by what it begins with.
pub(super) fn kind(picture: &[u8]) -> Option<(&'static str, &'static str)> {
    match picture {
        [0x89, b'P', b'N', b'G', ..] => Some(("png", "image/png")),
        [0xff, 0xd8, 0xff, ..] => Some(("jpg", "image/jpeg")),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => {
            Some(("webp", "image/webp"))
        }
        _ => None,
    }
}
