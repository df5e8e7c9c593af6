//! A real server with small clips, and those who watch it.

mod clips;
mod player;
mod processes;
mod server;
mod viewer;

use std::time::Duration;

pub(crate) use clips::Clip;
pub(crate) use player::{Limit, Player};
pub(crate) use processes::{children_of, is_running, named, signal};
pub(crate) use server::{Answer, Place, Server, answer, command, copy_folder};
pub(crate) use viewer::{Entry, Playlist, Viewer, Watched, instant, units};

/// Longer than anything here takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// Between two looks.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Looks again and again until there is what is waited for.
pub(crate) async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let looking = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    };
    match tokio::time::timeout(PATIENCE, looking).await {
        Ok(found) => found,
        Err(_) => panic!("waited in vain until {what}"),
    }
}
