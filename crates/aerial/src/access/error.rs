//! Why somebody was not let in, or something about it was not done.

use std::time::Duration;

use thiserror::Error;

use super::password::HashError;
use super::secret::NoRandomness;
use crate::db::{DbError, TokenId};

/// Tokens that can be there at a time.
pub(super) const TOKENS: usize = 200;

/// Why something was not done.
#[derive(Debug, Error)]
pub enum AccessError {
    /// Name or password are not right.
    #[error("name or password are not right")]
    WrongPassword,
    /// The password that is to be changed is not the one that was given.
    #[error("this is not the password that is set now")]
    WrongCurrentPassword,
    /// There is no account to sign in to.
    #[error("there is no account yet; the first password {SET_UP}")]
    NoAccount,
    /// The first password takes a code from elsewhere.
    #[error("the first password {SET_UP}")]
    CodeNeeded,
    /// It is not the code.
    #[error("this is not the code; the server's log has it, near its start")]
    WrongCode,
    /// Too many codes were wrong.
    #[error(
        "too many wrong codes were given: start the server again for another one, or set the \
         password on its machine with `aerial password`"
    )]
    CodeSpent,
    /// Who asks may not.
    #[error("only who may manage the server can change its password")]
    NotAllowed,
    /// Too many tries.
    #[error("too many tries; wait {} s", .0.as_secs() + 1)]
    TooMany(Duration),
    /// A field is not as it must be.
    #[error("{field}: {message}")]
    Field {
        /// Which.
        field: &'static str,
        /// What would be right.
        message: String,
    },
    /// Enough tokens.
    #[error("there are {TOKENS} tokens, which is the most; revoke some that are not used")]
    TooManyTokens,
    /// No such token.
    #[error("there is no token `{0}`")]
    UnknownToken(TokenId),
    /// The settings say it.
    #[error("`access.watch_only` in the server's settings decides this; change it there")]
    SetElsewhere,
    /// The catalogue failed.
    #[error(transparent)]
    Db(#[from] DbError),
    /// Hashing failed.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// No secret could be made.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
}

/// How the first password is set, after "the first password".
pub(crate) const SET_UP: &str = "is set on the server's own machine (open it there as \
     http://localhost, or run `aerial password`), or from elsewhere with the code in its log";
