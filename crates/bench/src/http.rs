//! A viewer's side of HTTP: one kept connection, and when the first byte came.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

/// Nothing here may hang for ever.
const PATIENCE: Duration = Duration::from_secs(30);

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> Result<&str> {
        std::str::from_utf8(&self.body).context("an answer that is no text")
    }
}

/// When an answer came that was not kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fetched {
    pub(crate) status: u16,
    /// The first byte of the body.
    pub(crate) first: Instant,
    /// The last one.
    pub(crate) whole: Instant,
    pub(crate) bytes: u64,
}

/// A connection that is kept; where the server has closed it meanwhile, as it may at
/// any time while nothing is asked, another one takes its place.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
    address: SocketAddr,
    /// It has been answered on before.
    used: bool,
}

/// How a body's end is told.
enum Length {
    Known(usize),
    Chunked,
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream: BufReader::with_capacity(1 << 16, stream), address, used: false })
    }

    pub(crate) fn get(&mut self, path: &str) -> Result<Answer> {
        self.send("GET", path, "")
    }

    pub(crate) fn send(&mut self, method: &str, path: &str, json: &str) -> Result<Answer> {
        let (status, length) = self.answered(method, path, json)?;
        let body = match length {
            Length::Known(bytes) => self.exactly(bytes)?,
            Length::Chunked => self.chunks()?,
        };
        Ok(Answer { status, body })
    }

    /// Asks, reads all of the answer, and keeps nothing of it but when it came.
    pub(crate) fn fetch(&mut self, path: &str) -> Result<Fetched> {
        let (status, length) = self.answered("GET", path, "")?;
        let (mut first, mut bytes) = (None, 0);
        match length {
            Length::Known(length) => {
                first = self.swallow(length)?;
                bytes = length as u64;
            }
            Length::Chunked => loop {
                let length = self.chunk()?;
                let begun = self.swallow(length)?;
                first = first.or(begun);
                bytes += length as u64;
                self.line()?;
                if length == 0 {
                    break;
                }
            },
        }
        let first = first.with_context(|| format!("{path} was answered {status} with nothing"))?;
        Ok(Fetched { status, first, whole: Instant::now(), bytes })
    }

    /// Asks for what has no end, and hands on what comes until `take` wants no more; the
    /// status.
    pub(crate) fn flow(
        mut self,
        path: &str,
        mut take: impl FnMut(&[u8]) -> Result<bool>,
    ) -> Result<u16> {
        let (status, length) = self.answered("GET", path, "")?;
        if status != 200 || matches!(length, Length::Known(_)) {
            return Ok(status);
        }
        loop {
            let bytes = self.chunk()?;
            let chunk = self.exactly(bytes)?;
            self.line()?;
            if bytes == 0 || !take(&chunk)? {
                return Ok(status);
            }
        }
    }

    /// Asks, and reads the answer's head.
    fn answered(&mut self, method: &str, path: &str, json: &str) -> Result<(u16, Length)> {
        let ask = |connection: &mut Self| {
            connection.ask(method, path, json)?;
            connection.head()
        };
        let head = match ask(self) {
            Err(error) if self.used && was_closed(&error) => {
                *self = Self::open(self.address)?;
                ask(self)?
            }
            other => other?,
        };
        self.used = true;
        Ok(head)
    }

    /// Reads so many bytes; when the first of them was there.
    fn swallow(&mut self, mut bytes: usize) -> Result<Option<Instant>> {
        let mut first = None;
        while bytes > 0 {
            let there = self.stream.fill_buf()?.len().min(bytes);
            if there == 0 {
                bail!("the connection was closed in the middle of an answer");
            }
            first = first.or_else(|| Some(Instant::now()));
            self.stream.consume(there);
            bytes -= there;
        }
        Ok(first)
    }

    fn ask(&mut self, method: &str, path: &str, json: &str) -> Result<()> {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\nuser-agent: aerial-bench\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{json}",
            json.len()
        );
        Ok(self.stream.get_mut().write_all(request.as_bytes())?)
    }

    fn head(&mut self) -> Result<(u16, Length)> {
        let first = self.line()?;
        let status = first.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status: u16 = status.with_context(|| format!("no answer but {first:?}"))?;
        let mut length = Length::Known(0);
        loop {
            let line = self.line()?.to_ascii_lowercase();
            if line.is_empty() {
                return Ok((status, length));
            }
            if let Some(bytes) = line.strip_prefix("content-length:") {
                length = Length::Known(bytes.trim().parse()?);
            } else if line.starts_with("transfer-encoding:") {
                length = Length::Chunked;
            }
        }
    }

    fn chunks(&mut self) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let bytes = self.chunk()?;
            body.extend(self.exactly(bytes)?);
            self.line()?;
            if bytes == 0 {
                return Ok(body);
            }
        }
    }

    /// How long the next chunk is.
    fn chunk(&mut self) -> Result<usize> {
        let line = self.line()?;
        Ok(usize::from_str_radix(line.trim(), 16)?)
    }

    fn exactly(&mut self, bytes: usize) -> Result<Vec<u8>> {
        let mut body = vec![0; bytes];
        self.stream.read_exact(&mut body)?;
        Ok(body)
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(io::Error::from(ErrorKind::UnexpectedEof)).context("it was closed");
        }
        Ok(line.trim_end().to_owned())
    }
}

/// Whether the other end had closed it before anything was answered.
pub(crate) fn was_closed(error: &anyhow::Error) -> bool {
    let closed = [ErrorKind::UnexpectedEof, ErrorKind::ConnectionReset, ErrorKind::BrokenPipe];
    error.downcast_ref::<io::Error>().is_some_and(|error| closed.contains(&error.kind()))
}

/// The address that `link` in the text at `base` leads to.
pub(crate) fn resolve(base: &str, link: &str) -> String {
    if link.starts_with('/') {
        return link.to_owned();
    }
    let path = base.split('?').next().unwrap_or(base);
    let mut steps: Vec<&str> = path.split('/').collect();
    steps.pop();
    for step in link.split('/') {
        match step {
            ".." => drop(steps.pop()),
            step => steps.push(step),
        }
    }
    steps.join("/")
}

/// The first line of a playlist that is no tag.
pub(crate) fn first_link(playlist: &str) -> Result<&str> {
    let link = playlist.lines().find(|line| !line.is_empty() && !line.starts_with('#'));
    link.with_context(|| format!("a playlist without an entry: {playlist}"))
}
