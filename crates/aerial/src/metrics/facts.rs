//! What is gathered when somebody asks, and under which names it is told.
//!
//! Owns most of the names. Asks nobody: `http/metrics` gathers. Invariant: what is not
//! known is not there, rather than 0.

use aerial_model::fault::Class;

use super::page::{Labels, Page};
use crate::load::Process;
use crate::stream::store::Usage;
use crate::stream::tally::{Made, OfChannel, Tally};

/// A session's states, as they are told.
const STATES: [&str; 4] = ["starting", "active", "draining", "stopping"];

/// A channel, and what became of its segments.
#[derive(Clone, Debug, Default)]
pub struct ChannelFigures {
    /// Its number.
    pub number: String,
    /// Its session's state, if it is on the air.
    pub state: Option<&'static str>,
    /// Who watches it.
    pub clients: usize,
    /// Its segments.
    pub segments: OfChannel,
}

/// What may keep the server from serving, and whether it does.
#[derive(Clone, Copy, Debug)]
pub struct Readiness {
    /// Its name.
    pub reason: &'static str,
    /// It does.
    pub holds: bool,
}

/// How much is to be encoded at a time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Work {
    /// Encodes of the full height that are possible at once.
    pub limit: u32,
    /// Places that are taken.
    pub running: usize,
    /// Of the limit, in per cent.
    pub taken_percent: u32,
}

/// What is told of the server.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Aerial's version.
    pub version: &'static str,
    /// FFmpeg's.
    pub ffmpeg_version: String,
    /// How often the keeper had to start the server again.
    pub restarts: u32,
    /// Tasks that live.
    pub tasks: usize,
    /// What could keep it from serving.
    pub readiness: Vec<Readiness>,
    /// All channels.
    pub channels: Vec<ChannelFigures>,
    /// Who watches something again.
    pub replays: usize,
    /// What the stream part counted.
    pub tally: Tally,
    /// Processes of FFmpeg.
    pub processes: usize,
    /// Workers at work, and asleep.
    pub workers: (usize, usize),
    /// What may be encoded.
    pub work: Work,
    /// Media by their state.
    pub media: Vec<(&'static str, u64)>,
    /// Media that are put aside.
    pub put_aside: Option<u64>,
    /// The segment store.
    pub store: Option<Usage>,
    /// Size of the data folder's disk, and what is free.
    pub disk: Option<(u64, u64)>,
    /// Who listens to events.
    pub listeners: usize,
    /// This process.
    pub process: Process,
    /// How many files it may have open.
    pub most_descriptors: Option<u64>,
}

fn labelled(name: &'static str, value: impl Into<String>) -> Labels {
    vec![(name, value.into())]
}

fn yes(holds: bool) -> f64 {
    if holds { 1.0 } else { 0.0 }
}

impl Facts {
    pub(super) fn on(&self, page: &mut Page) {
        self.of_server(page);
        self.of_channels(page);
        self.of_encoding(page);
        self.of_library(page);
    }

    fn of_server(&self, page: &mut Page) {
        let build =
            vec![("version", self.version.to_owned()), ("ffmpeg", self.ffmpeg_version.clone())];
        page.about("build", "Which Aerial and FFmpeg this is", build);
        let ready = !self.readiness.iter().any(|one| one.holds);
        page.level("ready", "Whether it can serve (readyz)", yes(ready));
        let reasons = self.readiness.iter();
        page.levels(
            "not_ready",
            "Whether this keeps it from serving",
            reasons.map(|one| (labelled("reason", one.reason), yes(one.holds))),
        );
        let help = "How often the keeper started the server again";
        page.count("server_restarts", help, self.restarts.into());
        page.level("tasks", "Tasks of the server that live", self.tasks as f64);
        let help = "Who listens to events, such as open pages of the app";
        page.level("event_listeners", help, self.listeners as f64);
    }

    fn of_channels(&self, page: &mut Page) {
        page.level("channels", "Channels that there are", self.channels.len() as f64);
        let in_state = |state| {
            let is_in = |channel: &&ChannelFigures| channel.state == Some(state);
            (labelled("state", state), self.channels.iter().filter(is_in).count() as f64)
        };
        page.levels("sessions", "Channels on the air", STATES.map(in_state));
        let named = |channel: &ChannelFigures| labelled("channel", channel.number.clone());
        let clients = self.channels.iter().map(|one| (named(one), one.clients as f64));
        page.levels("clients", "Who watches a channel", clients);
        page.level("replays", "Who watches something again", self.replays as f64);
        let served = self.channels.iter().flat_map(|one| {
            [("hls", one.segments.hls), ("mpegts", one.segments.mpegts)].map(|(by, count)| {
                let mut labels = named(one);
                labels.push(("transport", by.to_owned()));
                (labels, count)
            })
        });
        page.counts("segments_served", "Segments that viewers of a channel got", served);
        let late = self.channels.iter().map(|one| (named(one), one.segments.late));
        let help = "Segments asked for before their time that were not begun by then";
        page.counts("segments_late", help, late);
        let slated = self.channels.iter().map(|one| (named(one), one.segments.slated));
        page.counts("segments_slated", "Segments of a programme that became slate", slated);
        let replayed = self.tally.segments_replayed();
        page.count("segments_replayed", "Segments of what is watched again", replayed);
        let made =
            Made::ALL.map(|how| (labelled("how", how.name()), self.tally.segments_made(how)));
        page.counts("segments_made", "Segments that were made", made);
        let help = "From being let in to the first bytes of a picture";
        page.counted("tune_in_seconds", help, self.tally.tune_in_seconds());
        let refused = self.tally.tune_ins_refused();
        let help = "Viewers not let in because the machine does as much as it can";
        page.count("tune_ins_refused", help, refused);
    }

