//! The only place that starts processes.
//!
//! Owns one thread from which all children are started, the list of those
//! alive, and their end at shutdown. The thread is there because a parent-death
//! signal fires when the *thread* ends that started the child, and a runtime's
//! blocking threads come and go. Invariant: a process is in the list from
//! before its handle exists until it is reaped.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use thiserror::Error;
use tokio::io::AsyncReadExt;
use tokio::process::ChildStdout;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::child::{Child, Exit, Minder, Urgency};
use super::invocation::Invocation;
use super::living::Living;
use crate::config::Sandbox;

/// Requests that may wait for the thread: starting takes about 1 ms, so this
/// many are a fault already, and more callers wait their turn.
const WAITING_REQUESTS: usize = 64;

/// How long [`Spawner::shut_down`] waits for killed processes.
const SHUT_DOWN_PATIENCE: Duration = Duration::from_secs(5);

/// Why no process was started.
#[derive(Debug, Error)]
pub enum SpawnError {
    /// The system refused.
    #[error(
        "cannot start {}: {source} (if this says \"resource temporarily unavailable\" or \
         \"too many open files\", raise the limits of processes or files)",
        program.display()
    )]
    Refused {
        /// What was to be started.
        program: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// The server is ending.
    #[error("cannot start {}: the server is shutting down", program.display())]
    ShuttingDown {
        /// What was to be started.
        program: PathBuf,
    },
    /// The thread that starts processes could not be made.
    #[error("cannot make the thread that starts processes: {0}")]
    NoThread(#[source] io::Error),
}

/// What a short run may take, in time and output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunLimits {
    /// Past this it is killed.
    pub time: Duration,
    /// Past this many bytes on stdout it is killed.
    pub stdout_bytes: usize,
}

/// What a short run left behind.
#[derive(Clone, Debug)]
pub struct Output {
    /// How it exited.
    pub exit: Exit,
    /// All of its stdout.
    pub stdout: Bytes,
    /// The last 64 KiB of its stderr.
    pub stderr: String,
}

