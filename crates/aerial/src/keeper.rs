//! The keeper: holds the listening sockets while servers come and go.
//!
//! FFmpeg, and with it Plex and Jellyfin, ends for good at the first refused
//! connection; with the socket held open and connections waiting in its backlog
//! every player went on after 20 s without a server (`rules.md`, 24). So the
//! process that people start binds the sockets and runs the server as a child
//! that inherits them. It has one thread, no runtime, and no other work.
//!
//! Owns the sockets, the server process and the signals. What happens when is
//! decided in `policy`. Invariant: as long as the keeper lives, no connection
//! is refused; when it dies, the server ends too.
//!
//! When it is process 1 of a container it reaps what others left; elsewhere that
//! is init's work, so it is no "subreaper".

mod check;
mod policy;
mod sockets;

use std::ffi::OsString;
use std::io::{self, IsTerminal, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use command_fds::{CommandFdExt, FdMapping};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, WaitOptions, getppid, kill_process, wait};
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use thiserror::Error;

use crate::clock::monotonic;
use crate::ffmpeg::shim::{OnParentDeath, ShimArgs};
use crate::ffmpeg::{command, own_binary};
use crate::service_manager::{self, Word};
pub use check::ARGUMENT as CHECK_ARGUMENT;
use check::Check;
use policy::{Action, Death, Ending, Event, Keeper, Verdict};
pub use sockets::{Inherited, KeeperLine, SocketError, bind, inherit};

/// The first descriptor that is handed over (`sd_listen_fds(3)`).
const FIRST_FD: i32 = 3;

/// How the server's allocator works, where nobody said it otherwise. jemalloc: what is free
/// goes back to the system within a second, also while nothing is asked for. glibc's, where
/// that is used: with two arenas, and what is large given back as soon as it is not needed;
/// as it is, a server that has started a thousand channels keeps ten times what it needs.
/// Other systems ignore all of it.
const ALLOCATOR: [(&str, &str); 4] = [
    ("MALLOC_CONF", "background_thread:true,narenas:2,dirty_decay_ms:1000,muzzy_decay_ms:0"),
    ("MALLOC_ARENA_MAX", "2"),
    ("MALLOC_MMAP_THRESHOLD_", "131072"),
    ("MALLOC_TRIM_THRESHOLD_", "131072"),
];

