//! Who may do what.
//!
//! Owns the scopes, what a route can ask for, and the one decision between them.
//! Knows no request and no secret: where a caller's standing comes from is the
//! server's business. Invariant: what is not granted is refused, and whoever could
//! have it by saying who they are is told so, rather than that it is forbidden.

use std::fmt;
use std::str::FromStr;

/// What a credential is good for; each includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Channels, guide, streams, pictures.
    Watch,
    /// Everything that can be read.
    Read,
    /// Everything.
    Manage,
}

impl Scope {
    /// All of them, the least first.
    pub const ALL: [Self; 3] = [Self::Watch, Self::Read, Self::Manage];

    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Watch => "watch",
            Self::Read => "read",
            Self::Manage => "manage",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Not the name of a scope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be `watch`, `read` or `manage`")]
pub struct BadScope;

impl FromStr for Scope {
    type Err = BadScope;
    fn from_str(text: &str) -> Result<Self, BadScope> {
        Self::ALL.into_iter().find(|scope| scope.name() == text).ok_or(BadScope)
    }
}

/// What a route asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// Nothing: anybody may.
    Open,
    /// To be on the local network while that may watch, or any credential.
    Watch,
    /// Any credential.
    Known,
    /// A credential that may read.
    Read,
    /// A credential that may manage.
    Manage,
}

/// What a caller has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing.
    Stranger,
    /// To be on the local network, which may watch.
    Neighbour,
    /// A credential of this scope.
    Holder(Scope),
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is answered.
    Granted,
    /// Whoever asks must say who they are first.
    SignIn,
    /// Who asks is known, and may not.
    Forbidden,
}

impl Standing {
    /// The scope that this amounts to, if to any.
    pub fn scope(self) -> Option<Scope> {
        match self {
            Self::Stranger => None,
            Self::Neighbour => Some(Scope::Watch),
            Self::Holder(scope) => Some(scope),
        }
    }

    /// Whether that is enough.
    pub fn judged(self, need: Need) -> Verdict {
        let granted = match (need, self) {
            (Need::Open, _) | (Need::Watch, Self::Neighbour) => true,
            (_, Self::Stranger | Self::Neighbour) => false,
            (Need::Watch | Need::Known, Self::Holder(_)) => true,
            (Need::Read, Self::Holder(scope)) => scope >= Scope::Read,
            (Need::Manage, Self::Holder(scope)) => scope >= Scope::Manage,
        };
        match (granted, self) {
            (true, _) => Verdict::Granted,
            (false, Self::Holder(_)) => Verdict::Forbidden,
            (false, Self::Stranger | Self::Neighbour) => Verdict::SignIn,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEEDS: [Need; 5] = [Need::Open, Need::Watch, Need::Known, Need::Read, Need::Manage];

    #[test]
    fn each_standing_is_granted_what_it_includes_and_no_more() {
        use Verdict::{Forbidden, Granted, SignIn};
        let judged = |standing: Standing| NEEDS.map(|need| standing.judged(need));
        assert_eq!(judged(Standing::Stranger), [Granted, SignIn, SignIn, SignIn, SignIn]);
        assert_eq!(judged(Standing::Neighbour), [Granted, Granted, SignIn, SignIn, SignIn]);
        let holder = |scope| judged(Standing::Holder(scope));
        assert_eq!(holder(Scope::Watch), [Granted, Granted, Granted, Forbidden, Forbidden]);
        assert_eq!(holder(Scope::Read), [Granted, Granted, Granted, Granted, Forbidden]);
        assert_eq!(holder(Scope::Manage), [Granted; 5]);
    }

    #[test]
    fn scopes_read_as_they_are_written() {
        for scope in Scope::ALL {
            assert_eq!(scope.to_string().parse(), Ok(scope));
        }
        assert_eq!("admin".parse::<Scope>(), Err(BadScope));
    }
}