/// Why a short run has no result.
#[derive(Debug, Error)]
pub enum RunError {
    /// It was not started.
    #[error(transparent)]
    Spawn(#[from] SpawnError),
    /// It took too long and was killed.
    #[error("{} took over {limit:?} and was ended", program.display())]
    TimedOut {
        /// What ran.
        program: PathBuf,
        /// How long it might have.
        limit: Duration,
        /// What it had said until then.
        stderr: String,
    },
    /// It wrote too much and was killed.
    #[error("{} wrote over {limit} bytes and was ended", program.display())]
    TooMuchOutput {
        /// What ran.
        program: PathBuf,
        /// How many bytes it might have written.
        limit: usize,
    },
    /// Its output could not be read.
    #[error("cannot read from {}: {source}", program.display())]
    Read {
        /// What ran.
        program: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
}

/// Starts processes; cheap to clone. See the module.
#[derive(Clone, Debug)]
pub struct Spawner(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    sandbox: Sandbox,
    requests: mpsc::Sender<Request>,
    living: Living,
    shut_down: CancellationToken,
    minders: TaskTracker,
}

struct Request {
    invocation: Invocation,
    answer: oneshot::Sender<Result<Child, SpawnError>>,
    /// Keeps the thread alive for as long as any child of it is.
    keep_alive: mpsc::Sender<Request>,
}

impl Spawner {
    /// Start the thread, without a sandbox. `shim` is this program ([`own_binary`](super::own_binary)).
    ///
    /// # Errors
    /// [`SpawnError::NoThread`].
    ///
    /// # Panics
    /// Outside a Tokio runtime.
    pub fn new(shim: impl Into<PathBuf>) -> Result<Self, SpawnError> {
        Self::sandboxed(shim, Sandbox::Off)
    }

    /// The same, with all that it starts in a sandbox.
    ///
    /// # Errors
    /// [`SpawnError::NoThread`].
    ///
    /// # Panics
    /// Outside a Tokio runtime.
    pub fn sandboxed(shim: impl Into<PathBuf>, sandbox: Sandbox) -> Result<Self, SpawnError> {
        let (requests, queue) = mpsc::channel(WAITING_REQUESTS);
        let shared = Shared {
            sandbox,
            requests,
            living: Living::default(),
            shut_down: CancellationToken::new(),
            minders: TaskTracker::new(),
        };
        let thread = Thread {
            shim: shim.into(),
            sandbox,
            runtime: Handle::current(),
            living: shared.living.clone(),
            shut_down: shared.shut_down.clone(),
            minders: shared.minders.clone(),
        };
        std::thread::Builder::new()
            .name("spawner".to_owned())
            .stack_size(256 * 1024)
            .spawn(move || thread.serve(queue))
            .map_err(SpawnError::NoThread)?;
        Ok(Self(Arc::new(shared)))
    }

    /// Start a process. Cancelled, nothing is left.
    ///
    /// # Errors
    /// When the system refuses, or the server is shutting down. That the
    /// program does not exist shows later, as [`Exit::NotStarted`].
    pub async fn spawn(&self, invocation: Invocation) -> Result<Child, SpawnError> {
        let program = invocation.program().to_owned();
        let (answer, answered) = oneshot::channel();
        let keep_alive = self.0.requests.clone();
        let request = Request { invocation, answer, keep_alive };
        let gone = || SpawnError::ShuttingDown { program };
        match self.0.requests.send(request).await {
            Ok(()) => answered.await.unwrap_or_else(|_| Err(gone())),
            Err(_) => Err(gone()),
        }
    }

    /// Run a process to its end and collect its output, within limits.
    ///
    /// # Errors
    /// When it cannot be started or goes past a limit; it is killed then. A bad
    /// exit is no error here, see [`Output::exit`].
    pub async fn run_to_end(
        &self,
        invocation: Invocation,
        limits: RunLimits,
    ) -> Result<Output, RunError> {
        let program = invocation.program().to_owned();
        let mut child = self.spawn(invocation).await?;
        let stderr = child.stderr_tail();
        let stdout = child.take_stdout();
        let finished = timeout(limits.time, async {
            let stdout = match stdout {
                Some(pipe) => read_all(pipe, limits.stdout_bytes).await?,
                None => Some(Bytes::new()),
            };
            io::Result::Ok(match stdout {
                Some(stdout) => Some((stdout, child.wait().await)),
                None => None,
            })
        })
        .await;
        match finished {
            Ok(Ok(Some((stdout, exit)))) => Ok(Output { exit, stdout, stderr: stderr.text() }),
            unfinished => {
                let _stuck_or_not = child.end(Urgency::Now).await;
                Err(match unfinished {
                    Ok(Err(source)) => RunError::Read { program, source },
                    Ok(Ok(_)) => RunError::TooMuchOutput { program, limit: limits.stdout_bytes },
                    Err(_) => {
                        let stderr = stderr.text();
                        RunError::TimedOut { program, limit: limits.time, stderr }
                    }
                })
            }
        }
    }

    /// Whether what it starts is in a sandbox.
    pub fn sandbox(&self) -> Sandbox {
        self.0.sandbox
    }

    /// How many children are alive, those about to be reaped included.
    pub fn living(&self) -> usize {
        self.0.living.lock().len()
    }

    /// The children alive: process id and program.
    pub fn processes(&self) -> Vec<(u32, PathBuf)> {
        self.0.living.lock().iter().map(|(pid, program)| (*pid, program.clone())).collect()
    }

    /// Kill what is left and refuse what is asked for later. Returns the number
    /// of processes that hang in the kernel and could not be reaped within 5 s.
    pub async fn shut_down(&self) -> usize {
        self.0.shut_down.cancel();
        self.0.minders.close();
        let _ = timeout(SHUT_DOWN_PATIENCE, self.0.minders.wait()).await;
        self.living()
    }
}

/// All of a pipe, or nothing if it is more than `limit`.
async fn read_all(mut pipe: ChildStdout, limit: usize) -> io::Result<Option<Bytes>> {
    let mut all = BytesMut::new();
    while pipe.read_buf(&mut all).await? > 0 {
        if all.len() > limit {
            return Ok(None);
        }
    }
    Ok(Some(all.freeze()))
}

/// What the thread needs.
struct Thread {
    shim: PathBuf,
    sandbox: Sandbox,
    runtime: Handle,
    living: Living,
    shut_down: CancellationToken,
    minders: TaskTracker,
}

impl Thread {
    fn serve(self, mut queue: mpsc::Receiver<Request>) {
        let _runtime = self.runtime.enter();
        while let Some(request) = queue.blocking_recv() {
            let Request { invocation, answer, keep_alive } = request;
            // If nobody waits any more, the handle is dropped here, which ends
            // the process.
            let _ = answer.send(self.start(&invocation, keep_alive));
        }
    }

    fn start(
        &self,
        invocation: &Invocation,
        keep_alive: mpsc::Sender<Request>,
    ) -> Result<Child, SpawnError> {
        let program = invocation.program();
        if self.shut_down.is_cancelled() {
            return Err(SpawnError::ShuttingDown { program: program.to_owned() });
        }
        let refused = |source| SpawnError::Refused { program: program.to_owned(), source };
        let process = tokio::process::Command::from(invocation.shimmed(&self.shim, self.sandbox))
            .spawn()
            .map_err(refused)?;
        let register = |pid| self.living.register(pid, program.to_owned());
        let minder = Minder::new(process, self.shut_down.clone(), register);
        // A process that was just started and not yet waited for has an id.
        let (child, minder) = minder.ok_or_else(|| refused(io::Error::other("no process id")))?;
        self.minders.spawn(async move {
            minder.mind().await;
            drop(keep_alive);
        });
        Ok(child)
    }
}
