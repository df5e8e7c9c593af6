//! The spawner with real processes: what it must never leave behind.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so best by a panic")]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use aerial::ffmpeg::{Child, Exit, Invocation, RunError, RunLimits, SpawnError, Spawner, Urgency};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use tokio::io::AsyncReadExt;

fn spawner() -> Spawner {
    Spawner::new(env!("CARGO_BIN_EXE_aerial")).unwrap()
}

fn sh(script: &str) -> Invocation {
    Invocation::new("sh").arg("-c").arg(script)
}

fn limits(time: Duration) -> RunLimits {
    RunLimits { time, stdout_bytes: 1024 * 1024 }
}

fn pid(raw: u32) -> Pid {
    Pid::from_raw(raw as i32).unwrap()
}

/// Whether a process is there and no zombie.
fn runs(raw: u32) -> bool {
    match std::fs::read_to_string(format!("/proc/{raw}/stat")) {
        Ok(stat) => !stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('Z')),
        Err(_) if Path::new("/proc/self/stat").exists() => false,
        Err(_) => test_kill_process(pid(raw)).is_ok(),
    }
}

#[allow(clippy::disallowed_methods, reason = "the test waits for other processes, in real time")]
fn now() -> Instant {
    Instant::now()
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = now() + Duration::from_secs(20);
    while !holds() {
        assert!(now() < deadline, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The number on the first line that a child writes.
async fn first_number(child: &mut Child) -> u32 {
    let mut stdout = child.take_stdout().unwrap();
    let mut line = String::new();
    while !line.ends_with('\n') {
        line.push(char::from(stdout.read_u8().await.unwrap()));
    }
    // The pipe is left open, else a later write would end the child.
    std::mem::forget(stdout);
    line.trim().parse().unwrap()
}

#[tokio::test]
async fn a_program_runs_and_its_output_is_read() {
    let output = spawner()
        .run_to_end(sh("echo out; echo err >&2"), limits(Duration::from_secs(10)))
        .await
        .unwrap();
    assert_eq!(output.exit, Exit::Success);
    assert_eq!(&output.stdout[..], b"out\n");
    assert_eq!(output.stderr, "err\n");
}

#[tokio::test]
async fn exits_are_told_apart() {
    let spawner = spawner();
    let mut code = spawner.spawn(sh("exit 7")).await.unwrap();
    assert_eq!(code.wait().await, Exit::Code(7));
    assert_eq!(code.wait().await, Exit::Code(7));
    assert_eq!(code.exited(), Some(Exit::Code(7)));
    let mut signal = spawner.spawn(sh("kill -SEGV $$")).await.unwrap();
    assert_eq!(signal.wait().await, Exit::Signal(11));
    let mut missing = spawner.spawn(Invocation::new("/no/such/ffmpeg")).await.unwrap();
    assert_eq!(missing.wait().await, Exit::NotStarted);
    let reason = missing.stderr_tail().last_line().unwrap();
    assert!(reason.contains("cannot run /no/such/ffmpeg"), "{reason}");
    assert_eq!(spawner.living(), 0);
}

#[tokio::test]
async fn a_spawner_without_its_shim_says_so() {
    let spawner = Spawner::new("/no/such/aerial").unwrap();
    let error = spawner.spawn(sh("true")).await.unwrap_err();
    assert!(matches!(error, SpawnError::Refused { .. }), "{error}");
}

#[tokio::test]
async fn a_child_sees_no_secret_and_no_stdin() {
    let output = spawner()
        .run_to_end(
            sh("env; read -r line; echo \"read: $? $line\"").env("GIVEN", "yes"),
            limits(Duration::from_secs(10)),
        )
        .await
        .unwrap();
    let text = String::from_utf8(output.stdout.to_vec()).unwrap();
    assert!(text.contains("GIVEN=yes"), "{text}");
    assert!(text.contains("PATH="), "{text}");
    assert!(text.contains("read: 1"), "{text}");
    // Cargo sets this for the test itself, as a stand-in for a secret.
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
    assert!(!text.contains("CARGO_"), "{text}");
}

#[tokio::test]
async fn a_child_has_its_own_group_its_niceness_and_no_core_files() {
    let spawner = spawner();
    let limited = sh("ulimit -c; nice").niceness(3);
    let output = spawner.run_to_end(limited, limits(Duration::from_secs(10))).await.unwrap();
    let own: i32 = rustix::process::getpriority_process(None).unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), format!("0\n{}\n", own + 3));
    let child = spawner.spawn(Invocation::new("sleep").arg("300")).await.unwrap();
    let group = rustix::process::getpgid(Some(pid(child.pid()))).unwrap();
    assert_eq!(group, pid(child.pid()));
    let _ended = child.end(Urgency::Now).await;
}

#[tokio::test]
async fn arguments_arrive_as_they_are() {
    use std::os::unix::ffi::OsStringExt;
    let odd = std::ffi::OsString::from_vec(b"a\nb \xff'\"$HOME".to_vec());
    let invocation = Invocation::new("printf").arg("%s|").arg("--").arg(odd).arg("");
    let output = spawner().run_to_end(invocation, limits(Duration::from_secs(10))).await.unwrap();
    assert_eq!(&output.stdout[..], b"--|a\nb \xff'\"$HOME||");
}

#[tokio::test]
async fn a_dropped_handle_leaves_no_process() {
    let spawner = spawner();
    let child = spawner.spawn(Invocation::new("sleep").arg("300")).await.unwrap();
    let raw = child.pid();
    assert!(runs(raw));
    assert_eq!(spawner.processes(), vec![(raw, PathBuf::from("sleep"))]);
    drop(child);
    until("the process is reaped", || spawner.living() == 0).await;
    assert!(!runs(raw));
}

#[tokio::test]
async fn a_cancelled_or_panicking_owner_leaves_no_process() {
    let spawner = spawner();
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let spawner_of_owner = spawner.clone();
    let owner = tokio::spawn(async move {
        let mut child = spawner_of_owner.spawn(Invocation::new("sleep").arg("300")).await.unwrap();
        sender.send(child.pid()).unwrap();
        child.wait().await
    });
    let raw = receiver.await.unwrap();
    owner.abort();
    until("the cancelled owner's is reaped", || spawner.living() == 0).await;
    assert!(!runs(raw));

    let spawner_of_owner = spawner.clone();
    let panicked = tokio::spawn(async move {
        let _child = spawner_of_owner.spawn(Invocation::new("sleep").arg("300")).await.unwrap();
        panic!("on purpose");
    })
    .await;
    assert!(panicked.is_err());
    until("the panicked owner's is reaped", || spawner.living() == 0).await;
}

#[tokio::test]
async fn a_request_cancelled_at_any_point_leaves_no_process() {
    let spawner = spawner();
    for micros in (0..2_000).step_by(100) {
        let spawning = spawner.spawn(Invocation::new("sleep").arg("300"));
        let _cancelled = tokio::time::timeout(Duration::from_micros(micros), spawning).await;
    }
    let mut last = spawner.spawn(sh("true")).await.unwrap();
    last.wait().await;
    until("all are reaped", || spawner.living() == 0).await;
}

#[tokio::test]
async fn ending_reaches_grandchildren() {
    let spawner = spawner();
    for urgency in [Urgency::Now, Urgency::Gently] {
        let mut child = spawner.spawn(sh("sleep 300 & echo $!; wait")).await.unwrap();
        let grandchild = first_number(&mut child).await;
        assert!(runs(grandchild));
        let ended = child.end(urgency).await;
        assert!(matches!(ended.exit, Exit::Signal(_)), "{ended:?}");
        until("the grandchild is gone", || !runs(grandchild)).await;
    }
}

#[tokio::test]
async fn grandchildren_do_not_outlive_a_child_that_exits_by_itself() {
    let spawner = spawner();
    let mut child = spawner.spawn(sh("sleep 300 & echo $!")).await.unwrap();
    let grandchild = first_number(&mut child).await;
    assert_eq!(child.wait().await, Exit::Success);
    until("the grandchild is gone", || !runs(grandchild)).await;
}

#[tokio::test]
async fn who_ends_on_sigterm_is_not_killed() {
    let spawner = spawner();
    let script = "trap 'exit 9' TERM; echo $$; while :; do sleep 0.02; done";
    let mut child = spawner.spawn(sh(script)).await.unwrap();
    first_number(&mut child).await;
    let ended = child.end(Urgency::Gently).await;
    assert_eq!(ended.exit, Exit::Code(9));
    assert!(ended.took < Duration::from_secs(2), "{ended:?}");
}

#[tokio::test]
async fn who_ignores_sigterm_is_killed_after_two_seconds() {
    let spawner = spawner();
    let script = "trap '' TERM; echo $$; while :; do sleep 0.1; done";
    let mut child = spawner.spawn(sh(script)).await.unwrap();
    first_number(&mut child).await;
    let ended = child.end(Urgency::Gently).await;
    assert_eq!(ended.exit, Exit::Signal(9));
    assert!(ended.took >= Duration::from_secs(2), "{ended:?}");
    assert!(ended.took < Duration::from_secs(4), "{ended:?}");
    assert_eq!(spawner.living(), 0);
}

#[tokio::test]
async fn ending_that_is_itself_cancelled_kills_at_once() {
    let spawner = spawner();
    let script = "trap '' TERM; echo $$; while :; do sleep 0.1; done";
    let mut child = spawner.spawn(sh(script)).await.unwrap();
    first_number(&mut child).await;
    let since = now();
    let ending = child.end(Urgency::Gently);
    assert!(tokio::time::timeout(Duration::from_millis(20), ending).await.is_err());
    until("it is reaped", || spawner.living() == 0).await;
    assert!(since.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn a_flood_on_stderr_blocks_nobody_and_keeps_its_end() {
    let script = "i=0; while [ $i -lt 20000 ]; do echo \"line $i of a flood\"; i=$((i+1)); done >&2; echo done";
    let output = spawner().run_to_end(sh(script), limits(Duration::from_secs(60))).await.unwrap();
    assert_eq!(&output.stdout[..], b"done\n");
    assert!(output.stderr.len() <= 64 * 1024);
    assert!(output.stderr.ends_with("line 19999 of a flood\n"));
}

#[tokio::test]
async fn a_run_past_its_time_or_its_output_is_killed() {
    let spawner = spawner();
    let slow = sh("echo thinking >&2; sleep 300");
    match spawner.run_to_end(slow, limits(Duration::from_secs(3))).await {
        Err(RunError::TimedOut { stderr, .. }) => assert_eq!(stderr, "thinking\n"),
        other => panic!("{other:?}"),
    }
    let endless = Invocation::new("yes");
    match spawner.run_to_end(endless, limits(Duration::from_secs(30))).await {
        Err(RunError::TooMuchOutput { limit, .. }) => assert_eq!(limit, 1024 * 1024),
        other => panic!("{other:?}"),
    }
    assert_eq!(spawner.living(), 0);
}

#[tokio::test]
async fn output_that_nobody_reads_parks_the_child_until_it_is_ended() {
    let spawner = spawner();
    let mut child = spawner.spawn(Invocation::new("yes")).await.unwrap();
    let mut stdout = child.take_stdout().unwrap();
    let mut first = [0; 4];
    stdout.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"y\ny\n");
    assert_eq!(child.exited(), None);
    drop(stdout);
    let ended = child.end(Urgency::Gently).await;
    assert!(matches!(ended.exit, Exit::Signal(_) | Exit::Code(_)), "{ended:?}");
    assert!(ended.took < Duration::from_secs(2), "{ended:?}");
}

#[tokio::test]
async fn a_parked_ffmpeg_ends_when_its_pipe_is_closed() {
    let spawner = spawner();
    let args = "-nostdin -v error -f lavfi -i testsrc2=s=320x180 -c:v mpeg2video -f mpegts pipe:1";
    let mut child = spawner.spawn(Invocation::new("ffmpeg").args(args.split(' '))).await.unwrap();
    let mut stdout = child.take_stdout().unwrap();
    let mut packet = [0; 188];
    stdout.read_exact(&mut packet).await.unwrap();
    assert_eq!(packet[0], 0x47);
    drop(stdout);
    let ended = child.end(Urgency::Gently).await;
    assert_ne!(ended.exit, Exit::Stuck);
    assert_eq!(spawner.living(), 0);
}

#[tokio::test]
async fn shutting_down_ends_all_and_refuses_more() {
    let spawner = spawner();
    let mut children = Vec::new();
    for _ in 0..8 {
        let script = "trap '' TERM; echo $$; while :; do sleep 0.1; done";
        let mut child = spawner.spawn(sh(script)).await.unwrap();
        first_number(&mut child).await;
        children.push(child);
    }
    assert_eq!(spawner.living(), 8);
    assert_eq!(spawner.shut_down().await, 0);
    for child in &mut children {
        assert_eq!(child.wait().await, Exit::Signal(9));
    }
    let error = spawner.spawn(sh("true")).await.unwrap_err();
    assert!(matches!(error, SpawnError::ShuttingDown { .. }), "{error}");
}

#[test]
fn a_runtime_that_is_dropped_takes_its_children_along() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let raw = runtime.block_on(async {
        let child = spawner().spawn(Invocation::new("sleep").arg("300")).await.unwrap();
        let raw = child.pid();
        std::mem::forget(child);
        raw
    });
    assert!(runs(raw));
    runtime.shutdown_timeout(Duration::from_secs(5));
    let deadline = now() + Duration::from_secs(10);
    while runs(raw) {
        assert!(now() < deadline, "{raw} lives on");
        std::thread::yield_now();
    }
}

const ACT_AS_PARENT: &str = "SPAWNER_TEST_ACT_AS_PARENT";

/// Not a test of its own: the process that the next test kills.
#[tokio::test]
async fn the_parent_to_be_killed() {
    if std::env::var_os(ACT_AS_PARENT).is_none() {
        return;
    }
    let spawner = spawner();
    let sleeper = spawner.spawn(Invocation::new("sleep").arg("300")).await.unwrap();
    let stubborn = "trap '' TERM HUP PIPE; while :; do read -r never </dev/zero; done";
    let stubborn = spawner.spawn(sh(stubborn)).await.unwrap();
    println!("children: {} {}", sleeper.pid(), stubborn.pid());
    std::future::pending::<()>().await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn no_child_outlives_a_server_that_is_killed() {
    #[allow(clippy::disallowed_methods, reason = "this process has to die without its spawner")]
    let mut parent = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "the_parent_to_be_killed", "--nocapture"])
        .env(ACT_AS_PARENT, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(parent.stdout.take().unwrap()).lines();
    let children: Vec<u32> = lines
        .map_while(Result::ok)
        .find_map(|line| {
            let (_, pids) = line.split_once("children: ")?;
            Some(pids.split(' ').map(|pid| pid.parse().unwrap()).collect())
        })
        .unwrap();
    assert_eq!(children.len(), 2);
    assert!(children.iter().all(|pid| runs(*pid)));
    kill_process(pid(parent.id()), Signal::KILL).unwrap();
    parent.wait().unwrap();
    until("the killed parent's children are gone", || !children.iter().any(|pid| runs(*pid))).await;
}
