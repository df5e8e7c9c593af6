//! A stream with a token in its path: every address on the way keeps it.

use std::net::SocketAddr;
use std::time::Duration;

use aerial::access::Access;
use aerial::db::TokenKind;
use aerial::http::apps::origin::PublicUrl;
use aerial::http::{outside, stream};
use aerial::metrics::Metrics;
use aerial_model::access::Scope;
use axum::Router;
use axum::body::{Body, BodyDataStream, Bytes, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::{Method, Request, StatusCode};
use futures::StreamExt as _;
use reqwest::Url;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use crate::media::film;
use crate::routes;
use crate::world::{Plan, Setting, World};

/// Asks from far away.
async fn ask(routes: &Router, method: Method, url: &Url) -> (StatusCode, Vec<u8>) {
    ask_from([203, 0, 113, 9], routes, method, url).await
}

async fn ask_from(
    address: [u8; 4],
    routes: &Router,
    method: Method,
    url: &Url,
) -> (StatusCode, Vec<u8>) {
    let uri = url.as_str().strip_prefix("http://tv").unwrap();
    let peer = ConnectInfo(SocketAddr::from((address, 4_711)));
    let request = Request::builder().method(method).uri(uri).extension(peer);
    let request = request.header("host", "tv").body(Body::empty()).unwrap();
    let answer = routes.clone().oneshot(request).await.unwrap();
    let status = answer.status();
    let body = to_bytes(answer.into_body(), usize::MAX);
    let body = tokio::time::timeout(Duration::from_secs(60), body).await.unwrap().unwrap();
    (status, body.to_vec())
}

/// The streams, and who is let in to them.
async fn doors(world: &World) -> (tempfile::TempDir, Access, Router) {
    let (folder, access) = routes::access().await;
    let streams = stream::router(world.manager.clone(), CancellationToken::new());
    let routes = outside(streams, access.clone(), PublicUrl::default(), Metrics::default());
    (folder, access, routes)
}

/// The addresses in a playlist, as a player finds them.
fn addresses(at: &Url, playlist: &[u8]) -> Vec<Url> {
    let text = std::str::from_utf8(playlist).unwrap();
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| at.join(line).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_watch_nothing_and_neighbours_while_they_may() {
    let world = World::new(Setting::of(Plan::of(&[film("25", 600)]))).await;
    let (_folder, access, routes) = doors(&world).await;
    let nothing = "0198c0de-0000-7000-8000-000000000000";
    let paths = [
        "stream/1.m3u8".to_owned(),
        "stream/1/master.m3u8".to_owned(),
        "stream/1/720p.m3u8".to_owned(),
        "stream/1/720p/0.ts".to_owned(),
        "stream/1/catchup.m3u8".to_owned(),
        format!("stream/1/catchup/720p/{nothing}.ts"),
        format!("stream/media/{nothing}.m3u8"),
        format!("stream/media/{nothing}/720p/0.ts"),
        "stream/1.ts".to_owned(),
    ];
    let status = async |address, path: &str| {
        let url = Url::parse(&format!("http://tv/{path}")).unwrap();
        // Of an unending one the headers alone.
        let method = if path == "stream/1.ts" { Method::HEAD } else { Method::GET };
        ask_from(address, &routes, method, &url).await.0
    };
    for path in &paths {
        assert_eq!(status([203, 0, 113, 9], path).await, StatusCode::UNAUTHORIZED, "{path}");
        assert_ne!(status([192, 168, 7, 20], path).await, StatusCode::UNAUTHORIZED, "{path}");
    }
    access.set_watch_only(false).await.unwrap();
    for path in &paths {
        assert_eq!(status([192, 168, 7, 20], path).await, StatusCode::UNAUTHORIZED, "{path}");
    }
    drop(routes);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_stays_in_every_address_of_a_stream() {
    let world = World::new(Setting::of(Plan::of(&[film("25", 600)]))).await;
    let (_folder, access, routes) = doors(&world).await;
    let (token, secret) = access.make_token("TV", TokenKind::Stream, Scope::Watch).await.unwrap();

    let root = Url::parse(&format!("http://tv/t/{}/", secret.reveal())).unwrap();
    let url = |path: &str| root.join(path).unwrap();
    let without = Url::parse("http://tv/stream/1.m3u8").unwrap();
    assert_eq!(ask(&routes, Method::GET, &without).await.0, StatusCode::UNAUTHORIZED);
    for entry in ["stream/1.m3u8", "stream/1/master.m3u8"] {
        let entry = url(entry);
        let (status, master) = ask(&routes, Method::GET, &entry).await;
        assert_eq!(status, StatusCode::OK);
        let variants = addresses(&entry, &master);
        assert!(!variants.is_empty());
        for variant in variants {
            assert!(variant.as_str().starts_with(root.as_str()), "{variant}");
            let (status, media) = ask(&routes, Method::GET, &variant).await;
            assert_eq!(status, StatusCode::OK, "{variant}");
            let segments = addresses(&variant, &media);
            assert!(segments.iter().all(|url| url.as_str().starts_with(root.as_str())));
            let (status, bytes) = ask(&routes, Method::GET, &segments[0]).await;
            assert_eq!((status, bytes[0]), (StatusCode::OK, 0x47), "{}", segments[0]);
        }
    }
    let leave = url("stream/1/clients/0-0-0/leave");
    assert_ne!(ask(&routes, Method::POST, &leave).await.0, StatusCode::UNAUTHORIZED);
    access.revoke(token.id).await.unwrap();
    let refused = ask(&routes, Method::GET, &url("stream/1.m3u8")).await;
    assert_eq!(refused.0, StatusCode::UNAUTHORIZED);
    drop(routes);
    world.end().await;
}

/// What comes of a stream without end next; nothing where it has ended.
async fn next(stream: &mut BodyDataStream) -> Option<Bytes> {
    let piece = tokio::time::timeout(Duration::from_secs(60), stream.next());
    piece.await.unwrap().map(Result::unwrap)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_without_end_ends_when_its_token_is_revoked_and_no_other_does() {
    let world = World::new(Setting::of(Plan::of(&[film("25", 600)]))).await;
    let (_folder, access, routes) = doors(&world).await;
    let tune_in = async || {
        let made = access.make_token("TV", TokenKind::Stream, Scope::Watch).await.unwrap();
        let uri = format!("/t/{}/stream/1.ts", made.1.reveal());
        let peer = ConnectInfo(SocketAddr::from(([203, 0, 113, 9], 4_711)));
        let request = Request::builder().uri(uri).extension(peer).body(Body::empty()).unwrap();
        let answer = routes.clone().oneshot(request).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let mut stream = answer.into_body().into_data_stream();
        assert!(next(&mut stream).await.is_some());
        (made.0.id, stream)
    };
    let (revoked, mut ends) = tune_in().await;
    let (_, mut goes_on) = tune_in().await;
    access.revoke(revoked).await.unwrap();
    let ending = async { while next(&mut ends).await.is_some() {} };
    tokio::time::timeout(Duration::from_secs(60), ending).await.expect("the stream ends");
    assert!(next(&mut goes_on).await.is_some());
    drop((ends, goes_on, routes));
    world.end().await;
}