/// Why the keeper could not do its work.
#[derive(Debug, Error)]
pub enum KeeperError {
    /// Signals cannot be caught.
    #[error("cannot catch signals: {0}")]
    Signals(#[source] io::Error),
    /// Waiting failed.
    #[error("cannot wait for signals: {0}")]
    Wait(#[source] io::Error),
    /// A listening socket cannot be duplicated for the server.
    #[error("cannot hand the sockets over: {0} (is the limit of open files too low?)")]
    HandOver(#[source] io::Error),
}

/// What is kept, and what is started.
#[derive(Debug)]
pub struct Plan {
    /// This program's file. A newer one put in its place is what runs after the
    /// next SIGHUP, so it is a path, not the running image.
    pub program: PathBuf,
    /// The server's arguments: `serve … --no-keeper`. `--restarts N` is added, or
    /// [`CHECK_ARGUMENT`]. A newer version has to understand all of them.
    pub args: Vec<OsString>,
    /// The sockets, already listening.
    pub sockets: Vec<std::net::TcpListener>,
    /// The one that TV apps ask where the server is, if it could be had.
    pub discovery: Option<std::net::UdpSocket>,
}

/// Keep the sockets and a server until someone ends it. Returns the exit code.
///
/// # Errors
/// When it cannot do its work at all; the server is ended then.
pub fn keep(plan: &Plan) -> Result<u8, KeeperError> {
    let signals = Signals::catch().map_err(KeeperError::Signals)?;
    let had_terminal = io::stderr().is_terminal();
    let mut keeper = Keeper::new();
    let mut server: Option<Server> = None;
    let mut check: Option<Check> = None;
    let mut starts = 0;
    let mut actions = vec![Action::Start];
    loop {
        for action in std::mem::take(&mut actions) {
            match action {
                Action::Start => match Server::start(plan, starts)? {
                    Ok(started) => {
                        starts += 1;
                        server = Some(started);
                    }
                    Err(error) => {
                        say(&format!("cannot start {}: {error}", plan.program.display()));
                        let event = Event::Exited(Death::NotStarted);
                        actions.extend(keeper.handle(event, monotonic()));
                    }
                },
                Action::Check => match Check::start(plan) {
                    Ok(started) => check = Some(started),
                    Err(error) => {
                        say(&unfit(&format!("cannot start {}: {error}", plan.program.display())));
                        let event = Event::Checked(Verdict::Unfit);
                        actions.extend(keeper.handle(event, monotonic()));
                    }
                },
                Action::StopChecking => {
                    say(&unfit("it has not read its settings in time; does their disk hang?"));
                }
                Action::PassOn(ending) => signal(server.as_ref(), ending.as_signal()),
                Action::Kill => signal(server.as_ref(), Signal::KILL),
                Action::Exit(code) => return Ok(code),
            }
        }
        if !actions.is_empty() {
            continue;
        }
        if !keeper.is_checking() {
            check = None;
        }
        for event in wait_for_events(&signals, (&mut server, &mut check), &keeper, had_terminal)? {
            match event {
                Event::Exited(death) => tell_death(death, &keeper),
                Event::Ready => tell_manager(Word::Ready),
                Event::Terminate(_) | Event::TerminalClosed => tell_manager(Word::Stopping),
                Event::Renew | Event::Checked(_) | Event::TimeIsUp => {}
            }
            actions.extend(keeper.handle(event, monotonic()));
        }
    }
}

/// For the server: what asks its keeper, who started it, for a new server in its place.
/// `None` where there is nobody to ask. Not by SIGHUP, which is also what a terminal that is
/// closed sends.
pub fn renewal() -> Option<impl Fn() + Send + Sync + 'static> {
    let keeper = getppid()?;
    Some(move || {
        // One that is gone has left the server to somebody who knows nothing of it.
        if getppid() == Some(keeper)
            && let Err(error) = kill_process(keeper, Signal::USR1)
        {
            tracing::error!(%error, "the keeper cannot be asked for a new server");
        }
    })
}

/// The server process.
#[derive(Debug)]
struct Server {
    pid: Pid,
    /// Over it the server says once that it is ready; as long as it is open the
    /// server knows that the keeper lives.
    line: UnixStream,
    /// Whether the one word (or the end of the line) has been heard.
    heard: bool,
}

impl Server {
    /// The outer error ends the keeper, the inner one is a failed start.
    fn start(plan: &Plan, restarts: u32) -> Result<io::Result<Self>, KeeperError> {
        let (line, servers_end) = UnixStream::pair().map_err(KeeperError::HandOver)?;
        line.set_nonblocking(true).map_err(KeeperError::HandOver)?;
        let mut handed: Vec<OwnedFd> = Vec::new();
        for socket in &plan.sockets {
            handed.push(socket.as_fd().try_clone_to_owned().map_err(KeeperError::HandOver)?);
        }
        if let Some(socket) = &plan.discovery {
            handed.push(socket.as_fd().try_clone_to_owned().map_err(KeeperError::HandOver)?);
        }
        handed.push(servers_end.into());
        let started = Self::command(plan, restarts, handed).and_then(|mut command| {
            let child = command.spawn()?;
            // It is reaped together with whatever else there is, by its id.
            i32::try_from(child.id())
                .ok()
                .and_then(Pid::from_raw)
                .ok_or_else(|| io::Error::other("the system gave the server no process id"))
        });
        Ok(started.map(|pid| Self { pid, line, heard: false }))
    }

    fn command(
        plan: &Plan,
        restarts: u32,
        handed: Vec<OwnedFd>,
    ) -> io::Result<std::process::Command> {
        let shim = ShimArgs {
            parent: std::process::id(),
            on_parent_death: OnParentDeath::Terminate,
            niceness: 0,
            set_listen_pid: true,
            confinement: None,
        };
        // The shim is this version, whatever the program has become meanwhile.
        let mut command = command(own_binary()?);
        command.arg0("aerial").args(shim.to_args()).arg(&plan.program).args(&plan.args);
        command.arg("--restarts").arg(restarts.to_string());
        command.env("LISTEN_FDS", handed.len().to_string());
        command.env("LISTEN_FDNAMES", sockets::names(plan.sockets.len(), plan.discovery.is_some()));
        command.envs(ALLOCATOR.into_iter().filter(|(name, _)| std::env::var_os(name).is_none()));
        // The service manager knows this process, and hears it alone.
        command.env_remove(service_manager::VARIABLE);
        command.stdin(Stdio::null());
        // Its own group: a Ctrl-C reaches the keeper alone, which passes it on.
        command.process_group(0);
        let mappings = (FIRST_FD..).zip(handed);
        let mappings = mappings.map(|(child_fd, parent_fd)| FdMapping { parent_fd, child_fd });
        command.fd_mappings(mappings.collect()).map_err(io::Error::other)?;
        Ok(command)
    }

    /// Whether it has just said that it is ready.
    fn became_ready(&mut self) -> bool {
        let mut word = [0; 16];
        match self.line.read(&mut word) {
            Ok(count) => !std::mem::replace(&mut self.heard, true) && count > 0,
            Err(_) => false,
        }
    }
}

fn signal(server: Option<&Server>, signal: Signal) {
    if let Some(server) = server {
        // It may have ended already; its SIGCHLD is on the way then.
        let _ = kill_process(server.pid, signal);
    }
}

impl Ending {
    fn as_signal(self) -> Signal {
        match self {
            Self::Interrupt => Signal::INT,
            Self::Terminate => Signal::TERM,
        }
    }
}

/// Sleep until something happens, and say what.
fn wait_for_events(
    signals: &Signals,
    (server, check): (&mut Option<Server>, &mut Option<Check>),
    keeper: &Keeper,
    had_terminal: bool,
) -> Result<Vec<Event>, KeeperError> {
    let left = keeper.deadline().map(|until| until.saturating_duration_since(monotonic()));
    signals.sleep(server.as_ref(), left).map_err(KeeperError::Wait)?;
    let mut events = Vec::new();
    // Before its death: a server that was ready and died at once was ready.
    if server.as_mut().is_some_and(Server::became_ready) {
        events.push(Event::Ready);
    }
    if count(&signals.child) > 0 {
        events.extend(reap(server, check));
    }
    for _ in 0..count(&signals.terminate) {
        events.push(Event::Terminate(Ending::Terminate));
    }
    for _ in 0..count(&signals.interrupt) {
        events.push(Event::Terminate(Ending::Interrupt));
    }
    if count(&signals.hangup) > 0 {
        // A closed terminal sends SIGHUP as well, and means the end.
        let terminal_closed = had_terminal && !io::stderr().is_terminal();
        events.push(match terminal_closed {
            true => Event::TerminalClosed,
            false => Event::Renew,
        });
    }
    if count(&signals.renewal) > 0 {
        events.push(Event::Renew);
    }
    if keeper.deadline().is_some_and(|until| until <= monotonic()) {
        events.push(Event::TimeIsUp);
    }
    Ok(events)
}

/// Reap all that have ended, and say how the server did, and what came of the look at the
/// settings, if they are among them.
fn reap(server: &mut Option<Server>, check: &mut Option<Check>) -> Vec<Event> {
    let mut events = Vec::new();
    // `None`: children, but none that has ended. An error: no children.
    while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
        let code = status.exit_status().and_then(|code| u8::try_from(code).ok());
        if let Some(ended) = check.take_if(|check| check.is(pid)) {
            let said = ended.said();
            // An older program does not know what it is asked.
            let is_asked_in_vain = code == Some(2) && said.contains(CHECK_ARGUMENT);
            let fits = code == Some(0) || is_asked_in_vain;
            let verdict = if fits { Verdict::Fit } else { Verdict::Unfit };
            if verdict == Verdict::Unfit {
                say(&unfit(&said));
            }
            events.push(Event::Checked(verdict));
        }
        if server.take_if(|server| server.pid == pid).is_some() {
            let signal = status.terminating_signal().and_then(|signal| u8::try_from(signal).ok());
            events.push(Event::Exited(match (code, signal) {
                (Some(code), _) => Death::Code(code),
                (None, Some(signal)) => Death::Signal(signal),
                (None, None) => Death::NotStarted,
            }));
        }
    }
    events
}

/// The signals that the keeper lives by, each as a socket that becomes readable.
struct Signals {
    terminate: UnixStream,
    interrupt: UnixStream,
    hangup: UnixStream,
    /// From the server.
    renewal: UnixStream,
    child: UnixStream,
}

impl Signals {
    fn catch() -> io::Result<Self> {
        let catch_one = |signal| {
            let (read, write) = UnixStream::pair()?;
            read.set_nonblocking(true)?;
            signal_hook::low_level::pipe::register(signal, write)?;
            io::Result::Ok(read)
        };
        Ok(Self {
            terminate: catch_one(SIGTERM)?,
            interrupt: catch_one(SIGINT)?,
            hangup: catch_one(SIGHUP)?,
            renewal: catch_one(SIGUSR1)?,
            child: catch_one(SIGCHLD)?,
        })
    }

