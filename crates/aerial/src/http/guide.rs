//! `/guide` and what is on now: programmes, as people read them.
//!
//! Owns how a programme of the schedule is told, with its titles. Invariant:
//! the guide and "now" tell the same programme alike.

use std::collections::HashMap;
use std::sync::Arc;

use aerial_model::channel::Channel;
use aerial_model::guide::{self, Kind};
use aerial_model::id::{ChannelId, ChannelNumber, ChannelRef, MediaId};
use aerial_model::time::{AirTime, Ticks};
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::extract::{Json, Query};
use super::page::{Limit, Listing, PageQuery};
use super::problem::{Answer, Problem};
use super::scheduled::find;
use super::streams::Streams;
use super::wire::{Instant, millis};
use crate::clock::Clock;
use crate::db::{Db, Media};
use crate::schedule::{Schedule, ScheduleError};

/// How far a guide reaches unless asked otherwise.
const SHOWN: Ticks = Ticks::from_secs(6 * 3_600);
/// How far it may reach: what XMLTV covers, and a day.
const MOST_SHOWN: Ticks = Ticks::from_secs(9 * 24 * 3_600);

/// Something that airs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Programme {
    /// When it begins.
    pub start: Instant,
    /// When it ends; `null` off the air where nothing is planned ever to follow.
    #[schema(required = true)]
    pub end: Option<Instant>,
    /// Of the film or the episode.
    pub title: String,
    /// What the file says beside its title.
    #[schema(required = true)]
    pub subtitle: Option<String>,
    /// The show it is an episode of.
    #[schema(required = true)]
    pub show: Option<String>,
    /// 0 is specials.
    #[schema(required = true)]
    pub season: Option<u32>,
    /// Number in the season.
    #[schema(required = true)]
    pub episode: Option<u32>,
    /// Nothing is on: the channel has not begun, has ended, or has nothing to play.
    pub off_air: bool,
    /// What plays.
    #[schema(required = true)]
    pub media: Option<Uuid>,
    /// The lineup item it plays for.
    #[schema(required = true)]
    pub item: Option<Uuid>,
    /// When it was made.
    #[schema(required = true)]
    pub year: Option<u16>,
    /// What happens in it.
    #[schema(required = true)]
    pub plot: Option<String>,
    /// Where in the media it begins; not 0 only after an early end.
    pub media_start_ms: i64,
    /// Whether it stays as it is, whatever is edited.
    pub committed: bool,
    /// Where it can be played again from its start, from this server's root: what aired
    /// within the reach of the channel's catch-up, and what is on; else `null`.
    #[schema(required = true)]
    pub catchup: Option<String>,
}

/// A programme of a channel.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct GuideEntry {
    /// The channel's id.
    channel: Uuid,
    /// What airs.
    #[serde(flatten)]
    programme: Programme,
}

/// What the media of some programmes are called.
#[derive(Debug)]
pub(super) struct Titles(HashMap<MediaId, Media>);

impl Titles {
    /// Looks up the media of these.
    pub(super) async fn of(db: &Db, programmes: &[guide::Programme]) -> Answer<Self> {
        let mut ids: Vec<MediaId> = programmes.iter().filter_map(media).collect();
        ids.sort();
        ids.dedup();
        Ok(Self(db.media_of(&ids).await?))
    }

    /// A programme of that channel, with its titles, as it is at `now`.
    pub(super) fn told_of(
        &self,
        channel: &Channel,
        programme: &guide::Programme,
        now: AirTime,
    ) -> Programme {
        Programme { catchup: catchup(channel, programme, now), ..self.told(programme) }
    }

    /// A programme, with its titles.
    pub(super) fn told(&self, programme: &guide::Programme) -> Programme {
        let about = media(programme).and_then(|id| self.0.get(&id)).map(|media| &media.about);
        let title = match programme.kind {
            Kind::OffAir => "Off air",
            Kind::Unknown => "Not known any more",
            Kind::Media { .. } => about.map_or("No longer in the library", |about| &about.title),
        };
        let (item, media_start) = match programme.kind {
            Kind::Media { item, media_start, .. } => (Some(item.0), media_start),
            Kind::OffAir | Kind::Unknown => (None, Ticks::ZERO),
        };
        Programme {
            start: programme.start.into(),
            end: programme.end.map(Instant),
            title: title.to_owned(),
            subtitle: None,
            show: about.and_then(|about| about.show.clone()),
            season: about.and_then(|about| about.season),
            episode: about.and_then(|about| about.episode),
            off_air: programme.kind == Kind::OffAir,
            media: media(programme).map(|id| id.0),
            item,
            year: about.and_then(|about| about.year),
            plot: about.and_then(|about| about.plot.clone()),
            media_start_ms: millis(media_start),
            committed: programme.ordinal.is_some(),
            catchup: None,
        }
    }
}

