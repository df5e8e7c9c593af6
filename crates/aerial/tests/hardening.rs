//! What is sent to harm: each gets its 4xx or a cut connection, of the real server over
//! a real socket, and the server goes on.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so best by a panic")]

mod cli_support;

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use cli_support::{Home, Server};

/// What comes back of these bytes, until the server closes.
fn answer(server: &Server, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(&server.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    // A server that has heard enough may close before all is sent.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        Err(error) => panic!("{error} after {}", String::from_utf8_lossy(&answer)),
    }
    String::from_utf8_lossy(&answer).into_owned()
}

/// The statuses in it; none where the connection was cut.
fn statuses(answer: &str) -> Vec<u16> {
    let lines = answer.split("HTTP/1.").skip(1);
    lines.filter_map(|line| line.get(2..5)?.parse().ok()).collect()
}

fn is_well(server: &Server) {
    let well = answer(server, b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n");
    assert_eq!(statuses(&well), [200], "{well}");
}

#[test]
fn smuggled_requests_are_refused_with_all_that_follows() {
    let home = Home::new();
    let server = home.serve();
    let hidden = "GET /hidden HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let post = "POST /api/v1/session HTTP/1.1\r\nHost: localhost\r\n\
                Content-Type: application/json\r\n";
    for fields in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        "Content-Length: 0\r\nContent-Length: 44\r\n\r\n",
        "Content-Length: 0\r\nContent-Length: 0\r\n\r\n",
        "Content-Length: 0, 0\r\n\r\n",
        "Content-Length: +0\r\n\r\n",
        "Content-Length : 0\r\n\r\n",
        "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: identity\r\n\r\n",
        "X: a\r\n b\r\n\r\n",
        "X: a\n\n",
        "X: a\nContent-Length: 0\r\n\r\n",
        "X: a\rContent-Length: 0\r\n\r\n",
        "X: \0\r\n\r\n",
        "Host: other\r\n\r\n",
    ] {
        let told = answer(&server, format!("{post}{fields}{hidden}").as_bytes());
        assert_eq!(statuses(&told), [400], "{fields:?}: {told}");
        assert!(!told.contains("hidden"), "{fields:?}: {told}");
    }
    // Nor is anything answered behind chunks, whose end others may see elsewhere.
    let chunks = format!("{post}Transfer-Encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n{hidden}");
    let told = answer(&server, chunks.as_bytes());
    assert_eq!(statuses(&told), [422], "{told}");
    is_well(&server);
}

#[test]
fn what_is_no_request_is_refused() {
    let home = Home::new();
    let server = home.serve();
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"[..],
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: a\r\n\r\n",
        b"GET /\xff HTTP/1.0\r\nHost: a\r\n\r\n",
    ] {
        let told = answer(&server, bytes);
        let refused = statuses(&told).iter().all(|status| (400..500).contains(status));
        assert!(refused, "{bytes:?}: {told}");
        assert!(!told.contains("200"), "{bytes:?}: {told}");
    }
    is_well(&server);
}

#[test]
fn what_is_too_large_is_refused() {
    let home = Home::new();
    let server = home.serve();
    let long = "a".repeat(40_000);
    let many = "A: b\r\n".repeat(200);
    for head in [
        format!("GET /{long} HTTP/1.1\r\nHost: a\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: a\r\nCookie: {long}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: a\r\n{many}\r\n"),
    ] {
        let told = answer(&server, head.as_bytes());
        assert!(matches!(statuses(&told)[..], [] | [414 | 431]), "{told}");
    }
    for path in ["/api/v1/session", "/api/v1/channels"] {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Content-Length: 104857600\r\n\r\n"
        );
        let told = answer(&server, head.as_bytes());
        assert_eq!(statuses(&told), [413], "{path}: {told}");
    }
    is_well(&server);
}

#[test]
fn paths_that_lead_out_lead_nowhere() {
    let home = Home::new();
    let server = home.serve();
    for path in [
        "/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/assets/../../../../etc/passwd",
        "/assets/..%2f..%2f..%2fetc%2fpasswd",
        "/assets/%2e%2e%5c%2e%2e%5cetc%5cpasswd",
        "//etc/passwd",
        "/logos/uploaded/..%2f..%2fcatalogue.sqlite",
        "/logos/uploaded/../../key",
        "/logos/..%2f..%2fkey.png",
        "/stream/..%2f..%2fkey.ts",
        "/t/../key/channels.m3u",
        "/t/..%2f..%2fkey/",
        "/api/v1/media/..%2f..%2fkey/thumbnail.jpg",
        "/assets/%00",
    ] {
        let told = answer(
            &server,
            format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                .as_bytes(),
        );
        let status = statuses(&told);
        assert!(matches!(status[..], [400..500]), "{path}: {told}");
        assert!(!told.contains("root:") && !told.contains("SQLite"), "{path}: {told}");
    }
    is_well(&server);
}
