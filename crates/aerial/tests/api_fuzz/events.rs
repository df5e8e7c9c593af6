//! What a listener is told meanwhile: every event is one that the document describes.

use std::io::{BufRead, BufReader, ErrorKind, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::conform;
use crate::document::Document;

const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// Listens until then; how many events there were, and what of them was not as it
/// should be.
pub(crate) fn heard(
    document: &Document,
    (address, key): (&str, &str),
    until: Instant,
) -> (usize, Vec<String>) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LOOK_AGAIN)).unwrap();
    let head = format!(
        "GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let (mut lines, mut line) = (BufReader::new(stream), Vec::new());
    let (mut events, mut faults) = (0, Vec::new());
    let schema = json!({ "$ref": "#/components/schemas/Event" });
    while Instant::now() < until {
        match lines.read_until(b'\n', &mut line) {
            Ok(0) => {
                faults.push("the stream of events ended".to_owned());
                break;
            }
            Ok(_) => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                continue;
            }
            Err(error) => {
                faults.push(format!("the stream of events: {error}"));
                break;
            }
        }
        if let Some(data) = line.strip_prefix(b"data: ") {
            events += 1;
            let event: Value = serde_json::from_slice(data).unwrap_or_default();
            let odd = conform::faults(document, &schema, &event);
            if !odd.is_empty() && faults.len() < 5 {
                faults.push(format!("the event {event}\n  {}", odd.join("\n  ")));
            }
        }
        line.clear();
    }
    (events, faults)
}
