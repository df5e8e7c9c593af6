//! What scripts do, step by step.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so best by a panic")]

use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

struct Fake {
    folder: tempfile::TempDir,
}

impl Fake {
    fn new(cases: &Value) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let script = json!({ "cases": cases }).to_string();
        std::fs::write(folder.path().join("script.json"), script).unwrap();
        Self { folder }
    }

    fn steps(steps: &Value) -> Self {
        Self::new(&json!([{ "steps": steps }]))
    }

    #[allow(clippy::disallowed_methods, reason = "the test starts the stand-in itself")]
    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fakeff"));
        command.env("FAKEFF_SCRIPT", self.folder.path().join("script.json"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command().args(args).output().unwrap()
    }

    fn start(&self) -> Child {
        self.command().spawn().unwrap()
    }
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_raw(child.id() as i32).unwrap(), signal).unwrap();
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn it_writes_and_exits_as_told() {
    let steps = json!([{ "write": "out" }, { "stderr": "err" }, { "sleep_ms": 1 }, { "exit": 3 }]);
    let output = Fake::steps(&steps).run(&[]);
    assert_eq!(text(&output.stdout), "out");
    assert_eq!(text(&output.stderr), "err");
    assert_eq!(output.status.code(), Some(3));
}

#[test]
fn it_dies_by_a_signal() {
    let output = Fake::steps(&json!([{ "signal": 11 }])).run(&[]);
    assert_eq!(output.status.signal(), Some(11));
}

#[test]
fn the_first_case_that_fits_is_taken_as_often_as_it_says() {
    let fake = Fake::new(&json!([
        { "when": ["-version"], "steps": [{ "write": "5.1" }] },
        { "when": ["-i", "film.mkv"], "times": 2, "steps": [{ "exit": 1 }] },
        { "when": ["-i"], "steps": [{ "write": "media" }] },
    ]));
    assert_eq!(text(&fake.run(&["-version"]).stdout), "5.1");
    assert_eq!(text(&fake.run(&["-i", "other.mkv"]).stdout), "media");
    assert_eq!(fake.run(&["-i", "/a/film.mkv"]).status.code(), Some(1));
    assert_eq!(fake.run(&["-i", "/a/film.mkv"]).status.code(), Some(1));
    assert_eq!(text(&fake.run(&["-i", "/a/film.mkv"]).stdout), "media");
    assert_eq!(fake.run(&["-filters"]).status.code(), Some(64), "no case fits");
}

#[test]
fn a_part_of_a_file_is_written_at_a_pace() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), vec![7; 100_000]).unwrap();
    let part = json!({ "path": file.path(), "bytes": 5_000, "bytes_per_second": 1_000_000 });
    let output = Fake::steps(&json!([{ "write_file": part }])).run(&[]);
    assert_eq!(output.stdout, vec![7; 5_000]);
}

#[test]
fn garbage_is_the_same_each_time() {
    let fake = Fake::steps(&json!([{ "garbage": { "bytes": 10_000 } }]));
    let output = fake.run(&[]);
    assert_eq!(output.stdout.len(), 10_000);
    assert_eq!(output.stdout, fake.run(&[]).stdout);
}

#[test]
fn stderr_can_be_flooded() {
    let output = Fake::steps(&json!([{ "stderr_flood": { "bytes": 200_000 } }])).run(&[]);
    assert!(output.stderr.len() >= 200_000);
}

#[test]
fn a_stalled_one_ends_on_sigterm_unless_it_ignores_it() {
    let stalled = Fake::steps(&json!([{ "write": "." }, "stall"]));
    let mut obedient = stalled.start();
    obedient.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
    signal(&obedient, Signal::TERM);
    assert_eq!(obedient.wait().unwrap().signal(), Some(15));

    let steps = json!(["ignore_sigterm", { "write": "." }, { "sleep_ms": 100 }, { "exit": 5 }]);
    let ignoring = Fake::steps(&steps);
    let mut stubborn = ignoring.start();
    stubborn.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
    signal(&stubborn, Signal::TERM);
    assert_eq!(stubborn.wait().unwrap().code(), Some(5));
}

#[test]
fn another_program_is_run_with_the_same_arguments() {
    let output = Fake::steps(&json!([{ "run": "/bin/echo" }])).run(&["a b", "c"]);
    assert_eq!(text(&output.stdout), "a b c\n");
}

#[test]
fn another_program_is_relayed_up_to_a_point() {
    let relay = json!({ "program": "/bin/sh", "bytes": 7 });
    let fake = Fake::steps(&json!([{ "relay": relay }, { "exit": 9 }]));
    let output = fake.run(&["-c", "while :; do echo abc; done"]);
    assert_eq!(text(&output.stdout), "abc\nabc");
    assert_eq!(output.status.code(), Some(9));
}

#[test]
fn a_reader_that_goes_away_ends_it_with_1() {
    let endless = Fake::steps(&json!([{ "garbage": { "bytes": 10_000_000 } }]));
    let mut child = endless.start();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(1));
}

#[test]
fn arguments_are_logged_one_line_a_run() {
    let log = tempfile::NamedTempFile::new().unwrap();
    let fake = Fake::steps(&json!([{ "log_args": log.path() }]));
    fake.run(&["-i", "a \"b\""]);
    fake.run(&[]);
    let logged = std::fs::read_to_string(log.path()).unwrap();
    assert_eq!(logged, "[\"-i\",\"a \\\"b\\\"\"]\n[]\n");
}

#[test]
#[allow(clippy::disallowed_methods, reason = "the test starts the stand-in itself")]
fn a_copy_follows_the_script_beside_it_without_any_variable() {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("ffmpeg");
    // Copied by another process: a file that this one has open for writing, and so
    // for a moment each child that another test starts, cannot be run.
    let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_fakeff")).arg(&copy).status().unwrap();
    assert!(copied.success());
    let script = json!({ "cases": [{ "steps": [{ "write": "beside" }] }] }).to_string();
    std::fs::write(folder.path().join("ffmpeg.json"), script).unwrap();
    let output = Command::new(&copy).env_clear().output().unwrap();
    assert_eq!(text(&output.stdout), "beside");
}

#[test]
fn a_wrong_script_is_told_apart_from_a_fault() {
    let output = Fake::steps(&json!([{ "explode": true }])).run(&[]);
    assert_eq!(output.status.code(), Some(64));
    assert!(text(&output.stderr).contains("unknown variant `explode`"));
}
