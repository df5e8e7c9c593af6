//! Making a backup, while a server runs or while none does.
//!
//! Owns the order: copy all that must not be lost, logos before the catalogue that names
//! them and once more after it, since one that is replaced meanwhile is deleted; look into
//! the copy of the catalogue, end in it what was going on, write the file beside its name,
//! read it again, and only then let it have its name.
//! Invariant: nothing in the data folder is changed but what passes in `tmp`.

use std::fs;
use std::path::{Path, PathBuf};

use aerial_model::time::AirTime;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::manifest::{FORMAT, Manifest};
use super::{BackupError, Passing, Result, archive, room};
use crate::data_dir::{CATALOGUE, KEPT, LOGOS, is_being_replaced};
use crate::db::{Db, Inside};

/// What a settings file that is not in the data folder is called in a backup.
pub(super) const CONFIG: &str = "config.toml";
/// Longest name of a file that is taken along: what tar has room for. Ours are shorter.
const NAME_LIMIT: usize = 100;

/// What is backed up.
#[derive(Clone, Debug)]
pub struct Source {
    /// The data folder.
    pub data: PathBuf,
    /// The settings file that `--config` named, if it did.
    pub config: Option<PathBuf>,
    /// How many bytes of a disk stay free.
    pub floor: u64,
}

/// Makes the backup `target`, which must not be there, and says what is in it.
///
/// # Errors
/// Why there is none; then nothing is left of it.
pub async fn make(
    source: &Source,
    target: &Path,
    now: AirTime,
    ending: &CancellationToken,
) -> Result<Manifest> {
    let catalogue = source.data.join(CATALOGUE);
    if !catalogue.is_file() {
        return Err(BackupError::NoCatalogue(source.data.clone()));
    }
    if is_being_replaced(&source.data) {
        return Err(BackupError::BeingRestored(source.data.clone()));
    }
    if target.exists() {
        return Err(BackupError::Exists(target.to_owned()));
    }
    let data = source.data.canonicalize();
    let data = data.map_err(BackupError::io("read", &source.data))?;
    let source = Source { data, ..source.clone() };
    room(&source.data, estimate(&source.data), source.floor)?;
    let tmp = source.data.join("tmp").join(format!("backup-{}", Uuid::now_v7()));
    let passing = Passing::folder(tmp)?;
    let copy = passing.path().join(CATALOGUE);
    let (data, folder) = (source.data.clone(), passing.path().to_owned());
    let before = tokio::task::spawn_blocking(move || logos(&data, &folder));
    let before = before.await.unwrap_or(Err(BackupError::BrokenOff))?;
    let copying = async {
        Db::copy(&catalogue, &copy).await?;
        let inside = Db::look_into(&copy).await?;
        Db::settle(&copy).await?;
        Ok::<_, BackupError>(inside)
    };
    let inside = tokio::select! {
        inside = copying => inside?,
        () = ending.cancelled() => return Err(BackupError::BrokenOff),
    };
    let (target, ending) = (target.to_owned(), ending.clone());
    let written = tokio::task::spawn_blocking(move || {
        written(&source, passing.path(), &target, (now, inside, before), &ending)
    });
    written.await.unwrap_or(Err(BackupError::BrokenOff))
}

/// What the copies will need, roughly: the log's part of the catalogue counts too.
fn estimate(data: &Path) -> u64 {
    let size = |path: PathBuf| fs::metadata(path).map_or(0, |found| found.len());
    let catalogue = size(data.join(CATALOGUE)) + size(data.join(format!("{CATALOGUE}-wal")));
    kept(data).iter().fold(catalogue, |sum, path| sum + size(data.join(path)))
}

/// The files below [`KEPT`], as paths in the data folder, in order.
fn kept(data: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for part in KEPT {
        let path = data.join(part);
        if path.is_file() {
            found.push(part.to_owned());
        }
        // Folders of ours have no folders in them.
        for entry in fs::read_dir(&path).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let Some(name) = name.to_str().filter(|name| !is_unfinished(name)) else { continue };
            let path = format!("{part}/{name}");
            if path.len() > NAME_LIMIT {
                tracing::warn!(
                    path,
                    "is not backed up: its name is too long to be one of Aerial's"
                );
            } else if entry.file_type().is_ok_and(|kind| kind.is_file()) {
                found.push(path);
            }
        }
    }
    found.sort_unstable();
    found
}

/// What is being written by whoever uploads it.
fn is_unfinished(name: &str) -> bool {
    name.ends_with(".part") || name.ends_with(".new")
}

