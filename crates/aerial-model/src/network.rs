//! Where a request comes from, as far as it can be told.
//!
//! Owns networks (`192.168.0.0/16`), which of them are local, and what is believed of
//! proxies. Invariants: an address that somebody else could have written is never
//! taken for true, and a request that came through a proxy is never this machine's own.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A range of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

/// Not a network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no address or network: write 192.168.7.2, 10.0.0.0/8 or fd00::/8")]
pub struct BadNetwork(String);

impl FromStr for Network {
    type Err = BadNetwork;
    fn from_str(text: &str) -> Result<Self, BadNetwork> {
        let bad = || BadNetwork(text.chars().take(60).collect());
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.trim().parse().map_err(|_| bad())?;
        let most = width(address);
        let bits = bits.map_or(Ok(most), |bits| bits.trim().parse().map_err(|_| bad()))?;
        match bits <= most {
            true => Ok(Self { address, bits }),
            false => Err(bad()),
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.bits == width(self.address) {
            true => self.address.fmt(f),
            false => write!(f, "{}/{}", self.address, self.bits),
        }
    }
}

impl Network {
    /// Whether the address is in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        let same = |ours: u128, theirs: u128, width: u8| {
            let rest = u32::from(width - self.bits.min(width));
            rest >= 128 || (ours ^ theirs) >> rest == 0
        };
        match (self.address, plain(address)) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => {
                same(ours.to_bits().into(), theirs.to_bits().into(), 32)
            }
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => same(ours.to_bits(), theirs.to_bits(), 128),
            _ => false,
        }
    }
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// An IPv4 address that a socket for both tells as IPv6, as what it is.
pub fn plain(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(six) => six.to_ipv4_mapped().map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    }
}

/// Whether the address can only be of the same house: this machine, private ranges
/// (RFC 1918), link-local ones, and IPv6's unique local ones (RFC 4193).
pub fn is_local(address: IpAddr) -> bool {
    match plain(address) {
        IpAddr::V4(four) => four.is_private() || four.is_loopback() || four.is_link_local(),
        IpAddr::V6(six) => {
            six.is_loopback() || six.is_unique_local() || six.is_unicast_link_local()
        }
    }
}

/// Those who share a fate where requests are counted: an address, or in IPv6 the /64
/// that every subscriber has for themselves.
pub fn household(address: IpAddr) -> IpAddr {
    match plain(address) {
        IpAddr::V6(six) => IpAddr::V6(Ipv6Addr::from_bits(six.to_bits() >> 64 << 64)),
        four => four,
    }
}

/// What a request says of its way, and what the socket says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trail {
    /// The other end of the connection.
    pub peer: Option<IpAddr>,
    /// Whether there is any sign of a proxy.
    pub forwarded: bool,
    /// The addresses that proxies noted, the client's first, each as it was written;
    /// once for each header that tells them.
    pub noted: Vec<Vec<String>>,
    /// The host that was asked for, with its port perhaps.
    pub host: Option<String>,
}

/// Where a request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whence {
    /// From a program on this machine, for this machine.
    Machine,
    /// From there.
    Address(IpAddr),
    /// Through something that is not trusted to tell.
    Unknown,
}

impl Trail {
    /// Where it leads.
    pub fn whence(&self, trusted: &[Network]) -> Whence {
        let Some(peer) = self.peer.map(plain) else { return Whence::Unknown };
        if !self.forwarded {
            return match peer.is_loopback() && self.asks_for_this_machine() {
                true => Whence::Machine,
                false => Whence::Address(peer),
            };
        }
        let is_trusted = |address| trusted.iter().any(|network| network.contains(address));
        if !is_trusted(peer) {
            return Whence::Unknown;
        }
        // Each proxy adds whom it saw at the end; the first that is no proxy of ours
        // is the client, and whatever stands before it may be invented.
        let client = |noted: &Vec<String>| {
            let mut addresses = noted.iter().rev().map(|text| address_of(text));
            addresses.find(|address| !address.is_some_and(is_trusted)).flatten()
        };
        // A header that the proxy does not know is the client's own invention.
        let mut told = self.noted.iter().map(client);
        match told.next() {
            Some(Some(address)) if told.all(|other| other == Some(address)) => {
                Whence::Address(address)
            }
            _ => Whence::Unknown,
        }
    }

    /// A page of another site whose name was made to lead to this machine asks by
    /// that name.
    fn asks_for_this_machine(&self) -> bool {
        let Some(host) = &self.host else { return true };
        let name = without_port(host);
        let is_loopback = |address: IpAddr| address.is_loopback();
        name.eq_ignore_ascii_case("localhost") || name.parse().is_ok_and(is_loopback)
    }
}

/// `nas:8400`, `[::1]:8400` without their port.
fn without_port(host: &str) -> &str {
    match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((six, _)) => six,
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    }
}

/// As proxies write one: with a port, in brackets, in quotes.
fn address_of(noted: &str) -> Option<IpAddr> {
    let text = noted.trim().trim_matches('"');
    let bare = text.parse().ok();
    bare.or_else(|| text.parse::<std::net::SocketAddr>().ok().map(|address| address.ip()))
        .or_else(|| text.strip_prefix('[')?.strip_suffix(']')?.parse().ok())
        .map(plain)
}

