//! `/api/v1/clock`.

use aerial_model::id::ChannelId;
use aerial_model::time::Ticks;
use serde_json::json;
use uuid::Uuid;

use crate::server::{NOW, Server};

#[tokio::test]
async fn the_servers_time_and_a_channels_own() {
    let server = Server::new().await;
    let told = server.get("/api/v1/clock").await.expect(200);
    assert_eq!(told.header("cache-control"), "no-store");
    assert_eq!(told.json(), json!({ "at": "2026-12-24T18:00:00.000Z", "channel": null }));

    let channel = server.channel("5", &[]).await;
    let id: Uuid = channel["id"].as_str().unwrap().parse().unwrap();
    // Somebody watches it while the machine's clock is set.
    server.clock.promised(ChannelId(id), NOW + Ticks::from_secs(10));
    server.clock.set_wall(NOW + Ticks::from_secs(60));
    let _found = server.clock.follow(&[ChannelId(id)].into());
    let told = server.get("/api/v1/clock?channel=5").await.expect(200).json();
    assert_eq!(
        told,
        json!({
            "at": "2026-12-24T18:01:00.000Z",
            "channel": { "id": id.to_string(), "at": "2026-12-24T18:00:00.000Z" },
        })
    );
    assert_eq!(server.get(&format!("/api/v1/clock?channel={id}")).await.expect(200).json(), told);
    server.get("/api/v1/clock?channel=77").await.expect(404);
    server.get("/api/v1/clock?chanel=5").await.expect(422);
}
