//! Viewers who come at random, look at something for a while, and zap or leave.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::Scope;
use std::time::{Duration, Instant};

use aerial_model::mpegts::{Demuxer, UnitKind};
use aerial_model::time::{TICKS_PER_SECOND, Ticks};
use anyhow::{Result, ensure};
use jiff::Timestamp;

use super::Station;
use crate::chance::Chance;
use crate::http::{Connection, was_closed};
use crate::viewer::{RELOAD, Viewer};

/// The longest that anybody looks at one channel.
const LONGEST_VISIT: Duration = Duration::from_secs(60);
/// The longest that anybody does something else.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// Less than anybody sees: two pictures.
const UNSEEN: Duration = Duration::from_millis(80);

/// Something that a viewer did not come for.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) at: Timestamp,
    /// The channel's number.
    pub(super) channel: String,
    pub(super) what: What,
}

impl Event {
    pub(super) fn stood_still(&self) -> Option<Duration> {
        match self.what {
            What::StoodStill(time) => Some(time),
            What::Ended | What::Failed(_) => None,
        }
    }
}

#[derive(Clone, Debug)]
pub(super) enum What {
    /// The picture stood still for so long.
    StoodStill(Duration),
    /// An unending stream ended.
    Ended,
    /// It was not given what it asked for, or something odd; it is told in the output.
    Failed(#[allow(dead_code, reason = "for whoever reads the output")] String),
}

/// What all of them saw together.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Watched {
    pub(super) visits: usize,
    /// Of these, of the unending stream.
    pub(super) streams: usize,
    pub(super) segments: usize,
}

/// The viewers.
#[derive(Debug)]
pub(super) struct Crowd<'a> {
    address: SocketAddr,
    stations: &'a [Station],
    viewers: usize,
    seed: u64,
    paused: AtomicBool,
    over: AtomicBool,
    /// So many look at something.
    watching: AtomicUsize,
    events: Mutex<Vec<Event>>,
    watched: Mutex<Watched>,
}

impl<'a> Crowd<'a> {
    pub(super) fn new(
        address: SocketAddr,
        stations: &'a [Station],
        viewers: usize,
        seed: u64,
    ) -> Self {
        Self {
            address,
            stations,
            viewers,
            seed,
            paused: AtomicBool::new(false),
            over: AtomicBool::new(false),
            watching: AtomicUsize::new(0),
            events: Mutex::default(),
            watched: Mutex::default(),
        }
    }

