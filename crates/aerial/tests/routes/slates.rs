//! `/api/v1/slates`.

use std::time::Duration;

use aerial::ffmpeg::{Invocation, RunLimits};
use axum::body::Body;
use axum::http::{Method, Request};
use serde_json::json;

use crate::server::{Answer, Server};

/// A picture, 16 x 16.
async fn picture(server: &Server) -> Vec<u8> {
    let make = Invocation::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-f", "lavfi", "-i", "color=gray:s=16x16"])
        .args(["-frames:v", "1", "-c:v", "png", "-f", "image2pipe", "pipe:1"]);
    let limits = RunLimits { time: Duration::from_secs(30), stdout_bytes: 1 << 16 };
    let made = server.spawner.run_to_end(make, limits).await.unwrap();
    assert!(made.exit.is_success(), "{}", made.stderr);
    made.stdout.to_vec()
}

async fn upload(server: &Server, kind: &str, bytes: Vec<u8>) -> Answer {
    let request = Request::builder()
        .method(Method::PUT)
        .uri(format!("/api/v1/slates/{kind}"))
        .header("content-type", "application/octet-stream")
        .header("content-length", bytes.len());
    server.send(request.body(Body::from(bytes)).unwrap()).await
}

#[tokio::test]
async fn an_uploaded_picture_is_shown_until_it_is_taken_away() {
    let server = Server::new().await;
    let built_in = json!({ "items": [
        { "kind": "off_air", "from": "built_in", "path": null, "picture": null },
        { "kind": "trouble", "from": "built_in", "path": null, "picture": null },
    ] });
    assert_eq!(server.get("/api/v1/slates").await.expect(200).json(), built_in);
    let picture = picture(&server).await;
    let told = upload(&server, "off_air", picture.clone()).await.expect(200).json();
    assert_eq!((&told["from"], &told["kind"]), (&json!("uploaded"), &json!("off_air")));
    let shown = server.get(told["picture"].as_str().unwrap()).await.expect(200);
    assert_eq!((shown.header("content-type"), &shown.body), ("image/png", &picture));
    // The next server finds it.
    assert!(server.data.root().join("slates/off_air").is_file());
    server.delete("/api/v1/slates/off_air").await.expect(204);
    assert_eq!(server.get("/api/v1/slates").await.expect(200).json(), built_in);
    server.delete("/api/v1/slates/off_air").await.expect(404);
    server.get("/api/v1/slates/off_air").await.expect(404);
}

#[tokio::test]
async fn what_cannot_be_shown_is_refused_and_what_was_there_stays() {
    let server = Server::new().await;
    let picture = picture(&server).await;
    upload(&server, "trouble", picture.clone()).await.expect(200);
    let refused = upload(&server, "trouble", b"no picture at all".to_vec()).await.expect(415);
    let detail = refused.json()["detail"].as_str().unwrap().to_owned();
    let root = server.data.root().to_string_lossy().into_owned();
    assert!(detail.contains("FFmpeg") && !detail.contains(&root), "{detail}");
    assert_eq!(server.get("/api/v1/slates/trouble").await.expect(200).body, picture);
    let left: Vec<_> = std::fs::read_dir(server.data.root().join("slates")).unwrap().collect();
    assert_eq!(left.len(), 1);
    upload(&server, "lunch", picture).await.expect(404);
    // Larger than anything else may be, but not without end.
    let large = upload(&server, "trouble", vec![0; 5 << 20]).await;
    assert_eq!(large.status, 415);
    let told = upload(&server, "trouble", vec![0; (64 << 20) + 1]).await.expect(413).json();
    assert!(told["detail"].as_str().unwrap().contains("64 MiB"), "{told}");
}
