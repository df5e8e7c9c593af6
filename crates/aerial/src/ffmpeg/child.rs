//! One child process, from its start to its last breath.
//!
//! Owns the process, its group and its stderr through a task, the minder, that
//! alone signals and reaps it. The [`Child`] handle is the owner's: dropped in
//! any way (an error, a panic, a cancelled future), it has the group killed and
//! reaped. Invariant: nobody else signals it, so a process id that the system
//! has given to another since is never hit.

use std::io;
use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::AsyncReadExt;
use tokio::process::{ChildStderr, ChildStdout};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::living::Registration;
use super::shim;
use super::stderr_tail::StderrTail;
use crate::clock::monotonic;

/// How long a process may take to end by itself after SIGTERM. A transcoding
/// FFmpeg that is asked while its pipe is parked took up to 2.8 s; past 2 s it is killed.
const GRACE: Duration = Duration::from_secs(2);

/// How long to wait for a killed process: only one that hangs in the kernel (a
/// dead network drive) takes longer than the 700 ms measured.
const KILL_PATIENCE: Duration = Duration::from_secs(5);

/// How long after the exit stderr is still read, in case a grandchild holds it open.
const LAST_WORDS: Duration = Duration::from_millis(250);

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Exit code 0. For FFmpeg that proves little: judge by what came out.
    Success,
    /// Another exit code.
    Code(i32),
    /// Ended by this signal.
    Signal(i32),
    /// The program could not be started at all; stderr says why.
    NotStarted,
    /// It was killed and yet has not gone after 5 s: it hangs in the kernel. It
    /// is reaped when it does go.
    Stuck,
}

impl Exit {
    fn from_status(status: io::Result<ExitStatus>) -> Self {
        use std::os::unix::process::ExitStatusExt;
        let Ok(status) = status else { return Self::Stuck };
        match (status.code(), status.signal()) {
            (Some(0), _) => Self::Success,
            (Some(code), _) if code == i32::from(shim::NO_SANDBOX) => Self::NotStarted,
            (Some(code), _) if code == i32::from(shim::NOT_FOUND) => Self::NotStarted,
            (Some(code), _) if code == i32::from(shim::NOT_EXECUTABLE) => Self::NotStarted,
            (Some(code), _) => Self::Code(code),
            (None, Some(signal)) => Self::Signal(signal),
            (None, None) => Self::Stuck,
        }
    }

    /// Exit code 0.
    pub fn is_success(self) -> bool {
        self == Self::Success
    }
}

impl std::fmt::Display for Exit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Success => write!(f, "exit code 0"),
            Self::Code(code) => write!(f, "exit code {code}"),
            Self::Signal(signal) => write!(f, "ended by signal {signal}"),
            Self::NotStarted => write!(f, "could not be started"),
            Self::Stuck => write!(f, "does not end, even killed"),
        }
    }
}

/// How fast a process has to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// Close the pipe, SIGTERM to the group, 2 s, SIGKILL.
    Gently,
    /// SIGKILL to the group at once, where nobody needs the output.
    Now,
}

/// How ending a process went.
#[must_use = "says whether the process had to be killed, or is stuck"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// How it exited.
    pub exit: Exit,
    /// How long that took.
    pub took: Duration,
}

/// A running child process, in its own process group. Dropping it kills the group.
#[derive(Debug)]
#[must_use = "dropping the handle kills the process"]
pub struct Child {
    pid: u32,
    stdout: Option<ChildStdout>,
    stderr: StderrTail,
    /// At most one order is ever sent; the closed channel is the order to kill.
    orders: mpsc::Sender<Urgency>,
    exit: watch::Receiver<Option<Exit>>,
}

impl Child {
    /// Its process id, which is its group's too.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Its output, once. Not reading it puts FFmpeg to sleep (parking);
    /// dropping it tells FFmpeg to end.
    pub fn take_stdout(&mut self) -> Option<ChildStdout> {
        self.stdout.take()
    }

    /// The last 64 KiB of its stderr, which goes on growing while it runs.
    pub fn stderr_tail(&self) -> StderrTail {
        self.stderr.clone()
    }

    /// How it exited, if it has.
    pub fn exited(&self) -> Option<Exit> {
        *self.exit.borrow()
    }

    /// Wait until it exits by itself. Safe to cancel and call again. Its stderr
    /// is complete afterwards.
    pub async fn wait(&mut self) -> Exit {
        match self.exit.wait_for(Option::is_some).await {
            Ok(exit) => exit.unwrap_or(Exit::Stuck),
            // The minder went without a word: the runtime is being shut down,
            // and its guard has killed the group.
            Err(_) => Exit::Stuck,
        }
    }

