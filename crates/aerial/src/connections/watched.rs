//! A connection whose requests are looked at, and whose client must keep up.
//!
//! Owns the bytes between socket and HTTP: each head is whole and looked at (`head`)
//! before the parser sees any of it. Invariants: a head comes within its time from its
//! first byte on; of what waits to be sent, some is taken within its time, and more than
//! drops of it; of a head no more is kept than the parser would take.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use crate::load::Sent;

use super::head::{Framing, look};

/// The most that a request's head may have: twenty cookies and a long path.
pub(super) const HEAD_BYTES: usize = 32 * 1024;

/// What is read at once.
const READ_BYTES: usize = 8 * 1024;

/// What has to be taken of an answer within the time for that, while so much waits: far
/// less than any line carries, but nobody holds connections with drops of it.
const LEAST_BYTES: usize = 8 * 1024;

/// What no parser takes for a request, so that the answer is 400 and the connection
/// ends.
const NO_REQUEST: &[u8] = b"\0\r\n\r\n";

/// How long clients may take.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For a head, from its first byte on.
    pub head: Duration,
    /// Until some of an answer is taken: `LEAST_BYTES`, or all that there is.
    pub answer: Duration,
    /// Until some of a stream is taken: a player that is paused reads no more of a
    /// segment for a while.
    pub stream: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        let (head, answer) = (Duration::from_secs(10), Duration::from_secs(30));
        Self { head, answer, stream: Duration::from_secs(300) }
    }
}

/// Where in a request the client is.
#[derive(Debug)]
enum At {
    /// Before or in a head.
    Head(Vec<u8>),
    /// In a body, with so much to come.
    Body(u64),
    /// In a body without a known end; nothing comes after it (`super::serve`).
    Rest,
}

/// The socket.
#[derive(Debug)]
pub(super) struct Watched<S> {
    socket: S,
    at: At,
    /// Looked at, and not read yet.
    passed: Vec<u8>,
    patience: Patience,
    /// Whether what is being sent is a stream.
    streams: Arc<AtomicBool>,
    /// What was sent, counted.
    sent: Sent,
    head_due: Option<Pin<Box<Sleep>>>,
    /// Where something waits to be sent: until when, and what was taken since.
    write_due: Option<(Pin<Box<Sleep>>, usize)>,
}

impl<S> Watched<S> {
    pub(super) fn new(socket: S, patience: Patience, sent: Sent) -> Self {
        Self {
            socket,
            at: At::Head(Vec::new()),
            passed: Vec::new(),
            patience,
            streams: Arc::default(),
            sent,
            head_due: None,
            write_due: None,
        }
    }

