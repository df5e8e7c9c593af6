//! Who is let in where: every route asked by everybody, signing in, tokens.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use aerial::config;
use axum::body::{Body, BodyDataStream};
use axum::extract::ConnectInfo;
use axum::http::{Method, Request};
use futures::{StreamExt as _, future};
use serde_json::{Value, json};

use crate::server::{Answer, KEY, Server};

const PASSWORD: &str = "three blind mice";
const NEIGHBOUR: &str = "192.168.7.20";
const FAR_AWAY: &str = "203.0.113.9";

/// A request from an address.
fn from(address: &str, method: Method, path: &str, headers: &[(&str, &str)]) -> Request<Body> {
    asking(address, method, path, headers, &json!({}))
}

fn asking(
    address: &str,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: &Value,
) -> Request<Body> {
    let peer = SocketAddr::new(address.parse().unwrap(), 4_711);
    let body = if method == Method::GET { String::new() } else { body.to_string() };
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .extension(ConnectInfo(peer))
        .header("host", "nas:8400")
        .header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::from(body)).unwrap()
}

/// The cookie that an answer sets, as a browser sends it back.
fn cookie(answer: &Answer) -> String {
    answer.header("set-cookie").split(';').next().unwrap().to_owned()
}

impl Server {
    async fn from(&self, address: &str, method: Method, path: &str) -> Answer {
        self.send(from(address, method, path, &[])).await
    }

    /// Sets the first password on the machine itself.
    async fn with_account(self) -> (Self, String) {
        let body = json!({ "password": PASSWORD });
        let set = self.put("/api/v1/account/password", body).await.expect(200);
        let cookie = cookie(&set);
        (self, cookie)
    }

    async fn sign_in(&self, address: &str, name: &str, password: &str) -> Answer {
        let body = json!({ "name": name, "password": password });
        self.send(asking(address, Method::POST, "/api/v1/session", &[], &body)).await
    }

    async fn token(&self, cookie: &str, body: Value) -> (String, String) {
        let headers = [("cookie", cookie)];
        let request = asking(FAR_AWAY, Method::POST, "/api/v1/tokens", &headers, &body);
        let made = self.send(request).await.expect(201).json();
        let of = |pointer: &str| made.pointer(pointer).unwrap().as_str().unwrap().to_owned();
        (of("/secret"), of("/token/id"))
    }
}

#[tokio::test]
async fn who_may_only_watch_hears_of_no_files() {
    let (server, cookie) = Server::new().await.with_account().await;
    let films = server.films(&[300]).await;
    let listen = from(NEIGHBOUR, Method::GET, "/api/v1/events", &[]);
    let heard = server.respond(listen).await.into_body().into_data_stream();
    let mut heard = heard.map(|bytes| String::from_utf8(bytes.unwrap().to_vec()).unwrap());
    let (folder, headers) = (format!("/api/v1/folders/{}", server.folder), [("cookie", &*cookie)]);
    let (path, edit) = (format!("/api/v1/media/{}", films[0]), json!({ "title": "Another" }));
    server.send(asking(FAR_AWAY, Method::PATCH, &path, &headers, &edit)).await.expect(200);
    let media = heard.next().await.unwrap();
    assert!(media.starts_with("event: media") && media.contains("\"media\":[]"), "{media}");
    server.send(from(FAR_AWAY, Method::DELETE, &folder, &headers)).await.expect(204);
    let made = json!({ "number": "5", "name": "Films" });
    let make = asking(FAR_AWAY, Method::POST, "/api/v1/channels", &headers, &made);
    server.send(make).await.expect(201);
    let is_other = |event: &String| future::ready(!event.starts_with("event: media"));
    let next = heard.filter(is_other).next().await.unwrap();
    assert!(next.starts_with("event: channel"), "{next}");
}

/// What a listener still hears, until its stream ends.
async fn heard_until_the_end(mut heard: BodyDataStream) {
    let hearing = async { while heard.next().await.is_some() {} };
    tokio::time::timeout(Duration::from_secs(60), hearing).await.expect("the stream ends");
}

