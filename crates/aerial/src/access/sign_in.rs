//! Signing in and out.
//!
//! Owns the sign-ins: how one begins, and which go. Invariant: there are never more than
//! [`SIGN_INS`].

use aerial_model::time::AirTime;

use super::caller::Caller;
use super::error::AccessError;
use super::password::MOST_BYTES;
use super::secret::Secret;
use super::{Access, Result};
use crate::db::{Account, SignIn, SignInId};

/// Browsers that can be signed in at a time; the one longest unused goes first.
const SIGN_INS: usize = 100;

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

impl Access {
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

    pub(super) async fn welcome(&self, account: &Account) -> Result<SignedIn> {
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
            self.tell_taken();
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
        self.tell_taken();
        Ok(())
    }
}
