//! The schedule, as the stream part sees it.

use std::ops::Range;
use std::sync::Arc;

use aerial_model::guide::Kind;
use aerial_model::id::{ChannelId, ChannelRef, MapId, MediaId};
use aerial_model::ledger::{Ledger, Row};
use aerial_model::replay::Replay;
use aerial_model::segmenter::Treatment;
use aerial_model::time::AirTime;
use futures::FutureExt;
use futures::future::BoxFuture;

use super::{Schedule, ScheduleError};
use crate::db::{Copying, MediaState};
use crate::stream::off_air::ComesBack;
use crate::stream::timeline::{Alone, MediaSource, OnAir, PlannedAiring, Timeline, TimelineError};

/// Airings that are looked at ahead: ten minutes of clips of a second.
const MOST_PLANNED: usize = 600;

impl Timeline for Schedule {
    fn channel(&self, channel: ChannelRef) -> BoxFuture<'_, Result<Option<OnAir>, TimelineError>> {
        async move {
            let Ok((settings, entry)) = self.find(channel) else { return Ok(None) };
            let live = match self.live(&entry).await {
                Err(ScheduleError::UnknownChannel(_)) => return Ok(None),
                other => other.map_err(|error| failed(channel, &error))?,
            };
            Ok(Some(OnAir {
                id: settings.id,
                number: settings.number,
                name: settings.name.clone(),
                ladder: settings.ladder.clone(),
                grace: settings.grace().unwrap_or(self.0.standard.grace),
                keep_running: settings.keep_running,
                frame_height: live.planner.lineup().frame_height,
                looks: live.planner.looks(),
                catchup: settings.catchup(),
                video: settings.video_at(self.now_on(settings.id)),
                // Whoever came before this watches a stream that is over.
                stream_since: settings
                    .video_since
                    .filter(|since| *since <= self.now_on(settings.id)),
            }))
        }
        .boxed()
    }

    fn kept(&self) -> Vec<ChannelRef> {
        let kept = self.channels().into_iter().filter(|channel| channel.keep_running);
        kept.map(|channel| ChannelRef::Id(channel.id)).collect()
    }

    fn committed(
        &self,
        channel: ChannelId,
        from: AirTime,
    ) -> BoxFuture<'_, Result<Arc<Ledger>, TimelineError>> {
        async move {
            let failed = |error: &ScheduleError| failed(ChannelRef::Id(channel), error);
            let entry = self.entry(channel).map_err(|error| failed(&error))?;
            if let Some(live) = entry.cached().filter(|live| live.lasts(self.now_on(channel))) {
                self.commit_meanwhile(&entry, &live);
                if live.reaches(from) {
                    return Ok(live.ledger.clone());
                }
            } else if let Err(error) = self.commit(channel).await {
                // What is committed already can still be shown to its end.
                let cached = entry.cached().map(|live| live.ledger.clone());
                let lasts = |ledger: &Arc<Ledger>| ledger.index_at(self.now_on(channel)).is_some();
                let Some(ledger) = cached.filter(lasts) else { return Err(failed(&error)) };
                tracing::error!(%channel, %error, "cannot commit what comes next");
                return Ok(ledger);
            }
            let live = self.live(&entry).await.map_err(|error| failed(&error))?;
            if live.reaches(from) {
                return Ok(live.ledger.clone());
            }
            let span = from..AirTime(i64::MAX);
            self.past_ledger(&entry, &live, span).await.map_err(|error| failed(&error))
        }
        .boxed()
    }

    fn aired(
        &self,
        channel: ChannelId,
        span: Range<AirTime>,
    ) -> BoxFuture<'_, Result<Replay, TimelineError>> {
        async move {
            Schedule::aired(self, channel, span).await.map_err(|error| match error {
                ScheduleError::NotTold { source, .. } => TimelineError::NotTold(source),
                error => failed(ChannelRef::Id(channel), &error),
            })
        }
        .boxed()
    }

    fn alone(&self, media: MediaId) -> BoxFuture<'_, Result<Alone, TimelineError>> {
        self.media_alone(media).boxed()
    }

    fn comes_back(
        &self,
        channel: ChannelId,
        at: AirTime,
    ) -> BoxFuture<'_, Result<ComesBack, TimelineError>> {
        async move {
            let failed = |error: ScheduleError| failed(ChannelRef::Id(channel), &error);
            let (settings, _) = self.find(ChannelRef::Id(channel)).map_err(failed)?;
            let name = settings.name.clone();
            let on = self.on_at(ChannelRef::Id(channel), at).await.map_err(failed)?;
            let Some((start, Kind::Media { media, .. })) =
                on.and_then(|on| on.next).map(|next| (next.start, next.kind))
            else {
                return Ok(ComesBack { name, next: None });
            };
            let about = self
                .0
                .db
                .media(media)
                .await
                .map_err(|error| TimelineError::Media { media, reason: error.to_string() })?
                .map(|media| media.about);
            let title = about.map(|about| match about.show {
                Some(show) if show != about.title => format!("{show}: {}", about.title),
                _ => about.title,
            });
            Ok(ComesBack { name, next: title.map(|title| (start, title)) })
        }
        .boxed()
    }

    fn planned(
        &self,
        channel: ChannelId,
        until: AirTime,
    ) -> BoxFuture<'_, Result<Vec<PlannedAiring>, TimelineError>> {
        async move {
            let failed = |error: ScheduleError| failed(ChannelRef::Id(channel), &error);
            let entry = self.entry(channel).map_err(failed)?;
            let live = self.live(&entry).await.map_err(failed)?;
            let now = self.now_on(channel);
            let committed = live.ledger.airings().iter().map(|airing| airing.row);
            let follows = live.planner.rows(live.ledger.tail(), now, until);
            let rows: Vec<Row> = committed.chain(follows.take(MOST_PLANNED)).collect();
            let maps = self.maps_of(&rows).await.map_err(failed)?;
            Ok(PlannedAiring::of_rows(&rows, |id| maps.get(id), now))
        }
        .boxed()
    }

    fn media(
        &self,
        media: MediaId,
        map: MapId,
    ) -> BoxFuture<'_, Result<MediaSource, TimelineError>> {
        async move {
            if let Some(source) = self.0.sources.get(&(media, map)) {
                return Ok(source);
            }
            let found = self
                .0
                .db
                .media(media)
                .await
                .map_err(|error| TimelineError::Media { media, reason: error.to_string() })?;
            let found = found.ok_or(TimelineError::Gone(media))?;
            let replaced = || TimelineError::Replaced { path: found.path.clone() };
            let (Some(facts), Some((uniform_id, uniform))) = (found.facts, found.map) else {
                return Err(replaced());
            };
            if let MediaState::Quarantined { reason, .. } = &found.state {
                return Err(TimelineError::PutAside { media, reason: reason.clone() });
            }
            let copying = found.copying.filter(|copying| {
                copying.map().is_some_and(|(copied_id, _)| copied_id == map && map != uniform_id)
            });
            let (cuts, treatment) = match copying {
                Some(Copying::Copied { sound_transcoded, .. }) => {
                    let maps = self.copied_maps([map]).await.map_err(|error| {
                        TimelineError::Media { media, reason: error.to_string() }
                    })?;
                    let cuts = maps.get(map);
                    let copies_sound = sound_transcoded.is_none();
                    let treatment =
                        if copies_sound { Treatment::Copied } else { Treatment::CopiedVideo };
                    (cuts.ok_or_else(replaced)?, treatment)
                }
                _ if map == uniform_id || found.earlier_map == Some(map) => {
                    (uniform, Treatment::Transcoded)
                }
                _ => return Err(replaced()),
            };
            let source = MediaSource {
                media,
                map_id: map,
                path: found.path,
                facts,
                map: cuts,
                treatment,
                identity: found.identity,
                remux: None,
                title: found.about.title,
            };
            self.0.sources.insert((media, map), source.clone());
            Ok(source)
        }
        .boxed()
    }
}

fn failed(channel: ChannelRef, error: &ScheduleError) -> TimelineError {
    TimelineError::Channel { channel: channel.to_string(), reason: error.to_string() }
}
