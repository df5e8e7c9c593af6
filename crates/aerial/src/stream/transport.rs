//! A channel as unending MPEG-TS, in real time.
//!
//! Owns the pacing; segments are continuity-closed and restamped, so the stream
//! is their plain concatenation. Invariant: the viewer is counted for exactly
//! as long as the stream exists.

use std::future::ready;
use std::time::Duration;

use aerial_model::client::ClientId;
use aerial_model::id::ChannelRef;
use aerial_model::profile::Rendition;
use aerial_model::session::Event;
use aerial_model::time::Ticks;
use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::error::StreamError;
use super::manager::Manager;
use super::session::{Message, Waiting};
use super::timeline::OnAir;

/// Sent ahead of real time (`rules.md`, 26: with 2 s FFmpeg's first picture
/// takes 3 s, with 4 s 1 s).
const BURST: Ticks = Ticks::from_secs(4);

/// Pieces that wait for a reader: with what the system keeps for a connection, some
/// seconds of a 1080p stream.
const WAITING_PIECES: usize = 16;

/// A whole segment is handed on in pieces of this size.
const PIECE_BYTES: usize = 64 << 10;

/// A reader that takes nothing for this long while pieces wait has stopped watching:
/// no player's buffer is longer than the burst and this.
const READ_WITHIN: Duration = Duration::from_secs(15);

/// Tunes in; the stream ends when the channel stops, or when the reader does not
/// keep up.
pub async fn tune_in(
    manager: &Manager,
    channel: ChannelRef,
    rendition: Option<Rendition>,
) -> Result<impl Stream<Item = Bytes> + Send + 'static, StreamError> {
    let (channel, rendition, client, waiting) = manager.join_transport(channel, rendition).await?;
    let viewer = Viewer { manager: manager.clone(), channel, rendition, client, waiting };
    let (pieces, taken) = mpsc::channel(WAITING_PIECES);
    // A task of its own: whoever stops reading is counted no longer than it waits.
    manager.own(async move {
        tokio::select! {
            () = viewer.send(&pieces) => {}
            // At once, not with the next piece.
            () = pieces.closed() => {}
            () = viewer.waiting.session().ended() => {}
        }
    });
    Ok(futures::stream::unfold(taken, |mut taken| async {
        taken.recv().await.map(|piece| (piece, taken))
    }))
}

struct Viewer {
    manager: Manager,
    channel: OnAir,
    rendition: Rendition,
    client: ClientId,
    /// Counts it, and knows its session.
    waiting: Waiting,
}

impl Viewer {
    /// Sends segment after segment until the reader or the channel is gone.
    async fn send(&self, pieces: &mpsc::Sender<Bytes>) {
        for sequence in self.client.joined_sequence().. {
            let Some(segment) = self.segment(sequence).await else { return };
            let mut segment = std::pin::pin!(segment);
            while let Some(bytes) = segment.next().await {
                for from in (0..bytes.len()).step_by(PIECE_BYTES) {
                    let piece = bytes.slice(from..bytes.len().min(from + PIECE_BYTES));
                    match timeout(READ_WITHIN, pieces.send(piece)).await {
                        Ok(Ok(())) => {}
                        Ok(Err(_)) => return,
                        Err(_) => {
                            tracing::info!(
                                channel = %self.channel.number, sequence,
                                "a viewer's stream ends: it was not read for {} s",
                                READ_WITHIN.as_secs()
                            );
                            return;
                        }
                    }
                }
            }
        }
    }

    /// The segment's bytes when their time has come.
    async fn segment(
        &self,
        sequence: u64,
    ) -> Option<impl Stream<Item = Bytes> + Send + 'static + use<>> {
        let (manager, session) = (&self.manager, self.waiting.session());
        let start = manager.segment_start(self.channel.id, sequence).await.ok()??;
        tokio::select! {
            () = tokio::time::sleep(manager.clock().until(self.channel.id, start - BURST)) => {}
            () = session.ended() => return None,
        }
        let (client, rendition) = (self.client, self.rendition);
        session.tell(Message::Event(Event::Asked { client, rendition, sequence }));
        match manager.segment_of(session, &self.channel, rendition, sequence).await {
            // A stream that broke off within a segment would not be decodable:
            // it ends there.
            Ok(body) => {
                manager.tally().served_mpegts(self.channel.id);
                manager.tally().tuned_in(client);
                let bytes = body.into_stream().take_while(|bytes| ready(bytes.is_ok()));
                Some(bytes.filter_map(|bytes| ready(bytes.ok())))
            }
            Err(error) => {
                tracing::info!(channel = %self.channel.number, %error, "a viewer's stream ends");
                None
            }
        }
    }
}

/// Leaves at once when the connection is closed.
impl Drop for Viewer {
    fn drop(&mut self) {
        self.waiting.session().tell(Message::Event(Event::Left(self.client)));
    }
}