#[tokio::test]
async fn who_listens_hears_nothing_more_once_that_is_taken_away() {
    let (server, first) = Server::new().await.with_account().await;
    let second = cookie(&server.sign_in(FAR_AWAY, "admin", PASSWORD).await.expect(200));
    let (secret, id) = server.token(&first, json!({ "name": "script", "scope": "read" })).await;
    let bearer = format!("Bearer {secret}");
    let listen = async |address: &str, headers: &[(&str, &str)]| {
        let request = from(address, Method::GET, "/api/v1/events", headers);
        let answer = server.respond(request).await;
        assert_eq!(answer.status().as_u16(), 200);
        answer.into_body().into_data_stream()
    };
    let mut by_first = listen(FAR_AWAY, &[("cookie", &first)]).await;
    let by_second = listen(FAR_AWAY, &[("cookie", &second)]).await;
    let by_token = listen(FAR_AWAY, &[("authorization", &bearer)]).await;
    let neighbour = listen(NEIGHBOUR, &[]).await;
    let ask = async |method: Method, path: &str, body: Value| {
        let headers = [("cookie", &*first)];
        server.send(asking(FAR_AWAY, method, path, &headers, &body)).await
    };

    let out = from(FAR_AWAY, Method::DELETE, "/api/v1/session", &[("cookie", &second)]);
    server.send(out).await.expect(204);
    heard_until_the_end(by_second).await;
    ask(Method::DELETE, &format!("/api/v1/tokens/{id}"), json!({})).await.expect(204);
    heard_until_the_end(by_token).await;
    ask(Method::PATCH, "/api/v1/access", json!({ "watch_only": false })).await.expect(200);
    heard_until_the_end(neighbour).await;

    // Who lost nothing listens on, until another password signs out everybody.
    let made = json!({ "number": "5", "name": "Films" });
    ask(Method::POST, "/api/v1/channels", made).await.expect(201);
    let told = by_first.next().await.unwrap().unwrap();
    assert!(told.starts_with(b"event: channel"), "{told:?}");
    let another = json!({ "password": "a farmer's wife", "current_password": PASSWORD });
    ask(Method::PUT, "/api/v1/account/password", another).await.expect(200);
    heard_until_the_end(by_first).await;
}

/// Everything that can be asked for: the document's routes, and those of players.
fn everything() -> Vec<(Method, String)> {
    let document = aerial::http::document();
    let mut all = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            all.push((method.to_uppercase().parse().unwrap(), path.clone()));
        }
    }
    let other = [
        "/",
        "/api/docs",
        "/api/v1/openapi.json",
        "/channels.m3u",
        "/xmltv.xml",
        "/xmltv.xml.gz",
        "/logos/{file}",
        "/logos/uploaded/{name}",
        "/metrics",
        "/discover.json",
        "/lineup.json",
        "/lineup.xml",
        "/lineup.m3u",
        "/lineup_status.json",
        "/device.xml",
    ];
    all.extend(other.map(|path| (Method::GET, path.to_owned())));
    all.push((Method::POST, "/lineup.post".to_owned()));
    all.sort_by_key(|(method, path)| (path.clone(), method.to_string()));
    all
}

/// With something that is not there in place of each parameter.
fn filled(path: &str) -> String {
    let parts = path.split('/').map(|part| match part.starts_with('{') {
        true => "0198c0de-0000-7000-8000-000000000000",
        false => part,
    });
    parts.collect::<Vec<_>>().join("/")
}

