//! The token of a TV app that stood before a request's path.
//!
//! Owns how it is written before a path; `prefix` takes it off, `apps::origin` puts it
//! back. Invariant: no log sees it.

use std::fmt;

use crate::access::secret::shortened;

/// What paths with a token begin with.
pub(super) const TOKEN: &str = "/t/";

/// The request's path had a token before it.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct UnderToken(String);

impl UnderToken {
    pub(super) fn new(token: String) -> Self {
        Self(token)
    }

    pub(super) fn token(&self) -> &str {
        &self.0
    }

    /// As it stands before a path.
    pub(super) fn prefix(&self) -> String {
        format!("{TOKEN}{}", self.0)
    }
}

impl fmt::Debug for UnderToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{TOKEN}{}…", shortened(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_does_not_show_itself() {
        let under = UnderToken("0123456789abcdef".to_owned());
        assert_eq!(format!("{under:?}"), "/t/0123…");
    }
}
