//! The backups that a server makes by itself, and those that people ask it for.
//!
//! Owns the folder of backups: when the next is made, which of them go, and what is told
//! of a failure. How one is made is `make`'s. Invariants: a backup goes only when a newer
//! one was made and found whole, and never one that somebody asked for; nothing that is
//! not a backup of ours is touched.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aerial_model::time::{AirTime, Ticks};
use tokio::fs;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::make::{Source, make};
use super::manifest::Manifest;
use super::{BackupError, BackupName, Result, Why, archive};
use crate::clock::Clock;
use crate::config::{self, Settings};
use crate::data_dir::CATALOGUE;
use crate::db::Db;

/// The folder's name in the data folder, where the settings name none.
const FOLDER: &str = "backups";
/// A start has enough to do without a first backup.
const FIRST_AFTER: Duration = Duration::from_secs(300);
/// After a failure it is tried again this soon, or when the next is due if that is sooner.
const AGAIN_AFTER: Duration = Duration::from_secs(3_600);
/// How many stay of those that were made before a newer Aerial changed the schema.
const UPGRADES_KEPT: usize = 3;
/// Longest sleep, so that a wall clock that was set is noticed.
const LOOK_AFTER: Duration = Duration::from_secs(3_600);
/// A folder that gives no answer for so long is on a disk that hangs, and is not there.
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);

/// The backups of a server. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Backups(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    source: Source,
    folder: PathBuf,
    settings: config::Backup,
    first_after: Duration,
    clock: Clock,
    ending: CancellationToken,
    /// One at a time.
    turn: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    last: Option<AirTime>,
    next: Option<AirTime>,
    trouble: Option<Trouble>,
}

/// A backup in the folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// When it was made and why.
    pub name: BackupName,
    /// Its size.
    pub size_bytes: u64,
    /// What is in it; `None`: it cannot be read.
    pub manifest: Option<Manifest>,
}

/// Why the last backup was not made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// When that was.
    pub at: AirTime,
    /// Why, and what to do.
    pub reason: String,
}

/// How it stands with backups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Where they are.
    pub folder: PathBuf,
    /// How often one is made; `None`: none is.
    pub every: Option<Duration>,
    /// How many of those that are made by themselves stay.
    pub keep: u16,
    /// When the newest was made.
    pub last: Option<AirTime>,
    /// When the next will be.
    pub next: Option<AirTime>,
    /// Why the last was not.
    pub trouble: Option<Trouble>,
}

impl Backups {
    /// Of the server with these settings. `config`: the settings file, if it is not the
    /// data folder's own.
    pub fn new(
        data: &Path,
        settings: &Settings,
        config: Option<PathBuf>,
        clock: Clock,
        ending: CancellationToken,
    ) -> Self {
        let source = Source { data: data.to_owned(), config, floor: floor(settings) };
        Self(Arc::new(Inner {
            folder: backup_folder(data, &settings.backup),
            source,
            settings: settings.backup.clone(),
            first_after: FIRST_AFTER,
            clock,
            ending,
            turn: tokio::sync::Mutex::default(),
            state: Mutex::default(),
        }))
    }

    /// How it stands.
    pub fn standing(&self) -> Standing {
        let state = self.state();
        Standing {
            folder: self.0.folder.clone(),
            every: self.every(),
            keep: self.0.settings.keep.get(),
            last: state.last,
            next: state.next,
            trouble: state.trouble.clone(),
        }
    }

    /// All backups of the folder, newest first.
    pub async fn list(&self) -> Result<Vec<Kept>> {
        let mut all = Vec::new();
        for name in self.names().await?.into_iter().rev() {
            let path = self.path(name);
            // One that was deleted meanwhile is not there.
            let Ok(found) = fs::metadata(&path).await else { continue };
            let read = tokio::task::spawn_blocking(move || archive::manifest(&path)).await;
            let manifest = read.ok().and_then(Result::ok);
            all.push(Kept { name, size_bytes: found.len(), manifest });
        }
        Ok(all)
    }

