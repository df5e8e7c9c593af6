//! An hour as servers have them: viewers come, zap and leave, lineups are edited, FFmpeg
//! dies and hangs, files break and are replaced, the store is full, the server restarts.
//!
//! Owns the order of it, and the table at the end. Who watches is `crowd`, what goes
//! wrong on purpose `trouble`, what the server said about it `log`. Invariants: what is
//! done depends on the seed alone, as far as the machine is the same; whatever nothing
//! that was done on purpose explains fails the run.

mod crowd;
mod log;
mod trouble;

use std::fs::File;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use jiff::{SignedDuration, Timestamp};

use crate::films::{self, Film};
use crate::leak::Holdings;
use crate::options::Options;
use crate::report::{Report, verdict};
use crate::server::{Channel, Server, Video};
use crowd::{Crowd, Event, What};
use trouble::{Blow, Kind};

/// Two that are copied, two that are encoded, and one of each whose files break.
const FILMS: usize = 8;
/// What is made once is there afterwards, and caches are full.
const WARM_UP: Duration = Duration::from_secs(300);
/// What is in memory for a while has left it by then: the longest is slates' 240 s.
const SETTLE: Duration = Duration::from_secs(260);
/// With a full store, and over restarts.
const AFTERWARDS: Duration = Duration::from_secs(150);
/// No more than this has anything grown at the end.
const FLAT_PERCENT: u64 = 5;
/// What a viewer may stand still for after a blow: a hang is seen after 10 s.
const LONGEST_AFTER_A_BLOW: Duration = Duration::from_secs(20);

/// A channel, and the films that it plays.
#[derive(Clone, Debug)]
struct Station {
    channel: Channel,
    films: Vec<Film>,
    /// Its files are broken and replaced.
    unlucky: bool,
}

impl Station {
    /// Whether a blow can be noticed on it.
    fn feels(&self, blow: &Blow) -> bool {
        blow.titles.is_empty() || self.films.iter().any(|film| blow.titles.contains(&film.title))
    }
}

pub(crate) fn measure(options: &Options, report: &mut Report) -> Result<()> {
    let folder = options.folder.join("films");
    let (films, other) = (films::mortal(&folder, FILMS)?, films::another(&folder)?);
    let log = options.folder.join("soak.log");
    let settings = [
        // Small, so that it gives way all the time, but with room for what all of them
        // are shown in two minutes and a half; and channels end and begin again.
        ("AERIAL_STORE_LIMIT", "320MiB"),
        ("AERIAL_STREAM_GRACE", "10s"),
        ("AERIAL_LOG_FORMAT", "json"),
        ("AERIAL_DISCOVERY_HDHOMERUN", "false"),
    ];
    let stderr = Stdio::from(File::create(&log)?);
    let folders = (options.aerial.as_path(), options.folder.as_path());
    let server = Server::start_with_log(folders, &films, &settings, stderr)
        .with_context(|| format!("starting the server; its log is {}", log.display()))?;
    let lived = live(&server, (&films, &other), options);
    server.end();
    told(&lived?, &log, options, report)
}

/// What came of it.
struct Lived {
    stations: Vec<Station>,
    events: Vec<Event>,
    blows: Vec<Blow>,
    watched: crowd::Watched,
    edits: usize,
    /// When it had warmed up.
    began: Timestamp,
    before: Holdings,
    after: Holdings,
}

fn live(server: &Server, films: (&[Film], &Film), options: &Options) -> Result<Lived> {
    let stations = stations(server, films.0)?;
    let crowd = Crowd::new(server.address, &stations, options.viewers, options.seed as u64);
    let trouble = trouble::Trouble::new(server, &stations, films.1, options.seed as u64);
    std::thread::scope(|scope| {
        crowd.come(scope);
        // Whatever fails: the viewers leave, or nobody ever would.
        let ran = (|| -> Result<_> {
            eprintln!("soak: warming up");
            trouble.brood(Instant::now() + WARM_UP.min(options.soak))?;
            let before = at_rest(server, &crowd, &stations)?;
            let began = Timestamp::now();
            eprintln!("soak: {} s from now on; at rest: {before:?}", options.soak.as_secs());
            trouble.brood(Instant::now() + options.soak)?;
            let after = at_rest(server, &crowd, &stations)?;
            eprintln!("soak: a full store, and restarts; at rest: {after:?}");
            trouble.afterwards(Instant::now() + AFTERWARDS.min(options.soak))?;
            Ok((began, before, after))
        })();
        crowd.leave();
        ran
    })
    .map(|(began, before, after)| Lived {
        blows: trouble.blows(),
        edits: trouble.edits(),
        events: crowd.events(),
        watched: crowd.watched(),
        stations: stations.clone(),
        began,
        before,
        after,
    })
}

