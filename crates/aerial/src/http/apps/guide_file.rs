//! `/xmltv.xml` and `/xmltv.xml.gz`: the guide, a week ahead and a day back, or as far
//! back as a channel's catch-up reaches: apps offer again what their guide shows.
//!
//! Owns its window and that it is written while it is read: a piece of one channel
//! at a time. Invariants: what is held of it is bounded, however many channels there
//! are and however short their programmes; a client that has it is told so (304).

use std::collections::{HashMap, VecDeque};
use std::io::Write as _;
use std::sync::Arc;

use aerial_model::channel::Channel;
use aerial_model::guide::{Kind, Programme};
use aerial_model::id::{ChannelRef, MediaId};
use aerial_model::time::{AirTime, Ticks};
use aerial_model::xmltv::{self, Body as Told, Details};
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use futures::Stream;

use super::origin::Origin;
use super::{guide_id, logo};
use crate::clock::Clock;
use crate::db::{Db, DbError, Media};
use crate::schedule::{Schedule, ScheduleError};

/// The guide moves on by this: within it, it is the same.
const STEP: Ticks = Ticks::from_secs(3_600);
/// What has aired, at least.
const BACK: Ticks = Ticks::from_secs(24 * 3_600);
/// What will.
const AHEAD: Ticks = Ticks::from_secs(7 * 24 * 3_600);
/// Programmes that are read at once: a day of half-hours and more.
const AT_ONCE: usize = 500;
/// What is kept of media, which air again and again on many channels; about 500
/// bytes each.
const KEPT: usize = 20_000;
/// What is sent at once.
const PIECE_BYTES: usize = 64 << 10;

/// As it is, or compressed, as its name says.
pub(super) async fn get(
    State(schedule): State<Schedule>,
    State(db): State<Db>,
    State(clock): State<Clock>,
    origin: Origin,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let packed = uri.path().ends_with(".gz");
    let (kind, ending) = match packed {
        true => ("application/gzip", "-gz"),
        false => ("application/xml; charset=utf-8", ""),
    };
    let window = Window::at(clock.now());
    let version =
        Version { tag: window.tag(&schedule, &origin, ending), since: window.since(&schedule) };
    answer(&headers, &version, kind, || {
        let pieces = Writing::new(schedule, db, origin, window).pieces();
        match packed {
            true => Body::from_stream(compressed(pieces)),
            false => Body::from_stream(pieces),
        }
    })
}

/// The time that is shown.
#[derive(Clone, Copy, Debug)]
struct Window {
    from: AirTime,
    to: AirTime,
}

impl Window {
    fn at(now: AirTime) -> Self {
        let hour = AirTime(now.0 - now.0.rem_euclid(STEP.0));
        Self { from: hour - BACK, to: hour + STEP + AHEAD }
    }

    /// Where the guide of that channel begins.
    fn begins(self, channel: &Channel) -> AirTime {
        self.from + BACK - channel.catchup().map_or(BACK, |reach| reach.max(BACK))
    }

    /// When it became what it is, in whole seconds after that.
    fn since(self, schedule: &Schedule) -> i64 {
        let since = (self.from + BACK).max(schedule.changed_at());
        since.unix_millis().saturating_add(999).div_euclid(1_000)
    }

    fn tag(self, schedule: &Schedule, origin: &Origin, kind: &str) -> String {
        let mut hash = blake3::Hasher::new();
        hash.update(&self.from.0.to_le_bytes());
        hash.update(&schedule.revision().to_le_bytes());
        hash.update(origin.url("/").as_bytes());
        // Weak: what it says is the same, however it is compressed on its way.
        format!("W/\"{}{kind}\"", &hash.finalize().to_hex()[..24])
    }
}

/// What tells one guide from another.
struct Version {
    tag: String,
    /// In seconds.
    since: i64,
}

