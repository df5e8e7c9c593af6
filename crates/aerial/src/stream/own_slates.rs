//! Slates that were uploaded: where they are kept, and when they are shown.
//!
//! Owns the folder `slates` of the data folder. How a slate is made of them, and what is
//! shown where one cannot be made any more, is `slate`'s. Invariant: what was tried and
//! works takes the place of what was there in one step; what the settings name wins.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::slate::{SlateKind, Slates};

/// The uploaded slates of a server. Cheap to clone.
#[derive(Clone, Debug)]
pub struct OwnSlates {
    slates: Slates,
    folder: PathBuf,
    /// One upload at a time: each is tried with FFmpeg.
    turn: Arc<tokio::sync::Mutex<()>>,
}

/// What is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Look {
    /// Aerial's own.
    BuiltIn,
    /// This one, uploaded.
    Uploaded(PathBuf),
    /// This one, which the settings name.
    Set(PathBuf),
}

/// Why an upload is not shown.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The settings name another.
    #[error(
        "slates.{} is set to `{}` in the settings, which wins; take it away there first",
        kind.name(),
        path.display()
    )]
    Set {
        /// For what it stands in.
        kind: SlateKind,
        /// Which.
        path: PathBuf,
    },
    /// No slate can be made of it.
    #[error("FFmpeg cannot show that: {0}; give a picture or a clip that it can read")]
    Unshowable(String),
    /// It cannot be kept.
    #[error("the slate cannot be kept in `{}`: {source}", path.display())]
    Folder {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl OwnSlates {
    /// Those of this folder, which is made when the first comes; what is there already is
    /// shown from now on.
    pub fn open(slates: Slates, folder: PathBuf) -> Self {
        let own = Self { slates, folder, turn: Arc::default() };
        for kind in SlateKind::BOTH {
            let path = own.path(kind);
            if path.is_file() {
                own.slates.show_uploaded(kind, Some(path));
            }
        }
        own
    }

    /// What is shown.
    pub fn look(&self, kind: SlateKind) -> Look {
        match (self.slates.set(kind), self.slates.uploaded(kind)) {
            (Some(path), _) => Look::Set(path.to_owned()),
            (None, Some(path)) => Look::Uploaded(path),
            (None, None) => Look::BuiltIn,
        }
    }

    /// Shows this from now on, if it can be shown.
    pub async fn put(&self, kind: SlateKind, bytes: &[u8]) -> Result<(), Refused> {
        let _turn = self.turn.lock().await;
        if let Some(path) = self.slates.set(kind) {
            return Err(Refused::Set { kind, path: path.to_owned() });
        }
        let (path, part) = (self.path(kind), self.folder.join(format!("{}.new", kind.name())));
        let folder = |source| Refused::Folder { path: self.folder.clone(), source };
        tokio::fs::create_dir_all(&self.folder).await.map_err(folder)?;
        tokio::fs::write(&part, bytes).await.map_err(folder)?;
        let tried = self.slates.try_picture(&part).await;
        if let Err(reason) = tried {
            let _gone_at_the_next = tokio::fs::remove_file(&part).await;
            // Where it lies for a moment says nothing to whoever sent it.
            let reason = reason.replace(&*part.to_string_lossy(), "it");
            return Err(Refused::Unshowable(reason));
        }
        tokio::fs::rename(&part, &path).await.map_err(folder)?;
        self.slates.show_uploaded(kind, Some(path));
        Ok(())
    }

    /// Shows Aerial's own again. Whether there was another.
    pub async fn take_away(&self, kind: SlateKind) -> Result<bool, Refused> {
        let _turn = self.turn.lock().await;
        let path = self.path(kind);
        self.slates.show_uploaded(kind, None);
        match tokio::fs::remove_file(&path).await {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(source) => Err(Refused::Folder { path, source }),
        }
    }

    fn path(&self, kind: SlateKind) -> PathBuf {
        Path::new(&self.folder).join(kind.name())
    }
}
