//! Doing the steps.
//!
//! Like FFmpeg, it exits with 1 when nobody reads its output any more.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use rustix::process::{Signal, getpid, kill_process};

use crate::script::{Relay, Step, WriteFile};

/// One piece of output: a thirtieth of a pipe, so that a reader sees growth.
const PIECE: usize = 2 * 1024;

/// Do all of them, or up to the one that ends it.
pub(crate) fn perform(steps: &[Step], args: &[OsString]) -> ExitCode {
    for step in steps {
        match perform_one(step, args) {
            Ok(None) => {}
            Ok(Some(code)) => return code,
            Err(error) => {
                // As FFmpeg says it; whoever has closed stderr misses nothing.
                let _ = writeln!(io::stderr(), "fakeff: {step:?}: {error}");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}

fn perform_one(step: &Step, args: &[OsString]) -> io::Result<Option<ExitCode>> {
    match step {
        Step::Write(text) => emit(text.as_bytes())?,
        Step::WriteFile(WriteFile { path, bytes, bytes_per_second }) => {
            let file = File::open(path)?;
            copy(file, bytes.unwrap_or(u64::MAX), *bytes_per_second)?;
        }
        Step::Garbage { bytes } => copy(Noise(0x9E37_79B9), *bytes, None)?,
        Step::Stderr(text) => io::stderr().write_all(text.as_bytes())?,
        Step::StderrFlood { bytes } => flood_stderr(*bytes)?,
        Step::SleepMs(ms) => std::thread::sleep(Duration::from_millis(*ms)),
        Step::Stall => loop {
            std::thread::park();
        },
        Step::IgnoreSigterm => {
            // A handler that notes the signal is one that does not end the program.
            let noted = Arc::new(AtomicBool::new(false));
            signal_hook::flag::register(signal_hook::consts::SIGTERM, noted)?;
        }
        Step::Exit(code) => return Ok(Some(ExitCode::from(*code))),
        Step::Signal(number) => {
            let signal = Signal::from_named_raw(*number)
                .ok_or_else(|| io::Error::other("there is no such signal"))?;
            // Rust's own handler of SIGSEGV and SIGBUS takes the first one, finds no
            // stack overflow, and steps aside.
            kill_process(getpid(), signal)?;
            kill_process(getpid(), signal)?;
        }
        Step::Run(program) => return Err(command(program).args(args).exec()),
        Step::Relay(relay) => pass_on(relay, args)?,
        Step::LogArgs(path) => log_args(path, args)?,
    }
    Ok(None)
}

#[allow(clippy::disallowed_methods, reason = "it stands in for programs, beside the server")]
fn command(program: &std::path::Path) -> Command {
    Command::new(program)
}

fn emit(bytes: &[u8]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes)?;
    stdout.flush()
}

/// Up to so many bytes to stdout, at this pace.
fn copy(mut from: impl Read, bytes: u64, bytes_per_second: Option<u64>) -> io::Result<()> {
    let mut piece = [0; PIECE];
    let mut left = bytes;
    while left > 0 {
        let most = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
        let count = from.read(&mut piece[..most])?;
        if count == 0 {
            return Ok(());
        }
        emit(&piece[..count])?;
        left -= count as u64;
        if let Some(pace) = bytes_per_second {
            let nanos = count as u64 * 1_000_000_000 / pace.max(1);
            std::thread::sleep(Duration::from_nanos(nanos));
        }
    }
    Ok(())
}

/// Numbers that look random and are always the same (xorshift).
struct Noise(u32);

impl Read for Noise {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        for byte in &mut *buffer {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 17;
            self.0 ^= self.0 << 5;
            *byte = self.0.to_le_bytes()[0];
        }
        Ok(buffer.len())
    }
}

fn flood_stderr(bytes: u64) -> io::Result<()> {
    let mut stderr = io::stderr().lock();
    let mut written = 0;
    let mut number = 0_u64;
    while written < bytes {
        let line = format!("[h264 @ 0x55d0] error while decoding MB {number}, bytestream -5\n");
        stderr.write_all(line.as_bytes())?;
        written += line.len() as u64;
        number += 1;
    }
    Ok(())
}

fn pass_on(relay: &Relay, args: &[OsString]) -> io::Result<()> {
    let mut program = command(&relay.program);
    let given = args.iter().map(|arg| {
        let other = relay.replace.iter().find(|(from, _)| arg == from.as_str());
        other.map_or_else(|| arg.clone(), |(_, to)| to.into())
    });
    let mut child = program.args(given).stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let passed = match child.stdout.take() {
        Some(stdout) => copy(stdout, relay.bytes, relay.bytes_per_second),
        None => Ok(()),
    };
    // Also when nobody reads any more: no program is left behind.
    child.kill()?;
    child.wait()?;
    passed
}

fn log_args(path: &std::path::Path, args: &[OsString]) -> io::Result<()> {
    let args: Vec<_> = args.iter().map(|arg| arg.to_string_lossy()).collect();
    let mut line = serde_json::to_vec(&args)?;
    line.push(b'\n');
    // One write, so that processes side by side do not mix their lines.
    OpenOptions::new().create(true).append(true).open(path)?.write_all(&line)
}