/// The whole policy. A new route shows up here: think who may ask for it.
#[tokio::test]
async fn every_route_lets_in_who_it_is_for() {
    let (server, cookie) = Server::new().await.with_account().await;
    let (watch, _) = server.token(&cookie, json!({ "name": "w" })).await;
    let (read, _) = server.token(&cookie, json!({ "name": "r", "scope": "read" })).await;
    let bearer = |token: &str| format!("Bearer {token}");
    let (watch, read) = (bearer(&watch), bearer(&read));
    let callers: [(&str, &[(&str, &str)]); 4] = [
        (FAR_AWAY, &[]),
        (NEIGHBOUR, &[]),
        (FAR_AWAY, &[("authorization", &watch)]),
        (FAR_AWAY, &[("authorization", &read)]),
    ];
    let mut policy = String::from("stranger neighbour watch read\n");
    for (method, path) in everything() {
        let mut told = String::new();
        for (address, headers) in callers {
            let request = from(address, method.clone(), &filled(&path), headers);
            // Unending ones are not read.
            let status = server.status(request).await;
            told.push_str(match status {
                401 => "401 ",
                403 => "403 ",
                status if status < 500 => "in  ",
                status => panic!("{method} {path} gave {status}"),
            });
        }
        policy.push_str(&format!("{told} {method} {path}\n"));
        // What must hold, whatever is decided for each.
        let open = ["/api/v1/session", "/api/v1/account/password", "/lineup.post"];
        let leave = path.ends_with("/clients/{client}");
        if method != Method::GET && !open.contains(&path.as_str()) && !leave {
            assert!(told.starts_with("401 401 "), "{method} {path}: {told}");
        }
    }
    insta::assert_snapshot!(policy);
}

/// The same for every method on every path: what is not meant to be is not there.
#[tokio::test]
async fn no_method_changes_anything_without_credentials() {
    let (server, _) = Server::new().await.with_account().await;
    let paths: BTreeSet<String> = everything().into_iter().map(|(_, path)| path).collect();
    for (n, path) in paths.into_iter().enumerate() {
        // One that asks so much would be told to wait.
        let address = format!("203.0.113.{n}");
        for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            let status = server.status(from(&address, method.clone(), &filled(&path), &[])).await;
            let expected = match (method.as_str(), path.as_str()) {
                // No such credentials: the body says none.
                ("POST", "/api/v1/session") => &[422][..],
                _ => &[401, 404, 405],
            };
            assert!(expected.contains(&status), "{method} {path} gave {status}");
        }
    }
}

#[tokio::test]
async fn with_watch_only_off_the_neighbours_are_strangers() {
    let rules = config::Access { watch_only: Some(false), ..config::Access::default() };
    let (server, cookie) = Server::with(rules).await.with_account().await;
    for path in ["/api/v1/guide", "/channels.m3u", "/api/v1/channels", "/discover.json"] {
        server.from(NEIGHBOUR, Method::GET, path).await.expect(401);
    }
    server.from(NEIGHBOUR, Method::GET, "/healthz").await.expect(200);
    server.from(NEIGHBOUR, Method::GET, "/").await.expect(200);
    // The settings decide.
    let headers = [("cookie", cookie.as_str())];
    let on = json!({ "watch_only": true });
    let request = asking(FAR_AWAY, Method::PATCH, "/api/v1/access", &headers, &on);
    server.send(request).await.expect(409);
}

#[tokio::test]
async fn watch_only_is_turned_off_and_on_in_the_app() {
    let (server, cookie) = Server::new().await.with_account().await;
    let headers = [("cookie", cookie.as_str())];
    server.from(NEIGHBOUR, Method::GET, "/channels.m3u").await.expect(200);
    for (on, status) in [(false, 401), (true, 200)] {
        let body = json!({ "watch_only": on });
        let request = asking(FAR_AWAY, Method::PATCH, "/api/v1/access", &headers, &body);
        assert_eq!(server.send(request).await.expect(200).json()["watch_only"], on);
        server.from(NEIGHBOUR, Method::GET, "/channels.m3u").await.expect(status);
        let told = server.from(NEIGHBOUR, Method::GET, "/api/v1/session").await.json();
        assert_eq!(told["watch_only"], on);
    }
    server.from(FAR_AWAY, Method::GET, "/channels.m3u").await.expect(401);
}