    fn of_encoding(&self, page: &mut Page) {
        page.level("ffmpeg_processes", "Processes of FFmpeg that live", self.processes as f64);
        page.count("ffmpeg_runs", "Workers that began", self.tally.runs());
        let faults =
            Class::ALL.map(|class| (labelled("class", class.name()), self.tally.faults(class)));
        page.counts("ffmpeg_faults", "Workers that failed and were replaced", faults);
        let (at_work, asleep) = self.workers;
        let workers = [("at_work", at_work), ("asleep", asleep)];
        page.levels(
            "workers",
            "Workers that live",
            workers.map(|(state, count)| (labelled("state", state), count as f64)),
        );
        let work = self.tally.work();
        let time =
            work.iter().map(|(of, work)| (labelled("encoder", *of), work.time.as_secs_f64()));
        page.sums("work_seconds", "Time that workers worked", time.collect::<Vec<_>>());
        let media = work
            .iter()
            .map(|(of, work)| (labelled("encoder", *of), work.media.as_millis() as f64 / 1_000.0));
        page.sums("work_media_seconds", "Media that they made of it", media.collect::<Vec<_>>());
        let Work { limit, running, taken_percent } = self.work;
        let help = "Encodes of the full height that the machine may do at once";
        page.level("encodes_limit", help, limit.into());
        page.level("encodes", "Encodes that have a place", running as f64);
        let taken = f64::from(taken_percent) / 100.0;
        page.level("encodes_taken_ratio", "How much of that is taken", taken);
    }

    fn of_library(&self, page: &mut Page) {
        let media = self.media.iter();
        page.levels(
            "library_media",
            "Media of the library",
            media.map(|(state, count)| (labelled("state", *state), *count as f64)),
        );
        let put_aside = self.put_aside.map(|count| count as f64);
        page.known(
            "library_put_aside",
            "Media put aside because they failed on the air",
            put_aside,
        );
        if let Some(usage) = &self.store {
            page.level("store_segments", "Segments on disk", usage.segments as f64);
            page.level("store_bytes", "What segments take on disk", usage.bytes as f64);
            page.level("store_limit_bytes", "The most they may take", usage.limit_bytes as f64);
            let help = "What segments take in memory";
            page.level("store_memory_bytes", help, usage.memory_bytes as f64);
            let help = "The most they may take there";
            page.level("store_memory_limit_bytes", help, usage.memory_limit_bytes as f64);
            let help = "Whether segments cannot be written to disk now";
            page.level("store_failing", help, yes(usage.trouble.is_some()));
        }
        let (size, free) = self.disk.unzip();
        let help = "Size of the disk that the data folder is on";
        page.known("disk_bytes", help, size.map(|bytes| bytes as f64));
        page.known("disk_free_bytes", "What is free on it", free.map(|bytes| bytes as f64));
    }

    pub(super) fn of_process(&self, page: &mut Page) {
        let Process { cpu_seconds, resident_bytes, virtual_bytes, open_descriptors, started_at } =
            self.process;
        if let Some(cpu) = cpu_seconds {
            page.sums("cpu_seconds", "Processor time", [(Labels::new(), cpu)]);
        }
        let number = |value: Option<u64>| value.map(|value| value as f64);
        page.known("resident_memory_bytes", "Memory", number(resident_bytes));
        page.known("virtual_memory_bytes", "Address space", number(virtual_bytes));
        page.known("open_fds", "Open files, sockets and pipes", number(open_descriptors));
        page.known("max_fds", "How many there may be", number(self.most_descriptors));
        page.known("start_time_seconds", "When it was started, since 1970", started_at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Metrics;

    #[test]
    fn what_is_not_known_is_not_there() {
        let text = Metrics::default().text(&Facts::default());
        for name in ["aerial_store_bytes", "aerial_disk_bytes", "process_", "aerial_library_put"] {
            assert!(!text.contains(name), "{name}: {text}");
        }
        assert!(text.contains("aerial_ready 1.0\n"), "{text}");
    }

    #[test]
    fn channels_are_told_by_number_and_sessions_by_state() {
        let of = |number: &str, state, clients| ChannelFigures {
            number: number.to_owned(),
            state,
            clients,
            segments: OfChannel { hls: 3, mpegts: 1, late: 2, slated: 5 },
        };
        let channels = vec![of("5", Some("active"), 2), of("5.1", None, 0)];
        let readiness = vec![
            Readiness { reason: "ffmpeg", holds: true },
            Readiness { reason: "stopping", holds: false },
        ];
        let text = Metrics::default().text(&Facts { channels, readiness, ..Facts::default() });
        for line in [
            "aerial_channels 2.0",
            "aerial_sessions{state=\"active\"} 1.0",
            "aerial_sessions{state=\"draining\"} 0.0",
            "aerial_clients{channel=\"5\"} 2.0",
            "aerial_clients{channel=\"5.1\"} 0.0",
            "aerial_segments_served_total{channel=\"5\",transport=\"hls\"} 3",
            "aerial_segments_served_total{channel=\"5.1\",transport=\"mpegts\"} 1",
            "aerial_segments_late_total{channel=\"5\"} 2",
            "aerial_segments_slated_total{channel=\"5\"} 5",
            "aerial_ffmpeg_faults_total{class=\"hang\"} 0",
            "aerial_ready 0.0",
            "aerial_not_ready{reason=\"ffmpeg\"} 1.0",
            "aerial_not_ready{reason=\"stopping\"} 0.0",
        ] {
            assert!(text.lines().any(|one| one == line), "{line}: {text}");
        }
    }
}
