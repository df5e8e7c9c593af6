//! Puts the parts together: what is started and ended in which order.
//!
//! Owns the life of one server process, from its sockets to its last FFmpeg.
//! Invariant: it ends within 10 s of being asked, and leaves no process behind.

mod first_scan;
mod housekeeping;
mod machine;
mod opening;
mod parts;
mod time_kept;
mod trial;

use std::future::pending;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::timeout;

pub(crate) use self::opening::add_folders;
pub use self::opening::try_settings;
use self::parts::Parts;
use crate::access::{Access, AccessError};
use crate::config::{ConfigError, Loaded, Settings};
use crate::connections::{Connections, Limits};
use crate::data_dir::DataDirError;
use crate::db::DbError;
use crate::demo::DemoError;
use crate::descriptors::Descriptors;
use crate::ffmpeg::{DiscoverError, SpawnError};
use crate::keeper::{Inherited, KeeperError, KeeperLine, SocketError, bind};
use crate::schedule::ScheduleError;
use crate::service_manager::{self, Word};
use crate::stream::store::DiskError;
use crate::telemetry::TelemetryError;

/// How long responses in flight may take to finish (`rules.md`, 25: a growing
/// segment needs up to 5 s).
const IN_FLIGHT_PATIENCE: Duration = Duration::from_secs(5);

/// How long the second signal leaves for killing FFmpeg: it takes 15 to 43 ms.
const AT_ONCE: Duration = Duration::from_millis(500);

/// What a server is started with.
#[derive(Debug)]
pub struct Startup {
    /// The settings, valid.
    pub settings: Settings,
    /// Where they came from.
    pub loaded: Loaded,
    /// The sockets of the keeper or systemd, if there are any.
    pub inherited: Inherited,
    /// How often the keeper has started the server before.
    pub restarts: u32,
    /// With the demo library.
    pub demo: bool,
}