    /// To be told whether what is sent is a stream.
    pub(super) fn streams(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.streams)
    }

    /// Takes what came.
    fn take(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            match &mut self.at {
                At::Rest => {
                    self.passed.extend_from_slice(bytes);
                    return;
                }
                At::Body(left) => {
                    let some = usize::try_from(*left).map_or(bytes.len(), |n| n.min(bytes.len()));
                    self.passed.extend_from_slice(&bytes[..some]);
                    bytes = &bytes[some..];
                    *left -= some as u64;
                    if *left == 0 {
                        self.at = At::Head(Vec::new());
                    }
                }
                At::Head(head) => {
                    // An empty line before a request is skipped (RFC 9112, 2.2).
                    if head.is_empty() && matches!(bytes[0], b'\r' | b'\n') {
                        bytes = &bytes[1..];
                        continue;
                    }
                    head.push(bytes[0]);
                    bytes = &bytes[1..];
                    let ended = head.ends_with(b"\r\n\r\n");
                    // A line that ends otherwise may be the end of a head to others.
                    let wrong = head.ends_with(b"\n") && !head.ends_with(b"\r\n");
                    if !ended && !wrong && head.len() <= HEAD_BYTES {
                        continue;
                    }
                    let head = std::mem::take(head);
                    self.head_due = None;
                    self.at = self.judged(head);
                }
            }
        }
    }

    fn judged(&mut self, head: Vec<u8>) -> At {
        if head.len() > HEAD_BYTES {
            // The parser refuses it by its length.
            self.passed.extend_from_slice(&head);
            return At::Rest;
        }
        match look(&head) {
            Ok(framing) => {
                self.passed.extend_from_slice(&head);
                match framing {
                    Framing::Length(0) => At::Head(Vec::new()),
                    Framing::Length(length) => At::Body(length),
                    Framing::Chunked => At::Rest,
                }
            }
            Err(reason) => {
                tracing::debug!(reason, "a request was refused by its head");
                self.passed.extend_from_slice(NO_REQUEST);
                At::Rest
            }
        }
    }

    fn is_in_head(&self) -> bool {
        matches!(&self.at, At::Head(head) if !head.is_empty())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if !this.passed.is_empty() {
                let some = this.passed.len().min(out.remaining());
                out.put_slice(&this.passed[..some]);
                this.passed.drain(..some);
                return Poll::Ready(Ok(()));
            }
            let mut bytes = [0; READ_BYTES];
            let mut read = ReadBuf::new(&mut bytes);
            match Pin::new(&mut this.socket).poll_read(cx, &mut read) {
                Poll::Ready(Ok(())) if read.filled().is_empty() => return Poll::Ready(Ok(())),
                Poll::Ready(Ok(())) => this.take(read.filled()),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending if this.is_in_head() => {
                    let patience = this.patience.head;
                    let due = this.head_due.get_or_insert_with(|| Box::pin(sleep(patience)));
                    ready!(due.as_mut().poll(cx));
                    return Poll::Ready(Err(late("a request's head")));
                }
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> Watched<S> {
    /// What was written of what was offered, unless that has been waited for too long.
    fn in_time(
        &mut self,
        cx: &mut Context<'_>,
        offered: usize,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if let Poll::Ready(written) = written {
            let bytes = *written.as_ref().unwrap_or(&0);
            self.sent.add(bytes);
            // Where nothing waits any more, no time passes.
            self.write_due = self.write_due.take().and_then(|(due, taken)| {
                let taken = taken + bytes;
                (bytes < offered && taken < LEAST_BYTES).then_some((due, taken))
            });
            return Poll::Ready(written);
        }
        let patience = match self.streams.load(Ordering::Relaxed) {
            true => self.patience.stream,
            false => self.patience.answer,
        };
        let (due, _) = self.write_due.get_or_insert_with(|| (Box::pin(sleep(patience)), 0));
        ready!(due.as_mut().poll(cx));
        Poll::Ready(Err(late("an answer's being read")))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let tried = Pin::new(&mut this.socket).poll_write(cx, bytes);
        this.in_time(cx, bytes.len(), tried)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let tried = Pin::new(&mut this.socket).poll_write_vectored(cx, slices);
        let offered = slices.iter().map(|slice| slice.len()).sum();
        this.in_time(cx, offered, tried)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_shutdown(cx)
    }
}

fn late(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, format!("{what} took too long"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use crate::clock::monotonic;

    const FIRST: &[u8] = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n\r\n\0";
    const SECOND: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

    fn watched(room: usize) -> (Watched<tokio::io::DuplexStream>, tokio::io::DuplexStream) {
        let (ours, theirs) = duplex(room);
        (Watched::new(ours, Patience::default(), Sent::default()), theirs)
    }

    #[tokio::test]
    async fn requests_pass_however_they_are_cut() {
        let whole = [FIRST, b"\r\n", SECOND].concat();
        for size in 1..whole.len() {
            let (mut ours, mut theirs) = watched(1 << 16);
            for piece in whole.chunks(size) {
                theirs.write_all(piece).await.unwrap();
            }
            drop(theirs);
            let mut read = Vec::new();
            ours.read_to_end(&mut read).await.unwrap();
            assert_eq!(read, [FIRST, SECOND].concat(), "in pieces of {size}");
        }
    }

    #[tokio::test]
    async fn a_head_that_is_refused_is_never_seen() {
        for bad in ["GET / HTTP/1.1\r\nHost: a\n\nGET /admin", "GET / HTTP/1.1\r\nA : b\r\n\r\n"] {
            let (mut ours, mut theirs) = watched(1 << 16);
            theirs.write_all(&[SECOND, bad.as_bytes()].concat()).await.unwrap();
            drop(theirs);
            let mut read = Vec::new();
            ours.read_to_end(&mut read).await.unwrap();
            let seen = read.strip_prefix(SECOND).unwrap();
            assert!(seen.starts_with(NO_REQUEST), "{bad:?}: {seen:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_drips_is_not_waited_for() {
        let (mut ours, mut theirs) = watched(1 << 16);
        let begun = monotonic();
        let dripping = async {
            for byte in SECOND.iter().cycle() {
                if theirs.write_all(&[*byte | 0x60]).await.is_err() {
                    return;
                }
                sleep(Duration::from_secs(3)).await;
            }
        };
        let mut bytes = [0; 100];
        let error = tokio::select! {
            read = ours.read(&mut bytes) => read.unwrap_err(),
            () = dripping => unreachable!("it is cut off before"),
        };
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(begun.elapsed(), Patience::default().head);
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_read_is_waited_for_as_long_as_its_answer_is_worth() {
        for (streams, patience) in
            [(false, Patience::default().answer), (true, Patience::default().stream)]
        {
            let (mut ours, _theirs) = watched(16);
            ours.streams.store(streams, Ordering::Relaxed);
            let begun = monotonic();
            let error = ours.write_all(&[0; 100]).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
            assert_eq!(begun.elapsed(), patience);
        }
    }

    /// Reads so many bytes every second, for ever.
    async fn sipping(mut from: tokio::io::DuplexStream, bytes: usize) {
        let mut sip = vec![0; bytes];
        while from.read_exact(&mut sip).await.is_ok() {
            sleep(Duration::from_secs(1)).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_reads_in_drops_is_waited_for_no_longer() {
        let (mut ours, theirs) = watched(16);
        let begun = monotonic();
        let error = tokio::select! {
            written = ours.write_all(&[0; 1_000]) => written.unwrap_err(),
            () = sipping(theirs, 1) => unreachable!("it is cut off before"),
        };
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(begun.elapsed(), Patience::default().answer);
    }

    #[tokio::test(start_paused = true)]
    async fn who_reads_slowly_is_given_all_the_time_that_it_takes() {
        let (mut ours, theirs) = watched(1_024);
        let begun = monotonic();
        tokio::select! {
            written = ours.write_all(&[0; 100_000]) => written.unwrap(),
            () = sipping(theirs, 512) => unreachable!("there is more to read"),
        }
        assert!(begun.elapsed() > Patience::default().answer * 6);
    }

    #[tokio::test(start_paused = true)]
    async fn no_time_passes_while_nothing_waits_to_be_sent() {
        let (mut ours, theirs) = watched(16);
        let sending = async {
            // Each is waited for: it has no room at once.
            for _event in 0..5 {
                ours.write_all(&[0; 40]).await.unwrap();
                sleep(Patience::default().answer * 2).await;
            }
        };
        tokio::select! {
            () = sending => {}
            () = sipping(theirs, 8) => unreachable!("it is read for ever"),
        }
    }
}
