//! Whether the server can serve, as it was found out last.
//!
//! Owns the reasons for which it cannot serve, the looks at whether one holds, and how
//! long is believed what one found. A disk that takes no segments is no reason: they are
//! served from memory then. Invariants: each reason says what to do; however many ask,
//! there is one look at a time, and one in [`Pace::fresh`] at most; nobody waits for one
//! longer than [`Pace::wait`]; a catalogue that is busy is no fault, one that is stuck is.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::clock::monotonic;
use crate::db::Db;

/// Why the server cannot serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// It is told to stop.
    Stopping,
    /// The catalogue cannot be read or written.
    Catalogue,
    /// FFmpeg is gone.
    Ffmpeg,
}

impl Reason {
    /// All of them.
    pub(super) const ALL: [Self; 3] = [Self::Stopping, Self::Catalogue, Self::Ffmpeg];

    /// As metrics tell it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Stopping => "stopping",
            Self::Catalogue => "catalogue",
            Self::Ffmpeg => "ffmpeg",
        }
    }
}

/// Why the server cannot serve, with what to do.
pub(super) type Hindrance = (Reason, String);

/// How often it is looked, and how long that may take.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// How long is believed what a look found.
    pub fresh: Duration,
    /// How long whoever asks waits for a look, from its beginning on.
    pub wait: Duration,
    /// How long a look may go on before that is a fault.
    pub stuck: Duration,
}

impl Default for Pace {
    /// Supervisors ask every 10 s or so, and wait for 3 s or more; no transaction takes
    /// 30 s, the greatest batch of a scan included.
    fn default() -> Self {
        let (fresh, wait) = (Duration::from_secs(5), Duration::from_secs(2));
        Self { fresh, wait, stuck: Duration::from_secs(30) }
    }
}

/// What is known of it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Readiness(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    db: Db,
    ffmpeg: PathBuf,
    pace: Pace,
    ending: CancellationToken,
    /// Told when somebody wants to know more than the last look found.
    asked: Notify,
    looks: watch::Sender<Looks>,
}

#[derive(Clone, Debug, Default)]
struct Looks {
    /// When the last look that came to an end began, and what it found.
    last: Option<(Instant, Vec<Hindrance>)>,
    /// When the one began that goes on.
    since: Option<Instant>,
}

impl Looks {
    /// Whether the last look will do for who asked then.
    fn will_do(&self, asked: Instant, fresh: Duration) -> bool {
        self.last.as_ref().is_some_and(|(begun, _)| *begun + fresh >= asked)
    }

    fn told(&self, now: Instant, stuck: Duration) -> Vec<Hindrance> {
        let mut found = self.last.as_ref().map_or_else(Vec::new, |(_, found)| found.clone());
        let goes_on_for = self.since.map_or(Duration::ZERO, |since| now.duration_since(since));
        if goes_on_for >= stuck && !found.iter().any(|(of, _)| *of == Reason::Catalogue) {
            let stuck = format!(
                "nothing has been heard of the catalogue for {} s: see whether the disk of the \
                 data folder, or FFmpeg's, hangs",
                goes_on_for.as_secs()
            );
            found.insert(0, (Reason::Catalogue, stuck));
        }
        found
    }
}

impl Readiness {
    /// Nothing is known yet; [`Self::run`] looks when somebody asks.
    pub fn new(db: Db, ffmpeg: PathBuf, pace: Pace, ending: CancellationToken) -> Self {
        let (asked, looks) = (Notify::new(), watch::Sender::default());
        Self(Arc::new(Inner { db, ffmpeg, pace, ending, asked, looks }))
    }

    /// Looks whenever that is asked for, until the server ends.
    pub async fn run(self) {
        let Inner { ending, pace, asked, looks, .. } = &*self.0;
        while ending.run_until_cancelled(asked.notified()).await.is_some() {
            let begun = monotonic();
            if looks.borrow().will_do(begun, pace.fresh) {
                continue;
            }
            looks.send_modify(|looks| looks.since = Some(begun));
            let Some(found) = ending.run_until_cancelled(self.look()).await else { return };
            looks.send_replace(Looks { last: Some((begun, found)), since: None });
        }
    }

