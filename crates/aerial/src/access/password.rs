//! Passwords: what is accepted as one, hashed and checked with Argon2id.
//!
//! Owns the cost, and how much of it is paid at once. Invariants: no thread that
//! serves waits for a hash, at most two are computed at a time, and a check takes as
//! long for an account that is not there.

use std::sync::{Arc, OnceLock};

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use thiserror::Error;
use tokio::sync::Semaphore;

/// How few characters a password may have (NIST SP 800-63B).
const LEAST: usize = 8;
/// How many bytes it may have: whole sentences, but no load.
pub const MOST_BYTES: usize = 1_024;

/// Hashes at once; each takes 19 MiB and a core for some 20 ms.
const AT_ONCE: usize = 2;

/// What is tried first by whoever tries passwords.
const COMMON: [&str; 12] = [
    "password",
    "passw0rd",
    "12345678",
    "123456789",
    "1234567890",
    "qwertyui",
    "qwertyuiop",
    "iloveyou",
    "aerial",
    "aerialaerial",
    "television",
    "changeme",
];

/// No hash could be made.
#[derive(Debug, Error)]
#[error("the password could not be hashed: {0}")]
pub struct HashError(String);

/// The one place where passwords are hashed. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Passwords(Arc<Semaphore>);

impl Default for Passwords {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

impl Passwords {
    /// The hash of a new one, with salt and cost.
    pub async fn hash(&self, password: String) -> Result<String, HashError> {
        self.work(move || hashed(&password)).await?
    }

    /// Whether it is the one of this hash; without one it is not, after the same time.
    pub async fn is(&self, password: String, hash: Option<String>) -> Result<bool, HashError> {
        self.work(move || {
            let known = hash.is_some();
            let hash = hash.map_or_else(nobodys, Ok)?;
            let hash = PasswordHash::new(&hash).map_err(|error| HashError(error.to_string()))?;
            let same = Argon2::default().verify_password(password.as_bytes(), &hash).is_ok();
            Ok(same && known)
        })
        .await?
    }

    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, HashError> {
        let failed = |error: String| HashError(error);
        let turn = self.0.clone().acquire_owned().await.map_err(|e| failed(e.to_string()))?;
        // The turn goes with the work: whoever gives up waiting does not end it.
        tokio::task::spawn_blocking(move || {
            let done = work();
            drop(turn);
            done
        })
        .await
        .map_err(|error| failed(error.to_string()))
    }
}

fn hashed(password: &str) -> Result<String, HashError> {
    let hash = Argon2::default().hash_password(password.as_bytes());
    hash.map(|hash| hash.to_string()).map_err(|error| HashError(error.to_string()))
}

/// The hash of a password that nobody has.
fn nobodys() -> Result<String, HashError> {
    static HASH: OnceLock<String> = OnceLock::new();
    if let Some(hash) = HASH.get() {
        return Ok(hash.clone());
    }
    let hash = hashed("nobody's")?;
    Ok(HASH.get_or_init(|| hash).clone())
}

/// What is wrong with a new password, if anything is.
pub fn shortcoming(password: &str, name: &str) -> Option<String> {
    let plain = password.to_lowercase();
    let uniform = |text: &str| {
        let first = text.chars().next();
        text.chars().all(|letter| Some(letter) == first)
    };
    if password.chars().count() < LEAST {
        Some(format!("must have at least {LEAST} characters"))
    } else if password.len() > MOST_BYTES {
        Some(format!("must have at most {MOST_BYTES} bytes"))
    } else if COMMON.contains(&plain.as_str()) || uniform(&plain) || plain == name.to_lowercase() {
        Some("is among the first that are tried: take a few words".to_owned())
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_known_by_its_hash_and_nothing_else_is() {
        let passwords = Passwords::default();
        let hash = passwords.hash("three blind mice".to_owned()).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        let is = async |text: &str, hash: &str| {
            passwords.is(text.to_owned(), Some(hash.to_owned())).await.unwrap()
        };
        assert!(is("three blind mice", &hash).await);
        assert!(!is("three blind mouse", &hash).await);
        assert!(!passwords.is("nobody's".to_owned(), None).await.unwrap());
        let again = passwords.hash("three blind mice".to_owned()).await.unwrap();
        assert_ne!(hash, again, "each has a salt of its own");
        assert!(passwords.is(String::new(), Some("nonsense".to_owned())).await.is_err());
    }

    #[test]
    fn what_is_easily_guessed_is_refused() {
        for bad in ["short", "PassWord", "aaaaaaaaaaaa", "administrator", &"x".repeat(1_025)] {
            assert!(shortcoming(bad, "administrator").is_some(), "{bad}");
        }
        assert_eq!(shortcoming("three blind mice", "admin"), None);
        assert_eq!(shortcoming("drei Mäuse", "admin"), None);
    }
}
