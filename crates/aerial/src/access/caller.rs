//! Who asks: what a request shows, and what that comes to.
//!
//! Owns the shapes. How secrets are known is `access`' business, how they are read
//! from a request that of `http/guard`.

use std::net::IpAddr;

use aerial_model::access::{Scope, Standing};
use aerial_model::network::{LOOPBACK, Trail, Whence};
use aerial_model::time::AirTime;

use crate::db::{SignInId, TokenId};

/// What a request shows of whoever asks.
#[derive(Clone, Debug, Default)]
pub struct Shown {
    /// Where it comes from.
    pub trail: Trail,
    /// The token in the path.
    pub in_path: Option<String>,
    /// The token in `Authorization`.
    pub bearer: Option<String>,
    /// The secret in the cookie.
    pub cookie: Option<String>,
}

/// By what a caller is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// By nothing.
    Nothing,
    /// By a token that is not valid.
    BadToken,
    /// By being on the local network.
    Network,
    /// By being on this machine, while there is no account.
    Machine,
    /// By the key in the data folder.
    Key,
    /// By signing in.
    SignIn(SignInId, AirTime),
    /// By a token in a header.
    Token(TokenId),
    /// By a token in the path.
    Path(TokenId),
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    /// What they may do.
    pub standing: Standing,
    /// By what they are known.
    pub by: By,
    /// Where they are.
    pub whence: Whence,
    /// The address to which what they do is counted: theirs, or that of the proxy that
    /// may not tell it.
    pub counted: Option<IpAddr>,
}

impl Caller {
    /// Whoever runs a command on a data folder that no server uses.
    pub fn of_this_process() -> Self {
        Self {
            standing: Standing::Holder(Scope::Manage),
            by: By::Key,
            whence: Whence::Machine,
            counted: Some(LOOPBACK),
        }
    }

    /// Whether a browser says who they are, or their place does, without anybody
    /// wanting it: another site's page could ask in their name.
    pub fn is_ambient(&self) -> bool {
        match self.by {
            By::Nothing | By::Network | By::Machine | By::SignIn(..) => true,
            By::BadToken | By::Key | By::Token(_) | By::Path(_) => false,
        }
    }
}
