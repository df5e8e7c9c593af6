//! The step into a confinement: limits first, then the sandbox.
//!
//! Owns what the shim does to itself just before it becomes FFmpeg. Invariant: nothing
//! here is ever loosened by the process itself or by what it starts.

use std::fs::OpenOptions;
use std::io;
use std::path::Path;

use rustix::process::{Resource, Rlimit, setrlimit};

use super::confinement::Confinement;
use super::sandbox;
use crate::config::Sandbox;

/// Open files: an FFmpeg has a few dozen, one that drives a GPU a few hundred.
const FILES: u64 = 1_024;

/// Address space of one that works in software alone: 8K in 10 bit takes 2 GiB, and a
/// file that claims pictures of 30,000 × 30,000 ends here, not in the machine's memory.
/// One that drives a GPU maps all of the card's memory, and has no such limit.
const MEMORY_BYTES: u64 = 16 << 30;

/// What one that writes to a pipe may write to files: nothing that it needs.
const PIPED_FILE_BYTES: u64 = 64 << 20;

/// The largest file of one that writes a file, unless its owner says otherwise: samples
/// and demo clips are well under it.
const FILE_BYTES: u64 = 4 << 30;

/// How much sooner than the server it is ended where the machine has no memory left, of
/// 1000.
const OUT_OF_MEMORY_FIRST: &str = "500";

/// Confines this process, which becomes `program`. The first list is of limits that
/// do not hold, which is said and no more; the second of what the sandbox lacks.
pub(super) fn step_into(confinement: &Confinement, program: &Path) -> (Vec<String>, Vec<String>) {
    let limits = limit(confinement);
    if confinement.sandbox == Sandbox::Off {
        return (limits, Vec::new());
    }
    // Written by a rule of its own, so it must be there.
    let made = confinement.writes.iter().filter(|path| !path.is_dir()).filter_map(|path| {
        let made = OpenOptions::new().create(true).append(true).open(path);
        made.err().map(|error| format!("{}: {error}", path.display()))
    });
    let mut lacks: Vec<String> = made.collect();
    lacks.extend(sandbox::enter(confinement, program));
    (limits, lacks)
}

fn limit(confinement: &Confinement) -> Vec<String> {
    let largest = match (confinement.file_bytes, confinement.writes.is_empty()) {
        (Some(bytes), _) => Some(bytes),
        (None, false) => Some(FILE_BYTES),
        // Drivers keep what they share in files without a name.
        (None, true) => (!confinement.devices).then_some(PIPED_FILE_BYTES),
    };
    let memory = (!confinement.devices).then_some(MEMORY_BYTES);
    // A core file of an FFmpeg holds gigabytes and helps nobody here; of processor
    // time a worker takes as much as its film needs, and who hangs is ended anyway.
    let limits = [
        ("core files", Resource::Core, Some(0)),
        ("open files", Resource::Nofile, Some(FILES)),
        ("address space", Resource::As, memory),
        ("file size", Resource::Fsize, largest),
    ];
    let mut failed = Vec::new();
    for (what, resource, limit) in limits {
        let Some(limit) = limit else { continue };
        if let Err(error) = lower(resource, limit) {
            failed.push(format!("no limit of {what}: {error}"));
        }
    }
    if cfg!(target_os = "linux") {
        // Best effort: where it fails nothing is worse than before.
        let _as_before = std::fs::write("/proc/self/oom_score_adj", OUT_OF_MEMORY_FIRST);
    }
    failed
}

/// Never higher than it is.
fn lower(resource: Resource, limit: u64) -> io::Result<()> {
    let least = |set: Option<u64>| Some(set.map_or(limit, |set| set.min(limit)));
    let set = rustix::process::getrlimit(resource);
    setrlimit(resource, Rlimit { current: least(set.current), maximum: least(set.maximum) })?;
    Ok(())
}
