//! The program as the first thing a child process runs.
//!
//! `aerial __exec …` sets what must be set from inside the new process (the
//! parent-death signal, niceness, limits) and then becomes the real program.
//! Doing that with `pre_exec` instead would make Rust fork: 43 ms in a large
//! process, with every thread stalled; this costs 1 ms and no unsafe code.
//!
//! Owns nothing: it parses its arguments, which only the spawner and the keeper write.
//! Invariant: when the parent is already gone, the program is not started.

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::ExitCode;

use rustix::process::{getpid, getppid, nice};

use super::confined;
use super::confinement::Confinement;
use crate::config::Sandbox;

/// The hidden first argument that makes `aerial` act as the shim.
pub const ARGUMENT: &str = "__exec";

/// Exit code when the sandbox that must be cannot be.
pub const NO_SANDBOX: u8 = 124;
/// Exit code when the parent was gone before the program could be started.
pub const PARENT_GONE: u8 = 125;
/// Exit code when the program exists but cannot be run (as shells have it).
pub const NOT_EXECUTABLE: u8 = 126;
/// Exit code when there is no such program (as shells have it).
pub const NOT_FOUND: u8 = 127;

/// What happens to a child when the thread that started it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnParentDeath {
    /// It is killed at once: FFmpeg, whose output nobody needs any more.
    Kill,
    /// It is asked to end: the server, which has viewers to finish with.
    Terminate,
}

/// What the shim does before it becomes the program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShimArgs {
    /// The process id of the one who starts it; any other parent means that it died.
    pub parent: u32,
    /// Linux only; elsewhere the closed pipe has to do.
    pub on_parent_death: OnParentDeath,
    /// Added to the niceness, 0 to 19.
    pub niceness: u8,
    /// Tell the program that the sockets it inherits are meant for it:
    /// `LISTEN_PID`, which must be its own process id (`sd_listen_fds(3)`).
    pub set_listen_pid: bool,
    /// What the program may do; `None`: what this one may.
    pub confinement: Option<Confinement>,
}

impl ShimArgs {
    /// The arguments for `aerial` that stand before the program and its own.
    pub(crate) fn to_args(&self) -> Vec<OsString> {
        let death = match self.on_parent_death {
            OnParentDeath::Kill => "kill",
            OnParentDeath::Terminate => "terminate",
        };
        let mut args: Vec<OsString> = vec![
            ARGUMENT.into(),
            self.parent.to_string().into(),
            death.into(),
            self.niceness.to_string().into(),
            if self.set_listen_pid { "listen" } else { "plain" }.into(),
        ];
        args.extend(self.confinement.iter().flat_map(Confinement::to_args));
        args.push("--".into());
        args
    }

    fn parse(args: &mut impl Iterator<Item = OsString>) -> Option<Self> {
        let mut next = || args.next()?.into_string().ok();
        let parent = next()?.parse().ok()?;
        let on_parent_death = match next()?.as_str() {
            "kill" => OnParentDeath::Kill,
            "terminate" => OnParentDeath::Terminate,
            _ => return None,
        };
        let niceness = next()?.parse().ok()?;
        let set_listen_pid = match next()?.as_str() {
            "listen" => true,
            "plain" => false,
            _ => return None,
        };
        let confinement = match next()?.as_str() {
            "--" => None,
            "confined" => Some(Confinement::parse(args)?),
            _ => return None,
        };
        Some(Self { parent, on_parent_death, niceness, set_listen_pid, confinement })
    }
}

/// Act as the shim with the arguments that follow [`ARGUMENT`]. Returns only if
/// the program could not be started; the reason is on stderr.
pub fn run(mut args: impl Iterator<Item = OsString>) -> ExitCode {
    let parsed = ShimArgs::parse(&mut args);
    let (Some(shim), Some(program)) = (parsed, args.next()) else {
        complain("this is not for people: the server starts its processes with it");
        return ExitCode::from(2);
    };
    if !prepare(&shim) {
        return ExitCode::from(PARENT_GONE);
    }
    if let Some(confinement) = &shim.confinement {
        let (limits, lacks) = confined::step_into(confinement, program.as_ref());
        limits.iter().for_each(|limit| complain(limit));
        if confinement.sandbox == Sandbox::On && !lacks.is_empty() {
            complain(&format!(
                "there is no sandbox here ({}), and `ffmpeg.sandbox` is on",
                lacks.join("; ")
            ));
            return ExitCode::from(NO_SANDBOX);
        }
    }
    let mut command = super::command(&program);
    command.args(args);
    if shim.set_listen_pid {
        command.env("LISTEN_PID", getpid().as_raw_nonzero().to_string());
    }
    let error = command.exec();
    complain(&format!("cannot run {}: {error}", OsStr::display(&program)));
    match error.kind() {
        std::io::ErrorKind::NotFound => ExitCode::from(NOT_FOUND),
        _ => ExitCode::from(NOT_EXECUTABLE),
    }
}

/// Set what the process keeps over the exec. False if the parent is gone.
///
/// The signal first, the look at the parent after it: the other way round a
/// parent that dies in between would leave an orphan.
fn prepare(shim: &ShimArgs) -> bool {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{Signal, set_parent_process_death_signal};
        let signal = match shim.on_parent_death {
            OnParentDeath::Kill => Signal::KILL,
            OnParentDeath::Terminate => Signal::TERM,
        };
        if let Err(error) = set_parent_process_death_signal(Some(signal)) {
            complain(&format!("no parent-death signal: {error}"));
        }
    }
    let parent = getppid().map(|pid| pid.as_raw_nonzero().get());
    if parent != i32::try_from(shim.parent).ok() {
        return false;
    }
    if shim.niceness > 0
        && let Err(error) = nice(i32::from(shim.niceness.min(19)))
    {
        complain(&format!("niceness {} is not allowed: {error}", shim.niceness));
    }
    true
}

/// To stderr, and never mind if that is closed.
fn complain(what: &str) {
    let _ = writeln!(std::io::stderr(), "aerial {ARGUMENT}: {what}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_what_is_parsed() {
        for on_parent_death in [OnParentDeath::Kill, OnParentDeath::Terminate] {
            for set_listen_pid in [false, true] {
                for confinement in [None, Some(Confinement::new(Sandbox::Auto))] {
                    let shim = ShimArgs {
                        parent: 4711,
                        on_parent_death,
                        niceness: 7,
                        set_listen_pid,
                        confinement,
                    };
                    let mut args = shim.to_args().into_iter().skip(1);
                    assert_eq!(ShimArgs::parse(&mut args), Some(shim));
                }
            }
        }
    }

    #[test]
    fn arguments_typed_by_hand_are_refused() {
        for wrong in
            ["", "1", "1 kill 0", "1 kill 0 plain", "x kill 0 plain --", "1 stab 0 plain --"]
        {
            let mut args = wrong.split_whitespace().map(OsString::from);
            assert_eq!(ShimArgs::parse(&mut args), None, "{wrong}");
        }
    }
}