    /// Where the backup of that name is, whether it is there or not.
    pub fn path(&self, name: BackupName) -> PathBuf {
        self.0.folder.join(name.to_string())
    }

    /// Makes one now. It is made to its end also where nobody waits for it any more.
    pub async fn make(&self, why: Why) -> Result<Kept> {
        let this = self.clone();
        let making = tokio::spawn(async move { this.make_now(why).await });
        making.await.unwrap_or(Err(BackupError::BrokenOff))
    }

    /// Makes one if this Aerial is about to change the schema of the catalogue: the way back
    /// to the one before. Where it cannot be made, that is told, and all goes on.
    pub async fn before_upgrade(&self) {
        let catalogue = self.0.source.data.join(CATALOGUE);
        if !catalogue.is_file() {
            return;
        }
        // What is wrong with it, whoever opens it will tell.
        let Ok(steps) = Db::steps_taken(&catalogue).await else { return };
        let known = Db::steps();
        if steps.is_empty() || steps.len() >= known.len() {
            return;
        }
        tracing::info!("this Aerial is newer than the catalogue: it is backed up first");
        if let Err(error) = self.make(Why::Upgrade).await {
            tracing::error!(%error, "no backup was made before the catalogue's schema changes");
        }
    }

    /// Deletes one; whether it was there.
    pub async fn delete(&self, name: BackupName) -> Result<bool> {
        let _turn = self.0.turn.lock().await;
        let path = self.path(name);
        let deleted = match fs::remove_file(&path).await {
            Ok(()) => true,
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(source) => return Err(BackupError::io("delete", &path)(source)),
        };
        self.note_newest().await;
        Ok(deleted)
    }

    /// Makes one whenever it is time, until the server ends.
    pub async fn run(self) {
        tokio::select! {
            () = self.go_on() => {}
            () = self.0.ending.cancelled() => {}
        }
        self.0.ending.cancelled().await;
        // Whatever is being made breaks off now, and is waited for.
        drop(self.0.turn.lock().await);
    }

    async fn go_on(&self) {
        self.remove_unfinished().await;
        self.note_newest().await;
        let mut not_before = self.0.clock.now() + ticks(self.0.first_after);
        while let Some(every) = self.every() {
            let now = self.0.clock.now();
            let due = due(&self.names().await.unwrap_or_default(), now, every).max(not_before);
            self.state().next = Some(due);
            if due > now {
                let wait = Duration::from_millis((due - now).as_millis().unsigned_abs() + 1);
                tokio::time::sleep(wait.min(LOOK_AFTER)).await;
                continue;
            }
            if let Err(error) = self.make(Why::Schedule).await {
                tracing::error!(%error, "no backup was made");
                not_before = now + ticks(every.min(AGAIN_AFTER));
            }
        }
        self.state().next = None;
    }

    fn every(&self) -> Option<Duration> {
        Some(self.0.settings.every.0).filter(|every| !every.is_zero())
    }

    async fn make_now(&self, why: Why) -> Result<Kept> {
        let _turn = self.0.turn.lock().await;
        if self.0.ending.is_cancelled() {
            return Err(BackupError::BrokenOff);
        }
        let now = self.0.clock.now();
        let made = self.made(BackupName::new(now, why)).await;
        self.state().trouble = match &made {
            // That the server ends is no trouble.
            Ok(_) | Err(BackupError::BrokenOff) => None,
            Err(error) => Some(Trouble { at: now, reason: error.to_string() }),
        };
        let made = made?;
        self.prune(made.name).await;
        self.note_newest().await;
        Ok(made)
    }

    async fn made(&self, name: BackupName) -> Result<Kept> {
        self.make_folder().await?;
        let (path, ending) = (self.path(name), &self.0.ending);
        let manifest = make(&self.0.source, &path, name.at, ending).await?;
        let found = fs::metadata(&path).await.map_err(BackupError::io("read", &path))?;
        let (bytes, channels, media) = (found.len(), manifest.channels, manifest.media);
        tracing::info!(path = %path.display(), bytes, channels, media, "a backup was made");
        Ok(Kept { name, size_bytes: bytes, manifest: Some(manifest) })
    }

