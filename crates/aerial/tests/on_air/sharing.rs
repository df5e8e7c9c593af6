//! Many viewers, one encode; no viewer, none.

use std::collections::BTreeSet;

use reqwest::{Method, StatusCode};

use crate::support::{Clip, Place, Server, Viewer, until};

/// A server with channel 2, of one long clip, and this grace period.
async fn long_channel(grace_ms: u64) -> (Place, Server) {
    let place = Place::with(&[Clip::LONG]);
    let server = Server::start(&place).await;
    server.add_channel("2", 30_000, &[Clip::LONG]).await;
    let grace = serde_json::json!({ "grace_ms": grace_ms });
    let channel = server.send(Method::PATCH, "/api/v1/channels/2", Some(grace)).await.ok();
    assert_eq!(channel["grace_ms"], grace_ms);
    (place, server)
}

async fn clients(server: &Server) -> usize {
    let session = server.get("/api/v1/streams/2").await;
    match session.status {
        StatusCode::NOT_FOUND => 0,
        _ => session.ok()["clients"].as_array().unwrap().len(),
    }
}

async fn off_the_air(server: &Server) {
    until("channel 2 is off the air", async || {
        let session = server.get("/api/v1/streams/2").await;
        (session.status == StatusCode::NOT_FOUND).then_some(())
    })
    .await;
    until("its FFmpeg are gone", async || server.workers().await.is_empty().then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_viewers_share_one_ffmpeg_and_the_last_to_leave_ends_it() {
    for grace_ms in [1_000, 0] {
        let (_place, mut server) = long_channel(grace_ms).await;
        let (one, two) = (Viewer::tune_in(&server, "2").await, Viewer::tune_in(&server, "2").await);
        assert_ne!(one.client(), two.client());
        let (mut seen, mut seen_too) = (Default::default(), Default::default());
        tokio::join!(one.watch_more(&mut seen), two.watch_more(&mut seen_too));
        assert_eq!(seen.segments, seen_too.segments);
        assert_eq!(clients(&server).await, 2);
        assert_eq!(server.workers().await.len(), 1, "\n{}", server.log());
        let leave = format!("/api/v1/streams/2/clients/{}", one.client());
        server.send(Method::DELETE, &leave, None).await.ok();
        until("one is left", async || (clients(&server).await == 1).then_some(())).await;
        two.playlist().await;
        assert_eq!(server.workers().await.len(), 1);
        let leave = format!("/stream/2/clients/{}/leave", two.client());
        server.send(Method::POST, &leave, None).await.ok();
        off_the_air(&server).await;
        assert_eq!(server.said("worker starts"), 1, "\n{}", server.log());
        assert_eq!(server.stop().await.code(), Some(0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_that_falls_silent_has_left() {
    let (_place, server) = long_channel(1_000).await;
    let viewer = Viewer::tune_in(&server, "2").await;
    viewer.watch_more(&mut Default::default()).await;
    assert_eq!(clients(&server).await, 1);
    off_the_air(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_who_tune_in_at_once_start_one_worker() {
    let (_place, server) = long_channel(60_000).await;
    let mut viewers = tokio::task::JoinSet::new();
    let url = server.url("/stream/2.m3u8");
    for _ in 0..50 {
        let url: reqwest::Url = url.parse().unwrap();
        viewers.spawn(async move {
            // A connection of its own for each.
            let http = reqwest::Client::new();
            let text = async |url| http.get(url).send().await.unwrap().text().await.unwrap();
            let uri = |text: &str| {
                let line = text.lines().find(|line| !line.starts_with('#')).unwrap();
                line.to_owned()
            };
            let media = url.join(&uri(&text(url.clone()).await)).unwrap();
            let segment = media.join(&uri(&text(media.clone()).await)).unwrap();
            let response = http.get(segment).send().await.unwrap();
            assert!(response.status().is_success(), "{response:?}");
            assert!(!response.bytes().await.unwrap().is_empty());
            media.query().unwrap().to_owned()
        });
    }
    let clients: BTreeSet<String> = viewers.join_all().await.into_iter().collect();
    assert_eq!(clients.len(), 50, "{clients:?}");
    assert_eq!(server.said("worker starts"), 1, "\n{}", server.log());
    assert_eq!(server.said("on the air channel=2"), 1);
    assert_eq!(server.workers().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn starts_and_stops_at_once_leave_one_session_or_none() {
    let (_place, server) = long_channel(1_000).await;
    let mut requests = tokio::task::JoinSet::new();
    for count in 0..200 {
        let method = if count % 2 == 0 { Method::POST } else { Method::DELETE };
        let request = server.http.request(method, server.url("/api/v1/streams/2"));
        requests.spawn(crate::support::answer(request));
    }
    // A viewer in the middle of it, whom the stops cut off or not.
    let viewer = Viewer::tune_in(&server, "2").await;
    viewer.playlist().await;
    for answer in requests.join_all().await {
        let expected = [StatusCode::OK, StatusCode::NO_CONTENT, StatusCode::NOT_FOUND];
        assert!(expected.contains(&answer.status), "{answer:?}");
    }
    let sessions = server.get("/api/v1/streams").await.ok();
    assert!(sessions["items"].as_array().unwrap().len() <= 1, "{sessions}");
    assert!(server.workers().await.len() <= 1, "\n{}", server.log());
    let stopped = server.send(Method::DELETE, "/api/v1/streams/2", None).await;
    let expected = [StatusCode::NO_CONTENT, StatusCode::NOT_FOUND];
    assert!(expected.contains(&stopped.status), "{stopped:?}");
    if stopped.status == StatusCode::NO_CONTENT {
        // It is told when nothing is left.
        assert!(server.workers().await.is_empty(), "\n{}", server.log());
    }
    off_the_air(&server).await;
    // It can be watched again.
    let viewer = Viewer::tune_in(&server, "2").await;
    viewer.watch_more(&mut Default::default()).await;
}
