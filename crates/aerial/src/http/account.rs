//! `/session` and `/account`: signing in and out, and the password.
//!
//! Owns the cookie and how a caller is told what they may do. Whether a password is
//! right is `access`' business. Invariant: the cookie is seen by no script, sent by no
//! other site, and by HTTPS alone where the server is reached by that.

use aerial_model::access::{Need, Verdict};
use aerial_model::network::Whence;
use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::apps::origin::{Origin, PageOrigin};
use super::extract::{Json, Query, SmallJson};
use super::guard::{refused, unknown};
use super::problem::{Answer, Problem};
use super::tokens::Scope;
use super::wire::Instant;
use crate::access::caller::{By, Caller};
use crate::access::{Access, NAME, NewPassword, SignedIn};

/// The longest that browsers keep a cookie; when it really ends the server decides.
const COOKIE_AGE_S: u32 = 400 * 86_400;

/// By what a caller is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum KnownBy {
    /// By signing in.
    SignIn,
    /// By a token.
    Token,
    /// By being on the server's machine, while there is no account; or by the key in
    /// its data folder.
    Machine,
    /// By being on the local network, which may watch.
    Network,
}

/// How this caller can set the first password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SetUp {
    /// At once: the caller is on the server's machine.
    Here,
    /// With the code in the server's log.
    Code,
}

/// What a caller is and may do.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SignInState {
    /// Whether there is an account to sign in to.
    account: bool,
    /// The account's name, for who is signed in.
    #[schema(required = true)]
    name: Option<String>,
    /// What the caller may do; `null`: nothing.
    #[schema(required = true)]
    scope: Option<Scope>,
    /// By what the caller is known; `null`: by nothing.
    #[schema(required = true)]
    known_by: Option<KnownBy>,
    /// When a sign-in ends unless it is used again.
    #[schema(required = true)]
    expires_at: Option<Instant>,
    /// How the first password can be set from here; `null`: there is one.
    #[schema(required = true)]
    set_up: Option<SetUp>,
    /// Whether the local network may watch without signing in.
    watch_only: bool,
}

fn state(access: &Access, caller: &Caller) -> SignInState {
    let account = access.account();
    let (known_by, expires_at) = match caller.by {
        By::Nothing | By::BadToken => (None, None),
        By::Network => (Some(KnownBy::Network), None),
        By::Machine | By::Key => (Some(KnownBy::Machine), None),
        By::Token(_) | By::Path(_) => (Some(KnownBy::Token), None),
        By::SignIn(_, expires_at) => (Some(KnownBy::SignIn), Some(expires_at.into())),
    };
    let set_up = match (&account, caller.by, caller.whence) {
        (Some(_), _, _) => None,
        (None, By::Machine | By::Key, _) | (None, _, Whence::Machine) => Some(SetUp::Here),
        (None, _, _) => Some(SetUp::Code),
    };
    SignInState {
        account: account.is_some(),
        name: account.filter(|_| known_by == Some(KnownBy::SignIn)),
        scope: caller.standing.scope().map(Scope::from),
        known_by,
        expires_at,
        set_up,
        watch_only: access.watch_only().0,
    }
}

/// What this caller is and may do.
#[utoipa::path(
    get, path = "/session", operation_id = "get_session", tag = "access",
    responses((status = 200, body = SignInState)),
)]
pub(super) async fn get(
    State(access): State<Access>,
    Extension(caller): Extension<Caller>,
) -> Json<SignInState> {
    Json(state(&access, &caller))
}

/// Name and password.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// The account's name; unless it is said, `admin`.
    #[serde(default)]
    #[schema(required = false)]
    name: Option<String>,
    /// The password.
    password: String,
}

/// Signs in: the answer sets a cookie, which stands for it until it is not used for
/// 30 days (`access.session`) or signed out.
#[utoipa::path(
    post, path = "/session", operation_id = "sign_in", tag = "access",
    request_body = Credentials,
    responses(
        (status = 200, body = SignInState),
        (status = 401, description = "Name or password are wrong.", body = Problem),
        (status = 429, description = "Too many tries.", body = Problem),
    ),
)]
pub(super) async fn sign_in(
    State(access): State<Access>,
    Extension(caller): Extension<Caller>,
    PageOrigin(origin): PageOrigin,
    SmallJson(given): SmallJson<Credentials>,
) -> Answer<Response> {
    let name = given.name.as_deref().unwrap_or(NAME);
    let signed_in = access.sign_in(&caller, name, &given.password).await?;
    Ok(welcomed(&access, &origin, &signed_in))
}

/// Where to sign out.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SignOut {
    /// Everywhere, not only here.
    #[param(required = false)]
    everywhere: bool,
}

