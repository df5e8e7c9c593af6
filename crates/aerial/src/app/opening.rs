//! What a start does to the library: its folders, and the demo's channels.
//!
//! Owns the way from "here are some folders" to a library. Knows nothing of
//! streams. Invariant: what people have arranged is never touched.

use std::path::{Path, PathBuf};

use aerial_model::channel::{Edit, What};
use aerial_model::id::{ChannelNumber, ChannelRef};
use futures::future::join_all;

use super::AppError;
use crate::clock::Clock;
use crate::config::Settings;
use crate::data_dir::{CATALOGUE, DataDir};
use crate::db::Db;
use crate::demo;
use crate::ffmpeg::{Ffmpeg, Spawner};
use crate::indexing::Indexing;
use crate::library::{Library, Place, ScanRequest};
use crate::schedule::Schedule;

/// Makes the configured folders part of the library. One that is not there is
/// refused when it is new; one that was there before may come back.
pub(crate) async fn add_folders(
    db: &Db,
    folders: &[PathBuf],
    clock: &Clock,
) -> Result<(), AppError> {
    // All at once, so that several which hang cost the time of one.
    let places = join_all(folders.iter().map(|folder| Place::look(folder, 0))).await;
    add_places(db, folders.iter().zip(places), clock).await
}

/// Whether a start would get past these settings as the machine is now: with FFmpeg, and
/// with the folders. The keeper has it looked at before it ends a server for a new one.
///
/// # Errors
/// What a start would say.
pub async fn try_settings(settings: &Settings, spawner: &Spawner) -> Result<(), AppError> {
    Ffmpeg::discover(&settings.ffmpeg, spawner).await?;
    // Of a catalogue that cannot be read it is not known which are new.
    let Some(known) = Db::folders_of(&settings.server.data.join(CATALOGUE)).await else {
        return Ok(());
    };
    let folders = &settings.library.folders;
    let places = join_all(folders.iter().map(|folder| Place::look(folder, 0))).await;
    for (folder, Place { path, entries }) in folders.iter().zip(places) {
        match entries {
            Err(source) if !is_known(&known, folder, &path) => {
                return Err(AppError::Folder { folder: folder.clone(), source });
            }
            _ => {}
        }
    }
    Ok(())
}

/// The folders as they are set, and as they were found.
async fn add_places(
    db: &Db,
    places: impl Iterator<Item = (&PathBuf, Place)>,
    clock: &Clock,
) -> Result<(), AppError> {
    let mut known: Vec<PathBuf> =
        db.folders().await?.into_iter().map(|folder| folder.path).collect();
    for (folder, Place { path, entries }) in places {
        match entries {
            Ok(_) if known.contains(&path) => {}
            Ok(_) => {
                db.add_folder(&path, clock.now()).await?;
                known.push(path);
            }
            Err(error) if is_known(&known, folder, &path) => {
                tracing::warn!(folder = %path.display(), %error, "a media folder cannot be read now");
            }
            Err(source) => return Err(AppError::Folder { folder: folder.clone(), source }),
        }
    }
    Ok(())
}

/// By its name, or by that without links.
fn is_known(known: &[PathBuf], folder: &PathBuf, path: &PathBuf) -> bool {
    known.contains(path) || known.contains(folder)
}

/// Makes the demo library, unless it is there; its folder.
pub(super) async fn make_demo(
    data: &DataDir,
    ffmpeg: &Ffmpeg,
    spawner: &Spawner,
) -> Result<PathBuf, AppError> {
    let folder = data.root().join("demo");
    let progress = demo::Progress::for_people();
    demo::make(&folder, &ffmpeg.ffmpeg, spawner, &progress).await?;
    Ok(folder)
}

