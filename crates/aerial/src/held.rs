//! What a server that was killed still holds for a moment: its port, its lock.
//!
//! Owns how long the next one waits for it. A process that dies while it starts another
//! leaves all it has open to that child, which lets go of it only once it has become
//! the other program: milliseconds, more where the machine is busy.

use std::thread;
use std::time::Duration;

/// After so many, two seconds, it is somebody else who holds it.
const TRIES: u32 = 100;
const AGAIN: Duration = Duration::from_millis(20);

/// Try to take something, again while somebody holds it, for two seconds at most.
///
/// # Errors
/// What `take` says last.
pub fn once_free<T, E>(
    mut take: impl FnMut() -> Result<T, E>,
    is_held: impl Fn(&E) -> bool,
) -> Result<T, E> {
    for _ in 1..TRIES {
        match take() {
            Err(error) if is_held(&error) => thread::sleep(AGAIN),
            result => return result,
        }
    }
    take()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Eq)]
    enum Refused {
        Held,
        Broken,
    }

    fn after(refusals: &[Refused]) -> (Result<(), Refused>, usize) {
        let (mut left, mut tries) = (refusals.iter(), 0);
        let take = || {
            tries += 1;
            match left.next() {
                Some(Refused::Held) => Err(Refused::Held),
                Some(Refused::Broken) => Err(Refused::Broken),
                None => Ok(()),
            }
        };
        let result = once_free(take, |error| *error == Refused::Held);
        (result, tries)
    }

    #[test]
    fn what_is_held_for_a_moment_is_taken() {
        assert_eq!(after(&[Refused::Held, Refused::Held]), (Ok(()), 3));
    }

    #[test]
    fn what_is_not_held_but_broken_is_told_at_once() {
        let refused = [Refused::Held, Refused::Broken, Refused::Held];
        assert_eq!(after(&refused), (Err(Refused::Broken), 2));
    }

    #[test]
    fn what_stays_held_is_told() {
        let result = once_free(|| Err::<(), _>(Refused::Held), |_| true);
        assert_eq!(result, Err(Refused::Held));
    }
}
