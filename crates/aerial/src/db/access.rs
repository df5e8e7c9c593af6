//! Accounts, who is signed in, and tokens.
//!
//! Owns their rows; what they are good for is `access`' business. Invariant: no
//! secret is in any row, only what a secret can be checked against.

use std::fmt;
use std::str::FromStr;

use aerial_model::access::Scope;
use aerial_model::time::AirTime;
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter};
use uuid::Uuid;

use super::entity::{account, sign_in, token};
use super::error::{Doing, Result};
use super::{Db, stored};

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new one.
            pub fn fresh() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> std::result::Result<Self, uuid::Error> {
                text.parse().map(Self)
            }
        }
    )*};
}

ids! {
    /// One account.
    AccountId;
    /// One browser that somebody is signed in with.
    SignInId;
    /// One token.
    TokenId;
}

/// What a random secret is known by: its BLAKE3 hash.
pub type SecretHash = [u8; 32];

/// Somebody who may sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// For good.
    pub id: AccountId,
    /// Its name.
    pub name: String,
    /// Its password's Argon2 hash, with salt and cost (PHC string).
    pub password_hash: String,
    /// When it was made.
    pub created_at: AirTime,
    /// When its password was set.
    pub changed_at: AirTime,
}

/// A browser that somebody is signed in with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignIn {
    /// For good.
    pub id: SignInId,
    /// Who.
    pub account: AccountId,
    /// What its cookie is known by.
    pub secret_hash: SecretHash,
    /// When they signed in.
    pub created_at: AirTime,
    /// When they were last heard of.
    pub last_used_at: AirTime,
}

/// How a token travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// In the header `Authorization`.
    Api,
    /// In the paths of streams, lists and guides.
    Stream,
}

impl TokenKind {
    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Stream => "stream",
        }
    }
}

/// A token of a program or a TV app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// For good.
    pub id: TokenId,
    /// What people call it.
    pub name: String,
    /// How it travels.
    pub kind: TokenKind,
    /// What it is good for.
    pub scope: Scope,
    /// What it is known by.
    pub secret_hash: SecretHash,
    /// Its first letters, by which people tell it from others.
    pub start: String,
    /// When it was made.
    pub created_at: AirTime,
    /// When it was last used.
    pub last_used_at: Option<AirTime>,
}

impl Db {
    /// All accounts.
    pub async fn accounts(&self) -> Result<Vec<Account>> {
        let rows = account::Entity::find().all(self.reader()).await.doing("read accounts")?;
        let read = |row: account::Model| {
            Ok(Account {
                id: stored::parsed("account id", &row.id)?,
                name: row.name,
                password_hash: row.password_hash,
                created_at: AirTime::from_unix_millis(row.created_at_ms),
                changed_at: AirTime::from_unix_millis(row.changed_at_ms),
            })
        };
        rows.into_iter().map(read).collect()
    }

    /// Stores an account, new or changed, and signs it out everywhere.
    pub async fn put_account(&self, account: &Account) -> Result<()> {
        let row = account::Model {
            id: account.id.to_string(),
            name: account.name.clone(),
            password_hash: account.password_hash.clone(),
            created_at_ms: account.created_at.unix_millis(),
            changed_at_ms: account.changed_at.unix_millis(),
        };
        let write = self.write().await?;
        let changed =
            [account::Column::Name, account::Column::PasswordHash, account::Column::ChangedAtMs];
        account::Entity::insert(row.into_active_model().reset_all())
            .on_conflict(OnConflict::column(account::Column::Id).update_columns(changed).to_owned())
            .exec_without_returning(&write.0)
            .await
            .doing("store an account")?;
        sign_in::Entity::delete_many()
            .filter(sign_in::Column::AccountId.eq(account.id.to_string()))
            .exec(&write.0)
            .await
            .doing("sign out")?;
        write.commit().await
    }

    /// Who is signed in.
    pub async fn sign_ins(&self) -> Result<Vec<SignIn>> {
        let rows = sign_in::Entity::find().all(self.reader()).await.doing("read sign-ins")?;
        let read = |row: sign_in::Model| {
            Ok(SignIn {
                id: stored::parsed("sign-in id", &row.id)?,
                account: stored::parsed("account id", &row.account_id)?,
                secret_hash: hash(&row.secret_hash)?,
                created_at: AirTime::from_unix_millis(row.created_at_ms),
                last_used_at: AirTime::from_unix_millis(row.last_used_at_ms),
            })
        };
        rows.into_iter().map(read).collect()
    }