    /// Ours is made. One that the settings name may be a disk that is away just now.
    async fn make_folder(&self) -> Result<()> {
        let folder = &self.0.folder;
        if self.0.settings.folder.is_some() {
            let found = timeout(ANSWERS_WITHIN, fs::metadata(folder)).await;
            let there = matches!(found, Ok(Ok(found)) if found.is_dir());
            return if there { Ok(()) } else { Err(BackupError::NoFolder(folder.clone())) };
        }
        let mut builder = fs::DirBuilder::new();
        let made = builder.recursive(true).mode(0o700).create(folder).await;
        made.map_err(BackupError::io("make", folder))
    }

    /// The names of all that are there, oldest first.
    async fn names(&self) -> Result<Vec<BackupName>> {
        let folder = &self.0.folder;
        let failed = || BackupError::io("read", folder);
        let mut entries = match fs::read_dir(folder).await {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(failed()(source)),
        };
        let mut names = Vec::new();
        while let Some(entry) = entries.next_entry().await.map_err(failed())? {
            let name = entry.file_name();
            names.extend(name.to_str().and_then(|name| name.parse::<BackupName>().ok()));
        }
        names.sort_unstable();
        Ok(names)
    }

    /// Deletes what gives way to the one just made.
    async fn prune(&self, made: BackupName) {
        let keep: usize = match made.why {
            Why::Schedule => self.0.settings.keep.get().into(),
            Why::Upgrade => UPGRADES_KEPT,
            Why::ByHand => return,
        };
        let names = self.names().await.unwrap_or_default();
        for name in superseded(&names, made, keep) {
            let path = self.path(name);
            match fs::remove_file(&path).await {
                Ok(()) => tracing::info!(path = %path.display(), "an old backup was deleted"),
                Err(error) => {
                    tracing::warn!(path = %path.display(), %error, "an old backup stays");
                }
            }
        }
    }

    /// What a server that was killed did not finish.
    async fn remove_unfinished(&self) {
        let Ok(mut entries) = fs::read_dir(&self.0.folder).await else { return };
        while let Ok(Some(entry)) = entries.next_entry().await {
            let name = entry.file_name();
            let ours = name.to_str().and_then(|name| name.strip_suffix(".part"));
            if ours.is_some_and(|name| name.parse::<BackupName>().is_ok()) {
                // Else the next start tries again.
                let _ = fs::remove_file(entry.path()).await;
            }
        }
    }