/// Scans the demo library and makes its channels where they are not there yet.
/// Done before the server listens, so that channel 1 is there from the first
/// moment.
pub(super) async fn open_demo(
    library: &Library,
    schedule: &Schedule,
    indexing: &Indexing,
    folders: &[PathBuf],
) -> Result<(), AppError> {
    let Ok(job) = library.scan(ScanRequest::all()).await else { return Ok(()) };
    if library.ended(job).await.is_err() || !schedule.channels().is_empty() {
        return Ok(());
    }
    let Some(folder) = folders.last().and_then(|folder| Path::new(folder).canonicalize().ok())
    else {
        return Ok(());
    };
    // Before the channels are made, so that what can be copied is from the first
    // programme on.
    if let Some(known) = schedule.db().folders().await?.iter().find(|known| known.path == folder) {
        let files = schedule.db().known_files(known.id).await?;
        indexing.index(&files.iter().map(|file| file.id).collect::<Vec<_>>()).await?;
    }
    for channel in demo::channels() {
        let mut items = Vec::new();
        for file in &channel.files {
            if let Some(media) = schedule.db().media_at(&folder.join(file)).await? {
                items.push(What::Media(media.id));
            }
        }
        let number = ChannelNumber { major: channel.number, minor: None };
        let edit = Edit {
            number: Some(number.to_string()),
            name: Some(channel.name.to_owned()),
            order: Some(channel.order),
            ..Edit::default()
        };
        if schedule.channel(ChannelRef::Number(number)).is_none() {
            schedule.create_channel(&edit, items).await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::os::unix::fs::symlink;

    use super::*;

    async fn catalogue(house: &Path) -> Db {
        Db::open(&house.join("catalogue.sqlite")).await.unwrap()
    }

    async fn known(db: &Db) -> Vec<PathBuf> {
        db.folders().await.unwrap().into_iter().map(|folder| folder.path).collect()
    }

    #[tokio::test]
    async fn a_folder_behind_a_link_may_be_away() {
        let house = tempfile::tempdir().unwrap();
        let root = house.path().canonicalize().unwrap();
        let (db, clock) = (catalogue(&root).await, Clock::system());
        let folders = [root.join("films")];
        std::fs::create_dir_all(root.join("nas/films")).unwrap();
        symlink(root.join("nas/films"), &folders[0]).unwrap();
        add_folders(&db, &folders, &clock).await.unwrap();
        std::fs::remove_dir_all(root.join("nas")).unwrap();
        add_folders(&db, &folders, &clock).await.unwrap();
        assert_eq!(known(&db).await, [root.join("nas/films")]);
        let new = add_folders(&db, &[root.join("nas/series")], &clock).await;
        assert!(matches!(new, Err(AppError::Folder { .. })), "{new:?}");
    }

    #[tokio::test]
    async fn a_folder_that_is_written_twice_is_one() {
        let house = tempfile::tempdir().unwrap();
        let root = house.path().canonicalize().unwrap();
        let (db, clock) = (catalogue(&root).await, Clock::system());
        let films = root.join("films");
        std::fs::create_dir(&films).unwrap();
        symlink(&films, root.join("link")).unwrap();
        let folders = [films.clone(), films.join(""), root.join("link")];
        add_folders(&db, &folders, &clock).await.unwrap();
        assert_eq!(known(&db).await, [films]);
    }

    #[tokio::test]
    async fn a_folder_that_hangs_is_refused_only_where_it_is_new() {
        let house = tempfile::tempdir().unwrap();
        let (db, clock) = (catalogue(house.path()).await, Clock::system());
        let hangs = |path: &str| Place {
            path: path.into(),
            entries: Err(io::Error::from(io::ErrorKind::TimedOut)),
        };
        db.add_folder(Path::new("/mnt/nas/films"), clock.now()).await.unwrap();
        let set = PathBuf::from("/srv/films");
        let found = [(&set, hangs("/mnt/nas/films"))];
        add_places(&db, found.into_iter(), &clock).await.unwrap();
        let new = add_places(&db, [(&set, hangs("/srv/films"))].into_iter(), &clock).await;
        assert!(matches!(new, Err(AppError::Folder { .. })), "{new:?}");
    }
}