    /// End it: drop the pipe if it is still here (a caller that has taken it
    /// drops it first), signal the group, reap. Cancelled, it kills at once.
    pub async fn end(mut self, urgency: Urgency) -> Ended {
        let since = monotonic();
        drop(self.stdout.take());
        let patience = match urgency {
            Urgency::Gently => GRACE + KILL_PATIENCE,
            Urgency::Now => KILL_PATIENCE,
        };
        // A full or closed channel means that it is ending already.
        let _ = self.orders.try_send(urgency);
        let exit = timeout(patience, self.wait()).await.unwrap_or(Exit::Stuck);
        Ended { exit, took: since.elapsed() }
    }
}

/// The task that owns the process.
pub(super) struct Minder {
    process: tokio::process::Child,
    group: Group,
    stderr: Option<ChildStderr>,
    tail: StderrTail,
    orders: mpsc::Receiver<Urgency>,
    exit: watch::Sender<Option<Exit>>,
    shut_down: CancellationToken,
    registration: Registration,
}

impl Minder {
    /// Take charge of a process that was just started.
    pub(super) fn new(
        mut process: tokio::process::Child,
        shut_down: CancellationToken,
        register: impl FnOnce(u32) -> Registration,
    ) -> Option<(Child, Self)> {
        let pid = process.id()?;
        let group = Group::of(pid)?;
        let registration = register(pid);
        let stdout = process.stdout.take();
        let stderr = process.stderr.take();
        let (order_sender, orders) = mpsc::channel(1);
        let (exit_sender, exit) = watch::channel(None);
        let tail = StderrTail::default();
        let child = Child { pid, stdout, stderr: tail.clone(), orders: order_sender, exit };
        let minder = Self {
            process,
            group,
            stderr,
            tail,
            orders,
            exit: exit_sender,
            shut_down,
            registration,
        };
        Some((child, minder))
    }

    /// Watch the process until it is reaped.
    pub(super) async fn mind(mut self) {
        let status = self.until_exit().await;
        // For grandchildren, if there are any. As long as one lives the number of
        // the group is not given away; and if none does, the system's next
        // process ids are other ones.
        self.group.kill();
        self.group.disarm();
        let _ = timeout(LAST_WORDS, self.read_last_words()).await;
        drop(self.registration);
        self.exit.send_replace(Some(Exit::from_status(status)));
    }

    async fn until_exit(&mut self) -> io::Result<ExitStatus> {
        let mut buffer = [0; 8 * 1024];
        let mut deadline: Option<Instant> = None;
        let mut killed = false;
        loop {
            // The exit is looked at first, so that no signal follows it.
            let kill = tokio::select! {
                biased;
                status = self.process.wait() => return status,
                () = self.shut_down.cancelled(), if !killed => true,
                order = self.orders.recv(), if !killed => match order {
                    Some(Urgency::Gently) => {
                        self.group.terminate();
                        deadline = Some(monotonic() + GRACE);
                        false
                    }
                    Some(Urgency::Now) | None => true,
                },
                () = at(deadline), if !killed => true,
                () = read(&mut self.stderr, &self.tail, &mut buffer) => false,
            };
            if kill {
                self.group.kill();
                killed = true;
            }
        }
    }

    async fn read_last_words(&mut self) {
        let mut buffer = [0; 8 * 1024];
        while self.stderr.is_some() {
            read(&mut self.stderr, &self.tail, &mut buffer).await;
        }
    }
}

/// One read of stderr into the tail; at its end the stream is dropped, and the
/// next call never returns.
async fn read(stderr: &mut Option<ChildStderr>, tail: &StderrTail, buffer: &mut [u8]) {
    let Some(stream) = stderr else { return std::future::pending().await };
    match stream.read(buffer).await {
        Ok(0) | Err(_) => *stderr = None,
        Ok(count) => tail.push(&buffer[..count]),
    }
}

async fn at(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// A process group that is killed when this is dropped armed: the last resort
/// when the minder itself is dropped with the runtime.
struct Group {
    leader: Pid,
    armed: bool,
}

impl Group {
    fn of(pid: u32) -> Option<Self> {
        let leader = Pid::from_raw(i32::try_from(pid).ok()?)?;
        Some(Self { leader, armed: true })
    }

    fn terminate(&self) {
        // It may have exited already, which is what was wanted.
        let _ = kill_process_group(self.leader, Signal::TERM);
    }

    fn kill(&self) {
        let _ = kill_process_group(self.leader, Signal::KILL);
    }

    fn disarm(&mut self) {
        self.armed = false;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if self.armed {
            self.kill();
        }
    }
}
