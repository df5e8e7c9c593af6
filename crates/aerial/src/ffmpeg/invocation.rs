//! What is to be run: a program, its arguments, and how it is treated.
//!
//! Owns the command that this becomes, and what it sees of the environment. Starts
//! nothing: the spawner does. Invariant: a program sees nothing of the server's
//! environment but what is listed here or set for it.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use super::confinement::Confinement;
use super::shim::{OnParentDeath, ShimArgs};
use crate::config::Sandbox;

/// What a child may see of the environment: where programs, fonts, temporary
/// files and drivers are, and in which language to speak. Nothing else, so that
/// no secret given to the server reaches a process that parses strangers' files.
const PASSED_ON: [&str; 17] = [
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "FONTCONFIG_FILE",
    "FONTCONFIG_PATH",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_RUNTIME_DIR",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "LIBVA_DRIVER_NAME",
    "LIBVA_DRIVERS_PATH",
    "CUDA_VISIBLE_DEVICES",
    "NVIDIA_VISIBLE_DEVICES",
];

/// A plain command. The other modules that need one (the shim, which becomes
/// the program, and the keeper, which starts the server) take it from here.
#[allow(clippy::disallowed_methods, reason = "this is the place")]
pub(crate) fn command(program: impl AsRef<OsStr>) -> std::process::Command {
    std::process::Command::new(program)
}

/// This program, for use as the shim. On Linux by `/proc`, which is this very
/// version even after the file was replaced by a newer one.
///
/// # Errors
/// When the system does not tell where the program is.
pub fn own_binary() -> io::Result<PathBuf> {
    let by_proc = Path::new("/proc/self/exe");
    if cfg!(target_os = "linux") && by_proc.exists() {
        return Ok(by_proc.to_owned());
    }
    std::env::current_exe()
}

/// What to run: a program, its arguments, and how it is treated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invocation {
    program: PathBuf,
    args: Vec<OsString>,
    env: BTreeMap<OsString, OsString>,
    directory: Option<PathBuf>,
    niceness: u8,
    piped: bool,
    confinement: Confinement,
}

impl Invocation {
    /// Run this program, with stdout to a pipe.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            env: BTreeMap::new(),
            directory: None,
            niceness: 0,
            piped: true,
            confinement: Confinement::new(Sandbox::Off),
        }
    }

    /// It may read this file; in the sandbox, no other.
    #[must_use]
    pub fn reads(mut self, path: impl Into<PathBuf>) -> Self {
        self.confinement.reads.push(path.into());
        self
    }

    /// It may write this file, or in this folder; in the sandbox, nothing else.
    #[must_use]
    pub fn writes(mut self, path: impl Into<PathBuf>) -> Self {
        self.confinement.writes.push(path.into());
        self
    }

    /// No file that it writes may be larger.
    #[must_use]
    pub fn writes_at_most(mut self, bytes: u64) -> Self {
        self.confinement.file_bytes = Some(bytes);
        self
    }

    /// Whether it drives a GPU.
    #[must_use]
    pub fn drives_devices(mut self, drives: bool) -> Self {
        self.confinement.devices = drives;
        self
    }

    /// Add one argument.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Add arguments.
    #[must_use]
    pub fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Set a variable, beside the few that are always passed on.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.insert(name.into(), value.into());
        self
    }

    /// Run it in this folder.
    #[must_use]
    pub fn directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = Some(directory.into());
        self
    }

    /// Be nice to others, 0 to 19.
    #[must_use]
    pub fn niceness(mut self, niceness: u8) -> Self {
        self.niceness = niceness.min(19);
        self
    }

    /// Its output goes nowhere.
    #[must_use]
    pub fn without_stdout(mut self) -> Self {
        self.piped = false;
        self
    }

    /// The program.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// The program and its arguments, for people.
    pub fn command_line(&self) -> Vec<String> {
        let program = self.program.to_string_lossy().into_owned();
        let args = self.args.iter().map(|arg| arg.to_string_lossy().into_owned());
        std::iter::once(program).chain(args).collect()
    }

    /// The command that starts the shim that becomes the program, in this sandbox.
    pub(super) fn shimmed(&self, by: &Path, sandbox: Sandbox) -> std::process::Command {
        use std::os::unix::process::CommandExt;
        let shim = ShimArgs {
            parent: std::process::id(),
            on_parent_death: OnParentDeath::Kill,
            niceness: self.niceness,
            set_listen_pid: false,
            confinement: Some(Confinement { sandbox, ..self.confinement.clone() }),
        };
        let mut command = command(by);
        command.arg0("aerial").args(shim.to_args());
        command.arg(&self.program).args(&self.args);
        command.env_clear();
        command.envs(PASSED_ON.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
        command.envs(&self.env);
        if let Some(directory) = &self.directory {
            command.current_dir(directory);
        }
        command.stdin(Stdio::null());
        command.stdout(if self.piped { Stdio::piped() } else { Stdio::null() });
        command.stderr(Stdio::piped());
        command.process_group(0);
        command
    }
}
