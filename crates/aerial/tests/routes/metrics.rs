//! `/metrics`: who may read it, what requests are counted under, and that the dashboard
//! asks for nothing that there is not. What the server tells is held to docs/metrics.md
//! where a real stream is made (`on_air/metrics`).

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;

use aerial::config;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Method, Request};
use serde_json::{Value, json};

use crate::server::{Answer, Server};

async fn from(server: &Server, address: &str, headers: &[(&str, &str)], path: &str) -> Answer {
    let peer = SocketAddr::new(address.parse().unwrap(), 4_711);
    let mut request = Request::builder().uri(path).extension(ConnectInfo(peer));
    for (name, value) in headers.iter().chain(&[("host", "nas:8400")]) {
        request = request.header(*name, *value);
    }
    server.send(request.body(Body::empty()).unwrap()).await
}

async fn told(server: &Server) -> String {
    String::from_utf8(server.get("/metrics").await.expect(200).body).unwrap()
}

fn has(text: &str, line: &str) -> bool {
    text.lines().any(|one| one == line)
}

/// All names of metrics in a text, however they are used there.
fn names(text: &str) -> BTreeSet<String> {
    let of_a_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let words = text.split(|letter| !of_a_name(letter));
    let is_ours = |word: &&str| word.starts_with("aerial_") || word.starts_with("process_");
    words.filter(is_ours).map(str::to_owned).collect()
}

