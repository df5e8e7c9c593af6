//! The world: a catalogue, a server, its viewers, and the time.
//!
//! Owns the order in which things happen. What the server does around the model
//! (`crates/aerial`: `schedule`, `stream`, `clock`) is done here in the smallest
//! way; each module says which of it it mirrors. Invariant: a world is a function
//! of its history; it asks no clock and no chance.

mod air_clock;
mod catalogue;
mod change;
mod health;
mod programme;
mod schedule;
mod serve;
mod session;
mod slated;
mod store;
mod transcoder;
mod turn;
mod viewer;
mod witness;

use std::collections::BTreeMap;

use aerial_model::air_clock::{AirClocks, Noted};
use aerial_model::client::ClientId;
use aerial_model::hls::{Edge, TARGET_DURATION_TRANSCODED};
use aerial_model::profile::Rendition;
use aerial_model::session::Event as Heard;
use aerial_model::time::{AirTime, Ticks};

use crate::history::{Event, History, Level, Plant, Viewing};
use crate::invariant::{Held, Invariant, playlist};
use crate::library::{Library, Mood};
use crate::random::Random;
use crate::report::Tally;

use catalogue::Catalogue;
pub use programme::SegmentKey;
use schedule::Schedule;
use session::OnAir;
use store::{Disk, Memory};
use transcoder::Transcoder;
use viewer::{Known, Viewer};
use witness::Witness;

/// Noon of 2026-01-01, UTC: when every world begins.
const BEGINNING: AirTime = AirTime::from_unix_millis(1_767_268_800_000);

/// How much of a ledger is kept, as the server's `schedule` has it.
const KEEP: Ticks = Ticks::from_secs(8 * 24 * 3_600);

/// What a server has in memory.
#[derive(Debug)]
struct Server {
    /// The channels' clocks (`rules.md`, 8).
    clocks: AirClocks,
    since_ms: u64,
    schedule: Schedule,
    sessions: Vec<OnAir>,
    transcoder: Transcoder,
    memory: Memory,
}

/// The world.
pub struct World {
    level: Level,
    mood: Mood,
    plant: Option<Plant>,
    /// Monotonic.
    now_ms: u64,
    /// The wall clock, in ticks from the monotonic one.
    wall: i64,
    /// What the server noted of its channels' time, and when.
    noted: (Noted, u64),
    library: Library,
    catalogue: Catalogue,
    disk: Disk,
    server: Server,
    /// Another process that writes the same catalogue.
    elsewhere: Schedule,
    viewers: BTreeMap<u32, Viewer>,
    witnesses: Vec<Witness>,
    /// What was slate for good.
    slated: slated::Slated,
    speed_percent: u32,
    /// The transcoder and the caches were last looked after, a file replaced.
    reviewed_ms: u64,
    replaced_ms: u64,
    swept_ms: u64,
    next_nonce: u64,
    tally: Tally,
}

impl World {
    /// The world as the history finds it.
    pub fn new(history: &History) -> Self {
        let (seed, level, plant) = (history.seed, history.level, history.plant);
        let library = Library::of_seed(seed, level);
        let catalogue = Catalogue::of_seed(seed, history.channels, &library, BEGINNING);
        let channels = usize::from(history.channels);
        let mut random = Random::new(seed ^ 0x0077_6f72_6c64);
        // From room for minutes of one channel to room for hours.
        let limit = random.one_of(&[30, 120, 1_200]) * 1_000 * 4_000 / 10;
        let mood = Mood::of_seed(seed);
        let wall = BEGINNING.0 + random.within(0..90).cast_signed();
        let clocks = AirClocks::begun(AirTime(wall), Ticks::ZERO);
        Self {
            level,
            mood,
            plant,
            now_ms: 0,
            wall,
            noted: (clocks.noted(Ticks::ZERO), 0),
            library,
            catalogue,
            disk: Disk::new(limit, plant),
            server: Server::started(clocks, 0, channels, plant, false),
            elsewhere: Schedule::new(channels, plant, false),
            viewers: BTreeMap::new(),
            witnesses: (0..channels).map(|_| Witness::default()).collect(),
            slated: slated::Slated::new(),
            speed_percent: mood.speed_percent(),
            reviewed_ms: 0,
            replaced_ms: 0,
            swept_ms: 0,
            next_nonce: 0,
            tally: Tally::default(),
        }
    }

