//! A backup put in the place of what is in a data folder.
//!
//! Owns the order: verify all of it, write it beside, look into its catalogue, and only
//! then let it take the place of what is there, in one step (`data_dir`). Invariant:
//! whatever goes wrong before that step leaves the folder as it was; what root restores
//! belongs to whom the folder belongs.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aerial_model::time::AirTime;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::archive::{self, Taker};
use super::manifest::{Manifest, Member};
use super::name::moment;
use super::owner::Owner;
use super::{BackupError, Passing, Result, room};
use crate::data_dir::{self, CATALOGUE, DataDir, DataDirError, is_being_replaced};
use crate::db::Db;
use crate::held::once_free;

/// What was restored.
#[derive(Clone, Debug)]
pub struct Restored {
    /// What is in the backup.
    pub manifest: Manifest,
    /// Where that is which was there before, if anything was.
    pub aside: Option<PathBuf>,
}

/// Restores a backup into a data folder that no server uses. `force`: what is there is
/// set aside; otherwise there must be nothing.
///
/// # Errors
/// Why nothing was restored; then nothing is changed.
pub async fn restore(
    file: &Path,
    data: &Path,
    force: bool,
    now: AirTime,
    ending: &CancellationToken,
) -> Result<Restored> {
    let path = file.to_owned();
    let manifest = blocking(move || archive::verify(&path)).await?;
    if let Some(newer) = manifest.schema.iter().find(|step| !Db::steps().contains(step)) {
        return Err(BackupError::Newer {
            path: file.to_owned(),
            version: manifest.version.clone(),
            reason: format!("its catalogue has `{newer}`"),
        });
    }
    let owner = Owner::other_than_root(data);
    let was_broken_off = is_being_replaced(data);
    // From here on no server can start there.
    let (restored, _lock) = match once_free(|| DataDir::open(data), DataDirError::is_left_behind) {
        Ok(data) => {
            let data = Arc::new(data);
            (put_in_place((file, manifest), &data, force, now, ending).await, Some(data))
        }
        Err(error @ DataDirError::InUse { .. }) => return Err(error.into()),
        Err(error) => (Err(error.into()), None),
    };
    let Some(owner) = owner else { return restored };
    // Also what a restore that failed has made: else no server can start there.
    let (mut alone, mut whole) = (data_dir::made(data), Vec::new());
    if let Ok(Restored { aside: Some(aside), .. }) = &restored {
        alone.extend([aside.clone(), aside.join("artwork")]);
    }
    if restored.is_ok() || was_broken_off || is_being_replaced(data) {
        whole = data_dir::replaced(data);
    }
    let given = blocking(move || owner.take(&alone, &whole)).await;
    let restored = restored?;
    given.map(|()| restored)
}

async fn put_in_place(
    (file, manifest): (&Path, Manifest),
    data: &Arc<DataDir>,
    force: bool,
    now: AirTime,
    ending: &CancellationToken,
) -> Result<Restored> {
    let occupied = data.is_occupied();
    if occupied && !force {
        return Err(BackupError::Occupied(data.root().to_owned()));
    }
    // The floor is for what is made again and again: this is needed.
    room(data.root(), manifest.bytes(), 0)?;
    let passing = Passing::folder(data.tmp().join(format!("restore-{}", Uuid::now_v7())))?;
    let (path, mut unpack) = (file.to_owned(), Unpack::into(passing.path().to_owned()));
    let ending = ending.clone();
    let unpacked = blocking(move || archive::read(&path, &mut unpack, &ending)).await?;
    if unpacked != manifest {
        let reason = "it was changed while it was read".to_owned();
        return Err(BackupError::Damaged { path: file.to_owned(), reason });
    }
    let catalogue = passing.path().join(CATALOGUE);
    let inside = Db::look_into(&catalogue).await?;
    if inside.steps != manifest.schema {
        let reason = "its catalogue is not the one of its list".to_owned();
        return Err(BackupError::Damaged { path: file.to_owned(), reason });
    }
    // Backups of earlier versions have sign-ins.
    Db::settle(&catalogue).await?;
    let new = passing.path().to_owned();
    let aside = format!("before-restore-{}", moment(now));
    let data = Arc::clone(data);
    let aside = blocking(move || Ok(data.replace(&new, &aside)?)).await?;
    Ok(Restored { manifest, aside: occupied.then_some(aside) })
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(BackupError::BrokenOff))
}

/// Writes members into a folder.
struct Unpack {
    folder: PathBuf,
    writing: Option<(PathBuf, File)>,
}

impl Unpack {
    fn into(folder: PathBuf) -> Self {
        Self { folder, writing: None }
    }
}

impl Taker for Unpack {
    fn begin(&mut self, member: &Member) -> Result<()> {
        let path = self.folder.join(&member.path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(BackupError::io("make", folder))?;
        }
        let mut options = OpenOptions::new();
        let file = options.write(true).create_new(true).mode(0o600).open(&path);
        self.writing = Some((path.clone(), file.map_err(BackupError::io("write", &path))?));
        Ok(())
    }

    fn more(&mut self, bytes: &[u8]) -> Result<()> {
        let Some((path, file)) = &mut self.writing else { return Ok(()) };
        file.write_all(bytes).map_err(BackupError::io("write", path))
    }

    fn end(&mut self) -> Result<()> {
        let Some((path, file)) = self.writing.take() else { return Ok(()) };
        file.sync_all().map_err(BackupError::io("write", &path))
    }
}