/// Where a programme can be played again, if it can.
fn catchup(channel: &Channel, programme: &guide::Programme, now: AirTime) -> Option<String> {
    let (reach, end) = (channel.catchup()?, programme.end?);
    media(programme)?;
    let within = programme.start >= now - reach || end > now;
    let (id, start) = (channel.id, programme.start);
    (within && start <= now).then(|| format!("/stream/{id}/catchup.m3u8?from={start}&to={end}"))
}

fn media(programme: &guide::Programme) -> Option<MediaId> {
    match programme.kind {
        Kind::Media { media, .. } => Some(media),
        Kind::OffAir | Kind::Unknown => None,
    }
}

/// What is on now, and what comes next.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Now)]
pub struct NowView {
    /// The server's clock at this answer.
    at: Instant,
    /// The channel's id.
    channel: Uuid,
    /// What is on; `null` only where the clock was set back to before the
    /// channel began to keep its ledger.
    #[schema(required = true)]
    current: Option<Programme>,
    /// What comes next, if anything ever does.
    #[schema(required = true)]
    next: Option<Programme>,
    /// What is wrong with what comes next, so that it will be slate; known from ten
    /// minutes before it begins, while the channel is on the air.
    #[schema(required = true)]
    next_warning: Option<String>,
    /// For how long it has been on.
    offset_ms: i64,
    /// For how much longer it will be; `null`: for ever.
    #[schema(required = true)]
    remaining_ms: Option<i64>,
}

impl NowView {
    /// Of one channel.
    pub(super) async fn of(
        schedule: &Schedule,
        db: &Db,
        (clock, streams): (&Clock, &Streams),
        channel: ChannelId,
    ) -> Answer<Self> {
        let settings = find(schedule, ChannelRef::Id(channel))?;
        let now = schedule.on_now(ChannelRef::Id(channel)).await?;
        let titles = Titles::of(db, &programmes(now.as_ref())).await?;
        Ok(Self::told(&titles, (clock, streams), &settings, now))
    }

    fn told(
        titles: &Titles,
        (clock, streams): (&Clock, &Streams),
        channel: &Channel,
        now: Option<guide::Now>,
    ) -> Self {
        // The instant that was looked at, not the one after looking.
        let at = now.map_or_else(|| clock.now_on(channel.id), |now| now.current.start + now.offset);
        let next = now.and_then(|now| now.next);
        Self {
            next_warning: next.as_ref().and_then(media).and_then(|id| streams.warning(id)),
            at: at.into(),
            channel: channel.id.0,
            current: now.map(|now| titles.told_of(channel, &now.current, at)),
            next: next.map(|next| titles.told(&next)),
            offset_ms: now.map_or(0, |now| millis(now.offset)),
            remaining_ms: now.and_then(|now| now.remaining).map(millis),
        }
    }
}

fn programmes(now: Option<&guide::Now>) -> Vec<guide::Programme> {
    now.into_iter().flat_map(|now| [Some(now.current), now.next]).flatten().collect()
}