    /// Sleep until a signal, a word from a server that is not ready yet, or the time.
    fn sleep(&self, server: Option<&Server>, at_most: Option<Duration>) -> io::Result<()> {
        let mut fds = Vec::with_capacity(6);
        let Self { terminate, interrupt, hangup, renewal, child } = self;
        for signal in [terminate, interrupt, hangup, renewal, child] {
            fds.push(PollFd::new(signal, PollFlags::IN));
        }
        if let Some(server) = server.filter(|server| !server.heard) {
            fds.push(PollFd::new(&server.line, PollFlags::IN));
        }
        let timeout = at_most.map(|time| Timespec {
            tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: time.subsec_nanos().into(),
        });
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// How often a signal came since it was last asked.
fn count(mut signal: &UnixStream) -> usize {
    let mut bytes = [0; 64];
    signal.read(&mut bytes).unwrap_or(0)
}

fn tell_death(death: Death, keeper: &Keeper) {
    let how = match death {
        Death::Code(0) => return,
        Death::Code(code) => format!("with exit code {code}"),
        Death::Signal(signal) => format!("by signal {signal}"),
        Death::NotStarted => "before it began".to_owned(),
    };
    if keeper.will_start_again() {
        say(&format!("the server ended {how}; starting it again"));
    }
}

/// Why the server that runs is not replaced.
fn unfit(why: &str) -> String {
    format!("the server goes on as it is, since a new one would not start: {why}")
}

fn tell_manager(word: Word) {
    if let Err(error) = service_manager::tell(word) {
        say(&error.to_string());
    }
}

/// To stderr, and never mind if that is closed. No log is set up here.
fn say(what: &str) {
    use std::io::Write;
    let _ = writeln!(io::stderr(), "aerial (keeper): {what}");
}
