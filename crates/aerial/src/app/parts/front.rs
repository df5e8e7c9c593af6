//! What faces people: the API and its parts, the trial of the machine, webhooks, load.
//!
//! Owns what each of these is given of the parts below. Decides nothing. Invariant:
//! whatever runs here ends with the server's `ending`, among the ground's tasks.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use tokio::sync::{Notify, watch};

use super::ground::Ground;
use super::library::LibraryParts;
use super::stream::StreamParts;
use crate::access::{Access, key};
use crate::app::trial::Trial;
use crate::app::{AppError, Startup, system};
use crate::connections::Gauge;
use crate::discovery::Device;
use crate::ffmpeg::font;
use crate::ffmpeg::selftest::Chain;
use crate::http::addresses::Listening;
use crate::http::apps::origin::PublicUrl;
use crate::http::events::{Change, Events};
use crate::http::readiness::{Pace, Readiness};
use crate::http::settings::Restart;
use crate::http::streams::Streams;
use crate::http::system::{Host, HostFacts, Tried};
use crate::http::{self, AppState};
use crate::keeper;
use crate::library::{Logos, Thumbnails};
use crate::load::{Load, Sent, Sources};
use crate::metrics::Metrics;
use crate::webhooks::{self, Patience, Webhooks, What};

/// What faces people.
pub(super) struct Front {
    pub(super) api: AppState,
    /// What connections send.
    pub(super) sent: Sent,
    /// How many connections there are.
    pub(super) connected: Gauge,
}

/// The parts below, and what they were started with.
pub(super) struct Below<'a> {
    pub(super) ground: &'a Ground,
    pub(super) library: &'a LibraryParts,
    pub(super) stream: &'a StreamParts,
    pub(super) startup: &'a Startup,
}

impl Front {
    /// `kept`: there is a keeper that could start the server anew.
    pub(super) async fn start(
        below: Below<'_>,
        listening: &[SocketAddr],
        kept: bool,
    ) -> Result<Self, AppError> {
        let Below { ground, library, stream, startup } = &below;
        let (encoders, try_again) = below.try_machine();
        let host = below.host(encoders, try_again);
        let device = Device::of_install(&ground.db).await?;
        let access = below.access(&device, listening).await?;
        let events = Events::new(ground.ending.clone());
        ground.tasks.spawn(events.clone().hand_on(stream.manager.changes()));
        let (sent, connected) = (Sent::default(), Gauge::default());
        let metrics = Metrics::new(sent.clone(), connected.clone());
        // Last of what can fail: a start that is refused is no end that broke off.
        let broke_off = ground.begin().await?;
        let webhooks = below.webhooks(&metrics, broke_off);
        let load = below.load(&events, &sent);
        ground.tasks.spawn(ground.backups.clone().run());
        let places = Listening::default();
        places.on(listening.to_vec());
        let Ground { spawner, ffmpeg, data, .. } = ground;
        let readiness = below.readiness();
        let api = AppState {
            load,
            backups: ground.backups.clone(),
            metrics,
            webhooks,
            loaded: startup.loaded.clone(),
            restart: restart(kept),
            slates: stream.slates.clone(),
            own_slates: stream.own_slates.clone(),
            listening: places,
            schedule: library.schedule.clone(),
            db: ground.db.clone(),
            library: library.library.clone(),
            watcher: library.watcher.clone(),
            streams: Streams::new(stream.manager.clone()),
            events,
            thumbnails: Thumbnails::new(spawner.clone(), &ffmpeg.ffmpeg, data.artwork()),
            logos: Logos::new(spawner.clone(), &ffmpeg.ffmpeg, font(), data.logos()),
            access,
            public_url: PublicUrl(startup.settings.server.public_url.clone().map(|url| url.0)),
            spawner: spawner.clone(),
            clock: ground.clock.clone(),
            host,
            readiness,
            device,
            ending: ground.ending.clone(),
        };
        Ok(Self { api, sent, connected })
    }

    /// Everything that is served, streams too.
    pub(super) fn router(&self, stream: &StreamParts) -> Router {
        let AppState { access, public_url, metrics, ending, .. } = &self.api;
        let streams = http::stream::router(stream.manager.clone(), ending.clone());
        let all = http::router(self.api.clone()).merge(streams);
        http::outside(all, access.clone(), public_url.clone(), metrics.clone())
    }
}

