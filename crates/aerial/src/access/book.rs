//! What callers are known by, in memory.
//!
//! Owns the maps and when each entry was last used. Decides nothing. Invariant: it is
//! as bounded as what `access` puts into it.

use std::collections::HashMap;

use aerial_model::access::Scope;
use aerial_model::time::AirTime;

use super::code::Code;
use crate::db::{Account, SecretHash, SignIn, SignInId, Token, TokenId, TokenKind};

/// When each was last used.
pub(super) type Uses<Id> = Vec<(Id, AirTime)>;

/// An entry, and whether its use is to be noted.
#[derive(Debug)]
struct Used<T>(T, bool);

#[derive(Debug)]
pub(super) struct Book {
    pub(super) account: Option<Account>,
    pub(super) code: Option<Code>,
    /// As people chose, if the settings do not.
    pub(super) watch_only: bool,
    sign_ins: HashMap<SecretHash, Used<SignIn>>,
    tokens: HashMap<SecretHash, Used<Token>>,
}

impl Book {
    pub(super) fn new(
        account: Option<Account>,
        code: Option<Code>,
        watch_only: bool,
        sign_ins: Vec<SignIn>,
        tokens: Vec<Token>,
    ) -> Self {
        let sign_ins = sign_ins.into_iter().map(|one| (one.secret_hash, Used(one, false)));
        let tokens = tokens.into_iter().map(|one| (one.secret_hash, Used(one, false)));
        Self { account, code, watch_only, sign_ins: sign_ins.collect(), tokens: tokens.collect() }
    }

    /// Another password: nobody is signed in, and no code is needed any more.
    pub(super) fn set_account(&mut self, account: Account) {
        self.account = Some(account);
        self.code = None;
        self.sign_ins.clear();
    }

    /// Who has this token, which is of this kind; it is used then, if it is.
    pub(super) fn token(
        &mut self,
        hash: SecretHash,
        kind: TokenKind,
        used: Option<AirTime>,
    ) -> Option<(TokenId, Scope)> {
        let Used(token, noted) = self.tokens.get_mut(&hash)?;
        if token.kind != kind {
            return None;
        }
        if used.is_some() {
            token.last_used_at = used;
            *noted = true;
        }
        Some((token.id, token.scope))
    }

    /// Whose cookie that is, if it was used after `after`; it is used then, if it is.
    pub(super) fn signed_in(
        &mut self,
        hash: SecretHash,
        used: Option<AirTime>,
        after: AirTime,
    ) -> Option<SignInId> {
        let Used(sign_in, noted) = self.sign_ins.get_mut(&hash)?;
        if sign_in.last_used_at <= after {
            return None;
        }
        if let Some(now) = used {
            sign_in.last_used_at = sign_in.last_used_at.max(now);
            *noted = true;
        }
        Some(sign_in.id)
    }

    pub(super) fn add_sign_in(&mut self, sign_in: SignIn) {
        self.sign_ins.insert(sign_in.secret_hash, Used(sign_in, false));
    }

    pub(super) fn sign_in_ids(&self) -> Vec<SignInId> {
        self.sign_ins.values().map(|used| used.0.id).collect()
    }

    pub(super) fn sign_out(&mut self, ids: &[SignInId]) {
        self.sign_ins.retain(|_, used| !ids.contains(&used.0.id));
    }

    /// Those that were not used after `after`.
    pub(super) fn expired(&self, after: AirTime) -> Vec<SignInId> {
        let all = self.sign_ins.values().map(|used| &used.0);
        all.filter(|one| one.last_used_at <= after).map(|one| one.id).collect()
    }

    /// Those that must go so that `most` are left: expired ones, then the longest unused.
    pub(super) fn surplus_sign_ins(&self, most: usize, after: AirTime) -> Vec<SignInId> {
        let mut surplus = self.expired(after);
        let mut living: Vec<&SignIn> = self.sign_ins.values().map(|used| &used.0).collect();
        living.retain(|one| one.last_used_at > after);
        living.sort_by_key(|one| (one.last_used_at, one.id));
        let too_many = living.len().saturating_sub(most);
        surplus.extend(living.iter().take(too_many).map(|one| one.id));
        surplus
    }

    pub(super) fn token_count(&self) -> usize {
        self.tokens.len()
    }

    pub(super) fn add_token(&mut self, token: Token) {
        self.tokens.insert(token.secret_hash, Used(token, false));
    }

    pub(super) fn tokens(&self) -> Vec<Token> {
        let mut tokens: Vec<Token> = self.tokens.values().map(|used| used.0.clone()).collect();
        tokens.sort_by_key(|token| token.id);
        tokens
    }

    /// Whether there was one.
    pub(super) fn revoke(&mut self, id: TokenId) -> bool {
        let before = self.tokens.len();
        self.tokens.retain(|_, used| used.0.id != id);
        self.tokens.len() < before
    }

    /// What was used since this was last asked.
    pub(super) fn take_uses(&mut self) -> (Uses<SignInId>, Uses<TokenId>) {
        let sign_ins = self.sign_ins.values_mut().filter_map(|used| {
            std::mem::take(&mut used.1).then_some((used.0.id, used.0.last_used_at))
        });
        let sign_ins = sign_ins.collect();
        let tokens = self.tokens.values_mut().filter_map(|used| {
            std::mem::take(&mut used.1).then_some((used.0.id, used.0.last_used_at?))
        });
        (sign_ins, tokens.collect())
    }
}