impl Version {
    /// Whether the client has it; what it has is told by its tag before its date.
    fn is_known(&self, asked: &HeaderMap) -> bool {
        let said = |name| asked.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
        if let Some(known) = said(header::IF_NONE_MATCH) {
            let mut tags = known.split(',');
            return known.trim() == "*" || tags.any(|one| opaque(one) == opaque(&self.tag));
        }
        let date = said(header::IF_MODIFIED_SINCE);
        let date = date.and_then(|date| jiff::fmt::rfc2822::parse(date).ok());
        date.is_some_and(|date| date.timestamp().as_second() >= self.since)
    }
}

fn answer(
    asked: &HeaderMap,
    version: &Version,
    kind: &'static str,
    body: impl FnOnce() -> Body,
) -> Response {
    let mut headers = HeaderMap::new();
    let mut put = |name, value: String| {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    };
    put(header::ETAG, version.tag.clone());
    put(header::CACHE_CONTROL, "no-cache".to_owned());
    put(header::VARY, "Host, X-Forwarded-Host, X-Forwarded-Proto".to_owned());
    put(header::LAST_MODIFIED, http_date(version.since));
    if version.is_known(asked) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    put(header::CONTENT_TYPE, kind.to_owned());
    (headers, body()).into_response()
}

/// `Mon, 23 Nov 2026 18:00:00 GMT`.
fn http_date(second: i64) -> String {
    let instant = jiff::Timestamp::from_second(second).unwrap_or_default();
    instant.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// A guide that is being written.
struct Writing {
    schedule: Schedule,
    db: Db,
    origin: Origin,
    window: Window,
    left: VecDeque<Arc<Channel>>,
    /// Where the first of them goes on, if it was begun.
    from: Option<AirTime>,
    bodies: HashMap<MediaId, Arc<Told>>,
    off_air: Arc<Told>,
    /// What is not sent yet.
    text: String,
    ended: bool,
}

impl Writing {
    fn new(schedule: Schedule, db: Db, origin: Origin, window: Window) -> Self {
        let channels = schedule.channels();
        let mut text = String::from(xmltv::HEAD);
        for channel in &channels {
            let icon = origin.url(&logo::path(channel));
            xmltv::channel(&mut text, &guide_id(channel.id), channel.number, &channel.name, &icon);
        }
        let off_air = Details { title: "Off air", ..Details::default() };
        Self {
            schedule,
            db,
            origin,
            window,
            left: channels.into(),
            from: None,
            bodies: HashMap::new(),
            off_air: Arc::new(Told::of(&off_air)),
            text,
            ended: false,
        }
    }

    fn pieces(self) -> impl Stream<Item = Result<Bytes, DbError>> + Send {
        futures::stream::try_unfold(self, |mut writing| async move {
            Ok(writing.piece().await?.map(|piece| (piece, writing)))
        })
    }

    /// The next piece; `None` after the last.
    async fn piece(&mut self) -> Result<Option<Bytes>, DbError> {
        while self.text.len() < PIECE_BYTES && !self.ended {
            match self.left.front().cloned() {
                Some(channel) => self.write_some(&channel).await?,
                None => {
                    self.text.push_str(xmltv::TAIL);
                    self.ended = true;
                }
            }
        }
        let text = std::mem::take(&mut self.text);
        Ok((!text.is_empty()).then(|| Bytes::from(text)))
    }

    /// Some programmes of the channel that is next.
    async fn write_some(&mut self, channel: &Channel) -> Result<(), DbError> {
        let begins = self.window.begins(channel);
        let (from, to) = (self.from.unwrap_or(begins), self.window.to);
        let read = self.schedule.guide(ChannelRef::Id(channel.id), from, to, AT_ONCE).await;
        let programmes = match read {
            Ok(programmes) => programmes,
            // It was deleted while this was written.
            Err(ScheduleError::UnknownChannel(_)) => Vec::new(),
            Err(error) => {
                tracing::error!(channel = %channel.number, %error, "a channel is not in the guide");
                Vec::new()
            }
        };
        self.look_up(&programmes).await?;
        let id = guide_id(channel.id);
        for programme in &programmes {
            // What reaches over the pieces' seam was written with the piece before.
            if programme.start < from && from > begins {
                continue;
            }
            let (body, before) = self.told(programme);
            let stop = programme.end.unwrap_or(to);
            if stop > programme.start {
                xmltv::programme(&mut self.text, &id, (programme.start, stop), &body, before);
            }
        }
        let next = programmes.last().and_then(|last| last.end).filter(|end| *end < to);
        match next.filter(|_| programmes.len() == AT_ONCE) {
            Some(next) => self.from = Some(next),
            None => {
                self.from = None;
                self.left.pop_front();
            }
        }
        Ok(())
    }

    /// What a programme is about, and whether it was shown before.
    fn told(&self, programme: &Programme) -> (Arc<Told>, bool) {
        match programme.kind {
            Kind::Media { media, cycle, .. } => {
                let body = self.bodies.get(&media).unwrap_or(&self.off_air);
                (Arc::clone(body), cycle > 0)
            }
            Kind::OffAir | Kind::Unknown => (Arc::clone(&self.off_air), false),
        }
    }

    async fn look_up(&mut self, programmes: &[Programme]) -> Result<(), DbError> {
        if self.bodies.len() > KEPT {
            self.bodies.clear();
        }
        let media = programmes.iter().filter_map(|programme| match programme.kind {
            Kind::Media { media, .. } => Some(media),
            Kind::OffAir | Kind::Unknown => None,
        });
        let mut unknown: Vec<MediaId> =
            media.filter(|media| !self.bodies.contains_key(media)).collect();
        unknown.sort_unstable();
        unknown.dedup();
        if unknown.is_empty() {
            return Ok(());
        }
        for (id, media) in self.db.media_of(&unknown).await? {
            let body = Arc::new(told(&media, &self.origin));
            self.bodies.insert(id, body);
        }
        for id in unknown {
            let gone = Details { title: "No longer in the library", ..Details::default() };
            self.bodies.entry(id).or_insert_with(|| Arc::new(Told::of(&gone)));
        }
        Ok(())
    }
}

/// What apps show of a media.
fn told(media: &Media, origin: &Origin) -> Told {
    let about = &media.about;
    let icon = origin.url(&format!("/api/v1/media/{}/thumbnail.jpg", media.id));
    let (title, sub_title) = match &about.show {
        Some(show) => (show, Some(about.title.as_str()).filter(|title| title != show)),
        None => (&about.title, None),
    };
    let year = about.year.map(|year| year.to_string());
    let cast: Vec<_> =
        about.cast.iter().map(|actor| (actor.name.clone(), actor.role.clone())).collect();
    let is_picture = media.facts.as_ref().is_some_and(|facts| facts.video.is_some());
    Told::of(&Details {
        title,
        sub_title,
        description: about.plot.as_deref(),
        actors: &cast,
        date: about.aired.as_deref().or(year.as_deref()),
        categories: &about.genres,
        icon: is_picture.then_some(icon.as_str()),
        episode: (about.season, about.episode),
        rating: about.rating.as_deref(),
    })
}

/// The same bytes, as gzip.
fn compressed(
    pieces: impl Stream<Item = Result<Bytes, DbError>> + Send + 'static,
) -> impl Stream<Item = std::io::Result<Bytes>> + Send {
    let state = (Box::pin(pieces), Some(GzEncoder::new(Vec::new(), Compression::fast())));
    futures::stream::try_unfold(state, |(mut pieces, encoder)| async move {
        let Some(mut encoder) = encoder else { return Ok(None) };
        loop {
            match futures::StreamExt::next(&mut pieces).await.transpose() {
                Err(error) => return Err(std::io::Error::other(error)),
                Ok(None) => {
                    let rest = Bytes::from(encoder.finish()?);
                    return Ok(Some((rest, (pieces, None))));
                }
                Ok(Some(piece)) => {
                    encoder.write_all(&piece)?;
                    let done = std::mem::take(encoder.get_mut());
                    if !done.is_empty() {
                        return Ok(Some((Bytes::from(done), (pieces, Some(encoder)))));
                    }
                }
            }
        }
    })
}
