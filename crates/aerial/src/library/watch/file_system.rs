//! The kind of file system that a folder is on, as far as watching it goes.
//!
//! Owns the numbers of those that tell only of what this machine changes. Invariant:
//! where it cannot be told, a folder is taken to be on a local disk.

use std::path::Path;

/// The name of the network file system that `path` is on, if it is on one.
/// Numbers from `statfs(2)`.
#[cfg(target_os = "linux")]
pub(super) fn network_file_system(path: &Path) -> Option<&'static str> {
    const KINDS: [(u32, &str); 7] = [
        (0x6969, "NFS"),
        (0x517b, "SMB"),
        (0xff53_4d42, "CIFS"),
        (0xfe53_4d42, "SMB2"),
        (0x0102_1997, "9P"),
        (0x00c3_6400, "Ceph"),
        (0x5346_414f, "AFS"),
    ];
    let kind = file_system(path)?;
    KINDS.iter().find(|(number, _)| *number == kind).map(|(_, name)| *name)
}

/// Whether `path` is on FUSE: a local disk (NTFS) or another machine's (sshfs).
#[cfg(target_os = "linux")]
pub(super) fn is_fuse(path: &Path) -> bool {
    file_system(path) == Some(0x6573_5546)
}

#[cfg(target_os = "linux")]
fn file_system(path: &Path) -> Option<u32> {
    // Its type has other widths on other machines; the numbers have 32 bits.
    rustix::fs::statfs(path).ok().map(|about| about.f_type as u32)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn is_fuse(_path: &Path) -> bool {
    false
}

#[cfg(not(target_os = "linux"))]
pub(super) fn network_file_system(_path: &Path) -> Option<&'static str> {
    None
}
