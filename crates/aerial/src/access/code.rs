//! The one-time code: how the first password is set from elsewhere.
//!
//! Owns the counting of tries. The log tells the code at the start while there is no
//! account. Invariant: it is good for one account and for a few mistakes.

use super::secret::{NoRandomness, Secret, hash, meant};

/// Mistakes until it is good for nothing: of 2^40 codes that many are tried.
const TRIES: u32 = 20;

/// A code that waits to be used.
#[derive(Clone, Debug)]
pub(super) struct Code {
    secret: Secret,
    tries_left: u32,
}

/// What came of a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tried {
    /// It is the code.
    Right,
    /// It is not.
    Wrong,
    /// It may be, but too many were wrong before.
    Spent,
}

impl Code {
    /// A new one.
    pub(super) fn new() -> Result<Self, NoRandomness> {
        Ok(Self { secret: Secret::code()?, tries_left: TRIES })
    }

    /// For the log.
    pub(super) fn shown(&self) -> &str {
        self.secret.reveal()
    }

    /// Whether that is it. Hashes are compared: how long that takes tells nothing.
    pub(super) fn tried(&mut self, text: &str) -> Tried {
        if self.tries_left == 0 {
            return Tried::Spent;
        }
        if hash(&meant(text)) == hash(&meant(self.secret.reveal())) {
            return Tried::Right;
        }
        self.tries_left -= 1;
        Tried::Wrong
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_endures_some_mistakes_and_then_none() {
        let mut code = Code::new().unwrap();
        let right = code.shown().to_owned();
        for _ in 0..TRIES - 1 {
            assert_eq!(code.tried("nonsense"), Tried::Wrong);
        }
        assert_eq!(code.tried(&right), Tried::Right);
        assert_eq!(code.tried(""), Tried::Wrong);
        assert_eq!(code.tried(&right), Tried::Spent);
    }
}