fn stations(server: &Server, films: &[Film]) -> Result<Vec<Station>> {
    let plans: [(&[usize], Video, bool); 6] = [
        (&[0, 1], Video::Copied, false),
        (&[2], Video::Copied, false),
        (&[3, 0], Video::Transcoded, false),
        (&[4], Video::Transcoded, false),
        (&[5, 6], Video::Copied, true),
        (&[7, 1], Video::Transcoded, true),
    ];
    let made = plans.iter().enumerate().map(|(n, (which, video, unlucky))| {
        let films: Vec<Film> = which.iter().map(|film| films[*film].clone()).collect();
        // Each elsewhere in its film, so that not all of them turn at once.
        let channel = server.channel_of(&films, n as i64 * 23, *video)?;
        Ok(Station { channel, films, unlucky: *unlucky })
    });
    made.collect()
}

/// What the server holds when nobody watches and what is cached for a while is gone.
fn at_rest(server: &Server, crowd: &Crowd<'_>, stations: &[Station]) -> Result<Holdings> {
    crowd.pause();
    for station in stations {
        server.stop(&station.channel)?;
    }
    server.wait_until_quiet()?;
    std::thread::sleep(SETTLE);
    let holdings = Holdings::of(server);
    crowd.go_on();
    holdings
}

/// Whether something done on purpose is the reason.
fn explained(event: &Event, stations: &[Station], blows: &[Blow]) -> bool {
    let Some(station) = stations.iter().find(|one| one.channel.number == event.channel) else {
        return false;
    };
    blows.iter().any(|blow| {
        let in_time = blow.at <= event.at && event.at <= blow.until;
        let so = match (&event.what, blow.kind) {
            (What::StoodStill(time), Kind::Died | Kind::Hung | Kind::Restart) => {
                *time <= LONGEST_AFTER_A_BLOW
            }
            // An unending stream ends with its server.
            (What::Ended, Kind::Restart) => true,
            _ => false,
        };
        in_time && so && station.feels(blow)
    })
}

fn told(lived: &Lived, log: &Path, options: &Options, report: &mut Report) -> Result<()> {
    let minutes = options.soak.as_secs_f64() / 60.0;
    let watched = &lived.watched;
    report.row(
        &format!("a soak of {minutes:.0} minutes, seed {}", options.seed),
        format!("{} visits, {} segments", watched.visits, watched.segments),
        format!("{} of HLS, {} of MPEG-TS", watched.visits - watched.streams, watched.streams),
        "",
    );
    let of = |kind: Kind| lived.blows.iter().filter(|blow| blow.kind == kind).count();
    report.row(
        "done on purpose",
        format!(
            "{} FFmpegs killed, {} stopped, {} files broken, {} replaced, {} restarts",
            of(Kind::Died),
            of(Kind::Hung),
            of(Kind::Broken),
            of(Kind::Replaced),
            of(Kind::Restart)
        ),
        format!("{} edits", lived.edits),
        "",
    );
    let mut missed = Vec::new();
    let mut hold = |what: &str, measured: String, beside: String, kept: bool| {
        report.row(what, measured, beside, verdict(kept));
        if !kept {
            missed.push(what.to_owned());
        }
    };
    let (stalls, errors): (Vec<&Event>, Vec<&Event>) =
        lived.events.iter().partition(|event| matches!(event.what, What::StoodStill(_)));
    // All channels are tuned in to at once on a machine that has just begun: more than it
    // promises to carry.
    let (early, stalls): (Vec<&Event>, Vec<&Event>) =
        stalls.into_iter().partition(|event| event.at < lived.began);
    let (known, unknown): (Vec<&Event>, Vec<&Event>) =
        stalls.into_iter().partition(|event| explained(event, &lived.stations, &lived.blows));
    unknown.iter().for_each(|event| eprintln!("soak: a stall without a reason: {event:?}"));
    let longest = known.iter().filter_map(|event| event.stood_still()).max().unwrap_or_default();
    let after = format!(
        "{} more after a blow, {longest:.1?} at most; {} as it warmed up",
        known.len(),
        early.len()
    );
    hold("stalls (late segments)", unknown.len().to_string(), after, unknown.is_empty());
    let (known, unknown): (Vec<&Event>, Vec<&Event>) =
        errors.into_iter().partition(|event| explained(event, &lived.stations, &lived.blows));
    unknown.iter().for_each(|event| eprintln!("soak: an error without a reason: {event:?}"));
    let after = format!("{} more after a restart", known.len());
    hold("viewers' errors", unknown.len().to_string(), after, unknown.is_empty());
    let said = log::Said::read(log, &lived.blows)?;
    said.unexplained.iter().for_each(|line| eprintln!("soak: not explained: {line}"));
    let rest = format!("{} more after a blow, {} of a busy machine", said.explained, said.busy);
    let count = said.unexplained.len();
    hold("warnings and errors in the log", count.to_string(), rest, count == 0);
    holdings(lived, &mut hold);
    ensure!(
        missed.is_empty(),
        "the soak did not hold: {}; see {}",
        missed.join(", "),
        log.display()
    );
    Ok(())
}

