//! Metrics: what is told to Prometheus.
//!
//! Owns the names of all figures with their help (docs/metrics.md has them for people;
//! a test holds the two to each other), and the counting of requests, events and what is
//! sent. What else is counted, its parts count themselves; whoever asks gathers that as
//! [`Facts`]. Invariant: a label has values from a fixed list, or numbers of channels
//! that are there, and nothing that could tell who watches.

mod facts;
mod page;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;

pub use facts::{ChannelFigures, Facts, Readiness, Work};
use page::{Labels, Page};

use crate::connections::Gauge;
use crate::load::Sent;

/// Around what answers take to begin: from memory, from the catalogue, and segments
/// that are held until they are made.
const ANSWER_SECONDS: [f64; 8] = [0.005, 0.025, 0.1, 0.25, 1.0, 4.0, 10.0, 30.0];

/// Whether a request may change something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// GET, HEAD, OPTIONS.
    Read,
    /// Every other one.
    Change,
}

impl Method {
    const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Change => "change",
        }
    }
}

/// What became of telling a webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// It was told.
    Delivered,
    /// A try failed; it is tried again.
    Failed,
    /// It was tried for long enough, or refused.
    GivenUp,
    /// Too much waited for it already.
    Dropped,
}

impl Delivery {
    const ALL: [Self; 4] = [Self::Delivered, Self::Failed, Self::GivenUp, Self::Dropped];

    const fn name(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::GivenUp => "given_up",
            Self::Dropped => "dropped",
        }
    }
}

/// What is counted here; clones count together.
#[derive(Clone, Debug)]
pub struct Metrics(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    requests: Family<Labels, Counter>,
    answers: Family<Labels, Histogram, fn() -> Histogram>,
    sent: Sent,
    connected: Gauge,
    events: AtomicU64,
    missed: AtomicU64,
    deliveries: [AtomicU64; Delivery::ALL.len()],
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new(Sent::default(), Gauge::default())
    }
}

impl Metrics {
    /// Nothing was counted yet; connections, and what goes out to the network, are
    /// counted there.
    pub fn new(sent: Sent, connected: Gauge) -> Self {
        let of_route: fn() -> Histogram = || Histogram::new(ANSWER_SECONDS);
        Self(Arc::new(Inner {
            requests: Family::default(),
            answers: Family::new_with_constructor(of_route),
            sent,
            connected,
            events: AtomicU64::new(0),
            missed: AtomicU64::new(0),
            deliveries: Default::default(),
        }))
    }

    /// A request was answered, after so long; `route` is its template.
    pub fn answered(&self, route: &str, method: Method, status: u16, took: Duration) {
        let route = ("route", route.to_owned());
        self.0.answers.get_or_create(&vec![route.clone()]).observe(took.as_secs_f64());
        let labels =
            vec![route, ("method", method.name().to_owned()), ("status", status.to_string())];
        self.0.requests.get_or_create(&labels).inc();
    }

    /// An event was sent to a listener.
    pub fn event_sent(&self) {
        self.0.events.fetch_add(1, Ordering::Relaxed);
    }

    /// A listener was too slow for so many.
    pub fn events_missed(&self, events: u64) {
        self.0.missed.fetch_add(events, Ordering::Relaxed);
    }

    /// This became of telling a webhook.
    pub fn delivered(&self, what: Delivery) {
        self.0.deliveries[what as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// How often that became of it.
    pub fn deliveries(&self, what: Delivery) -> u64 {
        self.0.deliveries[what as usize].load(Ordering::Relaxed)
    }

    /// All of it, as Prometheus reads it.
    pub fn text(&self, facts: &Facts) -> String {
        let mut page = Page::of("aerial");
        facts.on(&mut page);
        self.on(&mut page);
        let mut process = Page::of("process");
        facts.of_process(&mut process);
        page.text() + &process.text()
    }

    fn on(&self, page: &mut Page) {
        let Inner { requests, answers, sent, connected, events, missed, .. } = &*self.0;
        page.counted("http_requests", "Requests that were answered", requests.clone());
        let help = "How long answers took to begin";
        page.counted("http_answer_seconds", help, answers.clone());
        page.count("http_sent_bytes", "Bytes sent to the network", sent.bytes());
        let help = "Connections of clients that are open";
        page.level("http_connections", help, connected.open() as f64);
        page.level("http_connections_limit", "How many there may be", connected.most() as f64);
        let help = "Connections for which there was no place";
        page.count("http_connections_refused", help, connected.refused());
        let events = events.load(Ordering::Relaxed);
        page.count("events_sent", "Events sent to the app and other listeners", events);
        let missed = missed.load(Ordering::Relaxed);
        page.count("events_missed", "Events for which a listener was too slow", missed);
        let deliveries = Delivery::ALL
            .map(|what| (vec![("outcome", what.name().to_owned())], self.deliveries(what)));
        page.counts("webhook_deliveries", "What became of telling webhooks", deliveries);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_route_method_and_status() {
        let metrics = Metrics::default();
        let took = Duration::from_millis(30);
        metrics.answered("/api/v1/channels", Method::Read, 200, took);
        metrics.answered("/api/v1/channels", Method::Read, 200, took);
        metrics.answered("/api/v1/channels", Method::Change, 422, took);
        metrics.event_sent();
        metrics.events_missed(4);
        let text = metrics.text(&Facts::default());
        let route = "route=\"/api/v1/channels\"";
        for line in [
            format!("aerial_http_requests_total{{{route},method=\"read\",status=\"200\"}} 2"),
            format!("aerial_http_requests_total{{{route},method=\"change\",status=\"422\"}} 1"),
            format!("aerial_http_answer_seconds_bucket{{{route},le=\"0.025\"}} 0"),
            format!("aerial_http_answer_seconds_bucket{{{route},le=\"0.1\"}} 3"),
            format!("aerial_http_answer_seconds_count{{{route}}} 3"),
            "aerial_events_sent_total 1".to_owned(),
            "aerial_events_missed_total 4".to_owned(),
        ] {
            assert!(text.lines().any(|one| one == line), "{line}: {text}");
        }
    }
}