impl Below<'_> {
    /// Begins to find out what this machine can do; what is known of it, and how to ask
    /// for it again.
    fn try_machine(&self) -> (watch::Receiver<Tried>, Arc<Notify>) {
        let Self { ground, stream, startup, .. } = self;
        let settings = &startup.settings;
        let (tell_encoders, encoders) = watch::channel(Tried::default());
        let again = Arc::new(Notify::new());
        let trial = Trial {
            ffmpeg: ground.ffmpeg.clone(),
            spawner: ground.spawner.clone(),
            chain: Chain::of(settings),
            folder: ground.data.tmp(),
            db: ground.db.clone(),
            clock: ground.clock.clone(),
            encodes: settings.stream.encodes,
            admission: stream.admission.clone(),
            transcoder: stream.transcoder.clone(),
            choice: settings.ffmpeg.encoder,
            devices: stream.devices.clone(),
            again: Arc::clone(&again),
        };
        ground.tasks.spawn(trial.run(tell_encoders, ground.ending.clone()));
        (encoders, again)
    }

    /// What is told of this server.
    fn host(&self, encoders: watch::Receiver<Tried>, try_again: Arc<Notify>) -> Host {
        let Self { ground, stream, startup, .. } = self;
        let (ffmpeg, settings) = (&ground.ffmpeg, &startup.settings);
        let profile = Chain::of(settings).profile;
        Host(Arc::new(HostFacts {
            started_at: ground.clock.now(),
            restarts: startup.restarts,
            ffmpeg_version: ffmpeg.version.clone(),
            ffmpeg_path: ffmpeg.ffmpeg.clone(),
            ffmpeg_shortcomings: ffmpeg.shortcomings(),
            sandbox: (settings.ffmpeg.sandbox, ground.sandbox.clone()),
            encoders,
            admission: stream.admission.clone(),
            try_again,
            frame: (profile.width, profile.height),
            data: ground.data.root().to_owned(),
            store: stream.store.clone(),
        }))
    }

    /// Who may do what; commands on this machine may by the key in the data folder.
    async fn access(&self, device: &Device, listening: &[SocketAddr]) -> Result<Access, AppError> {
        let Self { ground, startup, .. } = self;
        let key = key::make(ground.data.root(), listening)
            .map_err(system("write the key into the data folder"))?;
        let access = Access::open(
            ground.db.clone(),
            ground.clock.clone(),
            startup.settings.access.clone(),
            &device.id.to_string(),
            Some(&key),
        )
        .await?;
        ground.tasks.spawn(access.clone().run(ground.ending.clone()));
        Ok(access)
    }

    /// Finds out, when somebody asks, whether the server can serve.
    fn readiness(&self) -> Readiness {
        let Ground { db, ffmpeg, tasks, ending, .. } = self.ground;
        let program = ffmpeg.ffmpeg.clone();
        let readiness = Readiness::new(db.clone(), program, Pace::default(), ending.clone());
        tasks.spawn(readiness.clone().run());
        readiness
    }

    /// Tells of faults from now on, and that the last server broke off, if it did.
    fn webhooks(&self, metrics: &Metrics, broke_off: bool) -> Webhooks {
        let Self { ground, library, stream, startup } = self;
        let Ground { clock, tasks, ending, .. } = ground;
        let hooks = &startup.settings.webhooks;
        let webhooks = Webhooks::start(hooks, Patience::default(), metrics.clone(), tasks, ending);
        if webhooks.is_empty() {
            return webhooks;
        }
        if broke_off {
            webhooks.tell(What::Restart, clock.now());
        }
        let sources = webhooks::Sources {
            faults: stream.manager.faults(),
            schedule: library.schedule.clone(),
            db: ground.db.clone(),
            store: stream.store.clone(),
            clock: clock.clone(),
        };
        let (watching, ending) = (webhooks::watch(webhooks.clone(), sources), ending.clone());
        tasks.spawn(async move { ending.run_until_cancelled(watching).await });
        webhooks
    }

    /// Samples how loaded the machine is, for whoever listens to events.
    fn load(&self, events: &Events, sent: &Sent) -> Load {
        let Self { ground, stream, .. } = self;
        let load = Load::default();
        let manager = stream.manager.clone();
        let sources = Sources {
            clock: ground.clock.clone(),
            spawner: ground.spawner.clone(),
            store: stream.store.clone(),
            data: ground.data.root().to_owned(),
            sent: sent.clone(),
            on_air: Box::new(move || {
                let views = manager.list();
                (views.len(), views.iter().map(|view| view.clients.len()).sum())
            }),
        };
        let (heard, told) = (events.clone(), events.clone());
        ground.tasks.spawn(load.clone().run(
            sources,
            move || heard.are_heard(),
            move |sample| told.tell(Change::Load(sample.into())),
            ground.ending.clone(),
        ));
        load
    }
}

/// How a server with other settings takes this one's place.
fn restart(kept: bool) -> Restart {
    match kept {
        true => keeper::renewal().map_or_else(Restart::by_hand, Restart::by),
        false => Restart::by_hand(),
    }
}
