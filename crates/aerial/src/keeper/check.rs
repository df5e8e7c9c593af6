//! The look at the settings that precedes a new server.
//!
//! Owns the process that does it: the program that is to follow, which reads file,
//! variables and flags as its server would, says on stderr what is wrong with them, and
//! ends with 0 or not. What comes of that is decided in `policy`. Invariant: it has no
//! socket of ours, and does not outlive this value.

use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};

use super::Plan;
use crate::ffmpeg::command;
use crate::service_manager;

/// With it `serve` looks at its settings and ends.
pub const ARGUMENT: &str = "--check-settings";

/// How much of what it says is told; it is a line.
const WORDS: u64 = 4_096;

/// A program that looks at its settings.
#[derive(Debug)]
pub(super) struct Check {
    pid: Pid,
    stderr: UnixStream,
    reaped: bool,
}

impl Check {
    pub(super) fn start(plan: &Plan) -> io::Result<Self> {
        let (stderr, its_end) = UnixStream::pair()?;
        stderr.set_nonblocking(true)?;
        let mut command = command(&plan.program);
        command.arg0("aerial").args(&plan.args).arg(ARGUMENT);
        command.env_remove(service_manager::VARIABLE);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(OwnedFd::from(its_end));
        command.process_group(0);
        let child = command.spawn()?;
        // It is reaped together with whatever else there is, by its id.
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| io::Error::other("the system gave it no process id"))?;
        Ok(Self { pid, stderr, reaped: false })
    }

    /// Whether this is its process.
    pub(super) fn is(&self, pid: Pid) -> bool {
        self.pid == pid
    }

    /// What it said before it ended. It was reaped.
    pub(super) fn said(mut self) -> String {
        self.reaped = true;
        let mut bytes = Vec::new();
        // What was read before an error is there all the same.
        let _ = (&self.stderr).take(WORDS).read_to_end(&mut bytes);
        let text = String::from_utf8_lossy(&bytes);
        let text = text.trim().trim_start_matches("aerial: ");
        if text.is_empty() { "it did not say why".to_owned() } else { text.to_owned() }
    }
}

impl Drop for Check {
    fn drop(&mut self) {
        if !self.reaped {
            let _ = kill_process(self.pid, Signal::KILL);
        }
    }
}
