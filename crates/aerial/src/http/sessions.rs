//! The Stream Manager, as the API tells it.
//!
//! Owns the translation from sessions, workers and tracks to what `/streams`
//! shows. Decides nothing.

use std::sync::Arc;

use aerial_model::client::ClientId;
use aerial_model::id::{ChannelId, ChannelRef};
use aerial_model::profile::Rendition;
use aerial_model::segmenter::Treatment;
use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::streams::{ClientFacts, Refusal, RenditionFacts, SessionFacts, Sessions};
use crate::stream::manager::{Manager, StreamError};
use crate::stream::session::SessionView;
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

    fn first_unpromised(&self, channel: ChannelId) -> BoxFuture<'_, Result<u64, Refusal>> {
        async move { Ok(Manager::first_unpromised(self, channel).await?) }.boxed()
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
            | StreamError::Full { .. } => Self::NotNow(said),
            StreamError::Timeline(_) => Self::Failed(said),
        }
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