/// Signs out, here or everywhere.
#[utoipa::path(
    delete, path = "/session", operation_id = "sign_out", tag = "access",
    params(SignOut),
    responses(
        (status = 204),
        (status = 401, description = "Nobody is signed in here.", body = Problem),
    ),
)]
pub(super) async fn sign_out(
    State(access): State<Access>,
    Extension(caller): Extension<Caller>,
    PageOrigin(origin): PageOrigin,
    Query(asked): Query<SignOut>,
) -> Answer<Response> {
    let By::SignIn(id, _) = caller.by else {
        // A cookie that is not valid any more may go.
        let forgotten = cookie(&access, &origin, "", 0);
        return Ok(([(header::SET_COOKIE, forgotten)], unknown(Some(&caller))).into_response());
    };
    access.sign_out(id, asked.everywhere).await?;
    let forgotten = cookie(&access, &origin, "", 0);
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, forgotten)]).into_response())
}

/// A password to be set.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordChange {
    /// The account's name from now on; unless it is said it stays as it is, `admin` at first.
    #[serde(default)]
    #[schema(required = false)]
    name: Option<String>,
    /// The new password: at least 8 characters.
    password: String,
    /// The password that is set now, if one is.
    #[serde(default)]
    #[schema(required = false)]
    current_password: Option<String>,
    /// The code in the server's log, for the first password from elsewhere than the
    /// server's machine.
    #[serde(default)]
    #[schema(required = false)]
    code: Option<String>,
}

/// Sets the password, the first one or another, and signs out everywhere but here.
/// Tokens stay.
#[utoipa::path(
    put, path = "/account/password", operation_id = "set_password", tag = "access",
    request_body = PasswordChange,
    responses(
        (status = 200, body = SignInState),
        (status = 401, description = "Without a sign-in or the code.", body = Problem),
        (status = 429, description = "Too many tries.", body = Problem),
    ),
)]
pub(super) async fn set_password(
    State(access): State<Access>,
    Extension(caller): Extension<Caller>,
    PageOrigin(origin): PageOrigin,
    change: Result<SmallJson<PasswordChange>, Problem>,
) -> Answer<Response> {
    // Whoever may not is not told what would be right.
    let change = match (caller.standing.judged(Need::Manage), change) {
        (Verdict::Granted, change) => change?.0,
        (verdict, _) if access.account().is_some() => return Ok(refused(verdict, &caller)),
        // With the code perhaps.
        (_, Ok(SmallJson(change))) => change,
        (verdict, Err(_)) => return Ok(refused(verdict, &caller)),
    };
    let new = NewPassword {
        name: change.name,
        password: change.password,
        current: change.current_password,
        code: change.code,
    };
    Ok(match access.set_password(&caller, new).await? {
        Some(signed_in) => welcomed(&access, &origin, &signed_in),
        None => Json(state(&access, &caller)).into_response(),
    })
}

/// The cookie, and what it is good for.
fn welcomed(access: &Access, origin: &Origin, signed_in: &SignedIn) -> Response {
    let state = SignInState {
        account: true,
        name: Some(signed_in.name.clone()),
        scope: Some(Scope::Manage),
        known_by: Some(KnownBy::SignIn),
        expires_at: Some(signed_in.expires_at.into()),
        set_up: None,
        watch_only: access.watch_only().0,
    };
    let cookie = cookie(access, origin, signed_in.secret.reveal(), COOKIE_AGE_S);
    ([(header::SET_COOKIE, cookie)], Json(state)).into_response()
}

/// `Strict`: the page itself needs no cookie, and what it asks for is asked by itself.
fn cookie(access: &Access, origin: &Origin, secret: &str, age_s: u32) -> HeaderValue {
    let (name, base) = (access.cookie(), origin.base());
    let secure = if origin.is_secure() { "; Secure" } else { "" };
    let text =
        format!("{name}={secret}; Path={base}; Max-Age={age_s}; HttpOnly; SameSite=Strict{secure}");
    let mut value = HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static(""));
    value.set_sensitive(true);
    value
}

/// Who may do what, as far as it is set here.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AccessSettings {
    /// Whether the local network may watch without signing in.
    watch_only: bool,
    /// Whether the server's settings (`access.watch_only`) decide that, so that it cannot
    /// be changed here.
    fixed: bool,
}

/// What of it changes.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AccessChange {
    /// Whether the local network may watch without signing in.
    watch_only: bool,
}

/// Who may do what without signing in.
#[utoipa::path(
    get, path = "/access", operation_id = "get_access", tag = "access",
    responses((status = 200, body = AccessSettings)),
)]
pub(super) async fn settings(State(access): State<Access>) -> Json<AccessSettings> {
    let (watch_only, fixed) = access.watch_only();
    Json(AccessSettings { watch_only, fixed })
}

/// Lets the local network watch without signing in, or not.
#[utoipa::path(
    patch, path = "/access", operation_id = "edit_access", tag = "access",
    request_body = AccessChange,
    responses(
        (status = 200, body = AccessSettings),
        (status = 409, description = "The server's settings decide it.", body = Problem),
    ),
)]
pub(super) async fn edit_settings(
    State(access): State<Access>,
    Json(change): Json<AccessChange>,
) -> Answer<Json<AccessSettings>> {
    access.set_watch_only(change.watch_only).await?;
    Ok(settings(State(access)).await)
}
