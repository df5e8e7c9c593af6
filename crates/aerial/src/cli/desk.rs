//! Where commands ask the API: at the server that runs on the data folder, or,
//! where none does, right here.
//!
//! Owns the way there. What is asked and answered is the API's, so a command
//! cannot do anything else than a script with `curl` could. Invariant: only who
//! holds the data folder's lock writes to its catalogue.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, StatusCode};
use serde_json::Value;
use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::access::secret::Secret;
use crate::access::{Access, AccessError, key};
use crate::backup::Backups;
use crate::clock::Clock;
use crate::config::Settings;
use crate::data_dir::{DataDir, DataDirError};
use crate::db::{Db, DbError};
use crate::discovery::Device;
use crate::held::once_free;
use crate::http;
use crate::library::Uploads;
use crate::schedule::{Schedule, ScheduleError, Standard};

/// Longer than the server lets any answer take.
const PATIENCE: Duration = Duration::from_secs(90);
/// A page of 500 media with long descriptions has about 2 MB.
const ANSWER_BYTES: usize = 64 * 1024 * 1024;

/// Why nothing was answered, or not what was asked for.
#[derive(Debug, Error)]
pub enum DeskError {
    /// The data folder cannot be used.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The catalogue cannot be opened.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The accounts cannot be read.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The schedule cannot be read.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
    /// A server holds the data folder, but does not answer here.
    #[error(
        "{server} uses the data folder, but does not answer on {address}: {source}; \
         name its address with --listen, or stop it"
    )]
    Unreachable {
        /// Which it is, as far as can be told.
        server: Holder,
        /// Where it was looked for.
        address: SocketAddr,
        /// Why it did not answer.
        #[source]
        source: io::Error,
    },
    /// Another server answers here.
    #[error(
        "{server} uses the data folder, but the one on {address} has another ({other}); \
         name the right one's address with --listen, or stop it"
    )]
    OtherServer {
        /// Which was looked for, as far as can be told.
        server: Holder,
        /// Where it answers.
        address: SocketAddr,
        /// Its data folder.
        other: String,
    },
    /// It was refused.
    #[error("{0}")]
    Refused(String),
}

/// Where the API is asked.
pub(super) enum Desk {
    /// No server runs: the catalogue is ours until we are done.
    Here(Here),
    /// The server that runs on the data folder.
    There(Server),
}

/// A server that runs.
pub(super) struct Server {
    holder: Holder,
    address: SocketAddr,
    /// The data folder's, if we may read it.
    key: Option<Secret>,
}

/// Who holds the data folder: its process, where it can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder(Option<u32>);

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(pid) => write!(f, "a server (process {pid})"),
            None => f.write_str("a server"),
        }
    }
}

/// The catalogue, open.
pub(super) struct Here {
    router: Router,
    pub(super) schedule: Schedule,
    pub(super) clock: Clock,
    /// Held for its lock.
    _data: DataDir,
}

impl Desk {
    /// Finds out which it is.
    pub(super) async fn open(settings: &Settings) -> Result<Self, DeskError> {
        let open = || DataDir::open(&settings.server.data);
        let data = match once_free(open, DataDirError::is_left_behind) {
            Ok(data) => data,
            Err(DataDirError::InUse { path, pid }) => {
                return Self::there(settings, path, Holder(pid)).await;
            }
            Err(error) => return Err(error.into()),
        };
        let (clock, standard) = (Clock::system(), Standard::of(settings));
        let ending = CancellationToken::new();
        Backups::new(data.root(), settings, None, clock.clone(), ending).before_upgrade().await;
        let db = Db::open(&data.catalogue()).await?;
        let schedule = Schedule::open_with(db.clone(), clock.clone(), standard).await?;
        let install = Device::of_install(&db).await?.id.to_string();
        let rules = settings.access.clone();
        let access = Access::open(db.clone(), clock.clone(), rules, &install, None).await?;
        let router = http::catalogue(schedule.clone(), db, Uploads::new(data.logos()), access);
        Ok(Self::Here(Here { router, schedule, clock, _data: data }))
    }

    async fn there(settings: &Settings, data: PathBuf, holder: Holder) -> Result<Self, DeskError> {
        let address = from_here(settings.server.listen);
        let key = key::read(&data, address);
        let desk = Self::There(Server { holder, address, key });
        let system = desk.get("/api/v1/system").await?;
        match system["disk"]["path"].as_str() {
            Some(other) if data.to_string_lossy() == other => Ok(desk),
            other => {
                let other = other.unwrap_or("unknown").to_owned();
                Err(DeskError::OtherServer { server: holder, address, other })
            }
        }
    }