    /// Each on a thread of its own, until [`Crowd::leave`].
    pub(super) fn come<'scope>(&'scope self, scope: &'scope Scope<'scope, '_>) {
        for viewer in 0..self.viewers {
            let chance = Chance(self.seed.wrapping_mul(1_000) + viewer as u64);
            scope.spawn(move || self.live(chance));
        }
    }

    /// Nobody looks at anything when this returns.
    pub(super) fn pause(&self) {
        self.paused.store(true, Ordering::SeqCst);
        while self.watching.load(Ordering::SeqCst) > 0 {
            std::thread::sleep(LOOK_AGAIN);
        }
    }

    pub(super) fn go_on(&self) {
        self.paused.store(false, Ordering::SeqCst);
    }

    pub(super) fn leave(&self) {
        self.over.store(true, Ordering::SeqCst);
    }

    pub(super) fn events(&self) -> Vec<Event> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn watched(&self) -> Watched {
        *self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stays(&self) -> bool {
        !self.paused.load(Ordering::SeqCst) && !self.over.load(Ordering::SeqCst)
    }

    fn live(&self, mut chance: Chance) {
        while !self.over.load(Ordering::SeqCst) {
            if self.paused.load(Ordering::SeqCst) {
                std::thread::sleep(LOOK_AGAIN);
                continue;
            }
            self.watching.fetch_add(1, Ordering::SeqCst);
            self.visit(&mut chance);
            self.watching.fetch_sub(1, Ordering::SeqCst);
            // Half of them zap.
            if chance.below(2) == 0 {
                self.wait(Instant::now() + chance.within(LONGEST_PAUSE));
            }
        }
    }

    /// Until then, unless all are to go.
    fn wait(&self, until: Instant) {
        while self.stays() && Instant::now() < until {
            std::thread::sleep(LOOK_AGAIN.min(until.saturating_duration_since(Instant::now())));
        }
    }

    fn visit(&self, chance: &mut Chance) {
        let station = &self.stations[chance.below(self.stations.len())];
        let number = &station.channel.number;
        let (until, streams) =
            (Instant::now() + chance.within(LONGEST_VISIT), chance.below(4) == 0);
        let seen = match streams {
            true => self.stream(number, until),
            false => self.lists(number, until, chance.below(2) == 0),
        };
        let segments = match seen {
            Ok(segments) => segments,
            Err(error) => {
                self.tell(number, What::Failed(format!("{error:#}")));
                // Players do not hammer either.
                self.wait(Instant::now() + Duration::from_secs(1));
                0
            }
        };
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        watched.visits += 1;
        watched.streams += usize::from(streams);
        watched.segments += segments;
    }

    fn tell(&self, number: &str, what: What) {
        let event = Event { at: Timestamp::now(), channel: number.to_owned(), what };
        eprintln!("soak: {event:?}");
        self.events.lock().unwrap_or_else(PoisonError::into_inner).push(event);
    }

    /// Watches by HLS; how many segments came.
    fn lists(&self, number: &str, until: Instant, politely: bool) -> Result<usize> {
        let mut viewer = Viewer::tune_in(self.address, number)?;
        let mut next = Instant::now();
        while self.stays() && Instant::now() < until {
            let (late, worst) = (viewer.seen.late, std::mem::take(&mut viewer.seen.worst));
            viewer.look()?;
            if viewer.seen.late > late && viewer.seen.worst > UNSEEN {
                self.tell(number, What::StoodStill(viewer.seen.worst));
            }
            viewer.seen.worst = viewer.seen.worst.max(worst);
            next = (next + RELOAD).max(Instant::now());
            self.wait(next.min(until));
        }
        let segments = viewer.seen.segments;
        if politely {
            viewer.leave(number)?;
        }
        Ok(segments)
    }

    /// Watches the unending stream; as many segments as that is long.
    fn stream(&self, number: &str, until: Instant) -> Result<usize> {
        let now = Timestamp::now().as_millisecond();
        let mut demuxer = Demuxer::new(Ticks(now * TICKS_PER_SECOND / 1_000));
        let mut begun: Option<(Instant, Ticks)> = None;
        let (mut last, mut ended) = (Ticks::ZERO, true);
        let path = format!("/stream/{number}.ts");
        let flowed = Connection::open(self.address)?.flow(&path, |bytes| {
            demuxer.push(bytes);
            while let Some(unit) = demuxer.next_unit() {
                let unit = unit?;
                if unit.kind == UnitKind::Audio {
                    continue;
                }
                let (at, first) = *begun.get_or_insert((Instant::now(), unit.dts));
                last = unit.dts - first;
                let shown = Duration::from_micros((last.0.max(0) as u64) * 100 / 9);
                let late = at.elapsed().saturating_sub(shown);
                if late > UNSEEN {
                    self.tell(number, What::StoodStill(late));
                    // From here on it plays later.
                    begun = Some((at + late, first));
                }
            }
            ended = self.stays() && Instant::now() < until;
            Ok(ended)
        });
        let status = match flowed {
            Err(error) if was_closed(&error) => 200,
            other => other?,
        };
        ensure!(status == 200, "{path} was answered {status}");
        if ended {
            self.tell(number, What::Ended);
        }
        Ok((last.0 / Ticks::from_secs(4).0) as usize)
    }
}