    async fn note_newest(&self) {
        let newest = self.names().await.unwrap_or_default().last().map(|name| name.at);
        self.state().last = newest;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When the next is due: so long after the newest that was made by itself. What seems to
/// be of a time that is still to come says nothing.
fn due(names: &[BackupName], now: AirTime, every: Duration) -> AirTime {
    let mut scheduled = names.iter().filter(|name| name.why == Why::Schedule);
    let newest = scheduled.rfind(|name| name.at <= now);
    newest.map_or(now, |newest| newest.at + ticks(every))
}

/// Of those that were made on the same account the oldest, as many as there are over
/// `keep`, the one just made counted in: where the clock was ahead once, its name may be
/// the oldest. One that seems to be of a time still to come is older than all others, for
/// all that is known.
fn superseded(names: &[BackupName], made: BackupName, keep: usize) -> Vec<BackupName> {
    let others = names.iter().filter(|name| name.why == made.why && **name != made);
    let mut others: Vec<BackupName> = others.copied().collect();
    others.sort_unstable_by_key(|name| (name.at <= made.at, *name));
    let over = (others.len() + 1).saturating_sub(keep).min(others.len());
    others.truncate(over);
    others
}

/// How many bytes of a disk a backup leaves free: of what the segment store leaves it may
/// take a half, since segments give way then. On a full disk there would be none otherwise.
pub fn floor(settings: &Settings) -> u64 {
    settings.store.free.0 / 2
}

/// Where backups are kept.
pub fn backup_folder(data: &Path, settings: &config::Backup) -> PathBuf {
    settings.folder.clone().unwrap_or_else(|| data.join(FOLDER))
}

fn ticks(time: Duration) -> Ticks {
    Ticks::from_secs(i64::try_from(time.as_secs()).unwrap_or(i64::MAX / 90_000))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ByteSize, Period};
    use crate::data_dir::DataDir;

    const NOW: AirTime = AirTime::from_unix_millis(1_800_000_000_000);
    const DAY: Duration = Duration::from_secs(86_400);

    fn at(days: i64, why: Why) -> BackupName {
        BackupName { at: NOW + Ticks::from_secs(days * 86_400), why }
    }

    #[test]
    fn the_next_is_due_a_period_after_the_last_that_was_made_by_itself() {
        let day = |days: i64| NOW + Ticks::from_secs(days * 86_400);
        assert_eq!(due(&[], NOW, DAY), NOW);
        let names = [at(-3, Why::Schedule), at(-2, Why::Schedule), at(-1, Why::ByHand)];
        assert_eq!(due(&names, NOW, DAY), day(-1));
        // A wall clock that was ahead for a while holds up nothing.
        let names = [at(-1, Why::Schedule), at(3_000, Why::Schedule)];
        assert_eq!(due(&names, NOW, DAY), day(0));
    }

    #[test]
    fn those_of_a_time_still_to_come_give_way_first_and_others_by_age() {
        let names = [-3, -2, -1, 0, 400, 401].map(|days| at(days, Why::Schedule));
        let made = names[3];
        assert_eq!(superseded(&names, made, 4), [names[4], names[5]]);
        assert_eq!(superseded(&names, made, 3), [names[4], names[5], names[0]]);
        assert_eq!(superseded(&names, made, 1).len(), 5, "the one just made stays");
        assert_eq!(superseded(&names, made, 7), []);
        let asked_for = [at(-9, Why::ByHand), at(9, Why::Upgrade), made];
        assert_eq!(superseded(&asked_for, made, 1), []);
    }

    /// A data folder with a catalogue, and its backups.
    async fn backups(
        set: impl FnOnce(&mut Settings),
    ) -> (tempfile::TempDir, Backups, Clock, CancellationToken) {
        let dir = tempfile::tempdir().unwrap();
        let data = DataDir::open(&dir.path().join("data")).unwrap();
        Db::open(&data.catalogue()).await.unwrap().close().await.unwrap();
        let mut settings = Settings::default();
        settings.store.free = ByteSize(0);
        set(&mut settings);
        let (clock, ending) = (Clock::simulated(NOW), CancellationToken::new());
        let backups = Backups::new(data.root(), &settings, None, clock.clone(), ending.clone());
        (dir, backups, clock, ending)
    }

    async fn names(backups: &Backups) -> Vec<String> {
        let all = backups.list().await.unwrap();
        all.iter().map(|kept| kept.name.to_string()).collect()
    }

    #[tokio::test]
    async fn the_one_just_made_stays_though_the_clock_was_ahead_once() {
        let (_dir, backups, clock, _) = backups(|s| s.backup.keep = "1".parse().unwrap()).await;
        clock.set(NOW + Ticks::from_secs(30 * 86_400));
        backups.make(Why::Schedule).await.unwrap();
        clock.set(NOW);
        let made = backups.make(Why::Schedule).await.unwrap();
        assert_eq!(names(&backups).await, [made.name.to_string()]);
        assert_eq!(due(&[made.name], clock.now(), DAY), NOW + ticks(DAY));
    }

    #[tokio::test]
    async fn so_many_stay_and_none_that_somebody_asked_for_goes() {
        let (_dir, backups, clock, _) = backups(|s| s.backup.keep = "2".parse().unwrap()).await;
        let by_hand = backups.make(Why::ByHand).await.unwrap();
        let folder = backups.standing().folder;
        std::fs::write(folder.join("aerial-notes.tar.gz"), "somebody's own").unwrap();
        let mut made = Vec::new();
        for day in 1..=4 {
            clock.set(NOW + Ticks::from_secs(day * 86_400));
            made.push(backups.make(Why::Schedule).await.unwrap());
        }
        let expected = [&made[3], &made[2], &by_hand].map(|kept| kept.name.to_string());
        assert_eq!(names(&backups).await, expected);
        assert!(folder.join("aerial-notes.tar.gz").exists());
        assert_eq!(backups.standing().last, Some(made[3].name.at));
        assert!(backups.delete(by_hand.name).await.unwrap());
        assert!(!backups.delete(by_hand.name).await.unwrap());
        assert_eq!(names(&backups).await, expected[..2]);
        let again = backups.make(Why::Schedule).await.unwrap_err();
        assert!(matches!(again, BackupError::Exists(_)), "{again}");
    }

    #[tokio::test]
    async fn a_failure_is_told_until_one_succeeds_and_takes_no_older_one_along() {
        let away = tempfile::tempdir().unwrap();
        let folder = away.path().join("disk");
        let named = folder.clone();
        let (_dir, backups, clock, _) = backups(|s| s.backup.folder = Some(named)).await;
        let error = backups.make(Why::Schedule).await.unwrap_err();
        assert!(error.to_string().contains("mount its disk"), "{error}");
        let trouble = backups.standing().trouble.unwrap();
        assert_eq!((trouble.at, trouble.reason), (NOW, error.to_string()));
        assert!(!folder.exists(), "what may be a disk that is away is not made");
        std::fs::create_dir(&folder).unwrap();
        clock.set(NOW + Ticks::from_secs(60));
        backups.make(Why::Schedule).await.unwrap();
        assert_eq!(backups.standing().trouble, None);
        assert_eq!(names(&backups).await.len(), 1);
    }

    #[tokio::test]
    async fn no_backup_fills_the_disk() {
        let (dir, backups, ..) = backups(|s| s.store.free = ByteSize(1 << 60)).await;
        let error = backups.make(Why::Schedule).await.unwrap_err();
        assert!(matches!(error, BackupError::NoRoom { .. }), "{error}");
        assert!(error.to_string().contains("half of store.free"), "{error}");
        assert_eq!(names(&backups).await, Vec::<String>::new());
        let left = std::fs::read_dir(dir.path().join("data/tmp")).unwrap().count();
        assert_eq!(left, 0);
    }

    #[tokio::test]
    async fn a_server_makes_them_by_itself_and_ends_at_once() {
        let (_dir, mut backups, _, ending) =
            backups(|s| s.backup.every = Period::secs(3_600)).await;
        Arc::get_mut(&mut backups.0).unwrap().first_after = Duration::ZERO;
        let folder = backups.standing().folder;
        std::fs::create_dir(&folder).unwrap();
        let unfinished = folder.join(format!("{}.part", at(-1, Why::Schedule)));
        std::fs::write(&unfinished, "of a server that was killed").unwrap();
        let running = tokio::spawn(backups.clone().run());
        while backups.standing().next != Some(NOW + Ticks::from_secs(3_600)) {
            tokio::task::yield_now().await;
        }
        assert_eq!(names(&backups).await, [at(0, Why::Schedule).to_string()]);
        assert_eq!(backups.standing().last, Some(NOW));
        assert!(!unfinished.exists());
        ending.cancel();
        running.await.unwrap();
        let late = backups.make(Why::ByHand).await.unwrap_err();
        assert!(matches!(late, BackupError::BrokenOff), "{late}");
    }

    #[tokio::test]
    async fn one_that_cannot_be_read_is_listed_all_the_same() {
        let (_dir, backups, ..) = backups(|_| {}).await;
        let made = backups.make(Why::ByHand).await.unwrap();
        std::fs::write(backups.path(at(-1, Why::Schedule)), "torn").unwrap();
        let all = backups.list().await.unwrap();
        assert_eq!(all[0], made);
        assert_eq!((all[1].size_bytes, &all[1].manifest), (4, &None));
    }
}
