//! A request's head, looked at strictly before anything reads it.
//!
//! Owns what is let through (RFC 9112). A proxy before this server must read every head
//! as it does, else a request could be hidden in another one's body; so whatever two
//! programs could read in two ways is refused. Knows no socket.

/// How the end of a request's body is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// It has so many bytes.
    Length(u64),
    /// In chunks.
    Chunked,
}

/// Looks at a head, up to and with its empty line.
///
/// # Errors
/// What is wrong with it.
pub(super) fn look(head: &[u8]) -> Result<Framing, &'static str> {
    let text = head.strip_suffix(b"\r\n\r\n").ok_or("no empty line at its end")?;
    let mut lines = split(text)?.into_iter();
    let modern = request_line(lines.next().unwrap_or_default())?;
    let (mut length, mut chunked, mut hosts) = (None, false, 0);
    for line in lines {
        let (name, value) = field(line)?;
        if name.eq_ignore_ascii_case(b"content-length") {
            if length.replace(number(value)?).is_some() {
                return Err("two lengths");
            }
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            if std::mem::replace(&mut chunked, true) || !value.eq_ignore_ascii_case(b"chunked") {
                return Err("a transfer coding other than `chunked`");
            }
        } else if name.eq_ignore_ascii_case(b"host") {
            hosts += 1;
        }
    }
    match (length, chunked, modern, hosts) {
        (_, _, _, 2..) => Err("two hosts"),
        (_, _, true, 0) => Err("no host"),
        (Some(_), true, _, _) => Err("a length and chunks"),
        (_, true, false, _) => Err("chunks in HTTP/1.0"),
        (_, true, true, _) => Ok(Framing::Chunked),
        (length, false, _, _) => Ok(Framing::Length(length.unwrap_or(0))),
    }
}

/// Lines end with both characters, and neither stands alone.
fn split(text: &[u8]) -> Result<Vec<&[u8]>, &'static str> {
    let mut lines = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
        match rest[at..] {
            [b'\r', b'\n', ..] => {
                lines.push(&rest[..at]);
                rest = &rest[at + 2..];
            }
            _ => return Err("a line that does not end as it must"),
        }
    }
    lines.push(rest);
    Ok(lines)
}

/// Whether it is of HTTP/1.1.
fn request_line(line: &[u8]) -> Result<bool, &'static str> {
    let mut parts = line.split(|byte| *byte == b' ');
    let parts = (parts.next(), parts.next(), parts.next(), parts.next());
    let (Some(method), Some(target), Some(version), None) = parts else {
        return Err("a request line that is none");
    };
    let named = !method.is_empty() && method.iter().all(|byte| is_token(*byte));
    let visible = !target.is_empty() && target.iter().all(|byte| *byte > b' ' && *byte != 0x7f);
    match version {
        _ if !named || !visible => Err("a request line that is none"),
        b"HTTP/1.1" => Ok(true),
        b"HTTP/1.0" => Ok(false),
        _ => Err("another version of HTTP"),
    }
}

fn field(line: &[u8]) -> Result<(&[u8], &[u8]), &'static str> {
    let colon = line.iter().position(|byte| *byte == b':').ok_or("a field without a colon")?;
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    // A folded line begins with a blank, and a blank before the colon is as bad.
    if name.is_empty() || !name.iter().all(|byte| is_token(*byte)) {
        return Err("a field whose name is none");
    }
    Ok((name, value.trim_ascii()))
}

fn number(value: &[u8]) -> Result<u64, &'static str> {
    let wrong = "a length that is no number";
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return Err(wrong);
    }
    std::str::from_utf8(value).ok().and_then(|text| text.parse().ok()).ok_or(wrong)
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looked(lines: &str) -> Result<Framing, &'static str> {
        look(format!("{lines}\r\n\r\n").as_bytes())
    }

    #[test]
    fn what_players_and_programs_send_is_let_through() {
        for (lines, framing) in [
            ("GET / HTTP/1.1\r\nHost: a", Framing::Length(0)),
            ("GET /a?b=%20 HTTP/1.0", Framing::Length(0)),
            ("HEAD * HTTP/1.1\r\nhost:a\r\nX:\r\nAccept: */*;q=0.1", Framing::Length(0)),
            ("POST / HTTP/1.1\r\nHost: a\r\ncontent-length:  12 ", Framing::Length(12)),
            ("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked", Framing::Chunked),
        ] {
            assert_eq!(looked(lines), Ok(framing), "{lines}");
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        let host = "GET / HTTP/1.1\r\nHost: a\r\n";
        for fields in [
            "Content-Length: 5\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: chunked\r\nContent-Length: 5",
            "Content-Length: 5\r\nContent-Length: 5",
            "Content-Length: 5\r\nContent-Length: 6",
            "Content-Length: 5, 5",
            "Content-Length: +5",
            "Content-Length: 0x5",
            "Content-Length:",
            "Content-Length: 99999999999999999999",
            "Content-Length : 5",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: gzip, chunked",
            "Transfer-Encoding: xchunked",
            "Transfer-Encoding:\u{b}chunked",
            "A: b\r\n c: d",
            "A: b\r\n\tfolded",
            "A: b\nContent-Length: 5",
            "A: b\rContent-Length: 5",
            "A: b\0",
            "A b",
            ": b",
            "Host: b",
        ] {
            assert!(looked(&format!("{host}{fields}")).is_err(), "{fields:?}");
        }
        for lines in [
            "GET / HTTP/1.1",
            "GET  / HTTP/1.1\r\nHost: a",
            "GET / HTTP/1.1 \r\nHost: a",
            "GET / HTTP/2.0\r\nHost: a",
            "GET /\r\nHost: a",
            "G(T / HTTP/1.1\r\nHost: a",
            "GET /a b HTTP/1.1\r\nHost: a",
            "POST / HTTP/1.0\r\nTransfer-Encoding: chunked",
            "",
        ] {
            assert!(looked(lines).is_err(), "{lines:?}");
        }
    }
}
