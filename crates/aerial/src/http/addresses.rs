//! `/addresses`: where TV apps find this server, to be copied or drawn as a QR code, and
//! whether anything is set up yet.
//!
//! Owns the list of addresses. Invariant: an address that is told leads here, as far as
//! this server can know; nothing is sent to find out.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, OnceLock};

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::apps::origin::{Origin, PublicUrl};
use super::extract::Json;
use super::problem::Answer;
use super::system::Host;
use crate::config::Loaded;
use crate::db::Db;
use crate::discovery::{Device, tuners};
use crate::schedule::Schedule;

/// Where the server listens, once it does. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Listening(Arc<OnceLock<Vec<SocketAddr>>>);

impl Listening {
    /// It listens there; the first word counts.
    pub fn on(&self, addresses: Vec<SocketAddr>) {
        let _said_before = self.0.set(addresses);
    }

    fn addresses(&self) -> &[SocketAddr] {
        self.0.get().map_or(&[], Vec::as_slice)
    }
}

/// Where this server is found.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Addresses)]
pub struct AddressesView {
    /// As whoever asks knows it, or as `server.public_url` says.
    here: ServerAddress,
    /// As other machines of the network know it; empty where none can reach it.
    network: Vec<ServerAddress>,
    /// It listens for this machine alone: other machines need `server.listen` set to
    /// `0.0.0.0:8400`, or a proxy.
    this_machine_only: bool,
    /// The address that clients are told; `null` unless it is set.
    #[schema(required = true)]
    public_url: Option<String>,
    /// What it is to those that look for a tuner.
    tuner: TunerView,
    /// Nothing is set up: no folder, no channel.
    first_run: bool,
}

/// The addresses of one way to the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ServerAddress {
    /// The web app.
    #[schema(example = "http://192.168.1.20:8400/")]
    app: String,
    /// The list of channels (M3U).
    channels: String,
    /// The guide (XMLTV).
    guide: String,
    /// The guide, compressed.
    guide_compressed: String,
    /// The tuner, as Plex, Jellyfin, Emby and Channels DVR ask for it.
    tuner: String,
    /// This API, to be read.
    docs: String,
}

/// What the server is to those that look for a tuner.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Tuner)]
pub struct TunerView {
    /// Its device id.
    #[schema(example = "1080A7F3")]
    device_id: String,
    /// How many it says it has: what the machine encodes at once.
    tuners: u8,
    /// It is found by itself by who looks for one on the network.
    discovered: bool,
}

impl ServerAddress {
    fn of(origin: &Origin) -> Self {
        Self {
            app: origin.url("/"),
            channels: origin.url("/channels.m3u"),
            guide: origin.url("/xmltv.xml"),
            guide_compressed: origin.url("/xmltv.xml.gz"),
            tuner: origin.url("/").trim_end_matches('/').to_owned(),
            docs: origin.url("/api/docs"),
        }
    }
}

/// Where TV apps find this server, and whether it is set up.
#[utoipa::path(
    get, path = "/addresses", operation_id = "get_addresses", tag = "system",
    responses((status = 200, body = AddressesView)),
)]
pub(super) async fn get(
    origin: Origin,
    State(PublicUrl(public_url)): State<PublicUrl>,
    State(listening): State<Listening>,
    State(loaded): State<Loaded>,
    State(device): State<Device>,
    State(Host(host)): State<Host>,
    State(db): State<Db>,
    State(schedule): State<Schedule>,
) -> Answer<Json<AddressesView>> {
    let reached = listening.addresses().iter().flat_map(|listen| reached(*listen, own_address));
    let network: Vec<SocketAddr> = reached.collect();
    let first_run = schedule.channels().is_empty() && db.folders().await?.is_empty();
    Ok(Json(AddressesView {
        here: ServerAddress::of(&origin),
        this_machine_only: network.is_empty(),
        network: network.iter().map(|address| ServerAddress::of(&Origin::at(*address))).collect(),
        public_url,
        tuner: TunerView {
            device_id: device.id.to_string(),
            tuners: tuners(&host.admission),
            discovered: loaded.settings().discovery.hdhomerun && !network.is_empty(),
        },
        first_run,
    }))
}

/// The addresses by which other machines reach a socket.
fn reached(listen: SocketAddr, own: impl Fn(bool) -> Option<IpAddr>) -> Vec<SocketAddr> {
    let ips = match listen.ip() {
        ip if ip.is_loopback() => Vec::new(),
        IpAddr::V4(ip) if ip.is_unspecified() => own(false).into_iter().collect(),
        // Such a socket takes both as a rule.
        IpAddr::V6(ip) if ip.is_unspecified() => {
            [own(false), own(true)].into_iter().flatten().collect()
        }
        ip => vec![ip],
    };
    ips.into_iter().map(|ip| SocketAddr::new(ip, listen.port())).collect()
}

/// This machine's address on the way to everywhere else. A UDP socket that is connected
/// sends nothing: the system only looks up the route.
fn own_address(v6: bool) -> Option<IpAddr> {
    let (any, somewhere): (IpAddr, IpAddr) = match v6 {
        // Addresses that are for documents: nobody has them.
        false => (Ipv4Addr::UNSPECIFIED.into(), Ipv4Addr::new(192, 0, 2, 1).into()),
        true => {
            (Ipv6Addr::UNSPECIFIED.into(), Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into())
        }
    };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect((somewhere, 9)).ok()?;
    let ip = socket.local_addr().ok()?.ip();
    (!ip.is_loopback() && !ip.is_unspecified()).then_some(ip)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_reach_what_does_not_listen_for_this_machine_alone() {
        let own =
            |v6: bool| Some(if v6 { "2001:db8::7".parse() } else { "10.0.0.7".parse() }.unwrap());
        let told = |listen: &str| -> Vec<String> {
            let reached = reached(listen.parse().unwrap(), own);
            reached.iter().map(|address| Origin::at(*address).url("/")).collect()
        };
        assert!(told("127.0.0.1:8400").is_empty() && told("[::1]:8400").is_empty());
        assert_eq!(told("0.0.0.0:8400"), ["http://10.0.0.7:8400/"]);
        assert_eq!(told("[::]:80"), ["http://10.0.0.7:80/", "http://[2001:db8::7]:80/"]);
        assert_eq!(told("192.168.1.2:8400"), ["http://192.168.1.2:8400/"]);
        assert!(reached("0.0.0.0:1".parse().unwrap(), |_| None).is_empty());
    }
}
