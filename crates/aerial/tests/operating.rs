//! What whoever runs a server rests on: its log as programs read it, and its limits.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so best by a panic")]

mod cli_support;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use cli_support::{Home, Server};
use serde_json::Value;

/// The answer to a GET with this request id.
fn get(server: &Server, path: &str, id: &str) -> String {
    let mut stream = TcpStream::connect(&server.address).unwrap();
    let head = format!("GET {path} HTTP/1.0\r\nHost: localhost\r\nX-Request-Id: {id}\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn answered_id(answer: &str) -> &str {
    let line = answer.lines().find_map(|line| line.strip_prefix("x-request-id: "));
    line.unwrap_or_else(|| panic!("{answer}"))
}

#[test]
fn the_log_is_json_for_programs_and_each_line_of_a_request_bears_its_id() {
    let home = Home::new();
    let variables = [("AERIAL_LOG_FORMAT", "json"), ("RUST_LOG", "info,tower_http=debug")];
    let server = home.serve_as(&variables, None);
    let good = get(&server, "/api/v1/channels?cursor=private", "it-is.mine:7");
    assert_eq!(answered_id(&good), "it-is.mine:7", "{good}");
    // What is no id would break the log of whoever reads it by line or field.
    let bad = get(&server, "/healthz", "a b\"c{d}");
    let made = answered_id(&bad).to_owned();
    assert_eq!(made.len(), 36, "{bad}");
    let log = server.ended();
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    assert!(lines.iter().any(|line| line["message"] == "listening"), "{log}");
    for line in &lines {
        for field in ["timestamp", "level", "target", "message"] {
            assert!(line[field].is_string(), "{field}: {line}");
        }
    }
    for (id, path) in [("it-is.mine:7", "/api/v1/channels"), (&made, "/healthz")] {
        let of_request: Vec<&Value> =
            lines.iter().filter(|line| line["span"]["id"] == id).collect();
        assert!(!of_request.is_empty(), "{id}: {log}");
        for line in of_request {
            assert_eq!(line["span"]["path"], path);
            assert_eq!(line["span"]["method"], "GET");
        }
    }
    assert!(!log.contains("private"), "{log}");
}

#[test]
fn as_many_files_may_be_open_as_the_system_lets_be() {
    let home = Home::new();
    let server = home.serve_as(&[], Some(300));
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", server.pid())).unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let fields: Vec<&str> = line.split_ascii_whitespace().skip(3).collect();
    let [soft, hard] = [fields[0], fields[1]];
    assert_ne!(soft, "300", "{line}");
    if hard != "unlimited" && hard.parse::<u64>().unwrap() <= 1 << 20 {
        assert_eq!(soft, hard, "{line}");
    }
    let log = server.ended();
    assert!(log.contains("files that may be open"), "{log}");
}
