//! The key in the data folder: who can read it may manage the server.
//!
//! Owns the file. It is for commands on the same machine, which so need no password:
//! whoever can read the data folder has the catalogue anyway. Invariant: only the
//! folder's owner can read it, and it is another one after each start.

use std::fs;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::secret::Secret;

/// The file's name in the data folder.
const FILE: &str = "key";

/// Makes the key of a server that starts, and notes where it listens; to be called by
/// who holds the folder's lock.
///
/// # Errors
/// The system's.
pub fn make(data: &Path, listening: &[SocketAddr]) -> io::Result<Secret> {
    let secret = Secret::long().map_err(io::Error::other)?;
    let (path, new) = (data.join(FILE), data.join(format!("{FILE}.new")));
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    writeln!(file, "{}", secret.reveal())?;
    for address in listening {
        writeln!(file, "{address}")?;
    }
    // In one step: a command never reads half a key.
    fs::rename(new, path)?;
    Ok(secret)
}

/// The key of the server that uses this data folder, for whoever may read it, if that
/// server listens there: to another one, the key would be given away.
pub fn read(data: &Path, address: SocketAddr) -> Option<Secret> {
    let text = fs::read_to_string(data.join(FILE)).ok()?;
    let mut lines = text.lines();
    let secret = Secret::read(lines.next()?);
    let is_there = |listening: SocketAddr| {
        let any = listening.ip().is_unspecified();
        listening.port() == address.port() && (any || listening.ip() == address.ip())
    };
    lines.filter_map(|line| line.parse().ok()).any(is_there).then_some(secret)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_key_is_its_owners_and_lasts_for_one_start() {
        let data = tempfile::tempdir().unwrap();
        let address: SocketAddr = "127.0.0.1:8400".parse().unwrap();
        assert!(read(data.path(), address).is_none());
        let first = make(data.path(), &[address]).unwrap();
        assert_eq!(read(data.path(), address), Some(first.clone()));
        let mode = fs::metadata(data.path().join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_ne!(make(data.path(), &[address]).unwrap(), first);
    }

    #[test]
    fn a_key_is_only_for_where_its_server_listens() {
        let data = tempfile::tempdir().unwrap();
        let is_for = |address: &str| read(data.path(), address.parse().unwrap()).is_some();
        make(data.path(), &["127.0.0.1:8400".parse().unwrap()]).unwrap();
        assert!(is_for("127.0.0.1:8400") && !is_for("127.0.0.1:8401") && !is_for("10.0.0.1:8400"));
        make(data.path(), &["0.0.0.0:8400".parse().unwrap()]).unwrap();
        assert!(is_for("127.0.0.1:8400") && !is_for("127.0.0.1:8401"));
    }
}
