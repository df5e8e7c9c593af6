//! The sockets on both sides: bound by the keeper, inherited by the server.
//!
//! Owns how they are handed over: as systemd does it (`sd_listen_fds(3)`), so
//! that either can be the one who keeps them, and one more socket named
//! `keeper`, over which the server says that it is ready and learns when the
//! keeper is gone.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use listenfd::ListenFd;
use socket2::{Domain, Protocol, Socket, Type};
use thiserror::Error;

use crate::held::once_free;

/// The name of the socket between keeper and server in `LISTEN_FDNAMES`.
const KEEPER_NAME: &str = "keeper";

/// The name of the UDP socket there; it is told from the others by its type.
const DISCOVERY_NAME: &str = "discovery";

/// Connections that may wait while there is no server; the system allows up to
/// `net.core.somaxconn`, 4096 on Linux.
const BACKLOG: i32 = 1024;

/// Why there is no socket.
#[derive(Debug, Error)]
pub enum SocketError {
    /// It cannot be bound.
    #[error("cannot listen on {address}: {source}{}", advice(source))]
    Bind {
        /// The address.
        address: SocketAddr,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// What was handed over is neither a listening TCP socket nor a UDP socket.
    #[error("descriptor {index} of those handed over (LISTEN_FDS) cannot be used: {source}")]
    Inherited {
        /// Which, from 0.
        index: usize,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            " (another program, perhaps another aerial, listens there: end it, or choose another \
             port with --listen)"
        }
        io::ErrorKind::AddrNotAvailable => " (this machine has no such address)",
        io::ErrorKind::PermissionDenied => " (ports below 1024 need rights: choose a higher one)",
        _ => "",
    }
}

/// Bind a socket and listen.
///
/// # Errors
/// [`SocketError::Bind`], with what to do about it.
pub fn bind(address: SocketAddr) -> Result<TcpListener, SocketError> {
    let bound = || {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        // Else a restart of the keeper would wait for old connections to be forgotten.
        socket.set_reuse_address(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        io::Result::Ok(socket.into())
    };
    once_free(bound, |error| error.kind() == io::ErrorKind::AddrInUse)
        .map_err(|source| SocketError::Bind { address, source })
}

/// What a server was handed.
#[derive(Debug, Default)]
pub struct Inherited {
    /// Listening sockets, from the keeper or from systemd.
    pub listeners: Vec<TcpListener>,
    /// The socket that TV apps ask where the server is.
    pub discovery: Option<UdpSocket>,
    /// The line to the keeper, if there is one.
    pub keeper: Option<KeeperLine>,
}

/// The server's end of the line to its keeper.
#[derive(Debug)]
pub struct KeeperLine(UnixStream);

impl KeeperLine {
    /// Tell the keeper that requests are answered.
    pub fn say_ready(&mut self) {
        // A keeper that is gone shows as the end of the line, see `gone`.
        let _ = self.0.write_all(b"ready\n");
    }

    /// Wait until the keeper is gone.
    ///
    /// # Errors
    /// When the line cannot be watched.
    pub async fn gone(self) -> io::Result<()> {
        self.0.set_nonblocking(true)?;
        let line = tokio::net::UnixStream::from_std(self.0)?;
        loop {
            line.readable().await?;
            match line.try_read(&mut [0; 16]) {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return Ok(()),
            }
        }
    }
}

/// The names of what is handed over: that many listening sockets, the one for
/// discovery, then the line.
pub(super) fn names(listeners: usize, discovery: bool) -> String {
    let mut names = vec!["http"; listeners];
    names.extend(discovery.then_some(DISCOVERY_NAME));
    names.push(KEEPER_NAME);
    names.join(":")
}

/// Take what was handed over. To be called once, before there is a second
/// thread: it takes the variables out of the environment.
///
/// # Errors
/// [`SocketError::Inherited`].
pub fn inherit() -> Result<Inherited, SocketError> {
    let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
    let names: Vec<&str> = names.split(':').collect();
    let mut handed = ListenFd::from_env();
    let mut inherited = Inherited::default();
    for index in 0..handed.len() {
        let wrong = |source| SocketError::Inherited { index, source };
        if names.get(index) == Some(&KEEPER_NAME) {
            // A connected stream socket is the same to the crate as a listening one.
            let line = handed.take_unix_listener(index).map_err(wrong)?;
            inherited.keeper = line.map(|line| KeeperLine(OwnedFd::from(line).into()));
            continue;
        }
        // What is no TCP socket is left where it is.
        match handed.take_tcp_listener(index) {
            Ok(listener) => inherited.listeners.extend(listener),
            Err(error) => match handed.take_udp_socket(index) {
                Ok(socket) => inherited.discovery = socket,
                Err(_) => return Err(wrong(error)),
            },
        }
    }
    Ok(inherited)
}