#[tokio::test]
async fn without_an_account_this_machine_manages_and_nobody_else_does() {
    let server = Server::new().await;
    let state = server.get("/api/v1/session").await.expect(200).json();
    insta::assert_json_snapshot!(state, @r#"
    {
      "account": false,
      "expires_at": null,
      "known_by": "machine",
      "name": null,
      "scope": "manage",
      "set_up": "here",
      "watch_only": true
    }
    "#);
    server.post("/api/v1/scan", json!({})).await.expect(202);
    server.from(NEIGHBOUR, Method::POST, "/api/v1/scan").await.expect(401);
    let state = server.from(NEIGHBOUR, Method::GET, "/api/v1/session").await.json();
    assert_eq!((&state["scope"], &state["set_up"]), (&json!("watch"), &json!("code")));
    // A name that was made to lead here, and a proxy on this machine, are not it.
    for headers in [
        &[("host", "evil.example")][..],
        &[("host", "localhost"), ("x-real-ip", "203.0.113.9")],
        &[("host", "localhost"), ("via", "1.1 cache")],
        &[("host", "localhost"), ("x-forwarded-for", "127.0.0.1")],
    ] {
        let answer = server.ask_with(Method::POST, "/api/v1/scan", headers).await;
        answer.expect(401);
    }
    // Nor is a page of another site.
    let foreign = [("host", "localhost:8400"), ("origin", "http://localhost:3000")];
    server.ask_with(Method::POST, "/api/v1/scan", &foreign).await.expect(403);
}

#[tokio::test]
async fn who_asks_without_end_is_told_to_wait_and_others_are_not() {
    let (server, _) = Server::new().await.with_account().await;
    for (path, most) in [("/api/v1/session", 100_000), ("/xmltv.xml", 10_000)] {
        let ask = || server.from(NEIGHBOUR, Method::GET, path);
        let mut asked = 1;
        let told = loop {
            let answer = ask().await;
            if answer.status == 429 {
                break answer;
            }
            answer.expect(200);
            asked += 1;
            assert!(asked < most, "{path} was asked for {asked} times");
        };
        assert!(told.headers.contains_key("retry-after"), "{path}");
        assert_eq!(told.json()["type"], "urn:aerial:problem:too-many", "{path}");
        server.from("192.168.7.21", Method::GET, path).await.expect(200);
        server.from(NEIGHBOUR, Method::GET, "/channels.m3u").await.expect(200);
    }
}

#[tokio::test]
async fn a_cookie_behind_https_and_below_a_path_stays_there() {
    let (server, _) = Server::new().await.with_account().await;
    let headers = [
        ("host", "localhost"),
        ("x-forwarded-for", FAR_AWAY),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "tv.example.org"),
        ("x-forwarded-prefix", "/aerial"),
    ];
    let body = json!({ "name": "admin", "password": PASSWORD });
    let request = asking("127.0.0.1", Method::POST, "/api/v1/session", &headers, &body);
    let answer = server.send(request).await.expect(200);
    let set = answer.headers["set-cookie"].to_str().unwrap();
    assert!(set.contains("; Path=/aerial; ") && set.ends_with("; Secure"), "{set}");
}

#[tokio::test]
async fn behind_a_trusted_proxy_the_client_counts() {
    let (server, _) = Server::new().await.with_account().await;
    let through = async |client: &str| {
        let headers = [("host", "localhost"), ("x-forwarded-for", client)];
        server.ask_with(Method::GET, "/channels.m3u", &headers).await.status.as_u16()
    };
    assert_eq!(through("192.168.7.20").await, 200);
    assert_eq!(through("203.0.113.9").await, 401);
    // The proxy adds whom it saw behind what the client wrote.
    assert_eq!(through("192.168.7.20, 203.0.113.9").await, 401);
    // Another proxy may say what it likes.
    let headers = [("x-forwarded-for", "192.168.7.20")];
    let told = server.send(from(FAR_AWAY, Method::GET, "/channels.m3u", &headers)).await;
    let told = told.expect(401).json();
    assert!(told["detail"].as_str().unwrap().contains("trusted_proxies"), "{told}");
}

