//! Random secrets: made, shown once, and known again by their hash.
//!
//! Invariant: a secret is never printed by accident (`Debug` hides it), and none has
//! fewer than 80 random bits but the one-time code, whose tries are counted.

use std::fmt;

use thiserror::Error;

use crate::db::SecretHash;

/// Crockford's base 32: nothing in it is mistaken for another when read aloud.
const LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// What API tokens begin with, so that they are recognised where they were left.
pub const API_PREFIX: &str = "aerial_";

/// How many letters are told of a secret where one must be told from others.
const START: usize = 4;

/// The system gives no random bytes.
#[derive(Debug, Error)]
#[error("the system gives no random bytes: {0}")]
pub struct NoRandomness(getrandom::Error);

/// A secret in clear.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Secret {
    /// For a cookie, or the key in the data folder: 260 bits.
    pub fn long() -> Result<Self, NoRandomness> {
        letters::<52>().map(Self)
    }

    /// For a program: 160 bits.
    pub fn api_token() -> Result<Self, NoRandomness> {
        letters::<32>().map(|letters| Self(format!("{API_PREFIX}{letters}")))
    }

    /// For a path, which people type into TV sets: 80 bits.
    pub fn stream_token() -> Result<Self, NoRandomness> {
        letters::<16>().map(Self)
    }

    /// For whoever reads the log, once: 40 bits in two groups.
    pub fn code() -> Result<Self, NoRandomness> {
        let letters = letters::<8>()?.to_ascii_uppercase();
        let (first, second) = letters.split_at(4);
        Ok(Self(format!("{first}-{second}")))
    }

    /// Read from somewhere.
    pub fn read(text: &str) -> Self {
        Self(text.trim().to_owned())
    }

    /// In clear: to be shown once, or sent.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What it is known by.
    pub fn hash(&self) -> SecretHash {
        hash(&self.0)
    }

    /// By what it is told from others.
    pub fn start(&self) -> String {
        shortened(&self.0)
    }
}

/// What a secret is known by. It needs no salt: nobody guesses 80 random bits.
pub fn hash(text: &str) -> SecretHash {
    *blake3::hash(text.as_bytes()).as_bytes()
}

/// What may be told of a secret, in logs and lists.
pub fn shortened(secret: &str) -> String {
    secret.strip_prefix(API_PREFIX).unwrap_or(secret).chars().take(START).collect()
}

/// A code as it was meant: case, dashes and letters that look alike aside.
pub fn meant(code: &str) -> String {
    let letters = code.chars().filter(char::is_ascii_alphanumeric);
    letters
        .map(|letter| match letter.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            other => other,
        })
        .collect()
}

fn letters<const N: usize>() -> Result<String, NoRandomness> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(NoRandomness)?;
    // 256 is a multiple of 32: each letter is as likely.
    Ok(bytes.iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_never_the_same_and_do_not_show_themselves() {
        let (one, other) = (Secret::long().unwrap(), Secret::long().unwrap());
        assert_ne!(one, other);
        assert_ne!(one.hash(), other.hash());
        assert!(!format!("{one:?}").contains(&one.start()));
        let token = Secret::api_token().unwrap();
        assert!(token.reveal().starts_with(API_PREFIX) && !token.start().contains('_'));
        assert_eq!(Secret::stream_token().unwrap().reveal().len(), 16);
    }

    #[test]
    fn a_code_is_understood_as_people_type_it() {
        let code = Secret::code().unwrap();
        let sloppy = code.reveal().to_lowercase().replace('-', " ").replace('0', "o");
        assert_eq!(meant(&sloppy.replace('1', "l")), meant(code.reveal()));
        assert_ne!(meant("ABCD-EFGH"), meant("ABCD-EFGJ"));
    }
}
