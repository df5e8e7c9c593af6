//! Discovery: answers TV apps that look for a tuner on the network.
//!
//! Owns the sockets they ask (UDP 65001, and 1900 where that is wanted) and which
//! address they are told. What is a question, what is the answer and how many are
//! given, the model decides (`aerial_model::discovery`). Invariants: nothing is sent to
//! anybody who has not asked; nobody is told an address that the server does not answer
//! at.

mod device;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use aerial_model::discovery::ssdp::{self, Search};
use aerial_model::discovery::{Allowance, MAX_FRAME_BYTES, Question, Tuner};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::clock::monotonic;
use crate::config::Discovery as Settings;
use crate::stream::admission::Admission;

pub use device::Device;

/// What guide services of the maker would know the device by. It says that this is
/// none of theirs, and is the same in all answers, since clients compare it.
pub const DEVICE_AUTH: &str = "aerial";

/// A picture for which tuners are counted: 1280x720.
const COUNTED_PIXELS: u32 = 1_280 * 720;

/// After a failure of the socket, which the next datagram may meet too.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// How many channels clients may believe to be able to watch at once: as many as can
/// be encoded. What is copied is not limited, but no client knows beforehand.
pub fn tuners(admission: &Admission) -> u8 {
    let encodes = admission.occupancy().limit.encodes(COUNTED_PIXELS);
    u8::try_from(encodes).unwrap_or(u8::MAX).max(1)
}

/// Binds the socket that goes with a server that listens on `listen`.
///
/// Loopback stays among itself. Otherwise it hears all addresses, for a socket on one
/// address does not hear what is asked of everybody; who is answered is another
/// question.
///
/// # Errors
/// The system's; mostly because another tuner's server is on this machine.
pub fn bind(settings: &Settings, listen: IpAddr) -> io::Result<UdpSocket> {
    let ip = match listen {
        ip if ip.is_loopback() => ip,
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    UdpSocket::bind((ip, settings.port))
}

/// The socket, handed over by the keeper or bound now; none where it is not wanted, or
/// cannot be had: that is said, and all else works.
pub fn socket(
    settings: &Settings,
    listen: IpAddr,
    handed_over: Option<UdpSocket>,
) -> Option<UdpSocket> {
    if !settings.hdhomerun {
        return None;
    }
    if let Some(kept) = handed_over.as_ref().and_then(|socket| kept_elsewhere(settings, socket)) {
        tracing::warn!(
            "TV apps are answered on UDP {kept}, though discovery.port is {}: restart the service, a \
             reload keeps the sockets",
            settings.port
        );
    }
    match handed_over.map_or_else(|| bind(settings, listen), Ok) {
        Ok(socket) => Some(socket),
        Err(error) => {
            let port = settings.port;
            tracing::warn!(
                port,
                %error,
                "TV apps cannot find this server by themselves (UDP): give them its address, or end \
                 the other server on that port; discovery.hdhomerun = false \
                 (AERIAL_DISCOVERY_HDHOMERUN=false) if they need not"
            );
            None
        }
    }
}

/// The port of a socket, where it is another than is set. Port 0 is any.
fn kept_elsewhere(settings: &Settings, socket: &UdpSocket) -> Option<u16> {
    let port = socket.local_addr().ok()?.port();
    (settings.port != 0 && port != settings.port).then_some(port)
}

/// Binds the socket for searches of UPnP devices and joins their group.
fn bind_ssdp(listen: IpAddr) -> io::Result<UdpSocket> {
    let interface = match listen {
        IpAddr::V4(ip) if ip.is_loopback() => {
            return Err(io::Error::other("the server listens for this machine alone"));
        }
        IpAddr::V4(ip) => ip,
        IpAddr::V6(_) => Ipv4Addr::UNSPECIFIED,
    };
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    // All who are searched share the port.
    socket.set_reuse_address(true)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, ssdp::PORT)).into())?;
    socket.join_multicast_v4(&ssdp::GROUP, &interface)?;
    Ok(socket.into())
}

/// The socket for searches of UPnP devices; none where it is not wanted or cannot be
/// had, which is said. It is not kept over a restart: who searches does so again.
pub fn ssdp_socket(settings: &Settings, listen: IpAddr) -> Option<UdpSocket> {
    if !settings.ssdp {
        return None;
    }
    let failed = |error| tracing::warn!(%error, "searches for UPnP devices are not answered");
    bind_ssdp(listen).map_err(failed).ok()
}

/// By which protocol is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// The tuners' own.
    HdHomeRun,
    /// For UPnP devices.
    Ssdp,
}

