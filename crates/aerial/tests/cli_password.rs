//! `aerial password`, as people and scripts run it, and what it is good for.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so best by a panic")]

mod cli_support;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use cli_support::{Home, Server};

/// The status of a request, and what was answered.
fn ask(server: &Server, method: &str, path: &str, head: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(&server.address).unwrap();
    let length = body.len();
    let address = &server.address;
    let request = format!(
        "{method} {path} HTTP/1.0\r\nHost: {address}\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n{head}\r\n{body}"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    (answer.split(' ').nth(1).unwrap().parse().unwrap(), answer)
}

fn sign_in(server: &Server, name: &str, password: &str) -> u16 {
    let body = format!(r#"{{"name":"{name}","password":"{password}"}}"#);
    ask(server, "POST", "/api/v1/session", "", &body).0
}

#[test]
fn a_password_is_set_without_a_server_and_changed_with_one() {
    let home = Home::new();
    let end = home.aerial_with(&["password", "--name", "anna"], "three blind mice\n");
    assert_eq!(end.code, Some(0), "{end:?}");
    let server = home.serve();
    // This machine is no longer trusted by itself, but the command line still works.
    assert_eq!(ask(&server, "POST", "/api/v1/scan", "", "{}").0, 401);
    assert_eq!(sign_in(&server, "anna", "three blind mice"), 200);
    assert_eq!(sign_in(&server, "anna", "three blind mouse"), 401);
    let at = ["--listen", server.address.as_str()];
    let listed = home.aerial(&[&["channel", "list"], &at[..]].concat());
    assert_eq!(listed.code, Some(0), "{listed:?}");
    let end = home.aerial_with(&[&["password"], &at[..]].concat(), "four and twenty\n");
    assert_eq!(end.code, Some(0), "{end:?}");
    assert_eq!(sign_in(&server, "anna", "three blind mice"), 401);
    assert_eq!(sign_in(&server, "anna", "four and twenty"), 200);
}

#[test]
fn what_is_no_password_is_refused() {
    let home = Home::new();
    for (given, said) in [("", "no password"), ("short\n", "at least 8"), ("password\n", "first")] {
        let end = home.aerial_with(&["password"], given);
        assert_eq!(end.code, Some(1), "{end:?}");
        assert!(end.stderr.contains(said), "{end:?}");
    }
}

#[test]
fn no_secret_is_in_the_log() {
    let home = Home::new();
    let server = home.serve_loudly();
    let body = r#"{"password":"three blind mice"}"#;
    let (status, answer) = ask(&server, "PUT", "/api/v1/account/password", "", body);
    assert_eq!(status, 200);
    let after = |text: &str, before: &str| {
        text.split_once(before).unwrap().1.split([';', '"', '\r']).next().unwrap().to_owned()
    };
    let line = answer.lines().find(|line| line.starts_with("set-cookie: ")).unwrap();
    let pair = after(line, "set-cookie: ");
    let cookie = pair.split_once('=').unwrap().1;
    let head = format!("Cookie: {pair}\r\n");
    let secrets: Vec<String> = ["api", "stream"]
        .map(|kind| {
            let body = format!(r#"{{"name":"x","kind":"{kind}"}}"#);
            let (status, answer) = ask(&server, "POST", "/api/v1/tokens", &head, &body);
            assert_eq!(status, 201, "{answer}");
            after(&answer, "\"secret\":\"")
        })
        .into();
    assert_eq!(ask(&server, "GET", &format!("/t/{}/channels.m3u", secrets[1]), "", "").0, 200);
    assert_eq!(ask(&server, "GET", &format!("/t/{}/nothing", secrets[1]), "", "").0, 404);
    // Nor where a path is not what it should be.
    for path in ["/t/{}", "/elsewhere/t/{}/channels.m3u", "/t/x/t/{}", "/%74/{}/channels.m3u"] {
        ask(&server, "GET", &path.replace("{}", &secrets[1]), "", "");
    }
    let head = format!("Authorization: Bearer {}\r\n", secrets[0]);
    assert_eq!(ask(&server, "GET", "/api/v1/channels", &head, "").0, 200);
    sign_in(&server, "admin", "four and twenty mice");
    let log = server.ended();
    assert!(log.contains("the code "), "the code is meant to be there: {log}");
    assert!(log.contains("/channels.m3u"), "requests are logged: {log}");
    let said = ["three blind mice", "four and twenty mice", cookie, &secrets[0], &secrets[1]];
    for secret in said {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}
