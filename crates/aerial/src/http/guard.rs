//! Who is let in where: each route with what it asks for.
//!
//! Owns [`Guarded`], in which alone routes are put together, the reading of credentials
//! from a request, and the refusals. What a credential is good for is `access`'
//! business. Invariants: there is no route without a need; a request is judged before
//! anything of its body is read; another site's page changes nothing in somebody's name.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aerial_model::access::{Need, Standing, Verdict};
use aerial_model::allowance::{Allowance, PerHousehold};
use aerial_model::network::{Trail, Whence};
use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::MethodRouter;
use tokio::time::Instant;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

use super::apps::origin::{Origin, PublicUrl, same_host};
use super::problem::{Kind, Problem};
use super::shell::nowhere;
use super::under_token::UnderToken;
use crate::access::caller::{By, Caller, Shown};
use crate::access::{Access, SET_UP};
use crate::clock::monotonic;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// What proxies add; one of them is enough to know that there is one.
const OF_PROXIES: [HeaderName; 11] = [
    header::FORWARDED,
    header::VIA,
    X_FORWARDED_FOR,
    X_FORWARDED_HOST,
    HeaderName::from_static("x-forwarded-port"),
    HeaderName::from_static("x-forwarded-prefix"),
    HeaderName::from_static("x-forwarded-proto"),
    HeaderName::from_static("x-forwarded-server"),
    HeaderName::from_static("x-real-ip"),
    HeaderName::from_static("x-client-ip"),
    HeaderName::from_static("cf-connecting-ip"),
];

/// What a route asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Needs {
    /// To be looked at: GET, HEAD, OPTIONS.
    look: Need,
    /// By every other method.
    change: Need,
    /// It is for players: to be had with a token in the path too, and from every page.
    players: bool,
    /// It is for who watches over the server: `access.local_metrics` opens it.
    figures: bool,
}

impl Needs {
    /// For everybody. What changes something judges for itself.
    pub(super) const OPEN: Self = Self::new(Need::Open, Need::Open);
    /// For players and TV apps; nothing is changed by any method.
    pub(super) const PLAYER: Self = Self { players: true, ..Self::new(Need::Watch, Need::Watch) };
    /// To be seen by who may watch, to be changed by who may manage.
    pub(super) const WATCH: Self = Self::new(Need::Watch, Need::Manage);
    /// To be seen by who may watch; a viewer's own comings and goings.
    pub(super) const VIEWER: Self = Self::new(Need::Watch, Need::Watch);
    /// To be seen by who may watch, to be asked for by whom a credential vouches for.
    pub(super) const KNOWN: Self = Self::new(Need::Watch, Need::Known);
    /// To be seen by who may read, to be changed by who may manage.
    pub(super) const READ: Self = Self::new(Need::Read, Need::Manage);
    /// To be seen by who may read, and by the local network where the settings say so.
    pub(super) const FIGURES: Self = Self { figures: true, ..Self::new(Need::Read, Need::Manage) };
    /// For who may manage alone.
    pub(super) const MANAGE: Self = Self::new(Need::Manage, Need::Manage);

    const fn new(look: Need, change: Need) -> Self {
        Self { look, change, players: false, figures: false }
    }

    fn of(self, method: &Method) -> Need {
        if is_safe(method) { self.look } else { self.change }
    }
}

pub(super) fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Routes with what each asks for.
pub(super) struct Guarded<S>(OpenApiRouter<S>);

impl<S: Clone + Send + Sync + 'static> Guarded<S> {
    pub(super) fn new() -> Self {
        Self(OpenApiRouter::new())
    }

    /// Routes of the API's document.
    pub(super) fn routes(self, needs: Needs, routes: UtoipaMethodRouter<S>) -> Self {
        let (schemas, paths, methods) = routes;
        Self(self.0.routes((schemas, paths, guarded(needs, methods))))
    }

    pub(super) fn into_inner(self) -> OpenApiRouter<S> {
        self.0
    }
}

