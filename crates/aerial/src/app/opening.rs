//! What a start does to the library: its folders, and the demo's channels.
//!
//! Owns the way from "here are some folders" to a library. Knows nothing of
//! streams. Invariant: what people have arranged is never touched.

use std::path::{Path, PathBuf};

use aerial_model::channel::{Edit, What};
use aerial_model::id::{ChannelNumber, ChannelRef};

use super::AppError;
use crate::clock::Clock;
use crate::data_dir::DataDir;
use crate::db::Db;
use crate::demo;
use crate::ffmpeg::{Ffmpeg, Spawner};
use crate::indexing::Indexing;
use crate::library::{Library, ScanRequest};
use crate::schedule::Schedule;

/// Makes the configured folders part of the library. One that is not there is
/// refused when it is new; one that was there before may come back.
pub(crate) async fn add_folders(
    db: &Db,
    folders: &[PathBuf],
    clock: &Clock,
) -> Result<(), AppError> {
    let known: Vec<PathBuf> = db.folders().await?.into_iter().map(|folder| folder.path).collect();
    for folder in folders {
        let absolute = std::path::absolute(folder)
            .map_err(|source| AppError::Folder { folder: folder.clone(), source })?;
        let real = std::fs::canonicalize(&absolute);
        let path = real.as_ref().unwrap_or(&absolute);
        match real.as_ref() {
            _ if known.contains(path) => {
                if let Err(error) = std::fs::read_dir(path) {
                    tracing::warn!(folder = %path.display(), %error, "a media folder cannot be read now");
                }
            }
            Ok(path) => match std::fs::read_dir(path) {
                Ok(_) => {
                    db.add_folder(path, clock.now()).await?;
                }
                Err(source) => return Err(AppError::Folder { folder: folder.clone(), source }),
            },
            Err(error) => {
                let source = std::io::Error::from(error.kind());
                return Err(AppError::Folder { folder: folder.clone(), source });
            }
        }
    }
    Ok(())
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
