//! The Stream Manager, as the API tells it.
//!
//! Owns the translation from sessions, workers and tracks to what `/streams`
//! shows. Decides nothing.

use std::sync::Arc;

use aerial_model::client::ClientId;
use aerial_model::hls::Edge;
use aerial_model::id::{ChannelId, ChannelRef, MediaId};
use aerial_model::profile::Rendition;
use aerial_model::segmenter::Treatment;
use aerial_model::time::AirTime;
use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::streams::{
    ClientFacts, Figures, Refusal, RenditionFacts, RunFacts, SessionFacts, SessionHistory, Sessions,
};
use crate::stream::error::StreamError;
use crate::stream::history::{Record, Run};
use crate::stream::manager::Manager;
use crate::stream::session::SessionView;
use crate::stream::strip::Strip;
use crate::stream::track::Track;
use crate::stream::transcoder::Status;

impl Sessions for Manager {
    fn list(&self) -> Vec<SessionFacts> {
        let status = self.transcoding();
        Manager::list(self).iter().map(|view| facts(view, &status)).collect()
    }

    fn get(&self, channel: ChannelId) -> Option<SessionFacts> {
        Manager::get(self, channel).map(|view| facts(&view, &self.transcoding()))
    }

    fn start(&self, channel: ChannelId) -> BoxFuture<'_, Result<SessionFacts, Refusal>> {
        async move {
            let view = Manager::start(self, ChannelRef::Id(channel)).await?;
            Ok(facts(&view, &self.transcoding()))
        }
        .boxed()
    }

    fn stop(&self, channel: ChannelId) -> BoxFuture<'_, Result<(), Refusal>> {
        async move { Ok(Manager::stop(self, ChannelRef::Id(channel)).await?) }.boxed()
    }

    fn register(&self, channel: ChannelId) -> BoxFuture<'_, Result<ClientId, Refusal>> {
        async move { Ok(self.register_client(ChannelRef::Id(channel)).await?) }.boxed()
    }

    fn unregister(
        &self,
        channel: ChannelId,
        client: ClientId,
    ) -> BoxFuture<'_, Result<(), Refusal>> {
        async move { Ok(self.unregister_client(ChannelRef::Id(channel), client).await?) }.boxed()
    }

    fn history(&self, channel: ChannelId) -> Vec<SessionHistory> {
        let now = self.clock().now_on(channel);
        Manager::history(self, channel).iter().map(|record| past(record, now)).collect()
    }

    fn warning(&self, media: MediaId) -> Option<String> {
        Manager::warning(self, media)
    }

    fn strips(&self, only: Option<ChannelId>) -> BoxFuture<'_, Vec<Strip>> {
        Manager::strips(self, only).boxed()
    }

    fn figures(&self) -> Figures {
        let status = self.transcoding();
        let asleep = status.workers.iter().filter(|worker| worker.parked).count();
        Figures {
            tally: self.tally().clone(),
            replays: self.replays().watched(),
            workers: (status.workers.len() - asleep, asleep),
        }
    }

    fn first_unpromised(&self, channel: ChannelId, edge: Option<Edge>) -> u64 {
        Manager::first_unpromised(self, channel, edge)
    }
}

impl From<StreamError> for Refusal {
    fn from(error: StreamError) -> Self {
        let said = error.to_string();
        match error {
            StreamError::UnknownChannel(_)
            | StreamError::UnknownRendition { .. }
            | StreamError::NoSegment { .. }
            | StreamError::NotOnAir(_) => Self::NotThere(said),
            StreamError::NewStream(_)
            | StreamError::Stopped(_)
            | StreamError::ShuttingDown
            | StreamError::Full { .. }
            | StreamError::Crowded { .. } => Self::NotNow(said),
            StreamError::Timeline(_) => Self::Failed(said),
        }
    }
}

/// A record with wall times; a step of the clock since then moves them with it.
fn past(record: &Record, now: AirTime) -> SessionHistory {
    let at = |then: tokio::time::Instant| {
        AirTime::from_unix_millis(now.unix_millis() - then.elapsed().as_millis() as i64)
    };
    let run = |run: &Arc<Run>| {
        let end = run.end();
        RunFacts {
            worker: run.worker.0,
            pid: run.pid,
            title: run.task.title.clone(),
            frame: run.task.frame,
            segment: run.task.segment,
            command: run.command.words().map(str::to_owned).collect(),
            started_at: at(run.started),
            ended_at: end.map(|end| at(end.at)),
            exit: end.and_then(|end| end.exit).map(|exit| exit.to_string()),
            completed: run.completed(),
            fault: end
                .and_then(|end| end.fault.as_ref())
                .map(|(class, reason)| (class.name(), reason.clone())),
            stderr: run.stderr(),
        }
    };
    SessionHistory {
        session: record.session.0,
        started_at: at(record.started),
        ended_at: record.ended.map(at),
        restarts: record.restarts,
        runs: record.runs.iter().rev().map(run).collect(),
    }
}

fn facts(view: &SessionView, status: &Status) -> SessionFacts {
    let troubles: Vec<_> = status
        .tracks
        .iter()
        .filter(|trouble| view.tracks.iter().any(|(_, track)| track.key == trouble.track))
        .collect();
    let track_error = troubles.iter().find_map(|trouble| trouble.last_error.clone());
    let renditions = view.renditions.iter().map(|(rendition, ahead)| {
        let worker = status.workers.iter().find(|worker| {
            view.tracks.iter().any(|(of, track)| of == rendition && track.key == worker.track.key)
        });
        let of_rendition = |(of, _): &&(Rendition, Arc<Track>)| of == rendition;
        let treatment = view.tracks.iter().find(of_rendition).map(|(_, track)| track.treatment);
        let copies_video = treatment.is_some_and(Treatment::copies_video);
        RenditionFacts {
            name: rendition.to_string(),
            copied: (copies_video, treatment == Some(Treatment::Copied)),
            encoder: worker
                .filter(|worker| !worker.track.treatment.copies_video())
                .map(|worker| worker.track.profile.encoder.ffmpeg_name().to_owned()),
            preset: worker
                .filter(|worker| !worker.track.treatment.copies_video())
                .map(|worker| worker.speed.preset()),
            speed_permille: worker.and_then(|worker| worker.speed_percent).map(|p| p * 10),
            buffer_ahead_ms: ahead.as_millis(),
        }
    });
    SessionFacts {
        channel: view.channel.id,
        state: view.state.name(),
        since: view.state_since,
        started_at: view.since,
        clients: view
            .clients
            .iter()
            .map(|(id, since, last_seen, rendition)| ClientFacts {
                id: *id,
                since: *since,
                last_seen: *last_seen,
                rendition: rendition.map(|rendition| rendition.to_string()),
            })
            .collect(),
        renditions: renditions.collect(),
        last_error: view.last_error.clone().or(track_error),
        restarts: troubles.iter().map(|trouble| u64::from(trouble.restarts)).sum(),
    }
}