fn holdings(lived: &Lived, hold: &mut impl FnMut(&str, String, String, bool)) {
    let (before, after) = (&lived.before, &lived.after);
    let numbers = [
        ("FFmpegs at rest", before.processes as u64, after.processes as u64),
        ("descriptors at rest", before.descriptors as u64, after.descriptors as u64),
        ("tasks at rest", before.tasks, after.tasks),
        ("files but segments", before.files as u64, after.files as u64),
        ("memory at rest, KiB", before.kib, after.kib),
    ];
    for (what, before, after) in numbers {
        let most = before + before * FLAT_PERCENT / 100;
        hold(what, after.to_string(), format!("{before} at the start"), after <= most);
    }
}

/// So long after an instant.
fn after(at: Timestamp, time: Duration) -> Timestamp {
    SignedDuration::try_from(time).ok().and_then(|time| at.checked_add(time).ok()).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn station() -> Station {
        let film = Film { title: "Mortal 6".to_owned(), path: "/films/Mortal 6.mp4".into() };
        let channel = Channel {
            id: "x".to_owned(),
            number: "104".to_owned(),
            starts_at: Timestamp::UNIX_EPOCH,
        };
        Station { channel, films: vec![film], unlucky: true }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn blow(kind: Kind, title: &str) -> Blow {
        let titles = vec![title.to_owned()];
        Blow { kind, at: at(100), until: at(130), titles, words: &[] }
    }

    fn stall(second: i64, time: u64) -> Event {
        let what = What::StoodStill(Duration::from_secs(time));
        Event { at: at(second), channel: "104".to_owned(), what }
    }

    #[test]
    fn a_stall_is_explained_by_a_blow_to_its_own_film_shortly_before_alone() {
        let stations = [station()];
        let is = |event: &Event, blow: Blow| explained(event, &stations, &[blow]);
        assert!(is(&stall(110, 3), blow(Kind::Died, "Mortal 6")));
        assert!(!is(&stall(110, 3), blow(Kind::Died, "Mortal 1")), "another film");
        assert!(!is(&stall(99, 3), blow(Kind::Died, "Mortal 6")), "before it");
        assert!(!is(&stall(140, 3), blow(Kind::Died, "Mortal 6")), "long after it");
        assert!(!is(&stall(110, 30), blow(Kind::Died, "Mortal 6")), "longer than it takes");
        // A file that breaks is slate in time: nobody's picture stands still.
        assert!(!is(&stall(110, 3), blow(Kind::Broken, "Mortal 6")));
    }

    #[test]
    fn an_error_is_explained_by_nothing_but_that_the_server_ended_a_stream() {
        let stations = [station()];
        let event = |what| Event { at: at(110), channel: "104".to_owned(), what };
        let restart = Blow { titles: Vec::new(), ..blow(Kind::Restart, "") };
        assert!(explained(&event(What::Ended), &stations, std::slice::from_ref(&restart)));
        let refused = event(What::Failed("404".to_owned()));
        assert!(!explained(&refused, &stations, &[restart, blow(Kind::Died, "Mortal 6")]));
    }
}
