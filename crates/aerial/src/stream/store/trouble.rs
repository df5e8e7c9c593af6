//! What keeps the store from its disk, and what somebody can do about it.
//!
//! Owns the store's limits, its errors, and the advice that goes with each. Does no
//! I/O. Invariant: nothing is told without what to do.

use std::io;
use std::path::{Path, PathBuf};

/// What the store may take of the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// At most this many bytes of segments.
    pub bytes: u64,
    /// Leave at least this much of the disk free.
    pub free_floor_bytes: u64,
}

/// The store's folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DiskError {
    /// Reading or writing failed.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file is not what was written.
    #[error("{}: {source}", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        source: aerial_model::segment::SegmentFileError,
    },
    /// All that is in the store may still be asked for by a playlist.
    #[error("no room: {needed} bytes more would be over the limit of {limit}, all of it in use")]
    Limit {
        /// Bytes to write.
        needed: u64,
        /// What the store may take.
        limit: u64,
    },
    /// There is no room, and nothing may give way.
    #[error("no room: {needed} bytes more would leave less than {floor} bytes free")]
    Full {
        /// Bytes to write.
        needed: u64,
        /// Bytes that must stay free.
        floor: u64,
    },
}

impl DiskError {
    /// It happened there.
    pub(super) fn at(path: &Path, source: io::Error) -> Self {
        Self::Io { path: path.to_owned(), source }
    }
}

/// Why segments are not kept on disk now; they are served from memory meanwhile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// What happened.
    pub reason: String,
    /// What to do about it.
    pub advice: &'static str,
}

impl Trouble {
    /// Segments are made faster than the disk takes them.
    pub(super) fn slow() -> Self {
        Self {
            reason: "the disk is too slow: segments wait to be written".to_owned(),
            advice: "give the data folder a faster disk, or let fewer channels be encoded at once",
        }
    }
}

impl From<&DiskError> for Trouble {
    fn from(error: &DiskError) -> Self {
        Self { reason: error.to_string(), advice: error.advice() }
    }
}

impl DiskError {
    fn advice(&self) -> &'static str {
        match self {
            Self::Limit { .. } => "raise store.limit (AERIAL_STORE_LIMIT), or watch fewer channels",
            Self::Full { .. } => "free disk space, or lower store.free (AERIAL_STORE_FREE)",
            Self::Damaged { .. } => "look after the disk: what was written is not what is read",
            Self::Io { source, .. } => match source.kind() {
                io::ErrorKind::StorageFull => "free disk space, or raise store.free",
                io::ErrorKind::QuotaExceeded => "raise this user's quota, or lower store.limit",
                io::ErrorKind::ReadOnlyFilesystem => {
                    "mount the disk for writing; a disk that became read-only may be failing"
                }
                io::ErrorKind::PermissionDenied => {
                    "give the data folder, with all in it, to the user that the server runs as"
                }
                _ => "look at the system's log: the disk may be failing",
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_trouble_is_told_with_what_to_do() {
        let of = |kind: io::ErrorKind| {
            let error = DiskError::Io { path: "/data/segments".into(), source: kind.into() };
            Trouble::from(&error)
        };
        let full = of(io::ErrorKind::StorageFull);
        assert_eq!(full.reason, "/data/segments: no storage space");
        assert!(full.advice.contains("free disk space"));
        assert!(of(io::ErrorKind::ReadOnlyFilesystem).advice.contains("mount"));
        assert!(of(io::ErrorKind::PermissionDenied).advice.contains("user"));
        assert!(of(io::ErrorKind::Other).advice.contains("system's log"));
        let limit = Trouble::from(&DiskError::Limit { needed: 5, limit: 1 });
        assert!(limit.advice.contains("store.limit"));
    }
}
