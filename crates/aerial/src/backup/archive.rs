//! The file itself: a tar archive, compressed by gzip, with its list first.
//!
//! Owns writing and reading it. Knows neither catalogue nor data folder. Blocks.
//! Invariants: what is read is bounded by the list, whatever the file claims; a member
//! is handed on only with a name that the list has, and the whole is good only if every
//! byte is what the list says.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use tar::{Archive, Builder, EntryType, Header};
use tokio_util::sync::CancellationToken;

use super::manifest::{Fault, MANIFEST, MANIFEST_LIMIT, Manifest, Member};
use super::{BackupError, Result};

/// How much is read at a time.
const CHUNK: usize = 256 * 1024;
/// What may come after the last member: tar's two empty blocks, filled up.
const END_LIMIT: u64 = 1 << 20;

/// Takes members, wherever they go.
pub(super) trait Taker {
    /// A member begins.
    fn begin(&mut self, member: &Member) -> Result<()>;
    /// More of it.
    fn more(&mut self, bytes: &[u8]) -> Result<()>;
    /// That was all of it, and it is what the list says.
    fn end(&mut self) -> Result<()>;
}

/// Takes nothing: it is only looked at whether all is whole.
pub(super) struct OnlyLooks;

impl Taker for OnlyLooks {
    fn begin(&mut self, _: &Member) -> Result<()> {
        Ok(())
    }
    fn more(&mut self, _: &[u8]) -> Result<()> {
        Ok(())
    }
    fn end(&mut self) -> Result<()> {
        Ok(())
    }
}

/// Reads all of a backup and says what is in it. Blocks.
///
/// # Errors
/// Where it is none, or is not whole.
pub fn verify(path: &Path) -> Result<Manifest> {
    read(path, &mut OnlyLooks, &CancellationToken::new())
}

/// The list of a backup, without reading the rest. Blocks.
pub(super) fn manifest(path: &Path) -> Result<Manifest> {
    let file = File::open(path).map_err(BackupError::io("read", path))?;
    let mut archive = Archive::new(GzDecoder::new(BufReader::with_capacity(CHUNK, file)));
    let mut entries = archive.entries().map_err(|error| not_ours(path, &error))?.raw(true);
    first(path, entries.next())
}

/// Hands all members of a backup on. Blocks.
pub(super) fn read(
    path: &Path,
    into: &mut impl Taker,
    ending: &CancellationToken,
) -> Result<Manifest> {
    let file = File::open(path).map_err(BackupError::io("read", path))?;
    let damaged = |reason: String| BackupError::Damaged { path: path.to_owned(), reason };
    let cut = |error: io::Error| damaged(format!("it cannot be read to its end ({error})"));
    let mut archive = Archive::new(GzDecoder::new(BufReader::with_capacity(CHUNK, file)));
    // Raw: tar's long names and the like are not needed, and would have no bounds.
    let mut entries = archive.entries().map_err(|error| not_ours(path, &error))?.raw(true);
    let manifest = first(path, entries.next())?;
    let mut left: BTreeMap<&str, &Member> =
        manifest.members.iter().map(|member| (member.path.as_str(), member)).collect();
    for entry in entries {
        let mut entry = entry.map_err(cut)?;
        let name = entry.path_bytes().into_owned();
        let member = std::str::from_utf8(&name).ok().and_then(|name| left.remove(name));
        let Some(member) = member.filter(|_| entry.header().entry_type() == EntryType::Regular)
        else {
            let name = String::from_utf8_lossy(&name).escape_debug().to_string();
            return Err(damaged(format!("`{name}` in it is not on its list of files")));
        };
        let altered = || damaged(format!("`{}` in it is not what was written", member.path));
        if entry.size() != member.size_bytes {
            return Err(altered());
        }
        into.begin(member)?;
        let (mut hasher, mut size) = (blake3::Hasher::new(), 0u64);
        let mut chunk = vec![0; CHUNK];
        loop {
            let read = entry.read(&mut chunk).map_err(cut)?;
            if read == 0 {
                break;
            }
            if ending.is_cancelled() {
                return Err(BackupError::BrokenOff);
            }
            size += read as u64;
            hasher.update(&chunk[..read]);
            into.more(&chunk[..read])?;
        }
        if size != member.size_bytes || hasher.finalize().to_hex().as_str() != member.blake3 {
            return Err(altered());
        }
        into.end()?;
    }
    if let Some((missing, _)) = left.pop_first() {
        return Err(damaged(format!("`{missing}` is missing from it")));
    }
    // To the end, where gzip has the checksum of all of it.
    let mut rest = archive.into_inner().take(END_LIMIT);
    io::copy(&mut rest, &mut io::sink()).map_err(cut)?;
    match rest.limit() {
        0 => Err(damaged("something follows its last file".to_owned())),
        _ => Ok(manifest),
    }
}