/// Copies the uploaded logos to where the copy of the catalogue will be; their paths. Their
/// names are made of their bytes, so one that is there twice is the same.
fn logos(data: &Path, folder: &Path) -> Result<Vec<String>> {
    let mut taken = Vec::new();
    for path in kept(data).into_iter().filter(|path| is_logo(path)) {
        if copied(&data.join(&path), &folder.join(&path))? {
            taken.push(path);
        }
    }
    Ok(taken)
}

fn is_logo(path: &str) -> bool {
    Path::new(path).parent() == Some(Path::new(LOGOS))
}

/// Copies the rest to where the copy of the catalogue is, and writes it all. `before`: the
/// logos that were copied before it.
fn written(
    source: &Source,
    folder: &Path,
    target: &Path,
    (now, inside, before): (AirTime, Inside, Vec<String>),
    ending: &CancellationToken,
) -> Result<Manifest> {
    let later: Vec<String> =
        kept(&source.data).into_iter().filter(|path| !before.contains(path)).collect();
    let mut paths = vec![CATALOGUE.to_owned()];
    paths.extend(before);
    for path in later {
        if ending.is_cancelled() {
            return Err(BackupError::BrokenOff);
        }
        // The one that holds is named by whoever started the server.
        if path == CONFIG && source.config.is_some() {
            continue;
        }
        if copied(&source.data.join(&path), &folder.join(&path))? {
            paths.push(path);
        }
    }
    if let Some(config) = &source.config
        && copied(config, &folder.join(CONFIG))?
    {
        paths.push(CONFIG.to_owned());
    }
    let members = paths.iter().map(|path| archive::member(folder, path)).collect::<Result<_>>()?;
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let manifest = Manifest {
        aerial_backup: FORMAT,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        schema: inside.steps,
        made_at_ms: now.unix_millis(),
        data: text(&source.data),
        config: source.config.as_deref().map(text),
        channels: inside.channels,
        media: inside.media,
        members,
    };
    let parent = match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    if !parent.is_dir() {
        return Err(BackupError::NoFolder(parent.to_owned()));
    }
    room(parent, manifest.bytes(), source.floor)?;
    let mut part = target.as_os_str().to_owned();
    part.push(".part");
    let part = Unfinished(part.into());
    archive::write(&part.0, &manifest, folder, ending)?;
    if archive::read(&part.0, &mut archive::OnlyLooks, ending)? != manifest {
        let reason = "it is not what was written a moment ago".to_owned();
        return Err(BackupError::Damaged { path: part.0.clone(), reason });
    }
    fs::rename(&part.0, target).map_err(BackupError::io("write", target))?;
    let synced = fs::File::open(parent).and_then(|folder| folder.sync_all());
    synced.map_err(BackupError::io("write", target))?;
    Ok(manifest)
}

/// Copies a file; `false`: it is gone meanwhile.
fn copied(from: &Path, to: &Path) -> Result<bool> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).map_err(BackupError::io("make", folder))?;
    }
    match fs::copy(from, to) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(BackupError::io("read", from)(source)),
    }
}

/// A file that is removed unless it got its name.
struct Unfinished(PathBuf);

impl Drop for Unfinished {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_logo_that_is_replaced_while_the_catalogue_is_copied_is_in_the_backup() {
        let dir = tempfile::tempdir().unwrap();
        let (data, folder) = (dir.path().join("data"), dir.path().join("passing"));
        fs::create_dir_all(data.join(LOGOS)).unwrap();
        fs::create_dir(&folder).unwrap();
        let logo = |name: &str| data.join(LOGOS).join(name);
        fs::write(logo("old.png"), "old").unwrap();
        fs::write(logo("same.png"), "same").unwrap();
        let before = logos(&data, &folder).unwrap();
        // What happens while the catalogue is copied.
        fs::write(folder.join(CATALOGUE), "a catalogue").unwrap();
        fs::remove_file(logo("old.png")).unwrap();
        fs::write(logo("new.png"), "new").unwrap();
        let source = Source { data: data.clone(), config: None, floor: 0 };
        let inside = Inside { steps: Vec::new(), channels: 0, media: 0 };
        let now = AirTime::from_unix_millis(1_800_000_000_000);
        let (target, ending) = (dir.path().join("b.tar.gz"), CancellationToken::new());
        let made = written(&source, &folder, &target, (now, inside, before), &ending).unwrap();
        let mut paths: Vec<&str> = made.members.iter().map(|one| one.path.as_str()).collect();
        paths.sort_unstable();
        let logos = ["new", "old", "same"].map(|name| format!("{LOGOS}/{name}.png"));
        assert_eq!(paths, [&logos[0][..], &logos[1], &logos[2], CATALOGUE]);
    }
}
