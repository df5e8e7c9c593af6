//! The parts of a server: in which order they are started and ended.
//!
//! Owns that order, and nothing of the parts: `ground` is what all stand on (data
//! folder, FFmpeg, catalogue), `library` what there is to show and when, `stream` what
//! makes streams of it, `front` what people meet. Each is given those before it; what is
//! started last is ended first. Invariant: after `shut_down` no process, task or
//! file of any part is left, and the data folder is free for the next server.

mod front;
mod ground;
mod library;
mod stream;

use std::net::{SocketAddr, UdpSocket};

use axum::Router;
use axum::extract::FromRef as _;

use self::front::{Below, Front};
use self::ground::Ground;
use self::library::LibraryParts;
use self::stream::StreamParts;
use super::{AppError, Startup};
use crate::access::Access;
use crate::config;
use crate::connections::Gauge;
use crate::discovery::{self, Asked, Discovery};
use crate::ffmpeg::Spawner;
use crate::http::apps::origin::PublicUrl;
use crate::load::Sent;

/// The parts, in the order in which they are started.
pub(super) struct Parts {
    ground: Ground,
    library: LibraryParts,
    stream: StreamParts,
    front: Front,
}

impl Parts {
    pub(super) async fn start(
        startup: &Startup,
        listening: &[SocketAddr],
        kept: bool,
    ) -> Result<Self, AppError> {
        let ground = Ground::take(startup).await?;
        let library = LibraryParts::start(&ground, startup).await?;
        let stream = StreamParts::start(&ground, &library, &startup.settings).await?;
        let below = Below { ground: &ground, library: &library, stream: &stream, startup };
        let front = Front::start(below, listening, kept).await?;
        Ok(Self { ground, library, stream, front })
    }

    pub(super) fn router(&self) -> Router {
        self.front.router(&self.stream)
    }

    /// Who may do what.
    pub(super) fn access(&self) -> &Access {
        &self.front.api.access
    }

    /// Who starts processes, and ends them all.
    pub(super) fn spawner(&self) -> &Spawner {
        &self.ground.spawner
    }

    /// What connections send, and how many there are.
    pub(super) fn traffic(&self) -> (Gauge, Sent) {
        (self.front.connected.clone(), self.front.sent.clone())
    }

    /// Lets TV apps find the server, which listens there.
    pub(super) fn answer_seekers(
        &self,
        settings: &config::Discovery,
        listen: SocketAddr,
        handed_over: Option<UdpSocket>,
    ) {
        let hdhomerun = discovery::socket(settings, listen.ip(), handed_over);
        let ssdp = discovery::ssdp_socket(settings, listen.ip());
        let Ground { tasks, ending, .. } = &self.ground;
        let discovery = Discovery {
            device: self.front.api.device,
            listen,
            public_url: PublicUrl::from_ref(&self.front.api).0,
            admission: self.stream.admission.clone(),
        };
        for (socket, asked) in [(hdhomerun, Asked::HdHomeRun), (ssdp, Asked::Ssdp)] {
            let Some(socket) = socket else { continue };
            tasks.spawn(discovery.clone().run(socket, asked, ending.clone()));
        }
    }

    /// Ends what would never end by itself: scans, feeds of events, unending
    /// streams. Everything else goes on for the requests in flight.
    pub(super) fn begin_ending(&self) {
        self.ground.ending.cancel();
    }

    /// Ends all parts, the last started first; no connection is left that could
    /// ask for anything.
    pub(super) async fn shut_down(self) {
        let Self { ground, library, stream, front } = self;
        stream.shut_down().await;
        ground.end_tasks().await;
        drop((front, library));
        ground.give_back().await;
    }
}
