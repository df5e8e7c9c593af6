//! `[server]`: where the server is found.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::units::Within;

/// `[server]`: where the server is found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// Address and port to listen on; default `127.0.0.1:8400`, so only from
    /// this machine.
    #[serde(deserialize_with = "address")]
    pub listen: SocketAddr,
    /// The address that clients are told, where that is not the one they asked by, such
    /// as `https://tv.example.org/aerial`; default none.
    pub public_url: Option<PublicAddress>,
    /// The folder for the catalogue and the segments; default `./aerial-data`.
    pub data: PathBuf,
    /// How many connections there may be at a time, 16 to 65535; default 4096. The last
    /// quarter is for the local network.
    pub connections: Within<16, 65_535>,
    /// How many of them from one address, 4 to 65535; default 256. This machine and
    /// trusted proxies may have all.
    pub connections_per_address: Within<4, 65_535>,
    /// That the machine's clock is right, though it is over 400 days ahead of when the
    /// server was last heard of, or behind what channels were sent: they take its time
    /// with the next start; default false.
    pub trust_clock: bool,
}

/// `http` or `https`, a host, and a path perhaps; no query.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct PublicAddress(pub String);

impl<'de> Deserialize<'de> for PublicAddress {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let is_address = text.parse::<axum::http::Uri>().is_ok_and(|uri| {
            matches!(uri.scheme_str(), Some("http" | "https"))
                && uri.host().is_some()
                && uri.query().is_none()
        });
        match is_address && !text.contains(['"', '#']) {
            true => Ok(Self(text)),
            false => Err(serde::de::Error::custom(format!(
                "`{text}` is no address such as https://tv.example.org or http://nas:8400/aerial"
            ))),
        }
    }
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8400),
            public_url: None,
            data: PathBuf::from("./aerial-data"),
            connections: Within::of::<4_096>(),
            connections_per_address: Within::of::<256>(),
            trust_clock: false,
        }
    }
}

/// An address and a port, from the file or a flag.
pub(crate) fn listen_address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        format!(
            "`{text}` is no address and port: write it as 127.0.0.1:8400, or as 0.0.0.0:8400 to \
             be reached from other machines"
        )
    })
}

fn address<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    listen_address(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}
