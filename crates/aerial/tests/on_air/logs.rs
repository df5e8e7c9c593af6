//! The log of a server that really streams: each line tells of which session it is.

use crate::support::{Clip, Place, Server, Viewer, until};

#[tokio::test(flavor = "multi_thread")]
async fn lines_of_sessions_and_workers_bear_session_and_channel() {
    let place = Place::with(&[Clip::LONG]);
    let mut server = Server::start(&place).await;
    server.add_channel("2", 30_000, &[Clip::LONG]).await;
    let viewer = Viewer::tune_in(&server, "2").await;
    viewer.watch_more(&mut Default::default()).await;
    until("it is logged", async || (server.said("worker starts") > 0).then_some(())).await;
    let lines: Vec<String> = server.log().lines().map(str::to_owned).collect();
    let line = |text: &str| {
        let found = lines.iter().find(|line| line.contains(text));
        found.unwrap_or_else(|| panic!("no {text}\n{}", server.log()))
    };
    let on_air = line(": on the air");
    assert!(on_air.contains("session{session=1 channel=2}"), "{on_air}");
    let starts = line("worker starts");
    let bears = "worker{worker=1 sessions=\"1\" channels=\"2\"}";
    assert!(starts.contains(bears), "{starts}");
    assert_eq!(server.stop().await.code(), Some(0));
    let log = server.log();
    let off_air = log.lines().find(|line| line.contains(": off the air")).unwrap();
    assert!(off_air.contains("session{session=1 channel=2}"), "{off_air}");
    // A viewer's id is a key to its place: none is in the log.
    assert!(!log.contains(&viewer.client()), "{log}");
}
