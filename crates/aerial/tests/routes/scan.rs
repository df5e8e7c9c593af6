//! `/api/v1/scan`.

use axum::body::Body;
use axum::http::{Method, Request};
use serde_json::{Value, json};

use crate::server::Server;

/// Asks until the scan has ended.
async fn ended(server: &Server) -> Value {
    loop {
        let scan = server.get("/api/v1/scan").await.expect(200).json();
        if scan["job"] != json!(null) && scan["running"] == json!(false) {
            return scan;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_scan_is_a_job_with_progress() {
    let server = Server::new().await;
    let scan = server.get("/api/v1/scan").await.expect(200).json();
    assert_eq!((&scan["state"], &scan["started_at"]), (&json!("idle"), &json!(null)));
    std::fs::write(server.films.join("notes.mkv"), "these are notes").unwrap();
    let asked = server.ask(Method::POST, "/api/v1/scan").await.expect(202).json();
    let scan = ended(&server).await;
    assert_eq!(scan["job"], asked["job"]);
    assert_eq!(scan["state"], json!("done"));
    assert_eq!((&scan["found"], &scan["failed"]), (&json!(1), &json!(1)));
    let media = server.get("/api/v1/media?state=unplayable").await.json();
    assert_eq!(media["items"][0]["reason"], json!("it is no video"));
}

#[tokio::test]
async fn a_scan_can_be_of_some_folders() {
    let server = Server::new().await;
    let body = json!({ "folders": [server.folder.to_string()], "retry": true });
    server.post("/api/v1/scan", body).await.expect(202);
    assert_eq!(ended(&server).await["folders"], json!([server.folder.to_string()]));
    let unknown = json!({ "folders": ["0198c0de-0000-7000-8000-000000000000"] });
    let answer = server.post("/api/v1/scan", unknown).await.expect(422);
    assert_eq!(answer.fields(), ["folders[0]"]);
    let answer = server.post("/api/v1/scan", json!({ "all": true })).await.expect(422);
    assert_eq!(answer.fields(), ["all"]);
    let text = Request::builder().method(Method::POST).uri("/api/v1/scan").body(Body::from("x"));
    server.send(text.unwrap()).await.expect(415);
}

#[tokio::test]
async fn only_a_scan_at_work_can_be_ended() {
    let server = Server::new().await;
    server.delete("/api/v1/scan").await.expect(409);
}
