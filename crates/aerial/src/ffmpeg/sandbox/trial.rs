//! What the sandbox really holds on this machine: tried, not believed.
//!
//! Owns a process in the sandbox that attempts what a captured FFmpeg would: to read a
//! file that it was not given, to write beside it, to reach a network or a service of the
//! machine. Invariant: what is called closed was found closed, and what it was given was
//! found open.

use std::ffi::OsString;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use uuid::Uuid;

use crate::config::Sandbox;
use crate::ffmpeg::{Invocation, RunLimits, Spawner, own_binary};

/// The hidden first argument that makes `aerial` try.
pub const ARGUMENT: &str = "__try-sandbox";

/// It opens a few files; a machine that is busy may take its time.
const LIMITS: RunLimits = RunLimits { time: Duration::from_secs(10), stdout_bytes: 4_096 };

/// Connecting to a port of this machine.
const CONNECTED_WITHIN: Duration = Duration::from_secs(1);

/// The file that it is given, and the one that it is not.
const GIVEN: &str = "given";
const SECRET: &str = "secret";

/// What the sandbox holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holds {
    /// Files that it was not given cannot be read.
    pub reading: bool,
    /// Nothing can be written that it was not told to write.
    pub writing: bool,
    /// No network can be reached, and nobody on the machine itself.
    pub network: bool,
    /// Why something does not hold, in words.
    pub reason: Option<String>,
}

impl Holds {
    /// Whether all of it holds.
    pub fn all(&self) -> bool {
        self.reading && self.writing && self.network
    }

    /// Nothing does.
    fn nothing(reason: impl Into<String>) -> Self {
        Self { reason: Some(reason.into()), ..Self::default() }
    }

    /// What holds and what does not, for people.
    pub fn told(&self) -> String {
        let parts = [
            (self.reading, "reads its own files alone", "can read other files"),
            (self.writing, "writes nothing else", "can write other files"),
            (self.network, "has no network", "has the network"),
        ];
        let said: Vec<&str> =
            parts.iter().map(|(h, yes, no)| if *h { *yes } else { *no }).collect();
        let reason = self.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
        format!("FFmpeg {}{reason}", said.join(", "))
    }
}

/// Tries it, with files in this folder that are removed again.
pub async fn examine(spawner: &Spawner, folder: &Path) -> Holds {
    match own_binary() {
        Ok(program) => examine_with(spawner, &program, folder).await,
        Err(error) => Holds::nothing(format!("it could not be tried: {error}")),
    }
}

/// The same with this build of the server's program.
pub async fn examine_with(spawner: &Spawner, program: &Path, folder: &Path) -> Holds {
    if spawner.sandbox() == Sandbox::Off {
        return Holds::nothing("`ffmpeg.sandbox` is off");
    }
    let folder = folder.join(format!("sandbox-{}", Uuid::new_v4().simple()));
    let holds = match tried(spawner, program, &folder).await {
        Ok(holds) => holds,
        Err(reason) => Holds::nothing(reason),
    };
    if let Err(error) = std::fs::remove_dir_all(&folder)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(folder = %folder.display(), %error, "a folder is left");
    }
    holds
}

async fn tried(spawner: &Spawner, program: &Path, folder: &Path) -> Result<Holds, String> {
    let said = |error: std::io::Error| format!("it could not be tried: {error}");
    std::fs::create_dir_all(folder).map_err(said)?;
    for file in [GIVEN, SECRET] {
        std::fs::write(folder.join(file), file).map_err(said)?;
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(said)?;
    let port = listener.local_addr().map_err(said)?.port();
    let run = Invocation::new(program)
        .arg(ARGUMENT)
        .arg(folder)
        .arg(port.to_string())
        .reads(folder.join(GIVEN));
    let output = spawner.run_to_end(run, LIMITS).await.map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let open = |what: &str| match text.split_whitespace().find_map(|word| word.strip_prefix(what)) {
        Some("=open") => Ok(true),
        Some("=closed") => Ok(false),
        _ => Err(format!("it could not be tried: {} {}", output.exit, output.stderr.trim())),
    };
    if !open("given")? {
        return Err("it closes what it should not".to_owned());
    }
    let holds = Holds {
        reading: !open("secret")?,
        writing: !open("write")?,
        network: !open("tcp")? && !open("udp")? && !open("unix")?,
        reason: None,
    };
    let lacks = output.stderr.lines().next_back().map(str::trim).filter(|line| !line.is_empty());
    let reason = match (holds.all(), lacks) {
        (true, _) => None,
        (false, Some(lacks)) => Some(lacks.to_owned()),
        (false, None) => Some("this kernel's sandbox is not complete".to_owned()),
    };
    Ok(Holds { reason, ..holds })
}

/// In the sandbox, with the arguments that follow [`ARGUMENT`].
pub fn run(mut args: impl Iterator<Item = OsString>) -> ExitCode {
    let folder = args.next().map(PathBuf::from);
    let port = args.next().and_then(|port| port.to_str()?.parse::<u16>().ok());
    let (Some(folder), Some(port)) = (folder, port) else { return ExitCode::from(2) };
    let there = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let tries = [
        ("given", std::fs::read(folder.join(GIVEN)).is_ok()),
        ("secret", std::fs::read(folder.join(SECRET)).is_ok()),
        ("write", std::fs::write(folder.join("written"), "x").is_ok()),
        ("tcp", TcpStream::connect_timeout(&there, CONNECTED_WITHIN).is_ok()),
        ("udp", UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).is_ok()),
        ("unix", UnixDatagram::unbound().is_ok()),
    ];
    for (what, open) in tries {
        let found = if open { "open" } else { "closed" };
        if writeln!(std::io::stdout(), "{what}={found}").is_err() {
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
