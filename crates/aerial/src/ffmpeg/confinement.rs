//! What a process that reads strangers' files may do: its limits and its sandbox.
//!
//! Owns the description that the spawner hands to the shim, and its application there,
//! just before the shim becomes FFmpeg. What the system cannot hold is said by
//! `sandbox::trial`, which really tries. Invariant: nothing here is ever loosened by the
//! process itself or by what it starts.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io;
use std::path::PathBuf;

use rustix::process::{Resource, Rlimit, setrlimit};

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

/// What a process may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confinement {
    /// Whether there is to be a sandbox.
    pub sandbox: Sandbox,
    /// What it may read beside programs, libraries and fonts.
    pub reads: Vec<PathBuf>,
    /// Files that it may write, made if they are not there, or folders.
    pub writes: Vec<PathBuf>,
    /// It drives a GPU.
    pub devices: bool,
    /// The largest file that it may write; `None`: the usual.
    pub file_bytes: Option<u64>,
}

impl Confinement {
    /// One that may do nothing but compute.
    pub fn new(sandbox: Sandbox) -> Self {
        Self { sandbox, reads: Vec::new(), writes: Vec::new(), devices: false, file_bytes: None }
    }

    /// As the shim's arguments.
    pub(super) fn to_args(&self) -> Vec<OsString> {
        let mode = match self.sandbox {
            Sandbox::Auto => "auto",
            Sandbox::On => "on",
            Sandbox::Off => "off",
        };
        let mut args: Vec<OsString> = vec!["confined".into(), mode.into()];
        for (word, paths) in [("read", &self.reads), ("write", &self.writes)] {
            for path in paths {
                args.extend([word.into(), path.into()]);
            }
        }
        if self.devices {
            args.push("devices".into());
        }
        if let Some(bytes) = self.file_bytes {
            args.extend(["file".into(), bytes.to_string().into()]);
        }
        args
    }

    /// What follows the word `confined`, up to and with `--`.
    pub(super) fn parse(args: &mut impl Iterator<Item = OsString>) -> Option<Self> {
        let mode = match args.next()?.to_str()? {
            "auto" => Sandbox::Auto,
            "on" => Sandbox::On,
            "off" => Sandbox::Off,
            _ => return None,
        };
        let mut confinement = Self::new(mode);
        loop {
            match args.next()?.to_str()? {
                "read" => confinement.reads.push(args.next()?.into()),
                "write" => confinement.writes.push(args.next()?.into()),
                "devices" => confinement.devices = true,
                "file" => confinement.file_bytes = Some(args.next()?.to_str()?.parse().ok()?),
                "--" => return Some(confinement),
                _ => return None,
            }
        }
    }

    /// Confines this process, which becomes `program`. The first list is of limits that
    /// do not hold, which is said and no more; the second of what the sandbox lacks.
    pub(super) fn apply(&self, program: &std::path::Path) -> (Vec<String>, Vec<String>) {
        let limits = self.limit();
        if self.sandbox == Sandbox::Off {
            return (limits, Vec::new());
        }
        // Written by a rule of its own, so it must be there.
        let made = self.writes.iter().filter(|path| !path.is_dir()).filter_map(|path| {
            let made = OpenOptions::new().create(true).append(true).open(path);
            made.err().map(|error| format!("{}: {error}", path.display()))
        });
        let mut lacks: Vec<String> = made.collect();
        lacks.extend(sandbox::enter(self, program));
        (limits, lacks)
    }

    fn limit(&self) -> Vec<String> {
        let largest = match (self.file_bytes, self.writes.is_empty()) {
            (Some(bytes), _) => Some(bytes),
            (None, false) => Some(FILE_BYTES),
            // Drivers keep what they share in files without a name.
            (None, true) => (!self.devices).then_some(PIPED_FILE_BYTES),
        };
        let memory = (!self.devices).then_some(MEMORY_BYTES);
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
}

/// Never higher than it is.
fn lower(resource: Resource, limit: u64) -> io::Result<()> {
    let least = |set: Option<u64>| Some(set.map_or(limit, |set| set.min(limit)));
    let set = rustix::process::getrlimit(resource);
    setrlimit(resource, Rlimit { current: least(set.current), maximum: least(set.maximum) })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_what_is_parsed() {
        let all = Confinement {
            reads: vec!["/films/--".into(), "/films/read".into()],
            writes: vec!["/tmp/out put".into()],
            devices: true,
            file_bytes: Some(7),
            ..Confinement::new(Sandbox::On)
        };
        for confinement in [Confinement::new(Sandbox::Auto), Confinement::new(Sandbox::Off), all] {
            let args = confinement.to_args().into_iter().skip(1).chain(["--".into()]);
            assert_eq!(Confinement::parse(&mut args.into_iter()), Some(confinement));
        }
    }
}
