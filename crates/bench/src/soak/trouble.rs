//! What is done to the server on purpose, at random: FFmpeg is killed and stopped, files
//! are broken and replaced, lineups are edited; in the end the store is full, and the
//! server is replaced.
//!
//! Invariant: each blow is noted before it falls, with what it may be the reason of, and
//! for how long.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use jiff::Timestamp;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::{Station, after};
use crate::chance::Chance;
use crate::films::Film;
use crate::kill::worker;
use crate::server::Server;

/// Between two things that are done.
const APART: Duration = Duration::from_secs(12);
/// A file is broken or another one for so long.
const BROKEN_FOR: Duration = Duration::from_secs(40);
/// After a killed FFmpeg its channel is as before.
const RECOVERED: Duration = Duration::from_secs(30);
/// After a stopped one: it is seen when it is waited for, up to a minute later.
const SEEN: Duration = Duration::from_secs(150);
/// A file that is well again is tried every half minute, and scanned within one; what
/// was made of it meanwhile airs for a while.
const WELL_AGAIN: Duration = Duration::from_secs(240);
/// Over a restart nothing stands still for longer than this afterwards.
const RESTARTED: Duration = Duration::from_secs(20);

/// Something done on purpose.
#[derive(Clone, Debug)]
pub(super) struct Blow {
    pub(super) kind: Kind,
    pub(super) at: Timestamp,
    /// Until when it is a reason for anything.
    pub(super) until: Timestamp,
    /// The films, and their ids, that it falls upon; none: it falls upon everything.
    pub(super) titles: Vec<String>,
    /// What else the server may say because of it.
    pub(super) words: &'static [&'static str],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// An FFmpeg is killed.
    Died,
    /// An FFmpeg is stopped, and hangs.
    Hung,
    /// A file is no video any more.
    Broken,
    /// A file is another video.
    Replaced,
    /// There is no room for segments on the disk.
    Full,
    /// Another server takes this one's place.
    Restart,
}

/// A file that is not what it was.
#[derive(Debug)]
struct Wound {
    film: Film,
    bytes: Vec<u8>,
    heals_at: Instant,
}

#[derive(Debug)]
struct State {
    chance: Chance,
    blows: Vec<Blow>,
    edits: usize,
    killed: Vec<u32>,
    wound: Option<Wound>,
}

/// Does it.
#[derive(Debug)]
pub(super) struct Trouble<'a> {
    server: &'a Server,
    stations: &'a [Station],
    other: &'a Film,
    state: Mutex<State>,
}

impl<'a> Trouble<'a> {
    pub(super) fn new(
        server: &'a Server,
        stations: &'a [Station],
        other: &'a Film,
        seed: u64,
    ) -> Self {
        let state = State {
            chance: Chance(seed),
            blows: Vec::new(),
            edits: 0,
            killed: Vec::new(),
            wound: None,
        };
        Self { server, stations, other, state: Mutex::new(state) }
    }

