//! Finding FFmpeg and trying it, with the real one and with broken ones.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so best by a panic")]

use std::path::{Path, PathBuf};

use aerial::config;
use aerial::doctor::{self, Severity};
use aerial::ffmpeg::selftest::{self, Chain, Verdict};
use aerial::ffmpeg::{DiscoverError, Ffmpeg, Spawner};

fn spawner() -> Spawner {
    Spawner::new(env!("CARGO_BIN_EXE_aerial")).unwrap()
}

/// A folder with an `ffmpeg` that does this, and an `ffprobe` that is fine.
fn programs(ffmpeg: &str) -> (tempfile::TempDir, config::Ffmpeg) {
    let folder = tempfile::tempdir().unwrap();
    let ffmpeg = script(folder.path(), "ffmpeg", ffmpeg);
    script(folder.path(), "ffprobe", "exec ffprobe \"$@\"");
    let settings = config::Ffmpeg { path: Some(ffmpeg), ..config::Ffmpeg::default() };
    (folder, settings)
}

fn script(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    // Another process writes it: a file that this one has open for writing, and
    // so for a moment each child that another test starts, cannot be run.
    #[allow(clippy::disallowed_methods, reason = "the test makes programs for the server to run")]
    let written = std::process::Command::new("sh")
        .args(["-c", "printf '#!/bin/sh\\n%s\\n' \"$2\" >\"$1\" && chmod 755 \"$1\"", "sh"])
        .args([path.as_os_str(), text.as_ref()])
        .status()
        .unwrap();
    assert!(written.success());
    path
}

async fn discover(ffmpeg: &str) -> Result<Ffmpeg, DiscoverError> {
    let (_folder, settings) = programs(ffmpeg);
    Ffmpeg::discover(&settings, &spawner()).await
}

/// Lists what the real one lists, and does nothing of it.
const ONLY_LISTS: &str = "case \"$*\" in *-version|*-filters|*-encoders) exec ffmpeg \"$@\";; esac
echo 'Cannot load libx264' >&2; exit 1";

#[tokio::test]
async fn the_installed_ffmpeg_is_found_and_works() {
    let spawner = spawner();
    let ffmpeg = Ffmpeg::discover(&config::Ffmpeg::default(), &spawner).await.unwrap();
    assert!(ffmpeg.ffmpeg.is_absolute());
    assert!(!ffmpeg.version.is_empty());
    assert!(ffmpeg.lists_encoder("libx264") && ffmpeg.has_filter("bwdif"));
    let folder = tempfile::tempdir().unwrap();
    for height in ["144", "720"] {
        let mut settings = config::Settings::default();
        settings.stream.height = height.parse().unwrap();
        let chain = Chain::of(&settings);
        let verdict = selftest::try_software(&ffmpeg, &spawner, &chain, folder.path()).await;
        assert!(matches!(verdict, Verdict::Works(_)), "{verdict:?}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    for (container, verdict) in selftest::try_containers(&ffmpeg, &spawner, folder.path()).await {
        assert!(matches!(verdict, Verdict::Works(_)), "{container}: {verdict:?}");
    }
    assert_eq!(spawner.living(), 0);
}

#[tokio::test]
async fn a_program_that_is_no_ffmpeg_is_refused() {
    let error = discover("echo Usage: something else").await.unwrap_err().to_string();
    assert!(error.contains("does not print a version"), "{error}");
    let error = discover("echo 'libx264.so.164: not found' >&2; exit 127").await.unwrap_err();
    let error = error.to_string();
    assert!(error.contains("libx264.so.164: not found"), "{error}");
}

#[tokio::test]
async fn what_a_build_lacks_is_named() {
    let script = "exec ffmpeg \"$@\" | sed -e '/libx264/d' -e '/ tpad /d'";
    let script = format!("case \"$*\" in *-version) exec ffmpeg \"$@\";; esac\n{}", &script[5..]);
    let error = discover(&script).await.unwrap_err().to_string();
    assert!(error.contains("the encoder libx264, the filter tpad"), "{error}");
    assert!(error.contains("install"), "{error}");
}

#[tokio::test]
async fn an_encoder_that_is_listed_and_does_not_work_is_a_fault() {
    let (folder, ffmpeg) = programs(ONLY_LISTS);
    let mut settings = config::Settings { ffmpeg, ..config::Settings::default() };
    settings.server.listen = "127.0.0.1:0".parse().unwrap();
    settings.server.data = folder.path().to_owned();
    let report = doctor::examine(&settings, None, &spawner()).await;
    assert!(!report.can_serve(), "{report}");
    let fault = report.0.iter().find(|finding| finding.severity == Severity::Fault).unwrap();
    assert!(fault.text.contains("Cannot load libx264"), "{report}");
}

#[tokio::test]
async fn an_encoder_that_writes_something_else_does_not_count_as_working() {
    let liar = ONLY_LISTS.replace("echo 'Cannot load libx264' >&2; exit 1", "echo fine");
    let (_folder, settings) = programs(&liar);
    let spawner = spawner();
    let ffmpeg = Ffmpeg::discover(&settings, &spawner).await.unwrap();
    let chain = Chain::of(&config::Settings::default());
    let folder = tempfile::tempdir().unwrap();
    let verdict = selftest::try_software(&ffmpeg, &spawner, &chain, folder.path()).await;
    assert!(matches!(verdict, Verdict::Fails(_)), "{verdict:?}");
}
