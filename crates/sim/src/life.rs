//! A life: a world in which a history happens.

use crate::history::History;
use crate::invariant::Violation;
use crate::report::Tally;
use crate::world::World;

/// Something did not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{violation}")]
pub struct Failure {
    /// At which event; the number of events where it was seen at the end.
    pub event: usize,
    /// What did not hold.
    pub violation: Violation,
}

/// Lives a history, and adds what was seen to `tally`.
///
/// # Errors
/// The first invariant that does not hold.
pub fn live(history: &History, tally: &mut Tally) -> Result<(), Failure> {
    let mut world = World::new(history);
    let mut lived = Ok(());
    for (event, happening) in history.events.iter().enumerate() {
        lived = world.happens(happening).map_err(|violation| Failure { event, violation });
        if lived.is_err() {
            break;
        }
    }
    if lived.is_ok() {
        let event = history.events.len();
        lived = world.ends().map_err(|violation| Failure { event, violation });
    }
    tally.add(world.tally());
    lived
}