    /// Asks for something that must be there.
    pub(super) async fn get(&self, path: &str) -> Result<Value, DeskError> {
        self.ask(Method::GET, path, None).await.and_then(|answer| answer.accepted())
    }

    /// All items of a list, page by page.
    pub(super) async fn all(&self, path: &str) -> Result<Vec<Value>, DeskError> {
        let mut items = Vec::new();
        let mut page = format!("{path}?limit=500");
        loop {
            let mut listing = self.get(&page).await?;
            if let Some(some) = listing["items"].as_array_mut() {
                items.append(some);
            }
            let Some(next) = listing["next"].as_str() else { return Ok(items) };
            page = format!("{path}?limit=500&cursor={}", escaped(next));
        }
    }

    /// Asks, whatever is answered.
    pub(super) async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answer, DeskError> {
        let body = body.map(Value::to_string).unwrap_or_default();
        match self {
            Self::Here(Here { router, .. }) => {
                let request = Request::builder()
                    .method(method)
                    .uri(path)
                    .header("content-type", "application/json")
                    .body(Body::from(body))
                    .map_err(|error| DeskError::Refused(error.to_string()))?;
                let (parts, body) = match router.clone().oneshot(request).await {
                    Ok(response) => response.into_parts(),
                    Err(never) => match never {},
                };
                let bytes = to_bytes(body, ANSWER_BYTES)
                    .await
                    .map_err(|error| DeskError::Refused(error.to_string()))?;
                Ok(Answer::read(parts.status, &bytes))
            }
            Self::There(Server { holder, address, key }) => {
                let (server, address) = (*holder, *address);
                timeout(PATIENCE, talk(address, &method, path, &body, key.as_ref()))
                    .await
                    .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
                    .map_err(|source| DeskError::Unreachable { server, address, source })
            }
        }
    }
}

/// Where this machine reaches what listens there.
pub(super) fn from_here(mut listen: SocketAddr) -> SocketAddr {
    match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => listen.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => listen.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    listen
}

/// A value as a part of an address.
pub(super) fn escaped(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// What was answered.
pub(super) struct Answer {
    status: StatusCode,
    body: Value,
}

impl Answer {
    fn read(status: StatusCode, body: &[u8]) -> Self {
        Self { status, body: serde_json::from_slice(body).unwrap_or_default() }
    }

    /// Which fields were wrong, and how.
    pub(super) fn faults(&self) -> Vec<(String, String)> {
        let errors = self.body["errors"].as_array().into_iter().flatten();
        let word = |error: &Value, name: &str| error[name].as_str().unwrap_or_default().to_owned();
        errors.map(|error| (word(error, "field"), word(error, "message"))).collect()
    }

    /// The body, if it is not a problem.
    pub(super) fn accepted(self) -> Result<Value, DeskError> {
        if self.status.is_success() {
            return Ok(self.body);
        }
        let detail = self.body["detail"].as_str().unwrap_or_default();
        Err(DeskError::Refused(match detail {
            "" => format!("the server answered {}", self.status),
            detail => detail.to_owned(),
        }))
    }
}

/// One request in HTTP/1.0, which ends with its connection: all that is needed
/// to ask a server of the same version on the same machine.
pub(super) async fn talk(
    address: SocketAddr,
    method: &Method,
    path: &str,
    body: &str,
    key: Option<&Secret>,
) -> io::Result<Answer> {
    let mut stream = TcpStream::connect(address).await?;
    let length = body.len();
    let key = key.map(|key| format!("Authorization: Bearer {}\r\n", key.reveal()));
    let key = key.unwrap_or_default();
    let head = format!(
        "{method} {path} HTTP/1.0\r\nHost: {address}\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n{key}\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES as u64).read_to_end(&mut answer).await?;
    read_answer(&answer).ok_or_else(|| io::Error::other("what answers is no Aerial server"))
}

fn read_answer(answer: &[u8]) -> Option<Answer> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let (head, body) = (std::str::from_utf8(&answer[..end]).ok()?, &answer[end + 4..]);
    let status = head.strip_prefix("HTTP/1.")?.get(2..5)?;
    Some(Answer::read(StatusCode::from_bytes(status.as_bytes()).ok()?, body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_with_its_status() {
        let read = |text: &str| read_answer(text.as_bytes());
        let answer = read("HTTP/1.0 404 Not Found\r\na: b\r\n\r\n{\"detail\":\"no\"}").unwrap();
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
        assert_eq!(answer.accepted().unwrap_err().to_string(), "no");
        assert!(read("SSH-2.0-OpenSSH\r\n\r\n").is_none());
        assert!(read("HTTP/1.1 2").is_none());
    }
}
