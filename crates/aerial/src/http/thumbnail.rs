//! `/media/{media}/thumbnail.jpg`: a picture from within a media.
//!
//! Owns the pictures, made by FFmpeg when first asked for and kept in the data
//! folder. Invariants: at most `AT_ONCE` are made at a time, each within
//! `LIMITS`; those kept have at most `KEPT_BYTES`.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aerial_model::id::MediaId;
use aerial_model::time::Ticks;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use tokio::sync::Semaphore;

use super::extract::At;
use super::media::find;
use super::problem::{Answer, Kind, Problem};
use crate::db::{Db, Media, MediaState};
use crate::ffmpeg::{Invocation, RunLimits, Spawner};

/// How many are made at a time: the streams come first.
const AT_ONCE: usize = 1;
/// A picture of 480 pixels has 20 to 60 kB; a slow disk may take its time.
const LIMITS: RunLimits =
    RunLimits { time: Duration::from_secs(20), stdout_bytes: 4 * 1024 * 1024 };
/// Some 10,000 pictures.
const KEPT_BYTES: u64 = 512 * 1024 * 1024;
/// How nice the making of one is: not to be felt by a stream.
const NICENESS: u8 = 15;

/// The pictures. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Thumbnails(Arc<Maker>);

#[derive(Debug)]
struct Maker {
    folder: PathBuf,
    ffmpeg: PathBuf,
    spawner: Spawner,
    turns: Semaphore,
}

impl Thumbnails {
    /// Kept in `folder`, made by `ffmpeg`.
    pub fn new(folder: PathBuf, ffmpeg: PathBuf, spawner: Spawner) -> Self {
        Self(Arc::new(Maker { folder, ffmpeg, spawner, turns: Semaphore::new(AT_ONCE) }))
    }

    async fn of(&self, media: &Media, name: &str) -> Answer<Bytes> {
        let kept = self.0.folder.join(name);
        if let Ok(picture) = tokio::fs::read(&kept).await {
            return Ok(picture.into());
        }
        let turn = self.0.turns.acquire().await;
        let _turn = turn.map_err(|_| Problem::new(Kind::Unavailable, "the server is stopping"))?;
        // Another may have asked for the same one while this one waited.
        if let Ok(picture) = tokio::fs::read(&kept).await {
            return Ok(picture.into());
        }
        let picture = self.make(media).await?;
        let (maker, bytes) = (self.0.clone(), picture.clone());
        let kept = tokio::task::spawn_blocking(move || maker.keep(&kept, &bytes)).await;
        match kept {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(media = %media.id, %error, "cannot keep a thumbnail"),
            Err(error) => tracing::error!(%error, "keeping a thumbnail failed"),
        }
        Ok(picture)
    }

    async fn make(&self, media: &Media) -> Answer<Bytes> {
        let none = |why: String| Problem::new(Kind::NotFound, why);
        let facts = media.facts.as_ref().and_then(|facts| Some((facts, facts.video.as_ref()?)));
        let Some((facts, video)) = facts else {
            return Err(none(format!("`{}` has no picture", media.about.title)));
        };
        // Past titles and black, wherever the file has anything at all.
        let at = Ticks((facts.length.0 / 5).clamp(0, Ticks::from_secs(600).0));
        let mut invocation = Invocation::new(&self.0.ffmpeg)
            .args(["-nostdin", "-v", "error", "-threads", "1", "-ss"])
            .arg(format!("{}ms", at.as_millis()))
            .arg("-i")
            .arg(file_url(&media.path));
        invocation = invocation
            .args(["-map".to_owned(), format!("0:{}", video.index)])
            .args(["-frames:v", "1", "-an", "-sn", "-dn"])
            .args(["-vf", "scale=w='trunc(min(480,iw*sar)/2)*2':h=-2,setsar=1,format=yuvj420p"])
            .args(["-c:v", "mjpeg", "-q:v", "4", "-f", "image2pipe", "pipe:1"])
            .niceness(NICENESS);
        let made = self.0.spawner.run_to_end(invocation, LIMITS).await;
        let output = made.map_err(|error| Problem::new(Kind::Unavailable, error.to_string()))?;
        if output.exit.is_success() && output.stdout.starts_with(&[0xff, 0xd8]) {
            return Ok(output.stdout);
        }
        let said = output.stderr.lines().last().unwrap_or("FFmpeg gave none").to_owned();
        tracing::info!(media = %media.id, said, "no thumbnail could be made");
        Err(none(format!("no picture of `{}` could be made: {said}", media.about.title)))
    }
}

/// So that no name is taken for an option or a protocol.
fn file_url(path: &Path) -> std::ffi::OsString {
    let mut url = std::ffi::OsString::from("file:");
    url.push(path);
    url
}

impl Maker {
    fn keep(&self, path: &Path, picture: &[u8]) -> io::Result<()> {
        let half_written = path.with_extension("part");
        std::fs::write(&half_written, picture)?;
        std::fs::rename(&half_written, path)?;
        self.prune()
    }

    /// Removes the oldest until the limit holds.
    fn prune(&self) -> io::Result<()> {
        let mut kept = Vec::new();
        for entry in std::fs::read_dir(&self.folder)?.flatten() {
            let is_ours = entry.file_name().to_string_lossy().starts_with("thumbnail-");
            if let (true, Ok(data)) = (is_ours, entry.metadata()) {
                kept.push((data.modified()?, data.len(), entry.path()));
            }
        }
        let mut bytes: u64 = kept.iter().map(|(_, bytes, _)| bytes).sum();
        if bytes <= KEPT_BYTES {
            return Ok(());
        }
        kept.sort();
        for (_, size, path) in kept {
            if bytes <= KEPT_BYTES {
                break;
            }
            std::fs::remove_file(path)?;
            bytes -= size;
        }
        Ok(())
    }
}

/// A picture from within a media, at most 480 pixels wide.
#[utoipa::path(
    get, path = "/media/{media}/thumbnail.jpg", operation_id = "thumbnail", tag = "library",
    params(("media" = uuid::Uuid, Path, description = "Its id.")),
    responses(
        (status = 200, description = "A JPEG picture.", content_type = "image/jpeg"),
        (status = 304, description = "The one that the client has."),
        (status = 404, body = Problem),
    ),
)]
pub(super) async fn get(
    State(db): State<Db>,
    State(thumbnails): State<Thumbnails>,
    At(id): At<MediaId>,
    headers: HeaderMap,
) -> Answer<Response> {
    let media = find(&db, id).await?;
    let Some((map, _)) = media.map else {
        let detail = format!("`{}` cannot be played, so it has no picture", media.about.title);
        return Err(Problem::new(Kind::NotFound, detail));
    };
    // The map's id changes with the file's bytes.
    let tag = format!("\"{map}\"");
    let headers_out = [
        (header::CONTENT_TYPE, "image/jpeg".to_owned()),
        (header::CACHE_CONTROL, "private, max-age=3600".to_owned()),
        (header::ETAG, tag.clone()),
    ];
    if headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        return Ok((StatusCode::NOT_MODIFIED, headers_out).into_response());
    }
    if let MediaState::Missing { .. } = media.state {
        let detail = format!("the file of `{}` is gone", media.about.title);
        return Err(Problem::new(Kind::NotFound, detail));
    }
    let picture = thumbnails.of(&media, &format!("thumbnail-{map}.jpg")).await?;
    Ok((headers_out, picture).into_response())
}
