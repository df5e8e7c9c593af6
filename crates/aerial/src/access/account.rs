//! The account's password: set first, and set anew.

use aerial_model::access::{Scope, Standing};

use super::caller::{By, Caller};
use super::code::Tried;
use super::error::AccessError;
use super::password::{MOST_BYTES, shortcoming};
use super::sign_in::SignedIn;
use super::{Access, NAME, Result, check_name};
use crate::db::{Account, AccountId};

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

impl Access {
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
        self.tell_taken();
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
}