fn not_ours(path: &Path, error: &io::Error) -> BackupError {
    BackupError::NotABackup { path: path.to_owned(), reason: error.to_string() }
}

/// The list, which is the first member.
fn first<R: Read>(path: &Path, entry: Option<io::Result<tar::Entry<'_, R>>>) -> Result<Manifest> {
    let none = |reason: String| BackupError::NotABackup { path: path.to_owned(), reason };
    let empty = || none("there is nothing in it".to_owned());
    let entry = entry.ok_or_else(empty)?.map_err(|error| not_ours(path, &error))?;
    if *entry.path_bytes() != *MANIFEST.as_bytes() {
        return Err(none(format!("it does not begin with {MANIFEST}")));
    }
    let mut text = Vec::new();
    let read = entry.take(MANIFEST_LIMIT).read_to_end(&mut text);
    read.map_err(|error| not_ours(path, &error))?;
    let path = path.to_owned();
    Manifest::read(&text).map_err(|fault| match fault {
        Fault::NoManifest(reason) => none(reason),
        Fault::Damaged(reason) => BackupError::Damaged { path, reason },
        Fault::Newer(version, reason) => BackupError::Newer { path, version, reason },
    })
}

/// A member as it lies in `folder`. Blocks.
pub(super) fn member(folder: &Path, path: &str) -> Result<Member> {
    let at = folder.join(path);
    let hash = |file: File| {
        let mut hasher = blake3::Hasher::new();
        let size_bytes = io::copy(&mut BufReader::with_capacity(CHUNK, file), &mut hasher)?;
        Ok((size_bytes, hasher.finalize().to_hex().to_string()))
    };
    let (size_bytes, blake3) =
        File::open(&at).and_then(hash).map_err(BackupError::io("read", &at))?;
    Ok(Member { path: path.to_owned(), size_bytes, blake3 })
}

/// Writes a backup of what lies in `folder` to `target`, to be read by its owner alone,
/// and to the disk. Blocks.
pub(super) fn write(
    target: &Path,
    manifest: &Manifest,
    folder: &Path,
    ending: &CancellationToken,
) -> Result<()> {
    let failed = || BackupError::io("write", target);
    let mut options = OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(0o600).open(target);
    let file = file.map_err(failed())?;
    let zipped = GzEncoder::new(BufWriter::with_capacity(CHUNK, file), Compression::default());
    let mut builder = Builder::new(zipped);
    let mtime = manifest.made_at_ms.div_euclid(1_000).unsigned_abs();
    let list = serde_json::to_vec_pretty(manifest).map_err(|error| failed()(error.into()))?;
    let mut header = header(list.len() as u64, mtime);
    builder.append_data(&mut header, MANIFEST, list.as_slice()).map_err(failed())?;
    for member in &manifest.members {
        let from = folder.join(&member.path);
        let file = File::open(&from).map_err(BackupError::io("read", &from))?;
        let mut reader = Unless { ending, reader: BufReader::with_capacity(CHUNK, file) };
        let mut header = self::header(member.size_bytes, mtime);
        let written = builder.append_data(&mut header, &member.path, &mut reader);
        if ending.is_cancelled() {
            return Err(BackupError::BrokenOff);
        }
        written.map_err(failed())?;
    }
    let finished = builder.into_inner().and_then(GzEncoder::finish).and_then(|mut buffered| {
        buffered.flush()?;
        buffered.get_ref().sync_all()
    });
    finished.map_err(failed())
}

/// Of a file that only its owner reads.
fn header(size: u64, mtime: u64) -> Header {
    let mut header = Header::new_ustar();
    header.set_entry_type(EntryType::Regular);
    header.set_mode(0o600);
    header.set_size(size);
    header.set_mtime(mtime);
    header
}

/// Reads on unless it is to end.
struct Unless<'a, R> {
    ending: &'a CancellationToken,
    reader: R,
}

impl<R: Read> Read for Unless<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.ending.is_cancelled() {
            true => Err(io::Error::other("it is to end")),
            false => self.reader.read(buffer),
        }
    }
}