/// Why the server did not start, or failed.
#[derive(Debug, Error)]
pub enum AppError {
    /// A setting is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The logs cannot be set up.
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
    /// There is no socket to listen on.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// The keeper failed.
    #[error(transparent)]
    Keeper(#[from] KeeperError),
    /// The data folder cannot be used.
    #[error(transparent)]
    Data(#[from] DataDirError),
    /// The accounts cannot be read.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The catalogue cannot be used.
    #[error(transparent)]
    Catalogue(#[from] DbError),
    /// The ledgers cannot be read.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
    /// The segments cannot be kept.
    #[error("the segment store cannot be used: {0}")]
    Store(#[from] DiskError),
    /// A media folder is not there.
    #[error("the media folder {} cannot be read: {source}; give a folder that exists", folder.display())]
    Folder {
        /// Which.
        folder: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The demo library cannot be made.
    #[error(transparent)]
    Demo(#[from] DemoError),
    /// There is no FFmpeg to work with.
    #[error(transparent)]
    Ffmpeg(#[from] DiscoverError),
    /// FFmpeg is not to run without a sandbox, and there is none.
    #[error(
        "{0}, and `ffmpeg.sandbox` is on: take a kernel with Landlock and seccomp (Linux 6.7 or \
         later has all of it), or set `auto`"
    )]
    NoSandbox(String),
    /// No process can be started.
    #[error(transparent)]
    Spawn(#[from] SpawnError),
    /// The system refused something that every server needs.
    #[error("cannot {what}: {source}")]
    System {
        /// What was tried.
        what: &'static str,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
}

fn system(what: &'static str) -> impl Fn(io::Error) -> AppError {
    move |source| AppError::System { what, source }
}

/// How the server came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// All was finished and ended.
    Finished,
    /// A second signal came: some responses were cut off.
    AtOnce,
    /// All was finished and ended, for a new server to take over the sockets.
    Renew,
}

/// Run a server until it is asked to end.
///
/// # Errors
/// What stops it from starting.
pub async fn serve(mut startup: Startup) -> Result<End, AppError> {
    // First, so that a signal during the start is not missed.
    let mut signals = EndSignals::catch().map_err(system("catch signals"))?;
    let Inherited { listeners, discovery, keeper } = std::mem::take(&mut startup.inherited);
    signals.hangup_is = match (&keeper, listeners.is_empty()) {
        (Some(_), _) => None,
        (None, true) => Some(End::Finished),
        (None, false) => Some(End::Renew),
    };
    let listeners = match listeners.is_empty() {
        true => vec![bind(startup.settings.server.listen)?],
        false => listeners,
    };

    let addresses: Vec<SocketAddr> = listeners
        .iter()
        .map(|listener| listener.local_addr().map_err(system("ask for the address")))
        .collect::<Result<_, _>>()?;
    if let Some(told) = kept_elsewhere(startup.settings.server.listen, &addresses) {
        match &keeper {
            Some(_) => tracing::warn!("{told}: restart the service, a reload keeps the sockets"),
            None => tracing::info!("{told}: the sockets were handed over"),
        }
    }

    let parts = tokio::select! {
        parts = Parts::start(&startup, &addresses, keeper.is_some()) => parts?,
        end = signals.next() => return Ok(end),
    };
    let (server, rules) = (&startup.settings.server, &startup.settings.access);
    let limits = Limits {
        all: connections(server.connections.get().into()),
        each: server.connections_per_address.get().into(),
        local: rules.local_networks.clone(),
        proxies: rules.trusted_proxies.clone(),
    };
    let (connected, sent) = parts.traffic();
    let connections = Connections::new(limits, connected, sent);
    for listener in listeners {
        connections.accept_on(listener, parts.router()).map_err(system("use the socket"))?;
    }
    if let Some(listen) = addresses.first() {
        parts.answer_seekers(&startup.settings.discovery, *listen, discovery);
    }
    let keeper_gone = announce(&addresses, startup.restarts, keeper);
    tell_access(&addresses, parts.access());

    let end = tokio::select! {
        end = signals.next() => end,
        () = keeper_gone => {
            tracing::warn!("the keeper is gone, so the server ends");
            End::Finished
        }
    };
    tracing::info!("ending: finishing what is in flight");
    tell_manager(Word::Stopping);
    let spawner = parts.spawner().clone();
    parts.begin_ending();
    let finish = async {
        let cut_off = connections.drain(IN_FLIGHT_PATIENCE).await;
        if cut_off > 0 {
            tracing::info!(cut_off, "responses were not finished within {IN_FLIGHT_PATIENCE:?}");
        }
        parts.shut_down().await;
    };
    // A terminal that is closed says so twice, and has no hurry.
    signals.hangup_is = None;
    tokio::select! {
        () = finish => Ok(end),
        _ = signals.next() => {
            let _ = timeout(AT_ONCE, spawner.shut_down()).await;
            Ok(End::AtOnce)
        }
    }
}

/// What to say where the server listens elsewhere than is set, because the sockets were
/// bound before that was. Port 0 is any.
fn kept_elsewhere(set: SocketAddr, addresses: &[SocketAddr]) -> Option<String> {
    if set.port() == 0 || addresses.contains(&set) {
        return None;
    }
    let kept: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    Some(format!("listening on {}, though server.listen is {set}", kept.join(", ")))
}

/// How many connections there may be, having raised the limit of open files.
fn connections(wanted: usize) -> usize {
    let open = Descriptors::raise().unwrap_or_else(|error| {
        tracing::warn!(%error, "the limit of open files cannot be raised");
        Descriptors::read()
    });
    tracing::info!(limit = open.now, "files that may be open");
    let carried = usize::try_from(open.connections(wanted as u64)).unwrap_or(wanted);
    if carried < wanted {
        match open.advice(wanted as u64) {
            Some(advice) => tracing::warn!("{advice}"),
            None => tracing::warn!(carried, wanted, "fewer connections than are set"),
        }
    }
    carried
}

/// Say that the server is there: to the keeper, to people, and to scripts that
/// wait for the word "listening". The future ends when the keeper is gone.
///
/// The keeper first: who kills the server on the word "listening" shall find a
/// keeper that knows that the first start went well.
fn announce(
    addresses: &[SocketAddr],
    restarts: u32,
    mut keeper: Option<KeeperLine>,
) -> impl Future<Output = ()> + use<> {
    if let Some(keeper) = &mut keeper {
        keeper.say_ready();
    }
    tell_manager(Word::Ready);
    for address in addresses {
        tracing::info!(%address, restarts, "listening");
        // Last, for whoever waits for it. A closed stdout is no reason to stop.
        let _ = writeln!(io::stdout(), "listening on http://{address}");
    }
    async {
        let Some(keeper) = keeper else { return pending().await };
        if let Err(error) = keeper.gone().await {
            tracing::warn!(%error, "cannot tell whether the keeper lives");
            pending::<()>().await;
        }
    }
}

/// Where there is a keeper it tells, and here there is nobody to be told.
fn tell_manager(word: Word) {
    if let Err(error) = service_manager::tell(word) {
        tracing::warn!("{error}");
    }
}

/// Say who may do what, as long as that is not all set: while there is no password, the
/// code with which one can be set from elsewhere.
fn tell_access(addresses: &[SocketAddr], access: &Access) {
    let outside = addresses.iter().any(|address| !address.ip().is_loopback());
    let (watch_only, _) = access.watch_only();
    if let Some(code) = access.code() {
        let local = addresses.first().map_or(0, SocketAddr::port);
        // A warning, so that a stricter `log.filter` lets it through.
        tracing::warn!(
            "there is no password yet: whoever is on this machine may manage Aerial. Set one at \
             http://localhost:{local} or with `aerial password`; from elsewhere that takes the \
             code {code}, which works once"
        );
    }
    if outside {
        let watch = match watch_only {
            true => "whoever is on the local network can watch",
            false => "nobody can do anything without signing in or a token",
        };
        match access.account() {
            Some(_) => tracing::info!("other machines can reach this server: {watch}"),
            None => tracing::warn!(
                "other machines can reach this server: {watch}. To manage it from there, set a \
                 password first"
            ),
        }
    }
}

/// SIGINT and SIGTERM, and SIGHUP where there is no keeper to hear it.
struct EndSignals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
    /// What SIGHUP asks for. `None`: nothing, since the keeper is the one to be asked.
    hangup_is: Option<End>,
}

impl EndSignals {
    fn catch() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
            hangup_is: None,
        })
    }

    async fn next(&mut self) -> End {
        loop {
            tokio::select! {
                _ = self.interrupt.recv() => return End::Finished,
                _ = self.terminate.recv() => return End::Finished,
                _ = self.hangup.recv() => if let Some(end) = self.hangup_is { return end },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_that_were_bound_elsewhere_are_told() {
        let [set, other, any] = ["127.0.0.1:8400", "0.0.0.0:8400", "127.0.0.1:0"]
            .map(|text| text.parse::<SocketAddr>().unwrap());
        assert_eq!(kept_elsewhere(set, &[other, set]), None);
        assert_eq!(kept_elsewhere(any, &[other]), None);
        let told = kept_elsewhere(set, &[other]).unwrap();
        assert_eq!(told, "listening on 0.0.0.0:8400, though server.listen is 127.0.0.1:8400");
    }
}
