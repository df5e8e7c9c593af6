//! What a request was let in by, for as long as it is being answered.
//!
//! Owns the waiting until that is no more, for answers that have no end of their own.
//! Invariant: whatever is taken away after the caller was identified is noticed, since
//! the listening begins before.

use std::sync::Arc;

use aerial_model::access::{Need, Standing, Verdict};
use tokio::sync::watch;

use super::Access;
use super::caller::{Caller, Shown};

/// What a request was let in by.
#[derive(Clone, Debug)]
pub struct Grant {
    access: Access,
    shown: Arc<Shown>,
    caller: Caller,
    taken: watch::Receiver<()>,
}

impl Access {
    /// Who asks, and what tells when that changes.
    pub fn admit(&self, shown: Shown) -> Grant {
        let taken = self.0.taken.subscribe();
        let caller = self.identify(&shown);
        Grant { access: self.clone(), shown: Arc::new(shown), caller, taken }
    }

    /// To be called once something was taken away from somebody.
    pub(super) fn tell_taken(&self) {
        self.0.taken.send_replace(());
    }
}

impl Grant {
    /// Who asked.
    pub fn caller(&self) -> Caller {
        self.caller
    }

    /// Waits until this is no longer granted to whoever asked.
    pub async fn lost(self, need: Need) {
        self.until(|standing| standing.judged(need) != Verdict::Granted).await;
    }

    /// Waits until whoever asked may do other things than when they did.
    pub async fn changed(self) {
        let then = self.caller.standing;
        self.until(|standing| standing != then).await;
    }

    async fn until(mut self, is_over: impl Fn(Standing) -> bool) {
        while self.taken.changed().await.is_ok() {
            if is_over(self.access.look_up(&self.shown).standing) {
                return;
            }
        }
    }
}
