//! A channel as unending MPEG-TS, in real time.
//!
//! Owns the pacing; segments are continuity-closed and restamped, so the stream
//! is their plain concatenation. Invariant: the viewer is counted for exactly
//! as long as the stream exists.

use aerial_model::client::ClientId;
use aerial_model::id::ChannelRef;
use aerial_model::profile::Rendition;
use aerial_model::session::Event;
use aerial_model::time::Ticks;
use bytes::Bytes;
use futures::{Stream, StreamExt as _};

use super::manager::{Manager, StreamError};
use super::session::{Message, Waiting};
use super::timeline::OnAir;

/// Sent ahead of real time (`rules.md`, 26: with 2 s FFmpeg's first picture
/// takes 3 s, with 4 s 1 s).
const BURST: Ticks = Ticks::from_secs(4);

/// Tunes in; the stream ends when the channel stops or the reader has fallen
/// out of the window.
pub async fn tune_in(
    manager: &Manager,
    channel: ChannelRef,
    rendition: Option<Rendition>,
) -> Result<impl Stream<Item = Bytes> + Send + 'static, StreamError> {
    let (channel, rendition, client, waiting) = manager.join_transport(channel, rendition).await?;
    let viewer = Viewer { manager: manager.clone(), channel, rendition, client, waiting };
    let first = client.joined_sequence();
    let segments = futures::stream::unfold((viewer, first), |(viewer, sequence)| async move {
        let bytes = viewer.segment(sequence).await?;
        Some((bytes, (viewer, sequence + 1)))
    });
    Ok(segments.flatten())
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
            Ok(body) => Some(
                body.into_stream()
                    .take_while(|bytes| std::future::ready(bytes.is_ok()))
                    .filter_map(|bytes| std::future::ready(bytes.ok())),
            ),
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