    /// Stores that somebody signed in.
    pub async fn add_sign_in(&self, sign_in: &SignIn) -> Result<()> {
        let row = sign_in::Model {
            id: sign_in.id.to_string(),
            account_id: sign_in.account.to_string(),
            secret_hash: sign_in.secret_hash.to_vec(),
            created_at_ms: sign_in.created_at.unix_millis(),
            last_used_at_ms: sign_in.last_used_at.unix_millis(),
        };
        let write = self.write().await?;
        sign_in::Entity::insert(row.into_active_model())
            .exec_without_returning(&write.0)
            .await
            .doing("sign in")?;
        write.commit().await
    }

    /// Forgets these sign-ins.
    pub async fn remove_sign_ins(&self, ids: &[SignInId]) -> Result<()> {
        let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
        let write = self.write().await?;
        sign_in::Entity::delete_many()
            .filter(sign_in::Column::Id.is_in(ids))
            .exec(&write.0)
            .await
            .doing("sign out")?;
        write.commit().await
    }

    /// All tokens, the oldest first.
    pub async fn tokens(&self) -> Result<Vec<Token>> {
        let rows = token::Entity::find().all(self.reader()).await.doing("read tokens")?;
        let read = |row: token::Model| {
            Ok(Token {
                id: stored::parsed("token id", &row.id)?,
                name: row.name,
                kind: match row.kind.as_str() {
                    "stream" => TokenKind::Stream,
                    _ => TokenKind::Api,
                },
                scope: stored::parsed("scope", &row.scope)?,
                secret_hash: hash(&row.secret_hash)?,
                start: row.start,
                created_at: AirTime::from_unix_millis(row.created_at_ms),
                last_used_at: row.last_used_at_ms.map(AirTime::from_unix_millis),
            })
        };
        rows.into_iter().map(read).collect()
    }

    /// Stores a new token.
    pub async fn add_token(&self, token: &Token) -> Result<()> {
        let row = token::Model {
            id: token.id.to_string(),
            name: token.name.clone(),
            kind: token.kind.name().to_owned(),
            scope: token.scope.to_string(),
            secret_hash: token.secret_hash.to_vec(),
            start: token.start.clone(),
            created_at_ms: token.created_at.unix_millis(),
            last_used_at_ms: token.last_used_at.map(AirTime::unix_millis),
        };
        let write = self.write().await?;
        token::Entity::insert(row.into_active_model())
            .exec_without_returning(&write.0)
            .await
            .doing("store a token")?;
        write.commit().await
    }

    /// Forgets a token.
    pub async fn remove_token(&self, id: TokenId) -> Result<()> {
        let write = self.write().await?;
        token::Entity::delete_by_id(id.to_string()).exec(&write.0).await.doing("revoke a token")?;
        write.commit().await
    }

    /// Notes when sign-ins and tokens were last used.
    pub async fn note_uses(
        &self,
        sign_ins: &[(SignInId, AirTime)],
        tokens: &[(TokenId, AirTime)],
    ) -> Result<()> {
        let write = self.write().await?;
        for (id, at) in sign_ins {
            sign_in::Entity::update_many()
                .col_expr(sign_in::Column::LastUsedAtMs, Expr::value(at.unix_millis()))
                .filter(sign_in::Column::Id.eq(id.to_string()))
                .exec(&write.0)
                .await
                .doing("note a sign-in's use")?;
        }
        for (id, at) in tokens {
            token::Entity::update_many()
                .col_expr(token::Column::LastUsedAtMs, Expr::value(at.unix_millis()))
                .filter(token::Column::Id.eq(id.to_string()))
                .exec(&write.0)
                .await
                .doing("note a token's use")?;
        }
        write.commit().await
    }
}

fn hash(bytes: &[u8]) -> Result<SecretHash> {
    SecretHash::try_from(bytes)
        .map_err(|error| stored::unreadable("hash", "not 32 bytes", error.into()))
}
