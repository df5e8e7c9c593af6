//! A viewer's side of HTTP: one kept connection, and when the first byte came.

use std::io::{BufRead, BufReader, Read, Write as _};
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

/// A connection that is kept.
#[derive(Debug)]
pub(crate) struct Connection(BufReader<TcpStream>);

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
        Ok(Self(BufReader::with_capacity(1 << 16, stream)))
    }

    pub(crate) fn get(&mut self, path: &str) -> Result<Answer> {
        self.send("GET", path, "")
    }

    pub(crate) fn send(&mut self, method: &str, path: &str, json: &str) -> Result<Answer> {
        self.ask(method, path, json)?;
        let (status, length) = self.head()?;
        let body = match length {
            Length::Known(bytes) => self.exactly(bytes)?,
            Length::Chunked => self.chunks()?,
        };
        Ok(Answer { status, body })
    }

    /// Asks, reads all of the answer, and keeps nothing of it but when it came.
    pub(crate) fn fetch(&mut self, path: &str) -> Result<Fetched> {
        self.ask("GET", path, "")?;
        let (status, length) = self.head()?;
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

    /// Reads so many bytes; when the first of them was there.
    fn swallow(&mut self, mut bytes: usize) -> Result<Option<Instant>> {
        let mut first = None;
        while bytes > 0 {
            let there = self.0.fill_buf()?.len().min(bytes);
            if there == 0 {
                bail!("the connection was closed");
            }
            first = first.or_else(|| Some(Instant::now()));
            self.0.consume(there);
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
        Ok(self.0.get_mut().write_all(request.as_bytes())?)
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
        self.0.read_exact(&mut body)?;
        Ok(body)
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        if self.0.read_line(&mut line)? == 0 {
            bail!("the connection was closed");
        }
        Ok(line.trim_end().to_owned())
    }
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
