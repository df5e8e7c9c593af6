//! Who may do what: the account, who is signed in, tokens, the local network.
//!
//! Owns the decision who a caller is, and everything that credentials are made and
//! checked with. What a route asks for is declared beside the routes (`http`), and
//! whether a standing is enough is the model's decision (`aerial_model::access`).
//!
//! Invariants: a secret is kept as a hash alone; what is revoked is refused from that
//! moment on, also where an answer goes on (`grant`); a request needs no query to be
//! judged, since all that counts is in memory (the catalogue is written first, and read
//! at the start).

mod account;
mod book;
pub mod caller;
mod code;
mod error;
mod grant;
pub mod key;
pub mod password;
pub mod secret;
mod sign_in;
mod standing;
mod tokens;
mod tries;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aerial_model::time::Ticks;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::clock::{Clock, monotonic};
use crate::config;
use crate::db::Db;

pub use account::NewPassword;
use book::Book;
use code::Code;
pub use error::AccessError;
pub(crate) use error::SET_UP;
pub use grant::Grant;
use password::Passwords;
use secret::Secret;
pub use sign_in::SignedIn;
use tries::Tries;

/// What the account is called unless somebody says otherwise.
pub const NAME: &str = "admin";

/// How often uses are noted in the catalogue.
const NOTED_EVERY: Duration = Duration::from_secs(60);

/// Under this key among the settings that the program keeps.
const WATCH_ONLY: &str = "access.watch_only";

type Result<T> = std::result::Result<T, AccessError>;

/// The one who knows. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Access(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    db: Db,
    clock: Clock,
    settings: config::Access,
    cookie: String,
    key: Option<[u8; 32]>,
    passwords: Passwords,
    started: Instant,
    /// Guards what callers are known by; never held across a wait.
    book: Mutex<Book>,
    /// Guards the tries; never held together with the book.
    tries: Mutex<Tries>,
    /// Held while the account is changed, so that two first passwords are not set at once.
    changing: tokio::sync::Mutex<()>,
    /// Told, after the book was changed, that somebody may have lost what they had.
    taken: watch::Sender<()>,
}

impl Access {
    /// Reads what the catalogue has. `install` tells the cookies of several servers on
    /// one machine from each other; `key` is the data folder's.
    ///
    /// # Errors
    /// The catalogue's, and when there are no random bytes.
    pub async fn open(
        db: Db,
        clock: Clock,
        settings: config::Access,
        install: &str,
        key: Option<&Secret>,
    ) -> Result<Self> {
        let account = db.accounts().await?.into_iter().next();
        let code = match account {
            None => Some(Code::new()?),
            Some(_) => None,
        };
        let chosen = db.setting(WATCH_ONLY).await?.unwrap_or(true);
        let book = Book::new(account, code, chosen, db.sign_ins().await?, db.tokens().await?);
        Ok(Self(Arc::new(Inner {
            db,
            clock,
            settings,
            cookie: format!("aerial-{install}"),
            key: key.map(Secret::hash),
            passwords: Passwords::default(),
            started: monotonic(),
            book: Mutex::new(book),
            tries: Mutex::new(Tries::new()),
            changing: tokio::sync::Mutex::new(()),
            taken: watch::Sender::new(()),
        })))
    }

    /// The name of the cookie.
    pub fn cookie(&self) -> &str {
        &self.0.cookie
    }

    /// The one-time code, while there is no account.
    pub fn code(&self) -> Option<String> {
        self.book().code.as_ref().map(|code| code.shown().to_owned())
    }

    /// The account's name, if there is one.
    pub fn account(&self) -> Option<String> {
        self.book().account.as_ref().map(|account| account.name.clone())
    }

    /// Whether the local network may watch, and whether the settings say so.
    pub fn watch_only(&self) -> (bool, bool) {
        match self.0.settings.watch_only {
            Some(set) => (set, true),
            None => (self.book().watch_only, false),
        }
    }

    /// Lets the local network watch, or not.
    ///
    /// # Errors
    /// When the settings decide it.
    pub async fn set_watch_only(&self, on: bool) -> Result<()> {
        if self.0.settings.watch_only.is_some() {
            return Err(AccessError::SetElsewhere);
        }
        self.0.db.set_setting(WATCH_ONLY, &on).await?;
        self.book().watch_only = on;
        self.tell_taken();
        Ok(())
    }

    /// Notes now and then when credentials were used, and forgets sign-ins that expired,
    /// until the server ends.
    pub async fn run(self, ending: CancellationToken) {
        let mut minutely = tokio::time::interval(NOTED_EVERY);
        loop {
            let last = tokio::select! {
                () = ending.cancelled() => true,
                _ = minutely.tick() => false,
            };
            if let Err(error) = self.note().await {
                tracing::error!(%error, "the use of credentials was not noted");
            }
            if last {
                return;
            }
        }
    }

    async fn note(&self) -> Result<()> {
        let expired = self.book().expired(self.0.clock.now() - self.session());
        if !expired.is_empty() {
            self.0.db.remove_sign_ins(&expired).await?;
            self.book().sign_out(&expired);
            self.tell_taken();
        }
        let (sign_ins, tokens) = self.book().take_uses();
        if !sign_ins.is_empty() || !tokens.is_empty() {
            self.0.db.note_uses(&sign_ins, &tokens).await?;
        }
        Ok(())
    }

    /// How long a sign-in lasts without being used.
    fn session(&self) -> Ticks {
        Ticks::from_secs(self.0.settings.session.0.as_secs() as i64)
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn check_name(field: &'static str, name: &str, most: usize) -> Result<()> {
    let right = !name.trim().is_empty()
        && name.chars().count() <= most
        && !name.chars().any(char::is_control);
    match right {
        true => Ok(()),
        false => {
            let message = format!("must have 1 to {most} characters, on one line");
            Err(AccessError::Field { field, message })
        }
    }
}
