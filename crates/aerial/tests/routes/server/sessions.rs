//! A Stream Manager that remembers who was put on the air, and does nothing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use aerial::http::streams::{
    ClientFacts, Figures, Refusal, RunFacts, SessionFacts, SessionHistory, Sessions,
};
use aerial::stream::strip::Strip;
use aerial_model::client::ClientId;
use aerial_model::hls::Edge;
use aerial_model::id::{ChannelId, MediaId};
use futures::future::{BoxFuture, ready};

use super::NOW;

/// Remembers who was put on the air, and does nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Manager(Arc<Mutex<Sessioned>>);

#[derive(Debug, Default)]
struct Sessioned {
    sessions: BTreeMap<ChannelId, SessionFacts>,
    unpromised: u64,
    full: bool,
    warnings: BTreeMap<MediaId, String>,
    strips: Vec<Strip>,
    figures: Figures,
}

impl Manager {
    pub(crate) fn promise_until(&self, sequence: u64) {
        self.0.lock().unwrap().unpromised = sequence;
    }

    pub(crate) fn warn(&self, media: MediaId, why: &str) {
        self.0.lock().unwrap().warnings.insert(media, why.to_owned());
    }

    pub(crate) fn show(&self, strips: Vec<Strip>) {
        self.0.lock().unwrap().strips = strips;
    }

    pub(crate) fn fill(&self) {
        self.0.lock().unwrap().full = true;
    }

    fn started(&self, channel: ChannelId) -> Result<SessionFacts, Refusal> {
        let mut state = self.0.lock().unwrap();
        if state.full {
            let why = "2 channels are on the air, and this machine carries no more";
            return Err(Refusal::NotNow(why.to_owned()));
        }
        let fresh = SessionFacts {
            channel,
            state: "active",
            since: NOW,
            started_at: NOW,
            clients: Vec::new(),
            renditions: Vec::new(),
            last_error: None,
            restarts: 0,
        };
        Ok(state.sessions.entry(channel).or_insert(fresh).clone())
    }

    fn not_on_air() -> Refusal {
        Refusal::NotThere("the channel is not on the air".to_owned())
    }
}

impl Sessions for Manager {
    fn list(&self) -> Vec<SessionFacts> {
        self.0.lock().unwrap().sessions.values().cloned().collect()
    }

    fn get(&self, channel: ChannelId) -> Option<SessionFacts> {
        self.0.lock().unwrap().sessions.get(&channel).cloned()
    }

    fn start(&self, channel: ChannelId) -> BoxFuture<'_, Result<SessionFacts, Refusal>> {
        Box::pin(async move { self.started(channel) })
    }

    fn stop(&self, channel: ChannelId) -> BoxFuture<'_, Result<(), Refusal>> {
        Box::pin(async move {
            let gone = self.0.lock().unwrap().sessions.remove(&channel);
            gone.map(|_| ()).ok_or_else(Self::not_on_air)
        })
    }

    fn register(&self, channel: ChannelId) -> BoxFuture<'_, Result<ClientId, Refusal>> {
        Box::pin(async move {
            self.started(channel)?;
            let mut state = self.0.lock().unwrap();
            let session = state.sessions.get_mut(&channel).unwrap();
            let id = ClientId::new(7, NOW, session.clients.len() as u64);
            let rendition = Some("720p".to_owned());
            session.clients.push(ClientFacts { id, since: NOW, last_seen: NOW, rendition });
            Ok(id)
        })
    }

    fn unregister(
        &self,
        channel: ChannelId,
        client: ClientId,
    ) -> BoxFuture<'_, Result<(), Refusal>> {
        Box::pin(async move {
            let mut state = self.0.lock().unwrap();
            let session = state.sessions.get_mut(&channel).ok_or_else(Self::not_on_air)?;
            let before = session.clients.len();
            session.clients.retain(|known| known.id != client);
            match session.clients.len() < before {
                true => Ok(()),
                false => Err(Refusal::NotThere("there is no such viewer".to_owned())),
            }
        })
    }

    fn history(&self, channel: ChannelId) -> Vec<SessionHistory> {
        let state = self.0.lock().unwrap();
        let run = RunFacts {
            worker: 3,
            pid: Some(77),
            title: "Film".to_owned(),
            frame: (1280, 720),
            segment: 4,
            command: ["ffmpeg", "-i", "film.mkv"].map(str::to_owned).into(),
            started_at: NOW,
            ended_at: Some(NOW),
            exit: Some("exit code 0".to_owned()),
            completed: 2,
            fault: Some(("corrupt_file", "it ends in segment 6 of 9".to_owned())),
            stderr: "File ended prematurely\n".to_owned(),
        };
        let past = |session, ended_at| SessionHistory {
            session,
            started_at: NOW,
            ended_at,
            restarts: 1,
            runs: vec![run.clone()],
        };
        match state.sessions.contains_key(&channel) {
            true => vec![past(2, None), past(1, Some(NOW))],
            false => Vec::new(),
        }
    }

    fn warning(&self, media: MediaId) -> Option<String> {
        self.0.lock().unwrap().warnings.get(&media).cloned()
    }

    fn strips(&self, only: Option<ChannelId>) -> BoxFuture<'_, Vec<Strip>> {
        let strips = self.0.lock().unwrap().strips.clone();
        let wanted = strips.into_iter().filter(|one| only.is_none_or(|only| one.channel == only));
        Box::pin(ready(wanted.collect()))
    }

    fn figures(&self) -> Figures {
        self.0.lock().unwrap().figures.clone()
    }

    fn first_unpromised(&self, _: ChannelId, _: Option<Edge>) -> u64 {
        self.0.lock().unwrap().unpromised
    }
}