fn file(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What stands first in the rows of the document's tables.
fn documented() -> BTreeSet<String> {
    let text = file("docs/metrics.md");
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let found: BTreeSet<String> = rows.map(str::to_owned).collect();
    assert!(found.len() > 30, "{found:?}");
    found
}

/// The name under which a histogram's parts are documented.
fn whole(name: &str, known: &BTreeSet<String>) -> String {
    let parts = ["_bucket", "_sum", "_count"];
    let base = parts.iter().find_map(|part| name.strip_suffix(part));
    base.filter(|base| known.contains(*base)).unwrap_or(name).to_owned()
}

#[tokio::test]
async fn it_is_read_as_prometheus_reads_it() {
    let server = Server::new().await;
    let films = server.films(&[60]).await;
    server.broken("Broken", "no video").await;
    server.channel("5", &films).await;
    server.channel("7.1", &films).await;
    server.post("/api/v1/streams/5/clients", json!({})).await.expect(201);
    let answer = server.get("/metrics").await.expect(200);
    assert_eq!(answer.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    assert_eq!(answer.header("cache-control"), "no-store");
    let text = String::from_utf8(answer.body).unwrap();
    let version = env!("CARGO_PKG_VERSION");
    for line in [
        &format!("aerial_build_info{{version=\"{version}\",ffmpeg=\"5.1.9\"}} 1"),
        "aerial_ready 1.0",
        "aerial_server_restarts_total 1",
        "aerial_channels 2.0",
        "aerial_sessions{state=\"active\"} 1.0",
        "aerial_clients{channel=\"5\"} 1.0",
        "aerial_clients{channel=\"7.1\"} 0.0",
        "aerial_library_media{state=\"ok\"} 1.0",
        "aerial_library_media{state=\"unplayable\"} 1.0",
        "aerial_library_put_aside 0.0",
        "aerial_store_limit_bytes 1073741824.0",
        "aerial_encodes_limit 2.0",
    ] {
        assert!(has(&text, line), "{line}: {text}");
    }
    // Each line is a comment, or a name with labels and a number.
    for line in text.lines().filter(|line| !line.starts_with("# ")) {
        let (name, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line}"));
        assert!(name.starts_with("aerial_") || name.starts_with("process_"), "{line}");
        assert!(value.parse::<f64>().is_ok(), "{line}");
    }
}

#[tokio::test]
async fn requests_are_counted_under_their_route_and_never_under_their_path() {
    let server = Server::new().await;
    let films = server.films(&[60]).await;
    let channel = server.channel("5", &films).await;
    let id = channel["id"].as_str().unwrap();
    for path in [&format!("/api/v1/channels/{id}"), "/api/v1/channels/5"] {
        server.get(path).await.expect(200);
    }
    server.get("/api/v1/channels/77").await.expect(404);
    server.get("/very/secret/place").await.expect(404);
    server.get("/api/secret").await.expect(404);
    server.get("/t/0123456789abcdef/channels.m3u").await.expect(401);
    server.get("/watch/5").await;
    let text = told(&server).await;
    let of = |route: &str, method: &str, status: u16| {
        format!(
            "aerial_http_requests_total{{route=\"{route}\",method=\"{method}\",status=\"{status}\"}}"
        )
    };
    for line in [
        of("/api/v1/channels/{channel}", "read", 200) + " 2",
        of("/api/v1/channels/{channel}", "read", 404) + " 1",
        of("/api/v1/channels", "change", 201) + " 1",
        of("/channels.m3u", "read", 401) + " 1",
        of("none", "read", 404) + " 1",
        of("/api/{*path}", "read", 404) + " 1",
    ] {
        assert!(has(&text, &line), "{line}: {text}");
    }
    assert!(text.contains("{route=\"app\",method=\"read\""), "{text}");
    for secret in [id, "secret", "0123456789abcdef", "/watch/5"] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
}

#[tokio::test]
async fn a_channel_that_is_no_more_is_told_no_more() {
    let server = Server::new().await;
    let films = server.films(&[60]).await;
    server.channel("5", &films).await;
    assert!(told(&server).await.contains("channel=\"5\""));
    server.delete("/api/v1/channels/5").await.expect(204);
    let text = told(&server).await;
    assert!(!text.contains("channel=\"5\"") && has(&text, "aerial_channels 0.0"), "{text}");
}

#[tokio::test]
async fn a_server_that_cannot_serve_says_so_and_why() {
    let server = Server::new().await;
    server.ending.cancel();
    let text = told(&server).await;
    assert!(has(&text, "aerial_ready 0.0"), "{text}");
    assert!(has(&text, "aerial_not_ready{reason=\"stopping\"} 1.0"), "{text}");
    assert!(has(&text, "aerial_not_ready{reason=\"ffmpeg\"} 0.0"), "{text}");
}

const NEIGHBOUR: &str = "192.168.7.20";
const FAR_AWAY: &str = "203.0.113.9";

#[tokio::test]
async fn it_takes_a_token_that_may_read() {
    let server = Server::new().await;
    let token = async |scope: &str| {
        let made = server.post("/api/v1/tokens", json!({ "name": scope, "scope": scope })).await;
        format!("Bearer {}", made.expect(201).json()["secret"].as_str().unwrap())
    };
    let (watch, read) = (token("watch").await, token("read").await);
    from(&server, NEIGHBOUR, &[], "/metrics").await.expect(401);
    from(&server, NEIGHBOUR, &[("authorization", &watch)], "/metrics").await.expect(403);
    from(&server, FAR_AWAY, &[("authorization", &read)], "/metrics").await.expect(200);
    // It is nothing for TV apps.
    let made = server.post("/api/v1/tokens", json!({ "name": "TV", "kind": "stream" })).await;
    let secret = made.expect(201).json()["secret"].as_str().unwrap().to_owned();
    from(&server, NEIGHBOUR, &[], &format!("/t/{secret}/metrics")).await.expect(404);
}

#[tokio::test]
async fn the_local_network_reads_it_without_one_where_the_settings_say_so() {
    let trusted_proxies = vec!["10.0.0.2".parse().unwrap()];
    let rules =
        config::Access { local_metrics: true, trusted_proxies, ..config::Access::default() };
    let server = Server::with(rules).await;
    let body = json!({ "password": "three blind mice" });
    server.put("/api/v1/account/password", body).await.expect(200);
    for address in [NEIGHBOUR, "127.0.0.1", "fd00::7"] {
        from(&server, address, &[], "/metrics").await.expect(200);
    }
    from(&server, FAR_AWAY, &[], "/metrics").await.expect(401);
    // Behind a proxy that is believed, who is behind it counts; else nobody is near.
    let of = |client| [("x-forwarded-for", client)];
    from(&server, "10.0.0.2", &of(NEIGHBOUR), "/metrics").await.expect(200);
    from(&server, "10.0.0.2", &of(FAR_AWAY), "/metrics").await.expect(401);
    from(&server, NEIGHBOUR, &of(NEIGHBOUR), "/metrics").await.expect(401);
    // A wrong token is told so; nothing else is opened; nothing can be sent there.
    from(&server, NEIGHBOUR, &[("authorization", "Bearer aerial_no")], "/metrics")
        .await
        .expect(401);
    from(&server, NEIGHBOUR, &[], "/api/v1/system").await.expect(401);
    let peer = SocketAddr::new(NEIGHBOUR.parse().unwrap(), 4_711);
    let request = Request::builder().method(Method::POST).uri("/metrics");
    let request = request.extension(ConnectInfo(peer)).body(Body::empty()).unwrap();
    let status = server.status(request).await;
    assert!([401, 405].contains(&status), "{status}");
}

#[test]
fn the_dashboard_asks_for_what_there_is() {
    let dashboard: Value = serde_json::from_str(&file("packaging/grafana/aerial.json")).unwrap();
    let documented = documented();
    let panels = dashboard["panels"].as_array().unwrap();
    let mut asked = BTreeSet::new();
    let mut ids = BTreeSet::new();
    for panel in panels {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "two panels are one: {panel}");
        for target in panel["targets"].as_array().into_iter().flatten() {
            asked.extend(names(target["expr"].as_str().unwrap()));
        }
    }
    for part in ["templating", "annotations"] {
        asked.extend(names(&dashboard[part].to_string()));
    }
    let asked: BTreeSet<String> = asked.iter().map(|name| whole(name, &documented)).collect();
    let unknown: Vec<_> = asked.difference(&documented).collect();
    assert!(unknown.is_empty(), "docs/metrics.md has no {unknown:?}");
    assert!(asked.len() > 30, "{asked:?}");
}

#[test]
fn the_alerts_ask_for_what_there_is() {
    let (text, documented) = (file("docs/metrics.md"), documented());
    let (_, alerts) = text.split_once("## Alerts").unwrap();
    let asked: BTreeSet<String> =
        names(alerts).iter().map(|name| whole(name, &documented)).collect();
    let unknown: Vec<_> = asked.difference(&documented).collect();
    assert!(unknown.is_empty(), "docs/metrics.md has no {unknown:?}");
    assert!(asked.len() > 8, "{asked:?}");
}
