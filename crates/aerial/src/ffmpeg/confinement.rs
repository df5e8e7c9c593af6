//! What a process that reads strangers' files may do: its limits and its sandbox.
//!
//! Owns the description that the spawner hands to the shim, and how it is written as
//! arguments; the shim steps into it (`confined`). What the system cannot hold is said by
//! `sandbox::trial`, which really tries.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::config::Sandbox;

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
