//! `/api/v1/system/webhooks/test`.

use aerial::config;
use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;
use serde_json::json;

use crate::server::Server;

#[tokio::test]
async fn without_webhooks_there_is_nothing_to_try() {
    let server = Server::new().await;
    let told = server.post("/api/v1/system/webhooks/test", json!({})).await.expect(200);
    assert_eq!(told.json(), json!({ "items": [], "next": null }));
}

#[tokio::test]
async fn each_is_tried_and_told_of_by_its_host_alone() {
    let routes = Router::new()
        .route("/good/key-1234", post(|| async { StatusCode::NO_CONTENT }))
        .route("/bad/key-1234", post(|| async { StatusCode::FORBIDDEN }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, routes).await });
    let hook = |path: &str| {
        let text = format!("url = \"http://{address}/{path}/key-1234\"");
        toml::from_str::<config::Webhook>(&text).unwrap()
    };
    let hooks = vec![hook("good"), hook("bad")];
    let server = Server::telling(config::Access::default(), hooks).await;
    let answer = server.post("/api/v1/system/webhooks/test", json!({})).await.expect(200);
    assert!(!String::from_utf8_lossy(&answer.body).contains("1234"));
    let refused = "it answered 403 Forbidden";
    assert_eq!(
        answer.json()["items"],
        json!([
            { "host": "127.0.0.1", "delivered": true, "reason": null },
            { "host": "127.0.0.1", "delivered": false, "reason": refused },
        ])
    );
    // The settings tell nothing of them either.
    let settings = server.get("/api/v1/settings").await.expect(200);
    assert!(!String::from_utf8_lossy(&settings.body).contains("1234"));
}
