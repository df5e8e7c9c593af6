//! Who a caller is, by what they show and where they are.

use std::net::IpAddr;

use aerial_model::access::{Scope, Standing};
use aerial_model::network::{LOOPBACK, Network, Whence, is_local};
use aerial_model::time::AirTime;

use super::caller::{By, Caller, Shown};
use super::{Access, secret};
use crate::db::TokenKind;

impl Access {
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
        self.known(shown, Some(self.0.clock.now()))
    }

    /// Who that would be if they asked now: what they show is not used by that.
    pub(super) fn look_up(&self, shown: &Shown) -> Caller {
        self.known(shown, None)
    }

    fn known(&self, shown: &Shown, used: Option<AirTime>) -> Caller {
        let whence = shown.trail.whence(&self.0.settings.trusted_proxies);
        let counted = match whence {
            Whence::Machine => Some(LOOPBACK),
            Whence::Address(address) => Some(address),
            Whence::Unknown => shown.trail.peer,
        };
        let (standing, by) = self.known_by(shown, whence, used);
        Caller { standing, by, whence, counted }
    }

    fn known_by(&self, shown: &Shown, whence: Whence, used: Option<AirTime>) -> (Standing, By) {
        let now = self.0.clock.now();
        if let Some(token) = &shown.in_path {
            let found = self.book().token(secret::hash(token), TokenKind::Stream, used);
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
            return match self.book().token(hash, TokenKind::Api, used) {
                Some((id, scope)) => (Standing::Holder(scope), By::Token(id)),
                None => (Standing::Stranger, By::BadToken),
            };
        }
        if let Some(cookie) = &shown.cookie {
            let after = now - self.session();
            // One that has expired is as good as none.
            if let Some(id) = self.book().signed_in(secret::hash(cookie), used, after) {
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
}
