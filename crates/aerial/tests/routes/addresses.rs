//! `/api/v1/addresses`.

use serde_json::json;

use crate::server::Server;

#[tokio::test]
async fn addresses_are_told_as_whoever_asks_knows_them_and_as_the_network_does() {
    let server = Server::new().await;
    let named = [("host", "localhost:8400")];
    let told = server.ask_with(axum::http::Method::GET, "/api/v1/addresses", &named).await;
    let told = told.expect(200).json();
    assert_eq!(
        told["here"],
        json!({
            "app": "http://localhost:8400/",
            "channels": "http://localhost:8400/channels.m3u",
            "guide": "http://localhost:8400/xmltv.xml",
            "guide_compressed": "http://localhost:8400/xmltv.xml.gz",
            "tuner": "http://localhost:8400",
            "docs": "http://localhost:8400/api/docs",
        })
    );
    assert_eq!(told["network"][0]["channels"], "http://192.168.1.7:8400/channels.m3u");
    assert_eq!((&told["this_machine_only"], &told["public_url"]), (&json!(false), &json!(null)));
    assert_eq!(told["tuner"]["device_id"].as_str().unwrap().len(), 8);
    assert_eq!(told["tuner"]["discovered"], json!(true));
}

#[tokio::test]
async fn a_server_without_folders_and_channels_is_at_its_first_run() {
    let server = Server::new().await;
    let first_run =
        async || server.get("/api/v1/addresses").await.expect(200).json()["first_run"].clone();
    assert_eq!(first_run().await, json!(false), "it has a folder");
    let folder = server.folder;
    server.delete(&format!("/api/v1/folders/{folder}")).await.expect(204);
    assert_eq!(first_run().await, json!(true));
    server.channel("5", &[]).await;
    assert_eq!(first_run().await, json!(false));
}
