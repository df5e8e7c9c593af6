//! The identity of a file: how the library knows it again (`rules.md`, 9).
//!
//! Owns size, time of change and the hash of both ends. Does not know what is
//! in the file. Invariant: two files of one identity are taken for one file,
//! wherever they lie; a file whose identity changed is another version.

use std::fs::{File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// How much of each end is hashed: 64 KiB (`rules.md`, 9). Containers keep their
/// index at one of the two.
const END_BYTES: u64 = 64 * 1024;

/// What the file system says of a file without opening it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Stamp {
    /// Size in bytes.
    pub size: u64,
    /// Time of change in nanoseconds since the Unix epoch.
    pub mtime_ns: i64,
}

impl Stamp {
    /// From what the system told.
    pub fn of(metadata: &Metadata) -> Self {
        let nanos = metadata.mtime().saturating_mul(1_000_000_000);
        Self { size: metadata.len(), mtime_ns: nanos.saturating_add(metadata.mtime_nsec()) }
    }

    /// Looks at `path`, after links.
    pub fn read(path: &Path) -> io::Result<Self> {
        std::fs::metadata(path).map(|metadata| Self::of(&metadata))
    }
}

/// Size, time of change, and a hash of the first and last 64 KiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Identity {
    /// Size and time of change.
    #[serde(flatten)]
    pub stamp: Stamp,
    /// BLAKE3 of both ends.
    pub hash: EndsHash,
}

/// BLAKE3 of a file's first and last 64 KiB; written as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct EndsHash(pub [u8; 32]);

impl Identity {
    /// Reads the identity of `path`; blocks.
    pub fn read(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        let stamp = Stamp::of(&metadata);
        let mut hasher = blake3::Hasher::new();
        let mut ends = Vec::new();
        file.by_ref().take(END_BYTES).read_to_end(&mut ends)?;
        hasher.update(&ends);
        // In a file under 128 KiB the ends overlap or touch: no byte is left out,
        // and none is hashed twice.
        let tail = stamp.size.saturating_sub(END_BYTES).max(ends.len() as u64);
        file.seek(SeekFrom::Start(tail))?;
        ends.clear();
        file.take(END_BYTES).read_to_end(&mut ends)?;
        hasher.update(&ends);
        Ok(Self { stamp, hash: EndsHash(*hasher.finalize().as_bytes()) })
    }
}

/// What reading both ends of a file told of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndsRead {
    /// They are as they were.
    Same,
    /// They are others.
    Other,
}

impl EndsRead {
    /// Reads both ends of `path`, which was of this identity; blocks.
    pub fn of(path: &Path, known: &crate::db::Identity) -> io::Result<Self> {
        let now = crate::db::Identity::from(Identity::read(path)?);
        // Without a hash nothing more was known than what the stamp tells.
        let same = known.hash.is_none() || known.hash == now.hash;
        Ok(if same { Self::Same } else { Self::Other })
    }
}

impl From<Identity> for crate::db::Identity {
    fn from(Identity { stamp, hash }: Identity) -> Self {
        Self { size_bytes: stamp.size, mtime_ns: stamp.mtime_ns, hash: Some(hash.0) }
    }
}

impl std::fmt::Display for EndsHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&blake3::Hash::from_bytes(self.0).to_hex())
    }
}
impl std::fmt::Debug for EndsHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "EndsHash({self})")
    }
}
impl From<EndsHash> for String {
    fn from(hash: EndsHash) -> Self {
        hash.to_string()
    }
}
impl TryFrom<String> for EndsHash {
    type Error = blake3::HexError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        blake3::Hash::from_hex(text).map(|hash| Self(*hash.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash_of(content: &[u8]) -> EndsHash {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, content).unwrap();
        Identity::read(&path).unwrap().hash
    }

    #[test]
    fn a_moved_file_keeps_its_identity() {
        let folder = tempfile::tempdir().unwrap();
        let (old, new) = (folder.path().join("old"), folder.path().join("new"));
        std::fs::write(&old, b"picture").unwrap();
        let before = Identity::read(&old).unwrap();
        std::fs::rename(&old, &new).unwrap();
        assert_eq!(Identity::read(&new).unwrap(), before);
    }

    #[test]
    fn a_change_at_either_end_is_seen_and_one_in_the_middle_is_not_read() {
        let mut content = vec![0u8; 300 * 1024];
        let before = hash_of(&content);
        content[150 * 1024] = 1;
        assert_eq!(hash_of(&content), before);
        content[0] = 1;
        assert_ne!(hash_of(&content), before);
        content[0] = 0;
        *content.last_mut().unwrap() = 1;
        assert_ne!(hash_of(&content), before);
    }

    #[test]
    fn small_files_are_hashed_whole_and_once() {
        for size in [0, 1, 64 * 1024 - 1, 64 * 1024, 64 * 1024 + 1, 128 * 1024] {
            let content = vec![7u8; size];
            assert_eq!(hash_of(&content).0, *blake3::hash(&content).as_bytes(), "{size}");
        }
    }

    #[test]
    fn the_hash_reads_back_as_written() {
        let hash = hash_of(b"x");
        assert_eq!(EndsHash::try_from(hash.to_string()).unwrap(), hash);
        assert!(EndsHash::try_from("zz".to_owned()).is_err());
    }
}