/// What is told to those who look.
#[derive(Clone, Debug)]
pub struct Discovery {
    /// What the server is to them.
    pub device: Device,
    /// Where it listens.
    pub listen: SocketAddr,
    /// The address that the operator set for it, if so.
    pub public_url: Option<String>,
    /// Decides how many tuners there are.
    pub admission: Admission,
}

impl Discovery {
    /// Answers what is `asked` on `socket` until `ending`.
    pub async fn run(self, socket: UdpSocket, asked: Asked, ending: CancellationToken) {
        let socket = socket.set_nonblocking(true).and_then(|()| {
            let socket = tokio::net::UdpSocket::from_std(socket)?;
            let address = socket.local_addr()?;
            let device = self.device.id;
            tracing::info!(%address, %device, ?asked, "TV apps find this server (UDP)");
            Ok(socket)
        });
        let failed = match socket {
            Ok(socket) => {
                ending.run_until_cancelled(self.answer_all(&socket, asked)).await;
                return;
            }
            Err(error) => error,
        };
        tracing::warn!(error = %failed, "TV apps cannot find this server (UDP)");
    }

    async fn answer_all(&self, socket: &tokio::net::UdpSocket, asked: Asked) {
        let since = monotonic();
        let mut allowance = Allowance::default();
        // One more, so that a longer datagram does not look like a whole frame.
        let mut datagram = [0; MAX_FRAME_BYTES + 1];
        loop {
            let (length, asker) = match socket.recv_from(&mut datagram).await {
                Ok(received) => received,
                Err(error) => {
                    tracing::debug!(%error, "a question of a TV app was lost");
                    sleep(AFTER_FAILURE).await;
                    continue;
                }
            };
            let Some(question) = datagram.get(..length).and_then(|all| self.read(all, asked))
            else {
                continue;
            };
            if !allowance.take(asker.ip(), since.elapsed()) {
                continue;
            }
            let Some(answer) = self.answer(&question, asker) else { continue };
            // Not waited for: who asks asks twice.
            if let Err(error) = socket.try_send_to(&answer, asker) {
                tracing::debug!(%asker, %error, "a TV app that looks for tuners was not answered");
            }
        }
    }

    /// What is asked of this device, if anything is.
    fn read(&self, datagram: &[u8], asked: Asked) -> Option<Asking> {
        match asked {
            Asked::HdHomeRun => {
                let question = Question::read(datagram)?;
                question.is_for(self.device.id).then_some(Asking::WhatTuner)
            }
            Asked::Ssdp => Search::read(datagram, self.device.uuid).map(Asking::Search),
        }
    }

    fn answer(&self, asking: &Asking, asker: SocketAddr) -> Option<Vec<u8>> {
        let base_url = match &self.public_url {
            Some(public) => public.trim_end_matches('/').to_owned(),
            None => format!("http://{}", self.reached_at(asker)?),
        };
        match asking {
            Asking::WhatTuner => {
                let tuner = Tuner {
                    device: self.device.id,
                    tuners: tuners(&self.admission),
                    base_url: &base_url,
                    lineup_url: &format!("{base_url}/lineup.json"),
                    device_auth: DEVICE_AUTH,
                };
                tuner.answer()
            }
            Asking::Search(search) => {
                let location = format!("{base_url}/device.xml");
                Some(search.answer(self.device.uuid, &location).into_bytes())
            }
        }
    }

    /// Where the asker finds the server; none if it does not listen there.
    fn reached_at(&self, asker: SocketAddr) -> Option<SocketAddr> {
        let ours = towards(asker).ok()?;
        let listen = self.listen.ip().to_canonical();
        let ip = match listen {
            any if any.is_unspecified() => ours,
            // From this machine every address of it can be reached.
            one if one == ours || ours.is_loopback() => one,
            _ => return None,
        };
        // An address that means another host on each link is of no use in a URL.
        let link_local = matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local());
        (!link_local).then(|| SocketAddr::new(ip, self.listen.port()))
    }
}

/// A question that is answered.
enum Asking {
    WhatTuner,
    Search(Search),
}

/// The address of this machine that the asker sees: that of a socket which would talk
/// to it. Nothing is sent.
fn towards(asker: SocketAddr) -> io::Result<IpAddr> {
    let asker = SocketAddr::new(asker.ip().to_canonical(), asker.port());
    let any: IpAddr = match asker {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect(asker)?;
    Ok(socket.local_addr()?.ip())
}

#[cfg(test)]
mod tests;
