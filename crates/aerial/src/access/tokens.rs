//! Tokens for programs and TV apps: made, listed, revoked.

use aerial_model::access::Scope;

use super::error::{AccessError, TOKENS};
use super::secret::Secret;
use super::{Access, Result, check_name};
use crate::db::{Token, TokenId, TokenKind};

impl Access {
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
        let was_one = self.book().revoke(id);
        self.tell_taken();
        match was_one {
            true => Ok(()),
            false => Err(AccessError::UnknownToken(id)),
        }
    }
}