    /// What keeps the server from serving now, in words; nothing where it can.
    pub(super) async fn hindrances(&self) -> Vec<Hindrance> {
        let Inner { ending, pace, asked, looks, .. } = &*self.0;
        let now = monotonic();
        let mut looks = looks.subscribe();
        let (will_do, since) = {
            let looks = looks.borrow();
            (looks.will_do(now, pace.fresh), looks.since.unwrap_or(now))
        };
        if !will_do {
            asked.notify_one();
            let looked = looks.wait_for(|looks| looks.will_do(now, pace.fresh));
            let looked = ending.run_until_cancelled(looked);
            let _busy_is_no_fault = timeout_at(since + pace.wait, looked).await.is_err();
        }
        if ending.is_cancelled() {
            // Its parts end: what else is wrong is no matter.
            return vec![(Reason::Stopping, "the server is stopping".to_owned())];
        }
        looks.borrow().told(monotonic(), pace.stuck)
    }

    async fn look(&self) -> Vec<Hindrance> {
        let Inner { db, ffmpeg, .. } = &*self.0;
        let mut found = Vec::new();
        let catalogue = match db.folders().await {
            Ok(_) => db.writable().await,
            Err(error) => Err(error),
        };
        if let Err(error) = catalogue {
            found.push((Reason::Catalogue, error.to_string()));
        }
        if !tokio::fs::try_exists(ffmpeg).await.unwrap_or(false) {
            let path = ffmpeg.display();
            let gone = format!("FFmpeg is not at {path} any more: install it again");
            found.push((Reason::Ffmpeg, gone));
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::WRITES_TRIED;

    const HOUR: Duration = Duration::from_secs(3_600);

    async fn catalogue() -> (tempfile::TempDir, Db) {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(&folder.path().join("catalogue.sqlite")).await.unwrap();
        (folder, db)
    }

    /// Of a server that runs, and has an FFmpeg.
    fn readiness(db: &Db, pace: Pace) -> Readiness {
        let ending = CancellationToken::new();
        let readiness = Readiness::new(db.clone(), "/".into(), pace, ending);
        tokio::spawn(readiness.clone().run());
        readiness
    }

    async fn until(readiness: &Readiness, holds: impl Fn(&[Hindrance]) -> bool) {
        let waiting = async {
            while !holds(&readiness.hindrances().await) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), waiting).await.unwrap();
    }

    #[test]
    fn a_look_that_goes_on_is_a_fault_once_no_transaction_takes_as_long() {
        let (begun, stuck) = (monotonic(), Pace::default().stuck);
        let looks = Looks { last: None, since: Some(begun) };
        assert!(looks.told(begun + stuck - Duration::from_millis(1), stuck).is_empty());
        let told = looks.told(begun + stuck, stuck);
        assert_eq!(told.len(), 1);
        assert!(told[0].1.contains("nothing has been heard of the catalogue for 30 s"), "{told:?}");
        let known = vec![(Reason::Catalogue, "it is full".to_owned())];
        let failed = Looks { last: Some((begun, known.clone())), since: Some(begun) };
        assert_eq!(failed.told(begun + stuck, stuck), known, "what is known is told");
    }

    #[tokio::test]
    async fn however_many_ask_it_is_written_once() {
        let (_folder, db) = catalogue().await;
        let readiness = readiness(&db, Pace { fresh: HOUR, wait: HOUR, stuck: HOUR });
        let all = futures::future::join_all((0..1_000).map(|_| readiness.hindrances())).await;
        assert!(all.iter().all(Vec::is_empty));
        assert!(readiness.hindrances().await.is_empty());
        assert_eq!(db.setting::<u64>(WRITES_TRIED).await.unwrap(), Some(1));
    }

    #[tokio::test]
    async fn a_writer_that_is_busy_is_waited_for_and_one_that_is_stuck_is_a_fault() {
        let (_folder, db) = catalogue().await;
        let (fresh, wait) = (Duration::ZERO, Duration::from_millis(10));
        let patient = readiness(&db, Pace { fresh, wait, stuck: HOUR });
        let strict = readiness(&db, Pace { fresh, wait, stuck: Duration::from_millis(500) });
        let writing = db.write().await.unwrap();
        assert!(patient.hindrances().await.is_empty());
        until(&strict, |found| found.iter().any(|(of, _)| *of == Reason::Catalogue)).await;
        drop(writing);
        until(&strict, <[_]>::is_empty).await;
        assert!(patient.hindrances().await.is_empty());
    }
}
