//! The page that Prometheus reads: how a figure gets onto it.
//!
//! Owns the writing, by the library's registry: names, help, labels and escaping.
//! Knows no figure. Invariant: a name stands there once, with its help and type.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::prometheus_text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Metric, Registry};

/// Labels of a figure: names and values.
pub(super) type Labels = Vec<(&'static str, String)>;

/// A figure that goes up and down.
type Level = Gauge<f64, AtomicU64>;

/// A figure that only grows, in fractions.
type Sum = Counter<f64, AtomicU64>;

/// The page, as it is being filled.
#[derive(Debug, Default)]
pub(super) struct Page(Registry);

impl Page {
    /// One whose names begin so.
    pub(super) fn of(prefix: &'static str) -> Self {
        Self(Registry::with_prefix(prefix))
    }

    /// What counts by itself.
    pub(super) fn counted(&mut self, name: &'static str, help: &'static str, metric: impl Metric) {
        self.0.register(name, help, metric);
    }

    /// How much there is of something.
    pub(super) fn level(&mut self, name: &'static str, help: &'static str, value: f64) {
        let level = Level::default();
        level.set(value);
        self.counted(name, help, level);
    }

    /// The same, where that may be unknown: then it is not there.
    pub(super) fn known(&mut self, name: &'static str, help: &'static str, value: Option<f64>) {
        if let Some(value) = value {
            self.level(name, help, value);
        }
    }

    /// How much there is of each of several things.
    pub(super) fn levels(
        &mut self,
        name: &'static str,
        help: &'static str,
        each: impl IntoIterator<Item = (Labels, f64)>,
    ) {
        let family = Family::<Labels, Level>::default();
        for (labels, value) in each {
            family.get_or_create(&labels).set(value);
        }
        self.counted(name, help, family);
    }

    /// How often something happened since the start.
    pub(super) fn count(&mut self, name: &'static str, help: &'static str, value: u64) {
        let counter = Counter::<u64>::default();
        counter.inc_by(value);
        self.counted(name, help, counter);
    }

    /// How often each of several things did.
    pub(super) fn counts(
        &mut self,
        name: &'static str,
        help: &'static str,
        each: impl IntoIterator<Item = (Labels, u64)>,
    ) {
        let family = Family::<Labels, Counter>::default();
        for (labels, value) in each {
            family.get_or_create(&labels).inc_by(value);
        }
        self.counted(name, help, family);
    }

    /// How much of each of several things there was since the start.
    pub(super) fn sums(
        &mut self,
        name: &'static str,
        help: &'static str,
        each: impl IntoIterator<Item = (Labels, f64)>,
    ) {
        let family = Family::<Labels, Sum>::default();
        for (labels, value) in each {
            family.get_or_create(&labels).inc_by(value);
        }
        self.counted(name, help, family);
    }

    /// What something is, in words.
    pub(super) fn about(&mut self, name: &'static str, help: &'static str, labels: Labels) {
        self.counted(name, help, Info::new(labels));
    }

    /// As it is read.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        // Text is written into memory: that cannot fail.
        let _written = encode(&mut text, &self.0);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_reads_as_prometheus_reads_it() {
        let mut page = Page::of("tv");
        page.level("sets", "Sets that are on", 2.0);
        page.known("channels", "Not known", None);
        page.count("zaps", "Zaps", 3);
        let of = |room: &str| vec![("room", room.to_owned())];
        page.levels("volume", "Volume", [(of("a \"b\"\n"), 0.5)]);
        page.counts("clicks", "Clicks", [(of("attic"), 7)]);
        page.sums("watched_seconds", "Time", [(of("attic"), 1.25)]);
        page.about("build", "Versions", vec![("version", "1".to_owned())]);
        let text = page.text();
        for line in [
            "# HELP tv_sets Sets that are on.",
            "# TYPE tv_sets gauge",
            "tv_sets 2.0",
            "# TYPE tv_zaps_total counter",
            "tv_zaps_total 3",
            "tv_volume{room=\"a \\\"b\\\"\\n\"} 0.5",
            "tv_clicks_total{room=\"attic\"} 7",
            "tv_watched_seconds_total{room=\"attic\"} 1.25",
            "tv_build_info{version=\"1\"} 1",
        ] {
            assert!(text.lines().any(|one| one == line), "{line}: {text}");
        }
        assert!(!text.contains("tv_channels"), "{text}");
    }
}