    /// What was counted so far.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// An event happens, and what follows from it.
    ///
    /// # Errors
    /// The invariant that does not hold after it, or in the meantime.
    pub fn happens(&mut self, event: &Event) -> Held {
        self.tally.events += 1;
        match *event {
            Event::Wait { ms } => self.wait(ms)?,
            Event::TuneIn { viewer, channel, viewing } => self.tune_in(viewer, channel, viewing)?,
            Event::Leave { viewer } => self.leave(viewer, true),
            Event::Vanish { viewer } => self.leave(viewer, false),
            Event::Pause { viewer, ms } => self.pause(viewer, ms),
            Event::Edit { channel, edit } => self.edit(channel, &edit, false)?,
            Event::EditElsewhere { channel, edit } => self.edit(channel, &edit, true)?,
            Event::Race { channel } => self.race(channel)?,
            Event::SkipAiring { channel } => self.skip_airing(channel)?,
            Event::Stop { channel } => self.stop(channel),
            Event::Replace { media, more_frames } => self.replace(media, more_frames)?,
            Event::Spoil { media, fault } => self.library.spoil(media, fault),
            Event::Speed { percent } => self.speed_percent = percent.max(1),
            Event::KillWorkers => self.kill_workers(),
            Event::Crash { down_ms } => self.crash(down_ms, true)?,
            Event::PowerCut { down_ms } => self.crash(down_ms, false)?,
            Event::StepClock { ms } => self.wall += ms * 90,
            Event::Housekeep => {
                let before = self.server.clocks.now(self.monotonic()) - KEEP;
                self.catalogue.channels.iter_mut().for_each(|stored| stored.prune(before));
            }
        }
        self.settled()
    }

    /// Looks at all of it once more.
    ///
    /// # Errors
    /// A committed row that is not what it was.
    pub fn ends(&mut self) -> Held {
        for (channel, witness) in self.witnesses.iter().enumerate() {
            witness.compares(&self.catalogue, channel, true, &mut self.tally)?;
        }
        Ok(())
    }

    fn channel(&self, number: u8) -> usize {
        usize::from(number) % self.witnesses.len()
    }

    fn tune_in(&mut self, viewer: u32, channel: u8, viewing: Viewing) -> Held {
        self.leave(viewer, false);
        let channel = self.channel(channel);
        let now = self.now(channel);
        let ledger = self.committed(channel)?;
        let Some(edge) = Edge::at(&ledger, TARGET_DURATION_TRANSCODED, now) else { return Ok(()) };
        self.next_nonce += 1;
        let nonce = self.next_nonce;
        let now_ms = self.now_ms;
        let player = self.viewers.entry(viewer).or_insert_with(Viewer::new);
        player.begins();
        let (is_transport, high) = match viewing {
            Viewing::Hls { high } => (false, high),
            Viewing::Transport => (true, true),
        };
        (player.channel, player.watches, player.is_transport) = (channel, true, is_transport);
        player.rendition = Rendition::Height(if high { 720 } else { 360 });
        player.next_at = now_ms;
        let new = Known {
            client: ClientId::new(edge.current, now, nonce),
            reached: None,
            listed_at: None,
        };
        let known = player.known.entry(channel).or_insert(new);
        if is_transport {
            // A connection has no id of its own from before.
            *known = new;
        }
        known.listed_at = None;
        let (client, rendition) = (known.client, player.rendition);
        self.tell(channel, Heard::Seen { client, rendition: Some(rendition) });
        if is_transport {
            self.tell(channel, Heard::Waiting(client));
        }
        match self.level {
            Level::Years => self.reload(viewer),
            Level::Windows => Ok(()),
        }
    }