/// This machine, as an address.
pub const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn trail(peer: &str, noted: &[&str], host: &str) -> Trail {
        Trail {
            peer: Some(ip(peer)),
            forwarded: !noted.is_empty(),
            noted: vec![noted.iter().map(|text| (*text).to_owned()).collect()],
            host: Some(host.to_owned()),
        }
    }

    #[test]
    fn a_network_holds_its_addresses() {
        let holds = |network: &str, address: &str| {
            network.parse::<Network>().unwrap().contains(ip(address))
        };
        assert!(holds("10.0.0.0/8", "10.255.0.1") && !holds("10.0.0.0/8", "11.0.0.1"));
        assert!(holds("10.0.0.0/8", "::ffff:10.1.2.3"));
        assert!(holds("192.168.7.2", "192.168.7.2") && !holds("192.168.7.2", "192.168.7.3"));
        assert!(holds("0.0.0.0/0", "8.8.8.8") && !holds("0.0.0.0/0", "::1"));
        assert!(holds("fd00::/8", "fd12::1") && holds("::/0", "2001:db8::1"));
        for bad in ["", "10.0.0.0/33", "::/129", "nas", "10.0.0.0/", "10.0.0.0/-1"] {
            assert!(bad.parse::<Network>().is_err(), "{bad}");
        }
        assert_eq!("10.0.0.0/8".parse::<Network>().unwrap().to_string(), "10.0.0.0/8");
        assert_eq!("::1".parse::<Network>().unwrap().to_string(), "::1");
    }

    #[test]
    fn what_is_local_is_of_the_house() {
        for local in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.1.1",
            "::1",
            "fd00::1",
            "fe80::1",
            "::ffff:192.168.1.1",
        ] {
            assert!(is_local(ip(local)), "{local}");
        }
        for not in
            ["8.8.8.8", "172.32.0.1", "100.64.0.1", "2001:db8::1", "::ffff:8.8.8.8", "0.0.0.0"]
        {
            assert!(!is_local(ip(not)), "{not}");
        }
    }

    #[test]
    fn only_who_asks_this_machine_for_this_machine_is_on_it() {
        for host in ["localhost:8400", "LOCALHOST", "127.0.0.1:8400", "127.9.9.9", "[::1]:8400"] {
            assert_eq!(trail("127.0.0.1", &[], host).whence(&[]), Whence::Machine, "{host}");
        }
        assert_eq!(trail("::ffff:127.0.0.1", &[], "localhost").whence(&[]), Whence::Machine);
        let unnamed = Trail { host: None, ..trail("::1", &[], "") };
        assert_eq!(unnamed.whence(&[]), Whence::Machine);
        // A name that was made to lead here.
        for host in ["evil.example", "localhost.evil.example:8400", "127.0.0.1.evil.example", ""] {
            let there = Whence::Address(LOOPBACK);
            assert_eq!(trail("127.0.0.1", &[], host).whence(&[]), there, "{host}");
        }
        assert_eq!(
            trail("192.168.1.5", &[], "localhost").whence(&[]),
            Whence::Address(ip("192.168.1.5"))
        );
        assert_eq!(Trail::default().whence(&[]), Whence::Unknown);
    }

    #[test]
    fn a_proxy_is_believed_only_where_it_is_trusted() {
        let proxied = trail("127.0.0.1", &["192.168.1.5"], "localhost");
        assert_eq!(proxied.whence(&[]), Whence::Unknown);
        let trusted = ["127.0.0.1".parse().unwrap(), "10.0.0.0/24".parse().unwrap()];
        assert_eq!(proxied.whence(&trusted), Whence::Address(ip("192.168.1.5")));
        // What stands before the first stranger was written by that stranger.
        let spoofed = trail("127.0.0.1", &["192.168.1.5", "203.0.113.9"], "a");
        assert_eq!(spoofed.whence(&trusted), Whence::Address(ip("203.0.113.9")));
        let two = trail("127.0.0.1", &["203.0.113.9", "10.0.0.7"], "a");
        assert_eq!(two.whence(&trusted), Whence::Address(ip("203.0.113.9")));
        for odd in ["unknown", "_hidden", "", "1.2.3.4.5"] {
            assert_eq!(trail("127.0.0.1", &[odd], "a").whence(&trusted), Whence::Unknown, "{odd}");
        }
        let bare = Trail { forwarded: true, noted: Vec::new(), ..trail("127.0.0.1", &[], "a") };
        assert_eq!(bare.whence(&trusted), Whence::Unknown);
        let mut two_stories = trail("127.0.0.1", &["192.168.1.5"], "a");
        two_stories.noted.push(vec!["203.0.113.9".to_owned()]);
        assert_eq!(two_stories.whence(&trusted), Whence::Unknown);
        // Not the machine, whatever is said.
        let itself = trail("127.0.0.1", &["127.0.0.1"], "localhost");
        assert_eq!(itself.whence(&trusted), Whence::Unknown);
    }

    #[test]
    fn addresses_are_read_as_proxies_write_them() {
        for written in ["192.0.2.1", " 192.0.2.1:4711", "\"192.0.2.1:4711\"", "::ffff:192.0.2.1"] {
            assert_eq!(address_of(written), Some(ip("192.0.2.1")), "{written}");
        }
        for written in ["2001:db8::1", "[2001:db8::1]", "\"[2001:db8::1]:4711\""] {
            assert_eq!(address_of(written), Some(ip("2001:db8::1")), "{written}");
        }
    }

    #[test]
    fn a_subscriber_of_ipv6_is_one_household() {
        assert_eq!(household(ip("2001:db8:1:2:3:4:5:6")), household(ip("2001:db8:1:2::9")));
        assert_ne!(household(ip("2001:db8:1:2::1")), household(ip("2001:db8:1:3::1")));
        assert_eq!(household(ip("::ffff:1.2.3.4")), ip("1.2.3.4"));
    }
}