#[tokio::test]
async fn the_first_password_from_elsewhere_takes_the_code_once() {
    let server = Server::new().await;
    let code = server.access.code().unwrap();
    let set = async |body: Value| {
        let path = "/api/v1/account/password";
        server.send(asking(NEIGHBOUR, Method::PUT, path, &[], &body)).await
    };
    set(json!({ "password": PASSWORD })).await.expect(401);
    set(json!({})).await.expect(401);
    set(json!({ "password": PASSWORD, "code": "AAAA-AAAA" })).await.expect(401);
    let weak = set(json!({ "password": "password", "code": code })).await.expect(422);
    assert_eq!(weak.fields(), ["password"]);
    let done = set(json!({ "password": PASSWORD, "code": code, "name": "anna" })).await.expect(200);
    assert_eq!(done.json()["name"], "anna");
    assert!(server.access.code().is_none());
    set(json!({ "password": "another one", "code": code })).await.expect(401);
    let cookie = cookie(&done);
    let request = from(FAR_AWAY, Method::POST, "/api/v1/scan", &[("cookie", &cookie)]);
    server.send(request).await.expect(202);
    // Now this machine is like any other on the local network.
    server.post("/api/v1/scan", json!({})).await.expect(401);
    server.get("/api/v1/guide").await.expect(200);
}

#[tokio::test]
async fn codes_are_not_tried_for_long() {
    let server = Server::new().await;
    let path = "/api/v1/account/password";
    let body = json!({ "password": PASSWORD, "code": "AAAA-AAAA" });
    let mut last = 0;
    for _ in 0..8 {
        let answer = server.send(asking(FAR_AWAY, Method::PUT, path, &[], &body)).await;
        last = answer.status.as_u16();
        if last == 429 {
            assert!(answer.header("retry-after").parse::<u64>().unwrap() <= 21);
        }
    }
    assert_eq!(last, 429);
    // Others, from elsewhere, are not shut out; but codes are spent in the end.
    for n in 0..30 {
        let address = format!("198.51.100.{n}");
        server.send(asking(&address, Method::PUT, path, &[], &body)).await.expect(401);
    }
    let right = json!({ "password": PASSWORD, "code": server.access.code().unwrap() });
    let told = server.send(asking(NEIGHBOUR, Method::PUT, path, &[], &right)).await.expect(401);
    assert!(told.json()["detail"].as_str().unwrap().contains("too many"));
    server.put(path, json!({ "password": PASSWORD })).await.expect(200);
}