    /// A viewer goes, saying so or not.
    fn leave(&mut self, viewer: u32, says_so: bool) {
        let Some(player) = self.viewers.get_mut(&viewer).filter(|player| player.watches) else {
            return;
        };
        player.watches = false;
        let waits = player.request.take().is_some() || player.is_transport;
        let (channel, client) = (player.channel, player.client());
        let Some(client) = client else { return };
        if waits {
            self.tell_open(channel, Heard::Answered(client));
        }
        if says_so {
            self.tell_open(channel, Heard::Left(client));
        }
    }

    fn pause(&mut self, viewer: u32, ms: u64) {
        let player = self.viewers.get_mut(&viewer).filter(|v| v.watches && !v.is_transport);
        player.into_iter().for_each(|player| player.pauses(self.now_ms, ms));
    }

    fn stop(&mut self, channel: u8) {
        let channel = self.channel(channel);
        self.tell_open(channel, Heard::Stop);
        // Their connections end with the session.
        for player in self.viewers.values_mut().filter(|v| v.channel == channel) {
            player.watches &= !player.is_transport;
            player.begins();
        }
    }

    /// The server dies, and is started again: by a machine that went on, or by one
    /// that was off, too.
    fn crash(&mut self, down_ms: u64, machine_goes_on: bool) -> Held {
        let now: Vec<AirTime> = (0..self.witnesses.len()).map(|of| self.now(of)).collect();
        let before = self.all_lists(&now)?;
        self.now_ms += down_ms;
        self.count_time(down_ms);
        let (channels, clocks) = (self.witnesses.len(), self.clocks_resumed(machine_goes_on));
        self.server = Server::started(clocks, self.now_ms, channels, self.plant, true);
        self.elsewhere.forget();
        self.disk.opened();
        let after = self.all_lists(&now)?;
        for (before, after) in before.iter().zip(&after) {
            self.tally.check(Invariant::ListsArePure, playlist::list_is_pure(before, after))?;
        }
        let transports: Vec<u32> = self
            .viewers
            .iter_mut()
            .filter(|(_, viewer)| viewer.watches)
            .map(|(number, viewer)| {
                viewer.begins();
                viewer.next_at = self.now_ms;
                (number, viewer.is_transport)
            })
            .filter_map(|(number, is_transport)| is_transport.then_some(*number))
            .collect();
        for number in transports {
            let channel = self.viewers[&number].channel as u8;
            self.tune_in(number, channel, Viewing::Transport)?;
        }
        Ok(())
    }

    fn count_time(&mut self, ms: u64) {
        self.tally.channel_ms += ms * self.witnesses.len() as u64;
    }

    /// Witnesses look at what was committed.
    fn seen(&mut self) -> Held {
        for commit in std::mem::take(&mut self.catalogue.committed) {
            self.witnesses[commit.channel].sees(&commit, &mut self.tally)?;
        }
        Ok(())
    }

    /// What must hold after anything that happened.
    fn settled(&mut self) -> Held {
        self.seen()?;
        for (channel, witness) in self.witnesses.iter().enumerate() {
            witness.compares(&self.catalogue, channel, false, &mut self.tally)?;
        }
        for channel in 0..self.witnesses.len() {
            self.agrees(channel)?;
        }
        self.sessions_hold()
    }
}

impl Server {
    fn started(
        clocks: AirClocks,
        now_ms: u64,
        channels: usize,
        plant: Option<Plant>,
        restarted: bool,
    ) -> Self {
        Self {
            clocks,
            since_ms: now_ms,
            schedule: Schedule::new(channels, plant, restarted),
            sessions: Vec::new(),
            transcoder: Transcoder::new(plant),
            memory: Memory::default(),
        }
    }
}
