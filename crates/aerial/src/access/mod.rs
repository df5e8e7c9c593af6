//! Who may do what: the account, who is signed in, tokens, the local network.
//!
//! Owns the decision who a caller is, and everything that credentials are made and
//! checked with. What a route asks for is declared beside the routes (`http`), and
//! whether a standing is enough is the model's decision (`aerial_model::access`).
//!
//! Invariants: a secret is kept as a hash alone; what is revoked is refused from that
//! moment on; a request needs no query to be judged, since all that counts is in
//! memory (the catalogue is written first, and read at the start).

mod book;
pub mod caller;
mod code;
pub mod key;
pub mod password;
pub mod secret;

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aerial_model::access::{Scope, Standing};
use aerial_model::allowance::{Allowance, PerHousehold, Shared};
use aerial_model::network::{LOOPBACK, Network, Whence, is_local};
use aerial_model::time::{AirTime, Ticks};
use thiserror::Error;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::clock::{Clock, monotonic};
use crate::config;
use crate::db::{Account, AccountId, Db, DbError, SignIn, SignInId, Token, TokenId, TokenKind};

use book::Book;
use caller::{By, Caller, Shown};
use code::{Code, Tried};
use password::{HashError, MOST_BYTES, Passwords, shortcoming};
use secret::{NoRandomness, Secret};

/// What the account is called unless somebody says otherwise.
pub const NAME: &str = "admin";

/// Browsers that can be signed in at a time; the one longest unused goes first.
const SIGN_INS: usize = 100;
/// Tokens that can be there at a time.
const TOKENS: usize = 200;

/// Tries of passwords and codes: a few mistakes, then three a minute.
const TRIES: Allowance = Allowance { burst: 6, each: Duration::from_secs(20) };
/// The same for everybody on the local network together, and for all others.
const ALL_TRIES: Allowance = Allowance { burst: 40, each: Duration::from_secs(2) };

/// How often uses are noted in the catalogue.
const NOTED_EVERY: Duration = Duration::from_secs(60);

/// Under this key among the settings that the program keeps.
const WATCH_ONLY: &str = "access.watch_only";

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

type Result<T> = std::result::Result<T, AccessError>;

/// What a new password comes with.
#[derive(Clone, Debug, Default)]
pub struct NewPassword {
    /// The account's name; unless it is said, it stays as it is.
    pub name: Option<String>,
    /// The password.
    pub password: String,
    /// The one that is set now.
    pub current: Option<String>,
    /// The one-time code.
    pub code: Option<String>,
}

/// Somebody who just signed in.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// For the cookie.
    pub secret: Secret,
    /// When it ends unless they come back.
    pub expires_at: AirTime,
    /// Whose account it is.
    pub name: String,
}

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
}

