//! SSDP: the search for UPnP devices, and the answer of one that is a tuner.
//!
//! Owns the two texts (UPnP Device Architecture 1.0, 1.2). Invariant: what is not a
//! well-formed search for something this device is gets no answer, and a search gets
//! one at most.

use uuid::Uuid;

use super::MAX_FRAME_BYTES;

/// The UDP port of SSDP.
pub const PORT: u16 = 1_900;

/// The group whose members are searched.
pub const GROUP: std::net::Ipv4Addr = std::net::Ipv4Addr::new(239, 255, 255, 250);

/// The kind of device that an HDHomeRun is.
pub const DEVICE_TYPE: &str = "urn:schemas-upnp-org:device:MediaServer:1";

const ROOT_DEVICE: &str = "upnp:rootdevice";

/// A search that this device answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search {
    /// What it is told to be, of what was searched for.
    target: String,
}

impl Search {
    /// Reads a datagram; `None` unless it is a search, whole, for something that the
    /// device of this id is.
    pub fn read(datagram: &[u8], device: Uuid) -> Option<Self> {
        if datagram.len() > MAX_FRAME_BYTES {
            return None;
        }
        let head = std::str::from_utf8(datagram).ok()?.strip_suffix("\r\n\r\n")?;
        let mut lines = head.split("\r\n");
        if lines.next()? != "M-SEARCH * HTTP/1.1" {
            return None;
        }
        let (mut what, mut target) = (None, None);
        for line in lines {
            let (name, value) = line.split_once(':')?;
            let value = value.trim();
            match name.to_ascii_uppercase().as_str() {
                "MAN" => super::once(&mut what, value)?,
                "ST" => super::once(&mut target, value)?,
                _ => {}
            }
        }
        if what? != "\"ssdp:discover\"" {
            return None;
        }
        let device = format!("uuid:{device}");
        let target = match target? {
            // One answer will do: all else is in the device's description.
            "ssdp:all" | ROOT_DEVICE => ROOT_DEVICE,
            DEVICE_TYPE => DEVICE_TYPE,
            this if this.eq_ignore_ascii_case(&device) => this,
            _ => return None,
        };
        Some(Self { target: target.to_owned() })
    }

    /// The answer of this device, which is described at `location`.
    pub fn answer(&self, device: Uuid, location: &str) -> String {
        let target = &self.target;
        let name = match target.starts_with("uuid:") {
            true => format!("uuid:{device}"),
            false => format!("uuid:{device}::{target}"),
        };
        // The name of the server is what clients know the maker's devices by. Half an
        // hour is the shortest time for which UPnP lets a device be believed in.
        format!(
            "HTTP/1.1 200 OK\r\n\
             CACHE-CONTROL: max-age=1800\r\n\
             EXT:\r\n\
             LOCATION: {location}\r\n\
             SERVER: HDHomeRun/1.0 UPnP/1.0\r\n\
             ST: {target}\r\n\
             USN: {name}\r\n\
             \r\n"
        )
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DEVICE: Uuid = Uuid::from_u128(0x0198_c0de_0000_7000_8000_0000_0000_0001);
    const DEVICE_TARGET: &str = "uuid:0198c0de-0000-7000-8000-000000000001";

    fn search(target: &str) -> String {
        format!(
            "M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: \"ssdp:discover\"\r\n\
             MX: 2\r\nST: {target}\r\n\r\n"
        )
    }

    fn read(text: &str) -> Option<Search> {
        Search::read(text.as_bytes(), DEVICE)
    }

    #[test]
    fn what_the_device_is_is_found() {
        for (searched, told) in [
            ("ssdp:all", ROOT_DEVICE),
            (ROOT_DEVICE, ROOT_DEVICE),
            (DEVICE_TYPE, DEVICE_TYPE),
            (DEVICE_TARGET, DEVICE_TARGET),
        ] {
            assert_eq!(read(&search(searched)), Some(Search { target: told.to_owned() }));
        }
        let small = "M-SEARCH * HTTP/1.1\r\nst:ssdp:all\r\nman:\"ssdp:discover\"\r\n\r\n";
        assert!(read(small).is_some());
    }

    #[test]
    fn what_is_no_search_for_it_is_not_answered() {
        let all = search("ssdp:all");
        for other in [
            search("urn:schemas-upnp-org:device:MediaRenderer:1"),
            search("uuid:0198c0de-0000-7000-8000-000000000002"),
            search(""),
            all.replace("M-SEARCH", "NOTIFY"),
            all.replace("M-SEARCH * HTTP/1.1", "HTTP/1.1 200 OK"),
            all.replace("\"ssdp:discover\"", "\"ssdp:alive\""),
            all.replace("MAN: \"ssdp:discover\"\r\n", ""),
            all.replace("ST: ssdp:all\r\n", ""),
            all.replace("MX: 2", "ST: ssdp:all"),
            all.replace("MX: 2", "MX"),
            all.replace("\r\n", "\n"),
            all.replace("\r\n\r\n", "\r\n"),
            format!("{all}x"),
            format!("{all}{all}"),
            all.replace("MX: 2", &format!("X: {}", "x".repeat(1_460))),
        ] {
            assert_eq!(read(&other), None, "{other:?}");
        }
    }

    #[test]
    fn an_answer_names_the_device_and_where_it_is_described() {
        let answer = |target| {
            let search = read(&search(target)).unwrap();
            search.answer(DEVICE, "http://10.0.0.2:8400/device.xml").replace("\r\n", "\n")
        };
        insta::assert_snapshot!(answer("ssdp:all"), @"
        HTTP/1.1 200 OK
        CACHE-CONTROL: max-age=1800
        EXT:
        LOCATION: http://10.0.0.2:8400/device.xml
        SERVER: HDHomeRun/1.0 UPnP/1.0
        ST: upnp:rootdevice
        USN: uuid:0198c0de-0000-7000-8000-000000000001::upnp:rootdevice
        ");
        let of_device = answer(DEVICE_TARGET);
        assert!(of_device.ends_with(&format!("ST: {DEVICE_TARGET}\nUSN: {DEVICE_TARGET}\n\n")));
    }

    proptest! {
        #[test]
        fn no_bytes_are_taken_for_a_search(bytes in proptest::collection::vec(any::<u8>(), 0..1_600)) {
            prop_assert_eq!(Search::read(&bytes, DEVICE), None);
        }

        #[test]
        fn a_search_that_is_cut_off_or_damaged_panics_nowhere(at in 0..120usize, byte: u8) {
            let mut text = search(DEVICE_TYPE).into_bytes();
            prop_assert_eq!(Search::read(&text[..at], DEVICE), None);
            text[at] = byte;
            let target = Search::read(&text, DEVICE).map(|search| search.target);
            prop_assert!(target.is_none_or(|target| target == DEVICE_TYPE));
        }
    }
}