/// A route that is not in the API's document.
pub(super) fn guarded<S: Clone + Send + Sync + 'static>(
    needs: Needs,
    methods: MethodRouter<S>,
) -> MethodRouter<S> {
    methods.route_layer(middleware::from_fn(move |request: Request, next: Next| {
        judge(needs, request, next)
    }))
}

/// All of a router that is not in the API's document.
pub(super) fn all_guarded<S: Clone + Send + Sync + 'static>(
    needs: Needs,
    router: Router<S>,
) -> Router<S> {
    router.route_layer(middleware::from_fn(move |request: Request, next: Next| {
        judge(needs, request, next)
    }))
}

/// The page's own files, which are everybody's; with a token there is no page.
pub(super) fn not_under_tokens(router: Router) -> Router {
    router.layer(middleware::from_fn(|request: Request, next: Next| {
        judge(Needs::OPEN, request, next)
    }))
}

/// From a page of another site.
#[derive(Clone, Copy, Debug)]
struct CrossSite;

/// From where the server's figures may be read without a credential.
#[derive(Clone, Copy, Debug)]
struct MayReadFigures;

/// How often a household may ask the API: a library's pictures at once, and then as fast
/// as anybody scrolls.
const ASKING: Allowance = Allowance { burst: 1_000, each: Duration::from_millis(10) };
/// How often it may change something.
const CHANGING: Allowance = Allowance { burst: 200, each: Duration::from_millis(100) };
/// How often it may fetch a guide of a week: apps do so a few times a day, each for itself.
const GUIDES: Allowance = Allowance { burst: 60, each: Duration::from_secs(1) };

/// What is known to whoever identifies callers.
#[derive(Clone, Debug)]
pub(super) struct Gate {
    access: Access,
    public: PublicUrl,
    rates: Arc<Rates>,
}

#[derive(Debug)]
struct Rates {
    started: Instant,
    asking: Mutex<PerHousehold>,
    changing: Mutex<PerHousehold>,
    guides: Mutex<PerHousehold>,
}

impl Gate {
    pub(super) fn new(access: Access, public: PublicUrl) -> Self {
        let rates = Rates {
            started: monotonic(),
            asking: Mutex::new(PerHousehold::new(ASKING)),
            changing: Mutex::new(PerHousehold::new(CHANGING)),
            guides: Mutex::new(PerHousehold::new(GUIDES)),
        };
        Self { access, public, rates: Arc::new(rates) }
    }

    /// How long this caller has to wait; programs on this machine never have to.
    fn too_often(&self, caller: &Caller, request: &Request) -> Option<Duration> {
        let counted = caller.counted.filter(|_| caller.whence != Whence::Machine)?;
        let path = request.uri().path();
        let rates = match (path.starts_with("/api/"), is_safe(request.method())) {
            (true, true) => &self.rates.asking,
            (true, false) => &self.rates.changing,
            (false, _) if path.ends_with("/xmltv.xml") || path.ends_with("/xmltv.xml.gz") => {
                &self.rates.guides
            }
            (false, _) => return None,
        };
        let mut rates = rates.lock().unwrap_or_else(PoisonError::into_inner);
        rates.take(counted, self.rates.started.elapsed()).err()
    }
}

/// Finds out who asks, for all that comes after.
pub(super) async fn identify(
    State(gate): State<Gate>,
    mut request: Request,
    next: Next,
) -> Response {
    let grant = gate.access.admit(shown(&request, gate.access.cookie()));
    let caller = grant.caller();
    if let Some(wait) = gate.too_often(&caller, &request) {
        let detail = format!("too many requests; wait {} s", wait.as_secs() + 1);
        let problem = Problem::new(Kind::TooMany, detail);
        return problem.retry_after(wait + Duration::from_secs(1)).into_response();
    }
    let cross_site = is_cross_site(request.headers(), &gate.public);
    let reads_figures = gate.access.opens_figures_to(&caller);
    let extensions = request.extensions_mut();
    extensions.insert(caller);
    extensions.insert(grant);
    if reads_figures {
        extensions.insert(MayReadFigures);
    }
    if cross_site {
        extensions.insert(CrossSite);
    }
    next.run(request).await
}

