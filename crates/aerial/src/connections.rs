//! The connections of viewers: accepted, served, and drained.
//!
//! Owns the accept loops and the tasks of connections; what is answered is the
//! router's business. It stands in for `axum::serve`, whose graceful shutdown
//! closes a connection that was accepted but has not been read from yet: its
//! request is lost, and that ends FFmpeg for good. Invariants: a request on a new
//! connection is answered, by this server or by the next one; connections are bounded
//! (`places`), and no client holds one by being slow or hides a request in another
//! (`watched`, `head`).

mod head;
mod places;
mod watched;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING};
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

pub use self::places::{Gauge, Limits};
use self::places::{Place, Places};
pub use self::watched::Patience;
use self::watched::{HEAD_BYTES, Watched};
use crate::load::Sent;

/// How many fields a request's head may have; browsers and proxies send 30.
const FIELDS: usize = 100;

/// How long a connection that was accepted just before the end may take to send
/// its request; players send it with the last packet of the handshake.
const FIRST_REQUEST_PATIENCE: Duration = Duration::from_secs(1);

/// The pause after an accept that failed for want of descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(500);

/// All connections of a server.
#[derive(Debug, Default)]
pub struct Connections {
    drain: CancellationToken,
    cut_off: CancellationToken,
    tasks: TaskTracker,
    places: Places,
    patience: Patience,
    sent: Sent,
}

impl Connections {
    /// None yet, and never more than that; how many there are, and what is sent over
    /// them, is counted there.
    pub fn new(limits: Limits, gauge: Gauge, sent: Sent) -> Self {
        Self { places: Places::new(limits, gauge), sent, ..Self::default() }
    }

    /// Accept connections on this socket, from now until [`Self::drain`].
    ///
    /// # Errors
    /// When the socket cannot be used with the runtime.
    pub fn accept_on(&self, listener: std::net::TcpListener, router: Router) -> io::Result<()> {
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        let (drain, cut_off) = (self.drain.clone(), self.cut_off.clone());
        let (tasks, places, patience) = (self.tasks.clone(), self.places.clone(), self.patience);
        let sent = self.sent.clone();
        self.tasks.spawn(async move {
            while let Some((stream, peer)) = next(&listener, &drain).await {
                let Some(place) = places.take(peer.ip()) else {
                    tracing::debug!(%peer, "no place for another connection");
                    continue;
                };
                // Without it the end of each response would wait up to 40 ms for an ACK.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "no TCP_NODELAY");
                }
                let stream = Watched::new(stream, patience, sent.clone());
                let connection = serve((stream, peer, place), router.clone(), drain.clone());
                let cut_off = cut_off.clone();
                tasks.spawn(async move {
                    tokio::select! {
                        () = connection => {}
                        () = cut_off.cancelled() => {}
                    }
                });
            }
        });
        Ok(())
    }

    /// Accept no more, finish what is in flight, close what is idle. Returns the
    /// number of connections that were not finished in time and were cut off.
    pub async fn drain(&self, patience: Duration) -> usize {
        self.drain.cancel();
        self.tasks.close();
        let _ = timeout(patience, self.tasks.wait()).await;
        let unfinished = self.tasks.len();
        self.cut_off.cancel();
        self.tasks.wait().await;
        unfinished
    }
}

