//! Metrics, of a server that really streams.

use std::collections::BTreeSet;
use std::path::Path;

use reqwest::StatusCode;

use crate::support::{Clip, Place, Server, Viewer, until};

async fn told(server: &Server) -> String {
    let answer = server.get("/metrics").await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    answer.text
}

/// The figures with these beginnings together; none where there is none.
fn sum(text: &str, beginning: &str) -> f64 {
    let lines = text.lines().filter(|line| line.starts_with(beginning));
    lines.map(|line| line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap()).sum()
}

/// docs/metrics.md and the server name the same metrics, and the figures are what
/// happened.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_documented_is_told_and_what_is_told_is_documented() {
    let place = Place::with(&[Clip::LONG]);
    let mut server = Server::start(&place).await;
    server.add_channel("2", 30_000, &[Clip::LONG]).await;
    let before = told(&server).await;
    assert_eq!(sum(&before, "aerial_tune_in_seconds_count"), 0.0, "{before}");
    let viewer = Viewer::tune_in(&server, "2").await;
    let mut watched = Default::default();
    viewer.watch_more(&mut watched).await;
    let text = until("its segments are counted", async || {
        let text = told(&server).await;
        let made = sum(&text, "aerial_segments_made_total{how=\"encoded\"}");
        (made >= 2.0 && sum(&text, "aerial_work_media_seconds_total") >= 8.0).then_some(text)
    })
    .await;
    let served = "aerial_segments_served_total{channel=\"2\",transport=\"hls\"}";
    assert!(sum(&text, served) >= 1.0, "{text}");
    assert_eq!(sum(&text, "aerial_tune_in_seconds_count"), 1.0, "{text}");
    assert_eq!(sum(&text, "aerial_clients{channel=\"2\"}"), 1.0, "{text}");
    assert_eq!(sum(&text, "aerial_ffmpeg_runs_total"), 1.0, "{text}");
    assert!(sum(&text, "aerial_work_seconds_total{encoder=\"libx264\"}") > 0.0, "{text}");
    assert!(sum(&text, "aerial_http_sent_bytes_total") > 10_000.0, "{text}");
    // The player's, and the one by which this is asked.
    let (open, most) = ("aerial_http_connections ", "aerial_http_connections_limit ");
    assert!((1.0..9.0).contains(&sum(&text, open)), "{text}");
    assert!(sum(&text, most) >= 256.0, "{text}");
    assert_eq!(sum(&text, "aerial_http_connections_refused_total"), 0.0, "{text}");
    let route = "route=\"/stream/{channel}/{rendition}/{file}\"";
    assert!(sum(&text, &format!("aerial_http_answer_seconds_count{{{route}}}")) >= 1.0, "{text}");
    assert!(sum(&text, "process_open_fds") > 10.0, "{text}");
    assert!(sum(&text, "process_resident_memory_bytes") > 1_000_000.0, "{text}");
    // Nothing tells who watches.
    assert!(!text.contains(&viewer.client()), "{text}");
    assert!(!text.contains(Clip::LONG.title()), "{text}");

    let told: BTreeSet<&str> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/metrics.md");
    let document = std::fs::read_to_string(document).unwrap();
    let rows = document.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let documented: BTreeSet<&str> = rows.collect();
    assert_eq!(told, documented);
    assert_eq!(server.stop().await.code(), Some(0));
}
