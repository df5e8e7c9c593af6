//! `/api/v1/system`, `/healthz`, `/readyz`.

use serde_json::json;

use crate::server::Server;

#[tokio::test]
async fn the_server_tells_of_itself() {
    let server = Server::new().await;
    let system = server.get("/api/v1/system").await.expect(200).json();
    assert_eq!(system["version"], json!(env!("CARGO_PKG_VERSION")));
    assert_eq!(system["pid"], json!(std::process::id()));
    assert_eq!(system["uptime_ms"], json!(90_000));
    assert_eq!(system["restarts"], json!(1));
    assert!(system["tasks"].is_u64());
    assert_eq!(system["ffmpeg"]["version"], json!("5.1.9"));
    assert_eq!(system["encoders"][0]["works"], json!(true));
    assert_eq!(system["encoders_tested_at"], json!("2026-12-24T17:59:00.000Z"));
    assert_eq!(
        system["capacity"],
        json!({ "encodes": 2, "by": "set", "taken_percent": 0, "running": [] })
    );
    assert!(system["disk"]["free_bytes"].as_u64() <= system["disk"]["total_bytes"].as_u64());
    let store = json!({
        "segments": 0,
        "bytes": 0,
        "limit_bytes": 1 << 30,
        "free_floor_bytes": 1 << 20,
        "memory_bytes": 0,
        "memory_limit_bytes": 320 << 20,
        "trouble": null,
    });
    assert_eq!(system["store"], store);
}

#[tokio::test]
async fn samples_of_the_load_are_asked_for_from_an_instant_on() {
    let server = Server::new().await;
    let load = server.get("/api/v1/system/load").await.expect(200).json();
    assert_eq!(load["every_ms"], json!(2_000));
    assert!(load["cores"].as_u64() > Some(0));
    assert_eq!(load["samples"], json!([]), "nobody takes any in these tests");
    server.get("/api/v1/system/load?since=2026-12-24T18:00:00Z").await.expect(200);
    let wrong = server.get("/api/v1/system/load?since=yesterday").await.expect(422);
    assert_eq!(wrong.fields(), ["since"]);
}

#[tokio::test]
async fn a_server_that_stops_is_alive_but_not_ready() {
    let server = Server::new().await;
    assert_eq!(server.get("/readyz").await.expect(200).json(), json!({ "status": "ready" }));
    server.ending.cancel();
    server.get("/readyz").await.expect(503);
    assert_eq!(server.get("/healthz").await.expect(200).json(), json!({ "status": "alive" }));
}

#[tokio::test]
async fn the_root_is_the_page() {
    let server = Server::new().await;
    let page = server.get("/").await.expect(200);
    assert!(page.header("content-type").starts_with("text/html"));
    assert!(page.header("content-security-policy").contains("default-src 'self'"));
}