/// The next connection; none once there shall be no more. Those that wait in
/// the backlog then are the next server's.
async fn next(
    listener: &TcpListener,
    drain: &CancellationToken,
) -> Option<(TcpStream, SocketAddr)> {
    loop {
        let accepted = tokio::select! {
            biased;
            () = drain.cancelled() => return None,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok(connection) => return Some(connection),
            // The other side has gone already.
            Err(error) if is_of_the_peer(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection (too many open files?)");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn is_of_the_peer(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Where an answer to HEAD is made without what GET would send (a stream, a list that is made
/// for whoever asks), the router measures that there is nothing. That is not its length.
fn forget_no_length(headers: &mut HeaderMap) {
    if headers.get(CONTENT_LENGTH).is_some_and(|length| length == "0") {
        headers.remove(CONTENT_LENGTH);
    }
}

async fn serve(
    (stream, peer, _place): (Watched<TcpStream>, SocketAddr, Place),
    router: Router,
    drain: CancellationToken,
) {
    let asked = CancellationToken::new();
    let streams = stream.streams();
    let answer = service_fn(|mut request: hyper::Request<Incoming>| {
        asked.cancel();
        request.extensions_mut().insert(ConnectInfo(peer));
        streams.store(request.uri().path().contains("/stream/"), Ordering::Relaxed);
        // Where chunks end is not looked at, so nothing may come after them.
        let is_last = request.headers().contains_key(TRANSFER_ENCODING);
        let without_body = request.method() == Method::HEAD;
        let (router, drain) = (router.clone(), drain.clone());
        async move {
            let mut response: Response = router.oneshot(request.map(Body::new)).await?;
            if without_body {
                forget_no_length(response.headers_mut());
            }
            if drain.is_cancelled() || is_last {
                // The next request is for a new connection, and so the next server.
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(response)
        }
    });
    // The timer is for the 30 s within which another request has to come.
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .max_header_size(HEAD_BYTES)
        .max_headers(FIELDS)
        .serve_connection(TokioIo::new(stream), answer);
    let mut connection = pin!(connection);
    let mut may_end = pin!(async {
        drain.cancelled().await;
        let _ = timeout(FIRST_REQUEST_PATIENCE, asked.cancelled()).await;
    });
    let mut ending = false;
    let served = loop {
        tokio::select! {
            served = connection.as_mut() => break served,
            () = may_end.as_mut(), if !ending => {
                ending = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    };
    if let Err(error) = served {
        // Viewers leave in the middle of a response all the time.
        tracing::debug!(%peer, %error, "a connection broke off");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    const REQUEST: &[u8] = b"GET /peer HTTP/1.1\r\nHost: a\r\n\r\n";

    async fn start(router: Router) -> (Connections, SocketAddr) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Connections::default();
        connections.accept_on(listener, router).unwrap();
        (connections, address)
    }

    fn peer_router() -> Router {
        let tell = async |ConnectInfo(peer): ConnectInfo<SocketAddr>| peer.to_string();
        Router::new().route("/peer", get(tell))
    }

    async fn read_response(stream: &mut TcpStream) -> String {
        let mut text = String::new();
        while !text.contains("127.0.0.1:") {
            let mut bytes = [0; 1024];
            let count = stream.read(&mut bytes).await.unwrap();
            assert!(count > 0, "closed after {text:?}");
            text.push_str(std::str::from_utf8(&bytes[..count]).unwrap());
        }
        text
    }

    #[tokio::test]
    async fn a_request_learns_its_peer() {
        let (_connections, address) = start(peer_router()).await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(REQUEST).await.unwrap();
        let response = read_response(&mut stream).await;
        assert!(response.ends_with(&stream.local_addr().unwrap().to_string()), "{response}");
    }

    #[tokio::test]
    async fn head_is_told_a_length_only_where_it_is_known() {
        // As playlists are, which are made for who asks by GET alone.
        let list = async |method: Method| if method == Method::HEAD { "" } else { "a list" };
        let router = Router::new().route("/list", get(list)).route("/text", get("a text"));
        let (_connections, address) = start(router).await;
        for (path, length) in [("/list", None), ("/text", Some("content-length: 6"))] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let request = format!("HEAD {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut head = String::new();
            stream.read_to_string(&mut head).await.unwrap();
            assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
            assert_eq!(head.lines().find(|line| line.starts_with("content-length")), length);
            assert!(head.ends_with("\r\n\r\n"), "no body: {head}");
        }
    }

    #[tokio::test]
    async fn a_connection_accepted_before_the_end_is_answered_after_it() {
        let (connections, address) = start(peer_router()).await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        // One that is answered shows that the one before it was accepted.
        let mut second = TcpStream::connect(address).await.unwrap();
        second.write_all(REQUEST).await.unwrap();
        read_response(&mut second).await;
        let viewer = async {
            tokio::task::yield_now().await;
            stream.write_all(REQUEST).await.unwrap();
            let response = read_response(&mut stream).await;
            assert!(response.contains("connection: close"), "{response}");
        };
        let (cut_off, ()) = tokio::join!(connections.drain(Duration::from_secs(10)), viewer);
        assert_eq!(cut_off, 0);
    }

    #[tokio::test]
    async fn connections_and_what_goes_out_are_counted() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (sent, gauge) = (Sent::default(), Gauge::default());
        let connections = Connections::new(Limits::default(), gauge.clone(), sent.clone());
        connections.accept_on(listener, peer_router()).unwrap();
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(REQUEST).await.unwrap();
        let response = read_response(&mut stream).await;
        assert_eq!(sent.bytes(), response.len() as u64);
        assert_eq!(gauge.open(), 1);
        assert_eq!(connections.drain(Duration::from_secs(10)).await, 0);
        assert_eq!(gauge.open(), 0);
    }

    #[tokio::test]
    async fn idle_connections_are_closed_at_the_end() {
        let (connections, address) = start(peer_router()).await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(REQUEST).await.unwrap();
        read_response(&mut stream).await;
        assert_eq!(connections.drain(Duration::from_secs(10)).await, 0);
        assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn a_response_without_end_is_cut_off_when_patience_ends() {
        let endless =
            || async { Body::from_stream(futures::stream::pending::<io::Result<String>>()) };
        let router = peer_router().route("/endless", get(endless));
        let (connections, address) = start(router).await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET /endless HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        stream.read_exact(&mut [0; 12]).await.unwrap();
        assert_eq!(connections.drain(Duration::from_millis(50)).await, 1);
    }
}
