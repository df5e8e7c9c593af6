//! Who is told of faults, of a server whose FFmpeg really fails.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use rustix::process::Signal;
use serde_json::Value;
use tokio::sync::mpsc;

use crate::support::{Clip, Place, Server, Viewer, signal, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_killed_is_told_without_a_path_or_a_viewer() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let take = async |State(tell): State<mpsc::UnboundedSender<Bytes>>, body: Bytes| {
        tell.send(body).unwrap();
        StatusCode::NO_CONTENT
    };
    let routes = Router::new().route("/hook/key-1234", post(take)).with_state(tell);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook/key-1234", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes).await });

    let place = Place::with(&[Clip::LARGE]);
    std::fs::create_dir(place.data()).unwrap();
    let settings = format!("[[webhooks]]\nurl = \"{url}\"\nevents = [\"fault\", \"restart\"]\n");
    std::fs::write(place.data().join("settings.toml"), settings).unwrap();
    let mut server = Server::start(&place).await;
    let viewer = Viewer::tune_in(&server, "1").await;
    let entry = viewer.playlist().await.entries[0].clone();
    let mut growing = viewer.begin_segment(&entry).await;
    growing.chunk().await.unwrap().unwrap();
    let worker = until("a worker runs", async || server.workers().await.first().copied()).await;
    signal(worker, Signal::KILL);
    while growing.chunk().await.unwrap().is_some() {}

    let body = tokio::time::timeout(crate::support::PATIENCE, told.recv()).await.unwrap().unwrap();
    let text = String::from_utf8(body.to_vec()).unwrap();
    let event: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&event["type"], &event["class"]), (&"fault".into(), &"crash".into()), "{text}");
    assert_eq!(event["title"], Clip::LARGE.title());
    assert_eq!(event["channels"][0]["number"], "1");
    let media = place.media().display().to_string();
    for private in [&media, Clip::LARGE.file, &viewer.client(), "127.0.0.1", "key-1234"] {
        assert!(!text.contains(private), "{private}: {text}");
    }
    until("it is counted", async || {
        let metrics = server.get("/metrics").await.text;
        let counter = "aerial_webhook_deliveries_total{outcome=\"delivered\"} ";
        let delivered = metrics.lines().find_map(|line| line.strip_prefix(counter)?.parse().ok());
        delivered.filter(|delivered: &u64| *delivered > 0)
    })
    .await;

    // A server that breaks off is told of by the next one.
    let starts = server.listening().len();
    signal(server.pid().await, Signal::KILL);
    server.listens_after(starts).await;
    let restarted = async {
        loop {
            let event: Value = serde_json::from_slice(&told.recv().await.unwrap()).unwrap();
            if event["type"] == "restart" {
                return;
            }
        }
    };
    tokio::time::timeout(crate::support::PATIENCE, restarted).await.unwrap();
    assert_eq!(server.stop().await.code(), Some(0));
    assert_eq!(server.said("key-1234"), 0, "\n{}", server.log());
}
