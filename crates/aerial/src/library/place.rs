//! Where a folder of the settings really is, and whether it can be read.
//!
//! Owns finding its place also while its disk is away or hangs. Decides nothing by that.
//! Invariant: who asks waits for a bounded time, whatever the disk does.

use std::io;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// How long a disk may take to answer: one that sleeps takes up to some seconds, one on a
/// network that is gone would take for ever.
const PATIENCE: Duration = Duration::from_secs(5);

/// How many links are followed; the system follows as many (`path_resolution(7)`).
const MOST_LINKS: usize = 40;

/// A folder as it is found.
#[derive(Debug)]
pub(crate) struct Place {
    /// Its path without links, as the catalogue knows it. What is away keeps its name.
    pub(crate) path: PathBuf,
    /// How many entries it has, or why it cannot be read.
    pub(crate) entries: io::Result<usize>,
}

impl Place {
    /// Looks at a folder, and counts its entries up to `most`.
    pub(crate) async fn look(folder: &Path, most: usize) -> Self {
        let absolute = match std::path::absolute(folder) {
            Ok(absolute) => absolute,
            Err(error) => return Self { path: folder.to_owned(), entries: Err(error) },
        };
        let look = move |folder: &Path, so_far: &watch::Sender<PathBuf>| {
            let path = resolve(folder, |path| drop(so_far.send_replace(path)));
            // On a disk that makes no difference of Case it says what the names really are.
            let path = std::fs::canonicalize(&path).unwrap_or(path);
            let entries = std::fs::read_dir(&path).map(|entries| entries.take(most).count());
            Self { path, entries }
        };
        Self::within(PATIENCE, absolute, look).await
    }

    /// What `look` finds, or, where it takes too long, how far it had come.
    async fn within(
        patience: Duration,
        folder: PathBuf,
        look: impl FnOnce(&Path, &watch::Sender<PathBuf>) -> Self + Send + 'static,
    ) -> Self {
        let (so_far, seen) = watch::channel(folder.clone());
        let looking = spawn_blocking(move || look(&folder, &so_far));
        let failed = match timeout(patience, looking).await {
            Ok(Ok(place)) => return place,
            Ok(Err(error)) => io::Error::other(error),
            Err(_) => {
                let text = format!("it gave no answer within {} s", patience.as_secs());
                io::Error::new(io::ErrorKind::TimedOut, text)
            }
        };
        Self { path: seen.borrow().clone(), entries: Err(failed) }
    }
}

/// An absolute path without links. Unlike `canonicalize` it answers where the end of the
/// path is away, also for links that lead there. Before each question to the disk,
/// `so_far` is told what is known until then.
fn resolve(path: &Path, so_far: impl Fn(PathBuf)) -> PathBuf {
    let (mut real, mut left) = (PathBuf::new(), path.to_owned());
    let mut links = MOST_LINKS;
    loop {
        so_far(real.join(&left));
        let mut parts = left.components();
        let Some(part) = parts.next() else { return real };
        let rest = parts.as_path().to_owned();
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                real.pop();
            }
            part => {
                let next = real.join(part);
                match std::fs::read_link(&next) {
                    Ok(target) if links > 0 => {
                        links -= 1;
                        left = target.join(rest);
                        continue;
                    }
                    _ => real = next,
                }
            }
        }
        left = rest;
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::sync::mpsc;

    use tokio::sync::oneshot;
    use tokio::time::advance;

    use super::*;

    #[tokio::test]
    async fn a_folder_has_the_same_place_while_its_disk_is_away() {
        let house = tempfile::tempdir().unwrap();
        let root = house.path().canonicalize().unwrap();
        std::fs::create_dir_all(root.join("mnt/nas/films/old")).unwrap();
        std::fs::create_dir(root.join("srv")).unwrap();
        symlink("../mnt/nas", root.join("srv/nas")).unwrap();
        symlink(root.join("srv/nas/films"), root.join("films")).unwrap();
        let asked = ["films", "srv/nas/films", "films/old/..", "srv/../films/./", "mnt/nas/films"];
        for folder in asked {
            let place = Place::look(&root.join(folder), 10).await;
            assert_eq!(place.path, root.join("mnt/nas/films"), "{folder}");
            assert_eq!(place.entries.unwrap(), 1);
        }
        std::fs::rename(root.join("mnt/nas"), root.join("mnt/away")).unwrap();
        for folder in asked {
            let place = Place::look(&root.join(folder), 10).await;
            assert_eq!(place.path, root.join("mnt/nas/films"), "{folder}");
            assert_eq!(place.entries.unwrap_err().kind(), io::ErrorKind::NotFound);
        }
    }

    #[tokio::test]
    async fn links_that_lead_round_and_round_come_to_an_end() {
        let house = tempfile::tempdir().unwrap();
        symlink(house.path().join("b"), house.path().join("a")).unwrap();
        symlink(house.path().join("a"), house.path().join("b")).unwrap();
        assert!(Place::look(&house.path().join("a/films"), 1).await.entries.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_disk_that_hangs_is_not_waited_for_and_its_folder_is_known_by_then() {
        let (answer, hangs) = mpsc::channel::<()>();
        let (asks, asked) = oneshot::channel();
        let look = move |_: &Path, so_far: &watch::Sender<PathBuf>| {
            so_far.send_replace("/mnt/nas/films".into());
            asks.send(()).unwrap();
            let _ = hangs.recv();
            Place { path: "/too/late".into(), entries: Ok(0) }
        };
        let time_passes = async {
            asked.await.unwrap();
            advance(PATIENCE).await;
        };
        let (place, ()) =
            tokio::join!(Place::within(PATIENCE, "/srv/films".into(), look), time_passes);
        assert_eq!(place.entries.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(place.path, Path::new("/mnt/nas/films"));
        drop(answer);
    }
}
