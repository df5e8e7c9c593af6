//! `/tokens`: what programs and TV apps are let in by.
//!
//! Owns how tokens are told. Invariant: a token's secret is in one answer, the one to
//! who made it.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::apps::origin::Origin;
use super::extract::{At, Json, Query};
use super::page::{Listing, PageQuery};
use super::problem::{Answer, Problem};
use super::wire::Instant;
use crate::access::Access;
use crate::access::secret::Secret;
use crate::db::{self, TokenId};

/// What a credential is good for; each includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Channels, guide, streams, pictures.
    Watch,
    /// Everything that can be read.
    Read,
    /// Everything.
    Manage,
}

impl From<aerial_model::access::Scope> for Scope {
    fn from(scope: aerial_model::access::Scope) -> Self {
        use aerial_model::access::Scope::{Manage, Read, Watch};
        match scope {
            Watch => Self::Watch,
            Read => Self::Read,
            Manage => Self::Manage,
        }
    }
}

impl From<Scope> for aerial_model::access::Scope {
    fn from(scope: Scope) -> Self {
        match scope {
            Scope::Watch => Self::Watch,
            Scope::Read => Self::Read,
            Scope::Manage => Self::Manage,
        }
    }
}

/// How a token travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TokenKind {
    /// In a header: `Authorization: Bearer …`.
    #[default]
    Api,
    /// In the paths of lists, guides, tuners and streams: `/t/…/channels.m3u`.
    Stream,
}

/// A token.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Token {
    /// Its id.
    id: Uuid,
    /// What it is called.
    name: String,
    /// How it travels.
    kind: TokenKind,
    /// What it is good for.
    scope: Scope,
    /// Its first letters, to tell it from others.
    #[schema(example = "k7qf")]
    start: String,
    /// When it was made.
    created_at: Instant,
    /// When it was last used; told within a minute, also after a restart.
    #[schema(required = true)]
    last_used_at: Option<Instant>,
}

impl From<db::Token> for Token {
    fn from(token: db::Token) -> Self {
        Self {
            id: token.id.0,
            name: token.name,
            kind: match token.kind {
                db::TokenKind::Api => TokenKind::Api,
                db::TokenKind::Stream => TokenKind::Stream,
            },
            scope: token.scope.into(),
            start: token.start,
            created_at: token.created_at.into(),
            last_used_at: token.last_used_at.map(Into::into),
        }
    }
}

/// All tokens.
#[utoipa::path(
    get, path = "/tokens", operation_id = "list_tokens", tag = "access",
    params(PageQuery),
    responses((status = 200, body = Listing<Token>)),
)]
pub(super) async fn list(
    State(access): State<Access>,
    Query(page): Query<PageQuery>,
) -> Answer<Json<Listing<Token>>> {
    let after: Option<Uuid> = page
        .cursor
        .map(|cursor| cursor.parse().map_err(|_| Problem::field("cursor", "is of another list")))
        .transpose()?;
    let rest = access.tokens().into_iter().map(Token::from);
    let rest = rest.filter(|token| after.is_none_or(|after| token.id > after));
    Ok(Json(Listing::cut(rest, page.limit, |token| token.id.to_string())))
}

/// A token to be made.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// What it is called, such as the program or the TV that will have it.
    name: String,
    /// How it travels.
    #[serde(default)]
    #[schema(required = false, default = "api")]
    kind: TokenKind,
    /// What it is good for: `watch` unless it is said, and always for one of kind `stream`.
    #[serde(default)]
    #[schema(required = false)]
    scope: Option<Scope>,
}

/// A token that was made, with what is told this once.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct MadeToken {
    /// The token.
    token: Token,
    /// What opens the door. It is kept nowhere: note it now.
    secret: String,
    /// Where apps find things with it, for one of kind `stream`.
    #[schema(required = true)]
    addresses: Option<Addresses>,
}

/// Addresses with a token in them.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Addresses {
    /// The list of channels (M3U).
    channels: String,
    /// The guide (XMLTV).
    guide: String,
    /// The tuner (HDHomeRun), for apps that can be told its address.
    tuner: String,
}

impl Addresses {
    fn with(secret: &Secret, origin: &Origin) -> Self {
        let url = |path: &str| origin.url(&format!("/t/{}{path}", secret.reveal()));
        Self { channels: url("/channels.m3u"), guide: url("/xmltv.xml"), tuner: url("") }
    }
}

/// Makes a token. Its secret is told in this answer alone.
#[utoipa::path(
    post, path = "/tokens", operation_id = "make_token", tag = "access",
    request_body = NewToken,
    responses(
        (status = 201, body = MadeToken),
        (status = 409, description = "There are too many.", body = Problem),
    ),
)]
pub(super) async fn make(
    State(access): State<Access>,
    origin: Origin,
    Json(new): Json<NewToken>,
) -> Answer<(StatusCode, Json<MadeToken>)> {
    let scope = new.scope.unwrap_or(Scope::Watch);
    let kind = match new.kind {
        TokenKind::Api => db::TokenKind::Api,
        TokenKind::Stream if scope == Scope::Watch => db::TokenKind::Stream,
        TokenKind::Stream => {
            return Err(Problem::field("scope", "must be `watch` where the kind is `stream`"));
        }
    };
    let (token, secret) = access.make_token(&new.name, kind, scope.into()).await?;
    let addresses = (new.kind == TokenKind::Stream).then(|| Addresses::with(&secret, &origin));
    let made = MadeToken { token: token.into(), secret: secret.reveal().to_owned(), addresses };
    Ok((StatusCode::CREATED, Json(made)))
}

/// Revokes a token: from now on it opens nothing.
#[utoipa::path(
    delete, path = "/tokens/{token}", operation_id = "revoke_token", tag = "access",
    params(("token" = Uuid, Path, description = "Its id.")),
    responses((status = 204), (status = 404, body = Problem)),
)]
pub(super) async fn revoke(
    State(access): State<Access>,
    At(token): At<TokenId>,
) -> Answer<StatusCode> {
    access.revoke(token).await?;
    Ok(StatusCode::NO_CONTENT)
}