async fn judge(needs: Needs, request: Request, next: Next) -> Response {
    let extensions = request.extensions();
    if extensions.get::<UnderToken>().is_some() && !needs.players {
        return nowhere(request).await.into_response();
    }
    let caller = extensions.get::<Caller>().copied();
    let cross_site = extensions.get::<CrossSite>().is_some();
    let changes = !is_safe(request.method()) && !needs.players;
    if changes && cross_site && caller.is_none_or(|caller| caller.is_ambient()) {
        let detail = "changes can be made from this server's own pages, or by programs; behind a \
                      proxy, let it pass on the header `Host`, or set `server.public_url`";
        return Problem::new(Kind::CrossSite, detail).into_response();
    }
    if needs.figures && is_safe(request.method()) && extensions.get::<MayReadFigures>().is_some() {
        return next.run(request).await;
    }
    let standing = caller.map_or(Standing::Stranger, |caller| caller.standing);
    match (standing.judged(needs.of(request.method())), caller) {
        (Verdict::Granted, _) => next.run(request).await,
        (verdict, Some(caller)) => refused(verdict, &caller),
        (_, None) => unknown(None),
    }
}

/// Why somebody is not let in.
pub(super) fn refused(verdict: Verdict, caller: &Caller) -> Response {
    match (verdict, caller.standing.scope()) {
        (Verdict::Forbidden, Some(scope)) => {
            let detail = format!("this is beyond what your token is for (`{scope}`)");
            Problem::new(Kind::Forbidden, detail).into_response()
        }
        _ => unknown(Some(caller)),
    }
}

/// 401, with what to do.
pub(super) fn unknown(caller: Option<&Caller>) -> Response {
    let detail = match caller.map(|caller| (caller.by, caller.whence)) {
        Some((By::BadToken, _)) => {
            "this token is not valid, or was revoked: make another one in the settings".to_owned()
        }
        Some((_, Whence::Unknown)) => {
            "sign in first, or send a token; the request came through a proxy, and it cannot be \
             told from where: `access.trusted_proxies` must name the proxy, and the proxy must \
             name the client (X-Forwarded-For)"
                .to_owned()
        }
        _ => format!(
            "sign in first, or send a token (`Authorization: Bearer …`); the first password {SET_UP}"
        ),
    };
    let mut response = Problem::new(Kind::Unauthorized, detail).into_response();
    let scheme = HeaderValue::from_static("Bearer realm=\"Aerial\"");
    response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
    response
}

/// What a request shows of whoever asks.
fn shown(request: &Request, cookie: &str) -> Shown {
    let headers = request.headers();
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let bearer = text(header::AUTHORIZATION).and_then(|text| {
        let (scheme, token) = text.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
    });
    Shown {
        trail: Trail {
            peer: peer.map(|peer| peer.0.ip()),
            forwarded: OF_PROXIES.iter().any(|name| headers.contains_key(name)),
            noted: noted(headers),
            host: headers.get(header::HOST).map(|host| {
                // What is no text is no name of this machine's either.
                host.to_str().unwrap_or("?").to_owned()
            }),
        },
        in_path: request.extensions().get::<UnderToken>().map(|under| under.token().to_owned()),
        bearer,
        cookie: cookies(headers, cookie),
    }
}

/// The addresses in each header that tells them.
fn noted(headers: &HeaderMap) -> Vec<Vec<String>> {
    let told = |name: HeaderName| -> Option<Vec<String>> {
        let values = headers.get_all(name);
        let mut values = values.iter().map(|value| value.to_str().unwrap_or("?")).peekable();
        values.peek()?;
        let all = values.flat_map(|value| value.split(','));
        Some(all.map(|text| text.trim().to_owned()).collect())
    };
    let address = |element: String| {
        let mut parts = element.split(';').filter_map(|part| part.trim().split_once('='));
        let of = parts.find(|(name, _)| name.eq_ignore_ascii_case("for"));
        of.map_or_else(|| "?".to_owned(), |(_, address)| address.to_owned())
    };
    let forwarded = told(header::FORWARDED).map(|all| all.into_iter().map(address).collect());
    told(X_FORWARDED_FOR).into_iter().chain(forwarded).collect()
}