#[derive(Debug)]
struct Tries {
    each: PerHousehold,
    local: Shared,
    elsewhere: Shared,
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
        let tries = Tries {
            each: PerHousehold::new(TRIES),
            local: Shared::new(ALL_TRIES),
            elsewhere: Shared::new(ALL_TRIES),
        };
        Ok(Self(Arc::new(Inner {
            db,
            clock,
            settings,
            cookie: format!("aerial-{install}"),
            key: key.map(Secret::hash),
            passwords: Passwords::default(),
            started: monotonic(),
            book: Mutex::new(book),
            tries: Mutex::new(tries),
            changing: tokio::sync::Mutex::new(()),
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

    /// Whether whoever asks may read the server's figures for being where they are: on
    /// the local network, where the settings say so. A token that is not valid is
    /// refused all the same, so that whoever has it learns.
    pub fn opens_figures_to(&self, caller: &Caller) -> bool {
        let is_near = match caller.whence {
            Whence::Machine => true,
            Whence::Address(address) => self.is_local(address),
            Whence::Unknown => false,
        };
        self.0.settings.local_metrics && is_near && caller.by != By::BadToken
    }

    /// The proxies that are believed.
    pub fn trusted_proxies(&self) -> &[Network] {
        &self.0.settings.trusted_proxies
    }

    /// Whether that is on the local network.
    pub fn is_local(&self, address: IpAddr) -> bool {
        let ours = &self.0.settings.local_networks;
        is_local(address) || ours.iter().any(|network| network.contains(address))
    }

    /// Who asks.
    pub fn identify(&self, shown: &Shown) -> Caller {
        let whence = shown.trail.whence(&self.0.settings.trusted_proxies);
        let counted = match whence {
            Whence::Machine => Some(LOOPBACK),
            Whence::Address(address) => Some(address),
            Whence::Unknown => shown.trail.peer,
        };
        let (standing, by) = self.known_by(shown, whence);
        Caller { standing, by, whence, counted }
    }

    fn known_by(&self, shown: &Shown, whence: Whence) -> (Standing, By) {
        let now = self.0.clock.now();
        if let Some(token) = &shown.in_path {
            let found = self.book().token(secret::hash(token), TokenKind::Stream, now);
            return match found {
                Some((id, scope)) => (Standing::Holder(scope), By::Path(id)),
                None => (Standing::Stranger, By::BadToken),
            };
        }
        if let Some(token) = &shown.bearer {
            let hash = secret::hash(token);
            if self.0.key.is_some_and(|key| key == hash) {
                return (Standing::Holder(Scope::Manage), By::Key);
            }
            return match self.book().token(hash, TokenKind::Api, now) {
                Some((id, scope)) => (Standing::Holder(scope), By::Token(id)),
                None => (Standing::Stranger, By::BadToken),
            };
        }
        if let Some(cookie) = &shown.cookie {
            let after = now - self.session();
            // One that has expired is as good as none.
            if let Some(id) = self.book().signed_in(secret::hash(cookie), now, after) {
                let by = By::SignIn(id, now + self.session());
                return (Standing::Holder(Scope::Manage), by);
            }
        }
        let (watch_only, _) = self.watch_only();
        match whence {
            Whence::Machine if self.book().account.is_none() => {
                (Standing::Holder(Scope::Manage), By::Machine)
            }
            Whence::Machine if watch_only => (Standing::Neighbour, By::Network),
            Whence::Address(address) if watch_only && self.is_local(address) => {
                (Standing::Neighbour, By::Network)
            }
            Whence::Machine | Whence::Address(_) | Whence::Unknown => {
                (Standing::Stranger, By::Nothing)
            }
        }
    }

    /// Signs somebody in.
    ///
    /// # Errors
    /// When name or password are wrong, or were too often.
    pub async fn sign_in(&self, caller: &Caller, name: &str, password: &str) -> Result<SignedIn> {
        let Some(account) = self.book().account.clone() else {
            return Err(AccessError::NoAccount);
        };
        self.try_one(caller)?;
        let known = account.name == name && password.len() <= MOST_BYTES;
        let hash = known.then(|| account.password_hash.clone());
        // What is too long to be right is not worth hashing at length either.
        let given: String = password.chars().take(MOST_BYTES).collect();
        if !self.0.passwords.is(given, hash).await? {
            tracing::warn!(from = ?caller.counted, "a sign-in with a wrong name or password");
            return Err(AccessError::WrongPassword);
        }
        self.forgive(caller);
        let _turn = self.0.changing.lock().await;
        // Another password may have been set while this one was checked.
        if self.book().account.as_ref() != Some(&account) {
            return Err(AccessError::WrongPassword);
        }
        let signed_in = self.welcome(&account).await?;
        tracing::info!(from = ?caller.counted, "signed in");
        Ok(signed_in)
    }

    async fn welcome(&self, account: &Account) -> Result<SignedIn> {
        let secret = Secret::long()?;
        let now = self.0.clock.now();
        let sign_in = SignIn {
            id: SignInId::fresh(),
            account: account.id,
            secret_hash: secret.hash(),
            created_at: now,
            last_used_at: now,
        };
        let surplus = self.book().surplus_sign_ins(SIGN_INS - 1, now - self.session());
        if !surplus.is_empty() {
            self.0.db.remove_sign_ins(&surplus).await?;
            self.book().sign_out(&surplus);
        }
        self.0.db.add_sign_in(&sign_in).await?;
        self.book().add_sign_in(sign_in);
        Ok(SignedIn { secret, expires_at: now + self.session(), name: account.name.clone() })
    }

    /// Signs out here, or everywhere.
    ///
    /// # Errors
    /// The catalogue's.
    pub async fn sign_out(&self, id: SignInId, everywhere: bool) -> Result<()> {
        let ids = match everywhere {
            true => self.book().sign_in_ids(),
            false => vec![id],
        };
        self.0.db.remove_sign_ins(&ids).await?;
        self.book().sign_out(&ids);
        Ok(())
    }

    /// Sets the first password, or another one, and signs out everywhere. Who did it by
    /// signing in, or from this machine, is signed in again.
    ///
    /// # Errors
    /// When the caller may not, or the password is none.
    pub async fn set_password(
        &self,
        caller: &Caller,
        new: NewPassword,
    ) -> Result<Option<SignedIn>> {
        let _turn = self.0.changing.lock().await;
        let account = self.book().account.clone();
        match &account {
            Some(account) => self.may_change(caller, account, new.current).await?,
            None => self.may_begin(caller, new.code.as_deref())?,
        }
        let kept = account.as_ref().map_or(NAME, |account| account.name.as_str());
        let name = new.name.unwrap_or_else(|| kept.to_owned());
        check_name("name", &name, 40)?;
        if let Some(message) = shortcoming(&new.password, &name) {
            return Err(AccessError::Field { field: "password", message });
        }
        let password_hash = self.0.passwords.hash(new.password).await?;
        let now = self.0.clock.now();
        let (id, created_at) = account
            .map_or_else(|| (AccountId::fresh(), now), |account| (account.id, account.created_at));
        let account = Account { id, name, password_hash, created_at, changed_at: now };
        self.0.db.put_account(&account).await?;
        self.book().set_account(account.clone());
        tracing::info!(from = ?caller.counted, "the password was set");
        match caller.by {
            By::Key | By::Token(_) => Ok(None),
            _ => self.welcome(&account).await.map(Some),
        }
    }

    async fn may_change(
        &self,
        caller: &Caller,
        account: &Account,
        current: Option<String>,
    ) -> Result<()> {
        if caller.standing != Standing::Holder(Scope::Manage) {
            return Err(AccessError::NotAllowed);
        }
        if caller.by == By::Key {
            return Ok(());
        }
        let current = current.filter(|current| current.len() <= MOST_BYTES).ok_or_else(|| {
            let message = "is needed: the password that is set now".to_owned();
            AccessError::Field { field: "current_password", message }
        })?;
        self.try_one(caller)?;
        match self.0.passwords.is(current, Some(account.password_hash.clone())).await? {
            true => {
                self.forgive(caller);
                Ok(())
            }
            false => Err(AccessError::WrongCurrentPassword),
        }
    }

    fn may_begin(&self, caller: &Caller, code: Option<&str>) -> Result<()> {
        if caller.standing == Standing::Holder(Scope::Manage) {
            return Ok(());
        }
        let given = code.ok_or(AccessError::CodeNeeded)?;
        self.try_one(caller)?;
        let tried = match &mut self.book().code {
            Some(code) => code.tried(given),
            None => Tried::Spent,
        };
        match tried {
            Tried::Right => {
                self.forgive(caller);
                Ok(())
            }
            Tried::Wrong => {
                tracing::warn!(from = ?caller.counted, "a wrong one-time code");
                Err(AccessError::WrongCode)
            }
            Tried::Spent => Err(AccessError::CodeSpent),
        }
    }

    /// Makes a token; its secret is not seen again.
    ///
    /// # Errors
    /// When its name is none, or there are too many.
    pub async fn make_token(
        &self,
        name: &str,
        kind: TokenKind,
        scope: Scope,
    ) -> Result<(Token, Secret)> {
        check_name("name", name, 80)?;
        if self.book().token_count() >= TOKENS {
            return Err(AccessError::TooManyTokens);
        }
        let secret = match kind {
            TokenKind::Api => Secret::api_token()?,
            TokenKind::Stream => Secret::stream_token()?,
        };
        let token = Token {
            id: TokenId::fresh(),
            name: name.to_owned(),
            kind,
            scope,
            secret_hash: secret.hash(),
            start: secret.start(),
            created_at: self.0.clock.now(),
            last_used_at: None,
        };
        self.0.db.add_token(&token).await?;
        self.book().add_token(token.clone());
        Ok((token, secret))
    }

    /// All tokens, the oldest first.
    pub fn tokens(&self) -> Vec<Token> {
        self.book().tokens()
    }

    /// Revokes a token, at once.
    ///
    /// # Errors
    /// When there is none, or the catalogue fails.
    pub async fn revoke(&self, id: TokenId) -> Result<()> {
        self.0.db.remove_token(id).await?;
        match self.book().revoke(id) {
            true => Ok(()),
            false => Err(AccessError::UnknownToken(id)),
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

    fn try_one(&self, caller: &Caller) -> Result<()> {
        let now = self.0.started.elapsed();
        let address = caller.counted.unwrap_or(LOOPBACK);
        let mut tries = self.tries();
        tries.each.take(address, now).map_err(AccessError::TooMany)?;
        // Strangers who try from everywhere do not shut out who is at home.
        let all = if self.is_local(address) { &mut tries.local } else { &mut tries.elsewhere };
        all.take(now).map_err(AccessError::TooMany)
    }

    fn forgive(&self, caller: &Caller) {
        self.tries().each.forgive(caller.counted.unwrap_or(LOOPBACK));
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tries(&self) -> MutexGuard<'_, Tries> {
        self.0.tries.lock().unwrap_or_else(PoisonError::into_inner)
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
