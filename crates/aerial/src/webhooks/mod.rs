//! Webhooks: who wants to be told of faults is told of them.
//!
//! Owns the queues and the tries; `event` is what is told, `client` how it is sent,
//! `watch` where it comes from. Invariants: to tell never waits, whoever does not listen;
//! what waits is bounded; who cannot be reached is given up, not tried for ever.

mod client;
mod event;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use aerial_model::time::AirTime;
use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use client::{Client, Failure};
pub use event::{ChannelNamed, Event, What};
pub use watch::{Sources, watch};

use crate::config::Webhook;
use crate::metrics::{Delivery, Metrics};

/// What waits for one who is slow: a bad evening's faults.
const WAITING: usize = 64;

/// How long who is told may take.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// The pauses before it is tried again; then it is given up.
    pub pauses: [Duration; 4],
}

impl Default for Patience {
    /// A quarter of an hour: a machine that is updated is back by then.
    fn default() -> Self {
        Self { pauses: [5, 30, 120, 600].map(Duration::from_secs) }
    }
}

/// All webhooks; clones tell the same.
#[derive(Clone, Debug)]
pub struct Webhooks(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    hooks: Vec<(Webhook, mpsc::Sender<Event>)>,
    client: Option<Client>,
    metrics: Metrics,
}

/// What came of a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tested {
    /// The host of its address.
    pub host: String,
    /// Why it was not taken.
    pub failure: Option<Failure>,
}

impl Webhooks {
    /// Those of the settings; their tasks end with `ending`.
    pub fn start(
        settings: &[Webhook],
        patience: Patience,
        metrics: Metrics,
        tasks: &TaskTracker,
        ending: &CancellationToken,
    ) -> Self {
        // It reads all certificates of the system, for which nobody has a use without hooks.
        let client = (!settings.is_empty()).then(Client::system);
        Self::start_with(client, settings, patience, metrics, tasks, ending)
    }

    fn start_with(
        client: Option<Client>,
        settings: &[Webhook],
        patience: Patience,
        metrics: Metrics,
        tasks: &TaskTracker,
        ending: &CancellationToken,
    ) -> Self {
        if let Some(reason) = client.as_ref().and_then(Client::no_https)
            && settings.iter().any(|hook| hook.url.is_https())
        {
            tracing::error!("webhooks with https are not told anything: {reason}");
        }
        let hooks = settings.iter().map(|hook| {
            let (queue, waiting) = mpsc::channel(WAITING);
            if let Some(client) = client.clone() {
                let (hook, metrics) = (hook.clone(), metrics.clone());
                let teller = Teller { hook, client, metrics, patience };
                let ending = ending.clone();
                tasks.spawn(async move {
                    ending.run_until_cancelled(teller.run(waiting)).await;
                });
            }
            (hook.clone(), queue)
        });
        Self(Arc::new(Inner { hooks: hooks.collect(), client, metrics }))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.hooks.is_empty()
    }

    /// Tells all who want to know of it.
    pub fn tell(&self, what: What, at: AirTime) {
        if self.is_empty() {
            return;
        }
        let event = Event::new(what, at);
        let wanted =
            |hook: &Webhook| event.what.kind().is_none_or(|kind| hook.events.contains(&kind));
        for (hook, queue) in self.0.hooks.iter().filter(|(hook, _)| wanted(hook)) {
            if queue.try_send(event.clone()).is_err() {
                self.0.metrics.delivered(Delivery::Dropped);
                let (host, id) = (hook.url.host(), event.id);
                tracing::warn!(host, %id, "a webhook is too slow: it is not told of this");
            }
        }
    }

    /// Tries all of them now, once.
    pub async fn test(&self, at: AirTime) -> Vec<Tested> {
        let event = Event::new(What::Test, at);
        let body = Bytes::from(event.body());
        let tries = self.0.hooks.iter().map(|(hook, _)| {
            let body = body.clone();
            async move {
                let sent = match &self.0.client {
                    Some(client) => client.send(hook, body).await,
                    None => Err(Failure::Impossible("there is no TLS on this machine".to_owned())),
                };
                Tested { host: hook.url.host().to_owned(), failure: sent.err() }
            }
        });
        futures::future::join_all(tries).await
    }
}

/// Tells one webhook, one event after the other.
struct Teller {
    hook: Webhook,
    client: Client,
    metrics: Metrics,
    patience: Patience,
}

impl Teller {
    async fn run(self, mut waiting: mpsc::Receiver<Event>) {
        while let Some(event) = waiting.recv().await {
            self.tell(&event).await;
        }
    }

    /// Tries until it is told, or is given up.
    async fn tell(&self, event: &Event) {
        let (host, id) = (self.hook.url.host(), event.id);
        let body = Bytes::from(event.body());
        let mut pauses = self.patience.pauses.iter();
        loop {
            let failure = match self.client.send(&self.hook, body.clone()).await {
                Ok(()) => {
                    self.metrics.delivered(Delivery::Delivered);
                    tracing::debug!(host, %id, "a webhook was told");
                    return;
                }
                Err(failure) => failure,
            };
            let pause = pauses.next().filter(|_| failure.may_pass());
            let Some(pause) = pause else {
                self.metrics.delivered(Delivery::GivenUp);
                tracing::warn!(host, %id, %failure, "a webhook was not told: given up");
                return;
            };
            self.metrics.delivered(Delivery::Failed);
            tracing::info!(host, %id, %failure, again_in_s = pause.as_secs(), "a webhook fails");
            sleep(*pause).await;
        }
    }
}

#[cfg(test)]
mod tests;