#[tokio::test]
async fn signing_in_and_out() {
    let (server, first) = Server::new().await.with_account().await;
    let wrong = server.sign_in(FAR_AWAY, "admin", "three blind mouse").await.expect(401).json();
    let nobody = server.sign_in(FAR_AWAY, "anna", PASSWORD).await.expect(401).json();
    assert_eq!(wrong, nobody, "nothing tells which was wrong");
    let signed_in = server.sign_in(FAR_AWAY, "admin", PASSWORD).await.expect(200);
    let set = signed_in.header("set-cookie");
    assert!(set.starts_with("aerial-test=") && set.contains("; Path=/; "), "{set}");
    assert!(set.contains("; HttpOnly; SameSite=Strict") && !set.contains("Secure"), "{set}");
    let second = cookie(&signed_in);
    let ask = async |cookie: &str, method: Method, path: &str| {
        server.send(from(FAR_AWAY, method, path, &[("cookie", cookie)])).await
    };
    let state = ask(&second, Method::GET, "/api/v1/session").await.json();
    insta::assert_json_snapshot!(state, @r#"
    {
      "account": true,
      "expires_at": "2027-01-23T18:00:00.000Z",
      "known_by": "sign_in",
      "name": "admin",
      "scope": "manage",
      "set_up": null,
      "watch_only": true
    }
    "#);
    ask(&second, Method::DELETE, "/api/v1/session").await.expect(204);
    ask(&second, Method::GET, "/api/v1/tokens").await.expect(401);
    let gone = ask(&second, Method::DELETE, "/api/v1/session").await.expect(401);
    assert!(gone.header("set-cookie").contains("Max-Age=0"));
    ask(&first, Method::GET, "/api/v1/tokens").await.expect(200);
    let third = cookie(&server.sign_in(NEIGHBOUR, "admin", PASSWORD).await.expect(200));
    ask(&third, Method::DELETE, "/api/v1/session?everywhere=true").await.expect(204);
    for cookie in [&first, &third] {
        ask(cookie, Method::GET, "/api/v1/tokens").await.expect(401);
    }
}

#[tokio::test]
async fn a_sign_in_ends_when_it_is_not_used() {
    let (server, cookie) = Server::new().await.with_account().await;
    let day = 86_400;
    let headers = [("cookie", cookie.as_str())];
    for _ in 0..3 {
        server.pass(29 * day);
        server.send(from(FAR_AWAY, Method::GET, "/api/v1/tokens", &headers)).await.expect(200);
    }
    server.pass(30 * day);
    server.send(from(FAR_AWAY, Method::GET, "/api/v1/tokens", &headers)).await.expect(401);
}

#[tokio::test]
async fn passwords_are_not_tried_for_long() {
    let (server, _) = Server::new().await.with_account().await;
    let mut statuses = Vec::new();
    for _ in 0..8 {
        let answer = server.sign_in(FAR_AWAY, "admin", "three blind mouse").await;
        statuses.push(answer.status.as_u16());
    }
    assert_eq!(statuses, [401, 401, 401, 401, 401, 401, 429, 429]);
    server.sign_in(FAR_AWAY, "admin", PASSWORD).await.expect(429);
    server.sign_in("203.0.113.10", "admin", PASSWORD).await.expect(200);
}

#[tokio::test]
async fn another_password_takes_the_one_before_and_signs_out_elsewhere() {
    let (server, first) = Server::new().await.with_account().await;
    let second = cookie(&server.sign_in(FAR_AWAY, "admin", PASSWORD).await.expect(200));
    let path = "/api/v1/account/password";
    let change = async |cookie: &str, body: Value| {
        server.send(asking(FAR_AWAY, Method::PUT, path, &[("cookie", cookie)], &body)).await
    };
    let new = "four and twenty";
    let missing = change(&first, json!({ "password": new })).await.expect(422);
    assert_eq!(missing.fields(), ["current_password"]);
    let wrong = json!({ "password": new, "current_password": "three blind mouse" });
    assert_eq!(change(&first, wrong).await.expect(422).fields(), ["current_password"]);
    let right = json!({ "password": new, "current_password": PASSWORD });
    let third = cookie(&change(&first, right).await.expect(200));
    for (cookie, status) in [(&first, 401), (&second, 401), (&third, 200)] {
        let headers = [("cookie", cookie.as_str())];
        server.send(from(FAR_AWAY, Method::GET, "/api/v1/tokens", &headers)).await.expect(status);
    }
    server.sign_in(FAR_AWAY, "admin", PASSWORD).await.expect(401);
    server.sign_in(FAR_AWAY, "admin", new).await.expect(200);
    // With the key in the data folder no password is needed.
    let key = format!("Bearer {KEY}");
    let headers = [("authorization", key.as_str())];
    let forgotten = json!({ "password": PASSWORD });
    let request = asking("127.0.0.1", Method::PUT, path, &headers, &forgotten);
    let answer = server.send(request).await.expect(200);
    assert_eq!(answer.header("set-cookie"), "");
    server.sign_in(FAR_AWAY, "admin", PASSWORD).await.expect(200);
}

#[tokio::test]
async fn what_was_set_is_there_after_a_restart() {
    let (server, cookie) = Server::new().await.with_account().await;
    let (secret, _) = server.token(&cookie, json!({ "name": "script", "scope": "read" })).await;
    let again = aerial::access::Access::open(
        server.db.clone(),
        server.clock.clone(),
        config::Access::default(),
        "test",
        None,
    );
    let again = again.await.unwrap();
    assert_eq!(again.account().as_deref(), Some("admin"));
    assert!(again.code().is_none());
    assert_eq!(again.tokens().len(), 1);
    let shown = aerial::access::caller::Shown { bearer: Some(secret), ..Default::default() };
    let scope = again.identify(&shown).standing.scope();
    assert_eq!(scope, Some(aerial_model::access::Scope::Read));
    let cookie = cookie.split_once('=').unwrap().1.to_owned();
    let shown = aerial::access::caller::Shown { cookie: Some(cookie), ..Default::default() };
    let scope = again.identify(&shown).standing.scope();
    assert_eq!(scope, Some(aerial_model::access::Scope::Manage));
}

#[tokio::test]
async fn a_token_is_shown_once_and_revoked_at_once() {
    let (server, cookie) = Server::new().await.with_account().await;
    let (secret, id) =
        server.token(&cookie, json!({ "name": "Home Assistant", "scope": "manage" })).await;
    assert!(secret.starts_with("aerial_"), "{secret}");
    let bearer = format!("bearer {secret}");
    let by_token = [("authorization", bearer.as_str())];
    let request = from(FAR_AWAY, Method::POST, "/api/v1/scan", &by_token);
    server.send(request).await.expect(202);
    let headers = [("cookie", cookie.as_str())];
    let list = server.send(from(FAR_AWAY, Method::GET, "/api/v1/tokens", &headers)).await;
    let list = list.expect(200);
    assert!(!String::from_utf8_lossy(&list.body).contains(&secret));
    let token = &list.json()["items"][0];
    assert_eq!(token["name"], "Home Assistant");
    assert_eq!(token["last_used_at"], "2026-12-24T18:00:00.000Z");
    assert_eq!(format!("aerial_{}", token["start"].as_str().unwrap()), secret[..11]);
    let path = format!("/api/v1/tokens/{id}");
    server.send(from(FAR_AWAY, Method::DELETE, &path, &headers)).await.expect(204);
    server.send(from(FAR_AWAY, Method::DELETE, &path, &headers)).await.expect(404);
    // Also where nothing would be needed, so that whoever has it learns.
    for address in [FAR_AWAY, NEIGHBOUR] {
        let told = server.send(from(address, Method::GET, "/channels.m3u", &by_token)).await;
        let told = told.expect(401).json();
        assert!(told["detail"].as_str().unwrap().contains("revoked"), "{told}");
    }
}

#[tokio::test]
async fn in_somebodys_name_another_sites_page_changes_nothing() {
    let (server, cookie) = Server::new().await.with_account().await;
    let ask = async |headers: &[(&str, &str)]| {
        let headers: Vec<_> = headers.iter().copied().chain([("cookie", &*cookie)]).collect();
        server.send(from(FAR_AWAY, Method::POST, "/api/v1/scan", &headers)).await.status.as_u16()
    };
    assert_eq!(ask(&[("origin", "http://evil.example")]).await, 403);
    assert_eq!(ask(&[("origin", "null")]).await, 403);
    assert_eq!(ask(&[("sec-fetch-site", "cross-site")]).await, 403);
    assert_eq!(ask(&[("origin", "http://nas:8400"), ("sec-fetch-site", "same-origin")]).await, 202);
    assert_eq!(ask(&[]).await, 202);
    // Nobody is signed in to somebody else's account either.
    let body = json!({ "password": PASSWORD });
    let headers = [("origin", "http://evil.example")];
    let request = asking(NEIGHBOUR, Method::POST, "/api/v1/session", &headers, &body);
    server.send(request).await.expect(403);
}