/// What is on now and comes next on all channels, by number: what a list of channels
/// shows, in one answer.
#[utoipa::path(
    get, path = "/guide/now", operation_id = "now_on_all", tag = "guide",
    params(PageQuery),
    responses((status = 200, body = Listing<NowView>)),
)]
pub(super) async fn now_on_all(
    State(schedule): State<Schedule>,
    State(db): State<Db>,
    State(clock): State<Clock>,
    State(streams): State<Streams>,
    Query(page): Query<PageQuery>,
) -> Answer<Json<Listing<NowView>>> {
    let after: Option<ChannelNumber> = page
        .cursor
        .map(|cursor| cursor.parse().map_err(|_| Problem::field("cursor", "is of another list")))
        .transpose()?;
    let channels = schedule.channels();
    let rest = channels.iter().filter(|channel| after.is_none_or(|after| channel.number > after));
    let shown = Listing::cut(rest, page.limit, |channel| channel.number.to_string());
    let mut on = Vec::with_capacity(shown.items.len());
    for channel in &shown.items {
        match schedule.on_now(ChannelRef::Id(channel.id)).await {
            Ok(now) => on.push((channel, now)),
            // Deleted since the list was made.
            Err(ScheduleError::UnknownChannel(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let all: Vec<guide::Programme> =
        on.iter().flat_map(|(_, now)| programmes(now.as_ref())).collect();
    let titles = Titles::of(&db, &all).await?;
    let tell = |(channel, now): (&&Arc<Channel>, _)| {
        NowView::told(&titles, (&clock, &streams), channel, now)
    };
    Ok(Json(Listing { items: on.into_iter().map(tell).collect(), next: shown.next }))
}

/// Which programmes.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct GuideQuery {
    /// On at this instant or after it; now, unless said.
    #[param(required = false)]
    from: Option<Instant>,
    /// Beginning before this instant; 6 hours after `from`, unless said, and at most 9 days.
    #[param(required = false)]
    to: Option<Instant>,
    /// A channel's number or id, or several with commas between; all channels, unless said.
    #[param(required = false, example = "5,5.1,7")]
    channel: Option<String>,
    /// How many programmes at most.
    #[param(value_type = u16, required = false, minimum = 1, maximum = 500, default = 100)]
    limit: Limit,
    /// The `next` of the page before.
    #[param(required = false)]
    cursor: Option<String>,
}

/// Programmes, channel by channel in the order of their numbers, each in the
/// order of time.
#[utoipa::path(
    get, path = "/guide", operation_id = "guide", tag = "guide",
    params(GuideQuery),
    responses((status = 200, body = Listing<GuideEntry>)),
)]
pub(super) async fn guide(
    State(schedule): State<Schedule>,
    State(db): State<Db>,
    State(clock): State<Clock>,
    Query(query): Query<GuideQuery>,
) -> Answer<Json<Listing<GuideEntry>>> {
    let from = query.from.map_or_else(|| clock.now(), |from| from.0);
    let to = query.to.map_or(from + SHOWN, |to| to.0);
    if to < from {
        return Err(Problem::field("to", "must not be before `from`"));
    }
    if to - from > MOST_SHOWN {
        return Err(Problem::field("to", "must be at most 9 days after `from`"));
    }
    let mut channels = match &query.channel {
        Some(named) => channels_named(&schedule, named)?,
        None => schedule.channels(),
    };
    let resumed = query.cursor.as_deref().map(Place::read).transpose()?;
    if let Some(place) = &resumed {
        channels.retain(|channel| channel.number >= place.number);
    }
    let limit = query.limit.get();
    let mut found: Vec<(Place, Arc<Channel>, guide::Programme)> = Vec::new();
    for channel in channels {
        let resumed = resumed.as_ref().filter(|place| place.number == channel.number);
        let start = resumed.map_or(from, |place| from.max(place.after));
        if start >= to {
            continue;
        }
        // One more than the page has tells whether there is a next one; one
        // again for the programme that the last page ended with.
        let most = (limit + 2).saturating_sub(found.len());
        let programmes = schedule.guide(ChannelRef::Id(channel.id), start, to, most).await?;
        let rest =
            programmes.into_iter().filter(|p| resumed.is_none_or(|place| p.start > place.after));
        found.extend(rest.map(|programme| {
            let place = Place { number: channel.number, after: programme.start };
            (place, channel.clone(), programme)
        }));
        if found.len() > limit {
            break;
        }
    }
    let page = Listing::cut(found, query.limit, |(place, _, _)| place.write());
    let programmes: Vec<guide::Programme> = page.items.iter().map(|(.., p)| *p).collect();
    let titles = Titles::of(&db, &programmes).await?;
    Ok(Json(page.map(|(_, channel, programme)| GuideEntry {
        channel: channel.id.0,
        programme: titles.told_of(&channel, &programme, clock.now_on(channel.id)),
    })))
}

/// In the order of their numbers, each once.
fn channels_named(schedule: &Schedule, named: &str) -> Answer<Vec<Arc<Channel>>> {
    let mut channels = Vec::new();
    for text in named.split(',') {
        let channel: Option<ChannelRef> = text.parse().ok();
        let channel = channel.ok_or_else(|| Problem::not_found("channel", text))?;
        channels.push(find(schedule, channel)?);
    }
    channels.sort_by_key(|channel| channel.number);
    channels.dedup_by_key(|channel| channel.id);
    Ok(channels)
}

/// The last programme of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    number: ChannelNumber,
    after: AirTime,
}

impl Place {
    fn write(&self) -> String {
        format!("{}_{}", self.number, self.after.0)
    }

    fn read(text: &str) -> Answer<Self> {
        let read = || {
            let (number, after) = text.split_once('_')?;
            Some(Self { number: number.parse().ok()?, after: AirTime(after.parse().ok()?) })
        };
        read().ok_or_else(|| Problem::field("cursor", "is of another list"))
    }
}
