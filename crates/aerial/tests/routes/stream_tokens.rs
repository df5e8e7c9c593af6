//! Tokens in paths: what TV apps are let in by.

use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Method, Request};
use serde_json::json;

use crate::server::{Answer, Server};

/// From somewhere else, where nothing is granted without a credential.
async fn ask(server: &Server, method: Method, path: &str) -> Answer {
    let peer = SocketAddr::from(([203, 0, 113, 9], 4_711));
    let request = Request::builder().method(method).uri(path).header("host", "nas:8400");
    server.send(request.extension(ConnectInfo(peer)).body(Body::empty()).unwrap()).await
}

async fn get(server: &Server, path: &str) -> Answer {
    ask(server, Method::GET, path).await
}

/// A token for a TV set, and its id.
async fn token(server: &Server) -> (String, String) {
    let body = json!({ "name": "Living room", "kind": "stream" });
    let made = server.post("/api/v1/tokens", body).await.expect(201).json();
    let secret = made["secret"].as_str().unwrap();
    assert_eq!(secret.len(), 16);
    let addresses = [
        ("channels", format!("http://localhost/t/{secret}/channels.m3u")),
        ("guide", format!("http://localhost/t/{secret}/xmltv.xml")),
        ("tuner", format!("http://localhost/t/{secret}")),
    ];
    for (what, address) in addresses {
        assert_eq!(made["addresses"][what], address);
    }
    (secret.to_owned(), made["token"]["id"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn every_address_that_is_handed_out_stays_under_the_token() {
    let server = Server::new().await;
    let films = server.films(&[300, 600]).await;
    server.channel("5", &films).await;
    server.channel("6", &films).await;
    let edit = json!({ "logo": "https://elsewhere.example/logo.png" });
    server.patch("/api/v1/channels/6", edit).await.expect(200);
    let (secret, _) = token(&server).await;
    let under = format!("http://nas:8400/t/{secret}");
    for path in [
        "/channels.m3u",
        "/channels.m3u?format=ts",
        "/xmltv.xml",
        "/lineup.json",
        "/lineup.xml",
        "/lineup.m3u",
        "/discover.json",
        "/device.xml",
    ] {
        get(&server, path).await.expect(401);
        let answer = get(&server, &format!("/t/{secret}{path}")).await.expect(200);
        let text = String::from_utf8(answer.body).unwrap();
        let ours = text.matches("http://nas:8400").count();
        assert!(ours > 0, "{path}: {text}");
        assert_eq!(text.matches(&under).count(), ours, "{path}: {text}");
        // And each leads somewhere.
        let logos = text.split('"').filter(|part| part.starts_with(&format!("{under}/logos/")));
        for logo in logos.map(|url| url.strip_prefix("http://nas:8400").unwrap().to_owned()) {
            let status = get(&server, &logo).await.status.as_u16();
            assert!([200, 503].contains(&status), "{logo}: {status}");
        }
    }
    let packed = get(&server, &format!("/t/{secret}/xmltv.xml.gz")).await.expect(200);
    assert_eq!(packed.header("content-type"), "application/gzip");
    ask(&server, Method::POST, &format!("/t/{secret}/lineup.post?scan=start")).await.expect(200);
    let thumbnail = format!("/api/v1/media/{}/thumbnail.jpg", films[0]);
    get(&server, &thumbnail).await.expect(401);
    // There is no such file, which only who is let in is told.
    get(&server, &format!("/t/{secret}{thumbnail}")).await.expect(404);
}

#[tokio::test]
async fn a_guide_is_of_its_token() {
    let server = Server::new().await;
    let (one, _) = token(&server).await;
    let (other, _) = token(&server).await;
    let tag = async |secret: &str| {
        let answer = get(&server, &format!("/t/{secret}/xmltv.xml")).await.expect(200);
        answer.header("etag").to_owned()
    };
    assert_ne!(tag(&one).await, tag(&other).await, "a cache must not mix them up");
}

#[tokio::test]
async fn a_token_in_the_path_is_for_players_alone() {
    let server = Server::new().await;
    let (secret, _) = token(&server).await;
    for path in [
        "/",
        "/watch",
        "/api/v1/channels",
        "/api/v1/session",
        "/api/v1/tokens",
        "/api/docs",
        "/healthz",
        "/nothing",
        "",
        "/t/x/channels.m3u",
    ] {
        get(&server, &format!("/t/{secret}{path}")).await.expect(404);
    }
    for path in ["/api/v1/scan", "/api/v1/session", "/api/v1/tokens"] {
        ask(&server, Method::POST, &format!("/t/{secret}{path}")).await.expect(404);
    }
    // Nor does it open anything elsewhere than in the path, or another kind in it.
    let header = format!("Bearer {secret}");
    let headers = [("authorization", header.as_str())];
    server.ask_with(Method::GET, "/api/v1/guide", &headers).await.expect(401);
    let made = server.post("/api/v1/tokens", json!({ "name": "script" })).await.expect(201).json();
    let api = made["secret"].as_str().unwrap();
    assert!(made["addresses"].is_null());
    get(&server, &format!("/t/{api}/channels.m3u")).await.expect(401);
    let scope = json!({ "name": "TV", "kind": "stream", "scope": "manage" });
    assert_eq!(server.post("/api/v1/tokens", scope).await.expect(422).fields(), ["scope"]);
}

#[tokio::test]
async fn a_revoked_token_opens_nothing_from_that_moment_on() {
    let server = Server::new().await;
    let (secret, id) = token(&server).await;
    let path = format!("/t/{secret}/channels.m3u");
    get(&server, &path).await.expect(200);
    server.delete(&format!("/api/v1/tokens/{id}")).await.expect(204);
    let told = get(&server, &path).await.expect(401);
    assert!(!String::from_utf8_lossy(&told.body).contains(&secret));
    // On the local network it is refused too, so that its owner notices.
    server.get(&path).await.expect(401);
    server.get("/channels.m3u").await.expect(200);
}