    pub(super) fn blows(&self) -> Vec<Blow> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).blows.clone()
    }

    pub(super) fn edits(&self) -> usize {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).edits
    }

    /// Does one thing after the other until then; every file is well again afterwards.
    pub(super) fn brood(&self, until: Instant) -> Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        while Instant::now() < until {
            let pause = state.chance.within(APART);
            std::thread::sleep(pause.min(until.saturating_duration_since(Instant::now())));
            self.heal(&mut state, false)?;
            match state.chance.below(8) {
                0 | 1 => self.beat(&mut state, Kind::Died)?,
                2 => self.beat(&mut state, Kind::Hung)?,
                3 => self.spoil(&mut state, Kind::Broken)?,
                4 => self.spoil(&mut state, Kind::Replaced)?,
                _ => self.edit(&mut state)?,
            }
        }
        self.heal(&mut state, true)
    }

    /// A disk that counts as full, and a server that is replaced.
    pub(super) fn afterwards(&self, until: Instant) -> Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (began, third) = (Instant::now(), until.saturating_duration_since(Instant::now()) / 3);
        let rest = |thirds: u32| {
            std::thread::sleep((began + third * thirds).saturating_duration_since(Instant::now()));
        };
        // So much is to be left free as no disk has: nothing may be written any more. A
        // changed setting is taken up by another server.
        let full = Blow {
            kind: Kind::Full,
            at: Timestamp::now(),
            until: after(Timestamp::now(), third + RESTARTED),
            titles: Vec::new(),
            words: &["memory alone", "left free", "no room"],
        };
        state.blows.push(full);
        self.set_free(&mut state, &json!("1000TiB"))?;
        rest(1);
        self.set_free(&mut state, &Value::Null)?;
        rest(2);
        self.note_restart(&mut state);
        self.server.renew();
        rest(3);
        Ok(())
    }

    fn set_free(&self, state: &mut State, free: &Value) -> Result<()> {
        self.note_restart(state);
        let settings = json!({ "store": { "free": free } });
        self.server.api("PATCH", "/settings", &settings).map(drop)
    }

    fn note_restart(&self, state: &mut State) {
        eprintln!("soak: another server");
        let (at, titles) = (Timestamp::now(), Vec::new());
        let until = after(at, RESTARTED);
        state.blows.push(Blow { kind: Kind::Restart, at, until, titles, words: &[] });
    }

    /// Kills or stops an FFmpeg that works for a channel.
    fn beat(&self, state: &mut State, kind: Kind) -> Result<()> {
        let mut there = Vec::new();
        for station in self.stations {
            let number = &station.channel.number;
            // A channel that nobody has watched yet has no history.
            if let Ok(Some(pid)) = worker(self.server, number, &state.killed) {
                there.push((number.clone(), pid));
            }
        }
        if there.is_empty() {
            return Ok(());
        }
        let (number, pid) = there.swap_remove(state.chance.below(there.len()));
        let history =
            self.server.api("GET", &format!("/streams/{number}/history"), &Value::Null)?;
        let runs = history["items"][0]["runs"].as_array().cloned().unwrap_or_default();
        let run = runs.iter().find(|run| run["pid"] == pid);
        let Some(title) = run.and_then(|run| run["title"].as_str()) else { return Ok(()) };
        let (signal, time) = match kind {
            Kind::Hung => (Signal::STOP, SEEN),
            _ => (Signal::KILL, RECOVERED),
        };
        let at = Timestamp::now();
        eprintln!("soak: {kind:?}: {title}, process {pid}, of channel {number}");
        state.blows.push(Blow {
            kind,
            at,
            until: after(at, time),
            titles: vec![title.to_owned()],
            words: &[],
        });
        state.killed.push(pid);
        let process = i32::try_from(pid).ok().and_then(Pid::from_raw).context("no process id")?;
        // It may have ended by itself a moment ago.
        let _ = kill_process(process, signal);
        Ok(())
    }

    /// Breaks a film of an unlucky channel, or puts another one in its place.
    fn spoil(&self, state: &mut State, kind: Kind) -> Result<()> {
        if state.wound.is_some() {
            return Ok(());
        }
        let unlucky = self.stations.iter().filter(|station| station.unlucky);
        let unlucky: Vec<&Film> = unlucky.filter_map(|station| station.films.first()).collect();
        let film = unlucky[state.chance.below(unlucky.len())];
        let bytes = std::fs::read(&film.path)?;
        let instead = match kind {
            Kind::Replaced => std::fs::read(&self.other.path)?,
            _ => vec![b'x'; bytes.len() / 2],
        };
        let (at, media) = (Timestamp::now(), self.server.media(film)?);
        eprintln!("soak: {kind:?}: {}", film.title);
        state.blows.push(Blow {
            kind,
            at,
            until: after(at, BROKEN_FOR + WELL_AGAIN),
            titles: vec![film.title.clone(), media.to_owned(), self.other.title.clone()],
            words: &[],
        });
        exchange(film, &instead)?;
        let heals_at = Instant::now() + BROKEN_FOR;
        state.wound = Some(Wound { film: film.clone(), bytes, heals_at });
        Ok(())
    }

    fn heal(&self, state: &mut State, now: bool) -> Result<()> {
        let due = |wound: &mut Wound| now || wound.heals_at <= Instant::now();
        match state.wound.take_if(due) {
            Some(wound) => {
                eprintln!("soak: well again: {}", wound.film.title);
                exchange(&wound.film, &wound.bytes)
            }
            None => Ok(()),
        }
    }

    /// Changes what a channel plays, or what is said of it, and makes and deletes one.
    fn edit(&self, state: &mut State) -> Result<()> {
        let station = &self.stations[state.chance.below(self.stations.len())];
        let id = &station.channel.id;
        state.edits += 1;
        let lineup = |films: &[&Film]| -> Result<Value> {
            let item = |film: &&Film| Ok(json!({ "media": self.server.media(film)? }));
            let items: Vec<Value> = films.iter().map(item).collect::<Result<_>>()?;
            Ok(json!({ "items": items }))
        };
        match state.chance.below(4) {
            0 => {
                let turned: Vec<&Film> = station.films.iter().rev().collect();
                self.server.api("PUT", &format!("/channels/{id}/lineup"), &lineup(&turned)?)?;
            }
            1 => {
                let twice: Vec<&Film> = station.films.iter().chain(&station.films).collect();
                self.server.api("PUT", &format!("/channels/{id}/lineup"), &lineup(&twice)?)?;
            }
            2 => {
                let name = json!({ "name": format!("Edit {}", state.edits) });
                self.server.api("PATCH", &format!("/channels/{id}"), &name)?;
            }
            _ => {
                let clone =
                    self.server.api("POST", &format!("/channels/{id}/clone"), &json!({}))?;
                let id = clone["id"].as_str().context("a clone without an id")?;
                let guide = self.server.api("GET", "/guide?limit=100", &Value::Null)?;
                ensure!(guide["items"].is_array(), "the guide is {guide}");
                self.server.api("DELETE", &format!("/channels/{id}"), &Value::Null)?;
            }
        }
        Ok(())
    }
}

/// Puts these bytes in a film's place, in one step, as whoever copies files should.
fn exchange(film: &Film, bytes: &[u8]) -> Result<()> {
    let part = film.path.with_extension("part");
    std::fs::write(&part, bytes)?;
    Ok(std::fs::rename(part, &film.path)?)
}
