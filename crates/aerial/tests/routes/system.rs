//! `/api/v1/system`, `/healthz`, `/readyz`.

use sea_orm::ConnectionTrait as _;
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
    let told = server.get("/readyz").await.expect(503).json();
    assert_eq!(told["detail"], json!("the server is stopping"));
    assert_eq!(server.get("/healthz").await.expect(200).json(), json!({ "status": "alive" }));
}

#[tokio::test]
async fn without_ffmpeg_it_is_not_ready_until_that_is_there_again() {
    let server = Server::new().await;
    std::fs::remove_file(&server.ffmpeg).unwrap();
    let told = server.get("/readyz").await.expect(503).json();
    let detail = told["detail"].as_str().unwrap();
    assert!(detail.contains("install it again"), "{detail}");
    assert!(detail.contains(server.ffmpeg.to_str().unwrap()), "{detail}");
    let metrics = server.get("/metrics").await.expect(200).body;
    let metrics = String::from_utf8(metrics).unwrap();
    assert!(metrics.contains("aerial_not_ready{reason=\"ffmpeg\"} 1.0\n"), "{metrics}");
    std::fs::write(&server.ffmpeg, "").unwrap();
    server.get("/readyz").await.expect(200);
}

#[tokio::test]
async fn without_its_catalogue_it_is_not_ready_and_says_all_that_is_wrong() {
    let server = Server::new().await;
    server.db.clone().close().await.unwrap();
    let told = server.get("/readyz").await.expect(503).json();
    let of_catalogue = told["detail"].as_str().unwrap().to_owned();
    assert!(of_catalogue.contains("catalogue"), "{of_catalogue}");
    std::fs::remove_file(&server.ffmpeg).unwrap();
    let both = server.get("/readyz").await.expect(503).json();
    let both = both["detail"].as_str().unwrap();
    assert!(both.starts_with(&of_catalogue) && both.contains("; FFmpeg is not at"), "{both}");
    // What is known of it otherwise is told all the same.
    let metrics = server.get("/metrics").await.expect(200).body;
    let metrics = String::from_utf8(metrics).unwrap();
    for line in ["aerial_ready 0.0", "aerial_not_ready{reason=\"catalogue\"} 1.0"] {
        assert!(metrics.lines().any(|one| one == line), "{line}: {metrics}");
    }
    assert!(!metrics.contains("aerial_library_put_aside"), "{metrics}");
    server.get("/healthz").await.expect(200);
}

#[tokio::test]
async fn where_nothing_can_be_written_it_is_not_ready_though_it_can_be_read() {
    let server = Server::new().await;
    server.get("/readyz").await.expect(200);
    let path = format!("sqlite://{}", server.data.catalogue().display());
    let other = sea_orm::Database::connect(path).await.unwrap();
    let full = "CREATE TRIGGER full BEFORE INSERT ON settings
                BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END";
    other.execute_unprepared(full).await.unwrap();
    // A transaction begins as ever: only what is written fails.
    drop(server.db.write().await.unwrap());
    let told = server.get("/readyz").await.expect(503).json();
    let detail = told["detail"].as_str().unwrap();
    assert!(detail.contains("catalogue") && detail.contains("disk is full"), "{detail}");
    let metrics = String::from_utf8(server.get("/metrics").await.expect(200).body).unwrap();
    assert!(metrics.contains("aerial_not_ready{reason=\"catalogue\"} 1.0\n"), "{metrics}");
    other.execute_unprepared("DROP TRIGGER full").await.unwrap();
    server.get("/readyz").await.expect(200);
}

#[tokio::test]
async fn the_root_is_the_page() {
    let server = Server::new().await;
    let page = server.get("/").await.expect(200);
    assert!(page.header("content-type").starts_with("text/html"));
    assert!(page.header("content-security-policy").contains("default-src 'self'"));
}
