//! What a process in the sandbox can and cannot do, with real processes.
//!
//! What the kernel lacks is no failure here, but then it must be told: whatever is said
//! to be closed is tried with other programs than the server's own.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so best by a panic")]
#![cfg(target_os = "linux")]

use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::Duration;

use aerial::config::Sandbox;
use aerial::ffmpeg::sandbox::trial::{self, Holds};
use aerial::ffmpeg::{Invocation, Output, RunLimits, Spawner};

const LIMITS: RunLimits = RunLimits { time: Duration::from_secs(30), stdout_bytes: 1 << 20 };

fn spawner(sandbox: Sandbox) -> Spawner {
    Spawner::sandboxed(env!("CARGO_BIN_EXE_aerial"), sandbox).unwrap()
}

/// What the server's own program finds; in tests that is not the one that runs.
async fn holds(spawner: &Spawner, folder: &Path) -> Holds {
    trial::examine_with(spawner, env!("CARGO_BIN_EXE_aerial").as_ref(), folder).await
}

async fn run(spawner: &Spawner, invocation: Invocation) -> Output {
    spawner.run_to_end(invocation, LIMITS).await.unwrap()
}

fn sh(script: &str) -> Invocation {
    Invocation::new("sh").arg("-c").arg(script)
}

#[tokio::test]
async fn what_is_said_to_be_closed_is() {
    let folder = tempfile::tempdir().unwrap();
    let spawner = spawner(Sandbox::Auto);
    let holds = holds(&spawner, folder.path()).await;
    assert!(holds.all() || holds.reason.is_some(), "{holds:?}");
    let at = |name: &str| folder.path().join(name);
    for name in ["given", "secret", "kept"] {
        std::fs::write(at(name), name).unwrap();
    }
    let read = |name: &str| sh(&format!("cat '{}'", at(name).display())).reads(at("given"));
    assert_eq!(&run(&spawner, read("given")).await.stdout[..], b"given");
    assert_eq!(run(&spawner, read("secret")).await.exit.is_success(), !holds.reading);
    let write = |name: &str| sh(&format!("echo x >'{}'", at(name).display())).writes(at("out"));
    assert!(run(&spawner, write("out")).await.exit.is_success());
    assert_eq!(std::fs::read_to_string(at("out")).unwrap(), "x\n");
    for name in ["kept", "new"] {
        assert_eq!(run(&spawner, write(name)).await.exit.is_success(), !holds.writing, "{name}");
    }
    let kept = std::fs::read_to_string(at("kept")).unwrap();
    assert_eq!(kept == "kept", holds.writing);
    spawner.shut_down().await;
}

#[tokio::test]
async fn a_captured_ffmpeg_reaches_no_network_and_not_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let spawner = spawner(Sandbox::Auto);
    let holds = holds(&spawner, folder.path()).await;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let outside = Invocation::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-f", "lavfi", "-i", "sine=duration=0.1", "-f", "mpegts"])
        .arg(format!("tcp://127.0.0.1:{port}"));
    let output = run(&spawner, outside).await;
    assert_eq!(listener.accept().is_err(), holds.network, "{}", output.stderr);
    // A service of the machine itself is as far away, but for who drives a device.
    let service = folder.path().join("service");
    let listener = UnixListener::bind(&service).unwrap();
    listener.set_nonblocking(true).unwrap();
    for drives in [false, true] {
        let inside = Invocation::new("ffmpeg")
            .args(["-nostdin", "-v", "error", "-f", "lavfi", "-i", "sine=duration=0.1"])
            .args(["-f", "mpegts"])
            .arg(format!("unix:{}", service.display()))
            .drives_devices(drives);
        let output = run(&spawner, inside).await;
        let is_closed = holds.network && !drives;
        assert_eq!(listener.accept().is_err(), is_closed, "{drives}: {}", output.stderr);
    }
    if holds.reading {
        // Its variables may hold secrets; the sandbox's own may be read.
        let server = std::process::id();
        let script = format!("cat /proc/{server}/environ || kill -0 {server}");
        assert!(!run(&spawner, sh(&script)).await.exit.is_success());
    }
    spawner.shut_down().await;
}

#[tokio::test]
async fn ffmpeg_works_in_the_sandbox_with_files_of_odd_names() {
    let folder = tempfile::tempdir().unwrap();
    let spawner = spawner(Sandbox::Auto);
    for name in ["-i.mkv", "http:film.mkv", "a 'film'.mkv"] {
        let file = folder.path().join(name);
        let make = Invocation::new("ffmpeg")
            .args(["-nostdin", "-v", "error", "-y", "-f", "lavfi", "-i", "testsrc2=duration=0.2"])
            .args(["-c:v", "libx264", "-preset", "ultrafast"])
            .arg(aerial_model::probe::input(&file))
            .writes(&file)
            .without_stdout();
        let made = run(&spawner, make).await;
        assert!(made.exit.is_success(), "{name}: {}", made.stderr);
        let link = folder.path().join(format!("link to {name}"));
        std::os::unix::fs::symlink(&file, &link).unwrap();
        let ask = Invocation::new("ffprobe")
            .args(["-v", "error", "-protocol_whitelist", "file,pipe"])
            .args(["-show_entries", "stream=codec_name", "-of", "csv=p=0", "-i"])
            .arg(aerial_model::probe::input(&link))
            .reads(&link);
        let asked = run(&spawner, ask).await;
        assert_eq!(&asked.stdout[..], b"h264\n", "{name}: {}", asked.stderr);
    }
    spawner.shut_down().await;
}

#[tokio::test]
async fn limits_hold_with_and_without_a_sandbox() {
    for sandbox in [Sandbox::Auto, Sandbox::Off] {
        let spawner = spawner(sandbox);
        let output = run(&spawner, sh("ulimit -c; ulimit -n; ulimit -v; ulimit -f")).await;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let limits: Vec<u64> = text.lines().map(|line| line.parse().unwrap()).collect();
        assert_eq!(limits[0], 0);
        assert!(limits[1] <= 1_024 && limits[2] <= 16 << 20, "{text}");
        // In blocks of 512 or 1024 bytes.
        assert!(limits[3] <= 2 << 20, "{text}");
        spawner.shut_down().await;
    }
}

#[tokio::test]
async fn without_a_sandbox_nothing_is_claimed() {
    let folder = tempfile::tempdir().unwrap();
    let spawner = spawner(Sandbox::Off);
    let holds = holds(&spawner, folder.path()).await;
    assert!(!holds.reading && !holds.writing && !holds.network, "{holds:?}");
    assert!(holds.told().contains("`ffmpeg.sandbox` is off"), "{}", holds.told());
    spawner.shut_down().await;
}
