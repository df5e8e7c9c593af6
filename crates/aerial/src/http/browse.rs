//! `/folders/browse`: the server's folders, for whoever looks for the library's.
//!
//! Owns what is told of them: names alone, no file. Invariant: an answer is bounded, and
//! a folder that cannot be read says why.

use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use tokio::time::timeout;
use utoipa::{IntoParams, ToSchema};

use super::extract::{Json, Query};
use super::folders::place;
use super::problem::{Answer, Problem};
use crate::db::Db;

/// Folders that are told of one: nobody picks from more.
const SHOWN: usize = 1_000;

/// Entries that are looked at, files too.
const LOOKED_AT: usize = 100_000;

/// A share whose server is gone hangs for minutes.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where videos are on many machines, told where they are there.
const USUAL: [&str; 9] =
    ["/media", "/mnt", "/srv", "/data", "/videos", "/home", "/volume1", "/Volumes", "/Users"];

/// Which folder.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct BrowseQuery {
    /// An absolute path; `/`, unless said.
    #[param(required = false, example = "/srv")]
    path: Option<String>,
}

/// A folder of the server, and the folders in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Browsed {
    /// Where it is, without detours.
    path: String,
    /// The folder that it is in; `null` for `/`.
    #[schema(required = true)]
    parent: Option<String>,
    /// Folders in it, by name; hidden ones are left out.
    folders: Vec<BrowsedFolder>,
    /// There are more than are told: name one.
    more: bool,
    /// Where videos often are, as far as that is there.
    places: Vec<String>,
}

/// A folder within a folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct BrowsedFolder {
    /// Its name.
    name: String,
    /// Where it is: for the next question, or to add it.
    path: String,
    /// It is of the library, or within a folder that is.
    in_library: bool,
}

/// The folders within a folder of the server.
#[utoipa::path(
    get, path = "/folders/browse", operation_id = "browse_folders", tag = "library",
    params(BrowseQuery),
    responses(
        (status = 200, body = Browsed),
        (status = 422, description = "It cannot be read; `errors` says why.", body = Problem),
    ),
)]
pub(super) async fn browse(
    State(db): State<Db>,
    Query(query): Query<BrowseQuery>,
) -> Answer<Json<Browsed>> {
    let text = query.path.filter(|path| !path.is_empty()).unwrap_or_else(|| "/".to_owned());
    let library: Vec<PathBuf> = db.folders().await?.into_iter().map(|folder| folder.path).collect();
    let looking = async {
        let path = place(&text).await?;
        let looked = tokio::task::spawn_blocking(move || look(&path, &library)).await;
        looked.map_err(|_| "the server is stopping".to_owned())?
    };
    let within = PATIENCE.as_secs();
    let slow = || Err(format!("`{text}` does not answer within {within} s: is its disk there?"));
    let looked = timeout(PATIENCE, looking).await.unwrap_or_else(|_| slow());
    looked.map(Json).map_err(|why| Problem::field("path", why))
}

fn look(path: &Path, library: &[PathBuf]) -> Result<Browsed, String> {
    let shown = |path: &Path| path.to_string_lossy().into_owned();
    let unreadable =
        |error: std::io::Error| format!("`{}` cannot be read: {error}", path.display());
    let mut folders = Vec::new();
    for entry in std::fs::read_dir(path).map_err(unreadable)?.take(LOOKED_AT) {
        let entry = entry.map_err(unreadable)?;
        // A name that is not text could not be sent back.
        let Ok(name) = entry.file_name().into_string() else { continue };
        let kind = entry.file_type();
        let is_folder = match kind {
            Ok(kind) if kind.is_symlink() => entry.path().is_dir(),
            Ok(kind) => kind.is_dir(),
            Err(_) => false,
        };
        if is_folder && !name.starts_with('.') {
            let path = entry.path();
            let in_library = library.iter().any(|known| path.starts_with(known));
            folders.push(BrowsedFolder { name, path: shown(&path), in_library });
        }
    }
    folders.sort_by_cached_key(|folder| (folder.name.to_lowercase(), folder.name.clone()));
    let more = folders.len() > SHOWN;
    folders.truncate(SHOWN);
    let usual = USUAL.iter().map(Path::new).filter(|place| place.is_dir()).map(shown);
    Ok(Browsed {
        path: shown(path),
        parent: path.parent().map(shown),
        folders,
        more,
        places: usual.collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_alone_are_told_by_name_and_no_more_than_anybody_reads() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b", "A", ".hidden"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        std::fs::write(folder.path().join("file.mkv"), "").unwrap();
        std::os::unix::fs::symlink(folder.path().join("b"), folder.path().join("c")).unwrap();
        std::os::unix::fs::symlink(folder.path().join("gone"), folder.path().join("d")).unwrap();
        let told = look(folder.path(), &[folder.path().join("b")]).unwrap();
        let names: Vec<(&str, bool)> =
            told.folders.iter().map(|one| (one.name.as_str(), one.in_library)).collect();
        assert_eq!(names, [("A", false), ("b", true), ("c", false)]);
        assert!(!told.more);
        assert_eq!(told.parent.as_deref(), folder.path().parent().and_then(Path::to_str));
        for n in 0..SHOWN {
            std::fs::create_dir(folder.path().join(format!("n{n}"))).unwrap();
        }
        let told = look(folder.path(), &[]).unwrap();
        assert_eq!((told.folders.len(), told.more), (SHOWN, true));
        assert!(look(&folder.path().join("file.mkv"), &[]).unwrap_err().contains("cannot be read"));
    }
}
