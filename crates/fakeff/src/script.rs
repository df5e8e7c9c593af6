//! What a script can say, and which of its cases fits.
//!
//! ```json
//! {"cases": [
//!   {"when": ["-version"], "steps": [{"run": "/usr/bin/ffmpeg"}]},
//!   {"times": 1, "steps": [{"stderr": "Device busy\n"}, {"exit": 1}]},
//!   {"steps": [{"relay": {"program": "/usr/bin/ffmpeg", "bytes": 100000}}, "stall"]}
//! ]}
//! ```
//!
//! The first case that fits is taken. Invariant: a case with `times` is taken
//! that often and no more, also by processes that start at the same moment.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// A whole script.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cases {
    cases: Vec<Case>,
}

/// What to do for some command lines.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// Each of these is part of some argument; none: any command line.
    #[serde(default)]
    when: Vec<String>,
    /// How often this case can be taken; absent: always.
    times: Option<u32>,
    /// One after the other; at the end exit code 0.
    steps: Vec<Step>,
}

/// One thing to do.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Step {
    /// This text to stdout.
    Write(String),
    /// This file, or a part of it, to stdout.
    WriteFile(WriteFile),
    /// So many bytes that are no media to stdout, the same ones each time.
    Garbage {
        /// How many.
        bytes: u64,
    },
    /// This text to stderr.
    Stderr(String),
    /// So many bytes of lines to stderr.
    StderrFlood {
        /// How many.
        bytes: u64,
    },
    /// Wait.
    SleepMs(u64),
    /// Do nothing any more, until a signal comes.
    Stall,
    /// From here on SIGTERM does nothing.
    IgnoreSigterm,
    /// Exit with this code.
    Exit(u8),
    /// Die by this signal, such as 11.
    Signal(i32),
    /// Become another program, with the same arguments.
    Run(PathBuf),
    /// Pass on what another program writes, with the same arguments, up to a
    /// point; then kill it and go on here.
    Relay(Relay),
    /// Append the arguments, as a JSON array on one line, to this file.
    LogArgs(PathBuf),
}

/// A file to stdout.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WriteFile {
    /// Which.
    pub(crate) path: PathBuf,
    /// How much of it; absent: all.
    pub(crate) bytes: Option<u64>,
    /// How fast; absent: as fast as it is read.
    pub(crate) bytes_per_second: Option<u64>,
}

/// Another program's output, up to a point.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Relay {
    /// Which.
    pub(crate) program: PathBuf,
    /// How many bytes of its stdout.
    pub(crate) bytes: u64,
    /// How fast; absent: as fast as it is read.
    pub(crate) bytes_per_second: Option<u64>,
    /// Arguments that it is given others for: a device's encoder by one in software.
    #[serde(default)]
    pub(crate) replace: Vec<(String, String)>,
}

/// A script and where it is.
#[derive(Debug)]
pub(crate) struct Script {
    path: PathBuf,
    cases: Vec<Case>,
}

impl Script {
    pub(crate) fn read(path: &Path) -> io::Result<Self> {
        let text = std::fs::read(path)?;
        let Cases { cases } = serde_json::from_slice(&text)?;
        Ok(Self { path: path.to_owned(), cases })
    }

    /// The steps of the first case that fits these arguments.
    pub(crate) fn choose(self, args: &[OsString]) -> io::Result<Vec<Step>> {
        for (index, case) in self.cases.into_iter().enumerate() {
            let fits = case
                .when
                .iter()
                .all(|part| args.iter().any(|arg| arg.to_string_lossy().contains(part.as_str())));
            let free = match case.times {
                Some(times) if fits => claim(&self.path, index, times)?,
                _ => true,
            };
            if fits && free {
                return Ok(case.steps);
            }
        }
        Err(io::Error::other("no case fits the arguments"))
    }
}

/// Take one of the times that a case can be taken, if there is one left: each is
/// a file beside the script, which only one process can be the one to make.
fn claim(script: &Path, case: usize, times: u32) -> io::Result<bool> {
    for time in 0..times {
        let mut mark = script.as_os_str().to_owned();
        mark.push(format!(".case{case}.{time}"));
        match File::create_new(&mark) {
            Ok(_) => return Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}
