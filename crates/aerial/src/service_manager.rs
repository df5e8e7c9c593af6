//! The service manager that started us, if one did: systemd, or what speaks like it.
//!
//! Owns what it is told (`sd_notify(3)`): that the server is ready, and that it ends. One
//! datagram on a socket that it names; no library is needed for that. Invariant: who is
//! not there is not waited for, and a word that is not heard stops nothing.

use std::ffi::OsStr;
use std::io;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

/// Where it wants to be told. The server that a keeper starts has it not: the keeper, which
/// is the process that the manager knows, tells for it.
pub(crate) const VARIABLE: &str = "NOTIFY_SOCKET";

/// A manager whose queue stays full for so long reads nothing any more.
const PATIENCE: Duration = Duration::from_secs(1);

/// What it can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// The channels can be watched.
    Ready,
    /// The server has been asked to end.
    Stopping,
}

impl Word {
    fn as_bytes(self) -> &'static [u8] {
        match self {
            Self::Ready => b"READY=1",
            Self::Stopping => b"STOPPING=1",
        }
    }
}

/// Tell it, if there is one.
///
/// # Errors
/// When it cannot be reached; the message names the variable.
pub fn tell(word: Word) -> io::Result<()> {
    let Some(place) = std::env::var_os(VARIABLE).filter(|place| !place.is_empty()) else {
        return Ok(());
    };
    send(&place, word).map_err(|error| {
        let place = place.to_string_lossy();
        io::Error::new(error.kind(), format!("cannot reach {VARIABLE} ({place}): {error}"))
    })
}

fn send(place: &OsStr, word: Word) -> io::Result<()> {
    let socket = UnixDatagram::unbound()?;
    socket.set_write_timeout(Some(PATIENCE))?;
    #[cfg(target_os = "linux")]
    if let Some(name) = place.as_encoded_bytes().strip_prefix(b"@") {
        use std::os::linux::net::SocketAddrExt;
        let address = std::os::unix::net::SocketAddr::from_abstract_name(name)?;
        return socket.send_to_addr(word.as_bytes(), &address).map(|_| ());
    }
    socket.send_to(word.as_bytes(), place).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(socket: &UnixDatagram) -> String {
        socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let mut bytes = [0; 64];
        let count = socket.recv(&mut bytes).unwrap();
        String::from_utf8(bytes[..count].to_vec()).unwrap()
    }

    #[test]
    fn a_socket_with_a_path_hears_each_word() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("notify");
        let socket = UnixDatagram::bind(&place).unwrap();
        for (word, text) in [(Word::Ready, "READY=1"), (Word::Stopping, "STOPPING=1")] {
            send(place.as_os_str(), word).unwrap();
            assert_eq!(heard(&socket), text);
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_socket_without_a_path_does_too() {
        use std::os::linux::net::SocketAddrExt;
        let name = format!("aerial-test-{}", uuid::Uuid::now_v7());
        let address = std::os::unix::net::SocketAddr::from_abstract_name(&name).unwrap();
        let socket = UnixDatagram::bind_addr(&address).unwrap();
        send(OsStr::new(&format!("@{name}")), Word::Ready).unwrap();
        assert_eq!(heard(&socket), "READY=1");
    }

    #[test]
    fn a_manager_that_is_gone_is_an_error_and_nothing_worse() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("nobody");
        assert_eq!(
            send(place.as_os_str(), Word::Ready).unwrap_err().kind(),
            io::ErrorKind::NotFound
        );
    }
}