/// The value of the cookie of this name.
fn cookies(headers: &HeaderMap, name: &str) -> Option<String> {
    let values = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = values.flat_map(|value| value.split(';')).filter_map(|p| p.split_once('='));
    pairs.find(|(key, _)| key.trim() == name).map(|(_, value)| value.trim().to_owned())
}

/// A browser says where a request comes from: by `Sec-Fetch-Site`, or, where the server
/// is not reached by HTTPS, by `Origin` alone. Neither can be set by a page.
fn is_cross_site(headers: &HeaderMap, public: &PublicUrl) -> bool {
    let site = headers.get(SEC_FETCH_SITE).map(HeaderValue::as_bytes);
    if matches!(site, Some(b"cross-site" | b"same-site")) {
        return true;
    }
    let Some(origin) = headers.get(header::ORIGIN) else { return false };
    let Some(of) = origin.to_str().ok().and_then(|origin| origin.split_once("://")) else {
        return true;
    };
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let ours = [
        text(header::HOST).map(str::to_owned),
        text(X_FORWARDED_HOST).map(|hosts| hosts.split(',').next().unwrap_or_default().to_owned()),
        public.0.as_ref().map(|_| Origin::of(public, headers).host().to_owned()),
    ];
    !ours.iter().flatten().any(|host| same_host(host.trim(), of.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(all: &[(&'static str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in all {
            map.append(*name, value.parse().unwrap());
        }
        map
    }

    #[test]
    fn another_site_is_known_by_what_browsers_say() {
        let cross = |all: &[(&'static str, &str)]| {
            is_cross_site(&headers(all), &PublicUrl(Some("https://tv.example.org/a".to_owned())))
        };
        for own in [
            &[][..],
            &[("host", "nas:8400"), ("origin", "http://nas:8400")],
            &[("host", "NAS"), ("origin", "http://nas")],
            &[("host", "nas:80"), ("origin", "http://nas")],
            &[("host", "nas"), ("sec-fetch-site", "same-origin"), ("origin", "http://nas")],
            &[("host", "127.0.0.1:1"), ("origin", "https://tv.example.org")],
            &[("host", "inner"), ("x-forwarded-host", "tv, b"), ("origin", "https://tv")],
            &[("host", "nas"), ("sec-fetch-site", "none")],
        ] {
            assert!(!cross(own), "{own:?}");
        }
        for foreign in [
            &[("host", "nas:8400"), ("origin", "http://evil.example")][..],
            &[("host", "nas:8400"), ("origin", "http://nas:3000")],
            &[("host", "nas"), ("origin", "null")],
            &[("origin", "http://nas")],
            &[("host", "nas"), ("sec-fetch-site", "cross-site")],
            &[("host", "a.example"), ("sec-fetch-site", "same-site")],
        ] {
            assert!(cross(foreign), "{foreign:?}");
        }
    }

    #[test]
    fn a_cookie_is_found_among_others() {
        let all = headers(&[("cookie", "a=1; aerial-7=x=y ;b=2"), ("cookie", "c=3")]);
        assert_eq!(cookies(&all, "aerial-7").as_deref(), Some("x=y"));
        assert_eq!(cookies(&all, "c").as_deref(), Some("3"));
        assert_eq!(cookies(&all, "aerial"), None);
    }

    #[test]
    fn what_proxies_noted_is_read_from_both_headers() {
        let all = headers(&[
            ("x-forwarded-for", "1.2.3.4, 10.0.0.1"),
            ("x-forwarded-for", "10.0.0.2"),
            ("forwarded", "for=1.2.3.4;proto=https, For=\"[2001:db8::1]:80\", proto=http"),
        ]);
        let first = vec!["1.2.3.4", "10.0.0.1", "10.0.0.2"];
        assert_eq!(noted(&all), [first, vec!["1.2.3.4", "\"[2001:db8::1]:80\"", "?"]]);
        assert!(noted(&HeaderMap::new()).is_empty());
    }
}
