//! A client that sends exactly what it is told to, over a real socket.

use std::io::{self, BufRead, BufReader, ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::generate::Request;

/// No answer of the API takes this long, however busy the machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where somebody signs in and out.
const SESSION: &str = "/api/v1/session";

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Names in small letters.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) took: Duration,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// Name and secret of the cookie that it sets.
    fn cookie(&self) -> Option<(&str, &str)> {
        self.header("set-cookie")?.split(';').next()?.split_once('=')
    }

    /// Without its parameters.
    pub(crate) fn content_type(&self) -> &str {
        self.header("content-type").unwrap_or_default().split(';').next().unwrap_or_default().trim()
    }
}

/// A client that keeps its connection while the server does, and its cookie, as a browser
/// does. The cookie is shown where somebody signs in or out, the key everywhere else, so
/// that all may be asked whoever set the password last.
#[derive(Debug)]
pub(crate) struct Client {
    address: String,
    key: String,
    /// `NAME=SECRET`, of who signed in.
    cookie: Option<String>,
    connection: Option<BufReader<TcpStream>>,
}

impl Client {
    pub(crate) fn new(address: &str, key: &str) -> Self {
        Self { address: address.to_owned(), key: key.to_owned(), cookie: None, connection: None }
    }

    /// Sends it; what came of it.
    ///
    /// # Errors
    /// There was no whole answer.
    pub(crate) fn ask(&mut self, request: &Request) -> io::Result<Answer> {
        let began = Instant::now();
        let kept = self.connection.is_some();
        match self.ask_once(request, began) {
            // A kept connection may have been closed while nobody looked.
            Err(error) if kept && error.kind() != ErrorKind::WouldBlock => {
                self.connection = None;
                self.ask_once(request, began)
            }
            other => other,
        }
    }

    fn ask_once(&mut self, request: &Request, began: Instant) -> io::Result<Answer> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => {
                let stream = TcpStream::connect(&self.address)?;
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                BufReader::new(stream)
            }
        };
        let credential = match &self.cookie {
            Some(cookie) if request.path() == SESSION => format!("Cookie: {cookie}"),
            _ => format!("Authorization: Bearer {}", self.key),
        };
        let mut bytes = format!(
            "{} {} HTTP/1.1\r\nHost: localhost\r\n{credential}\r\n",
            request.method, request.target
        );
        if let Some(content_type) = &request.content_type {
            bytes.push_str(&format!("Content-Type: {content_type}\r\n"));
        }
        if !request.body.is_empty() || request.method != "GET" {
            bytes.push_str(&format!("Content-Length: {}\r\n", request.body.len()));
        }
        bytes.push_str("\r\n");
        let mut bytes = bytes.into_bytes();
        bytes.extend(&request.body);
        // It may be refused before all of it is sent.
        let _ = connection.get_mut().write_all(&bytes);
        let (status, headers) = head(&mut connection)?;
        let mut answer = Answer { status, headers, body: Vec::new(), took: began.elapsed() };
        // What has no end is not waited for.
        if answer.content_type() == "text/event-stream" {
            return Ok(answer);
        }
        let bare = request.method == "HEAD" || matches!(status, 204 | 304);
        if answer.header("transfer-encoding") == Some("chunked") && !bare {
            answer.body = chunks(&mut connection)?;
        } else if !bare {
            let length = answer.header("content-length").and_then(|text| text.parse().ok());
            answer.body = vec![0; length.unwrap_or(0)];
            connection.read_exact(&mut answer.body)?;
        }
        answer.took = began.elapsed();
        if let Some((name, secret)) = answer.cookie() {
            self.cookie = (!secret.is_empty()).then(|| format!("{name}={secret}"));
        }
        if answer.header("connection") != Some("close") {
            self.connection = Some(connection);
        }
        Ok(answer)
    }
}

type Head = (u16, Vec<(String, String)>);

fn head(connection: &mut BufReader<TcpStream>) -> io::Result<Head> {
    let first = line(connection)?;
    let status = first.split(' ').nth(1).and_then(|status| status.parse().ok());
    let odd = || io::Error::new(ErrorKind::InvalidData, format!("no status in {first:?}"));
    let status = status.ok_or_else(odd)?;
    let mut headers = Vec::new();
    loop {
        let line = line(connection)?;
        match line.split_once(':') {
            Some((name, value)) => {
                headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
            }
            None => return Ok((status, headers)),
        }
    }
}

fn chunks(connection: &mut BufReader<TcpStream>) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let length = line(connection)?;
        let odd = |_| io::Error::new(ErrorKind::InvalidData, format!("a chunk of {length:?}"));
        let length = usize::from_str_radix(length.trim(), 16).map_err(odd)?;
        let from = body.len();
        body.resize(from + length, 0);
        connection.read_exact(&mut body[from..])?;
        line(connection)?;
        if length == 0 {
            return Ok(body);
        }
    }
}

fn line(connection: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut line = String::new();
    match connection.read_line(&mut line)? {
        0 => Err(ErrorKind::UnexpectedEof.into()),
        _ => Ok(line.trim_end().to_owned()),
    }
}
