//! The program as people and scripts meet it: words and exit codes.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so best by a panic")]

use std::process::Output;

fn aerial(args: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = assert_cmd::Command::cargo_bin("aerial").unwrap();
    command.env_remove("RUST_LOG");
    command.args(args).envs(variables.iter().copied()).output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn help_and_version_go_to_stdout() {
    let help = aerial(&["--help"], &[]);
    assert_eq!(help.status.code(), Some(0));
    let text = String::from_utf8(help.stdout).unwrap();
    for command in ["serve", "demo", "scan", "doctor", "health", "settings", "channel"] {
        assert!(text.contains(command), "{text}");
    }
    let version = aerial(&["--version"], &[]);
    let expected = format!("aerial {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(String::from_utf8(version.stdout).unwrap(), expected);
}

#[test]
fn wrong_use_is_code_2() {
    for args in [&[][..], &["sevre"], &["serve", "--lisen", "x"], &["serve", "--listen", "8400"]] {
        let output = aerial(args, &[]);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", stderr(&output));
    }
    let name = stderr(&aerial(&["serve", "--listen", "localhost:8400"], &[]));
    assert!(name.contains("write it as 127.0.0.1:8400"), "{name}");
}

#[test]
fn a_settings_file_with_an_unknown_key_stops_the_start_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("aerial.toml");
    std::fs::write(&path, "[stream]\ngrace = \"5s\"\ngrcae = \"6s\"\n").unwrap();
    let path = path.to_str().unwrap();
    for (args, variables) in
        [(&["serve", "--config", path][..], &[][..]), (&["serve"], &[("AERIAL_CONFIG", path)])]
    {
        let output = aerial(args, variables);
        assert_eq!(output.status.code(), Some(2));
        let expected = format!(
            "aerial: {path}:3: unknown field `grcae`, expected one of `grace`, `height`, `ladder`, `encodes`\n"
        );
        assert_eq!(stderr(&output), expected);
    }
}

#[test]
fn a_wrong_variable_stops_the_start_with_its_name() {
    let output = aerial(&["serve"], &[("AERIAL_STREAM_GRACE", "soon")]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("the variable AERIAL_STREAM_GRACE: `soon` is no duration"));
}

#[test]
fn a_wrong_log_filter_stops_the_start() {
    let output = aerial(&["serve", "--no-keeper"], &[("RUST_LOG", "aerial=loud")]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("the variable RUST_LOG"), "{}", stderr(&output));
}

#[test]
fn the_shim_is_not_for_people() {
    let output = aerial(&["__exec", "sh"], &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("not for people"));
}

#[test]
fn what_the_program_says_of_itself_is_said_with_wrong_settings_too() {
    let wrong = [("AERIAL_STREAM_GRACE", "soon")];
    let settings = aerial(&["settings"], &wrong);
    assert_eq!(settings.status.code(), Some(0), "{}", stderr(&settings));
    assert!(String::from_utf8(settings.stdout).unwrap().contains("\n[stream]\n"));
    for shell in ["bash", "zsh", "fish"] {
        let script = aerial(&["completions", shell], &wrong);
        assert_eq!(script.status.code(), Some(0), "{}", stderr(&script));
        assert!(String::from_utf8(script.stdout).unwrap().contains("doctor"));
    }
    assert_eq!(aerial(&["completions", "nosh"], &[]).status.code(), Some(2));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let refused = aerial(&["man", file.to_str().unwrap()], &[]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("cannot write the manual to"), "{}", stderr(&refused));
}
