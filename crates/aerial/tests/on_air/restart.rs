//! A restart that nobody sees.

use std::collections::BTreeMap;

use reqwest::Method;
use rustix::process::Signal;

use crate::support::{
    Clip, Entry, Limit, Place, Player, Server, Viewer, Watched, children_of, is_running, named,
    signal, units, until,
};

/// Whom the signal goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum To {
    Keeper,
    Server,
}

/// Channel 1 begins with short clips; channel 2 is on the air, with an FFmpeg that sleeps in
/// the middle of its long clip.
async fn two_channels() -> (Place, Server) {
    let [alpha, beta, delta, gamma] = Clip::FOUR;
    let place = Place::with(&[alpha, beta, delta, gamma, Clip::LONG]);
    let server = Server::start(&place).await;
    server.add_channel("2", 60_000, &[Clip::LONG]).await;
    Viewer::tune_in(&server, "2").await.watch_more(&mut Watched::default()).await;
    (place, server)
}

/// A player and a close viewer watch while the server gets a signal.
async fn nobody_notices(to: To, how: Signal) {
    let (place, mut server) = two_channels().await;
    let viewer = Viewer::tune_in(&server, "1").await;
    let player = Player::start(&server.url("/stream/1.m3u8"), Limit::Seconds(20));
    player.shows(150).await;

    // All that is promised is made: nothing is on its way to anybody when a
    // process is killed. (A signal that lets it finish needs no such care.)
    let mut watched = Watched::default();
    viewer.watch_more(&mut watched).await;
    let before = viewer.playlist().await;
    let seen = before.entries[0].clone();
    let seen_bytes = viewer.segment(&seen).await;
    let old = server.pid().await;
    let old_workers = children_of(old);
    assert!(!old_workers.is_empty());
    let listening = server.listening().len();
    signal(if to == To::Keeper { server.keeper() } else { old }, how);
    server.listens_after(listening).await;

    until("the old server is gone", async || (!is_running(old)).then_some(())).await;
    assert_ne!(server.pid().await, old);
    until("its FFmpeg are gone", async || {
        old_workers.iter().all(|pid| !is_running(*pid)).then_some(())
    })
    .await;
    let media = place.media().display().to_string();
    until("all that reads the media is the new server's", async || {
        let reading = named(&media);
        let mut ours = server.workers().await;
        ours.extend([server.pid().await, server.keeper()]);
        reading.iter().all(|pid| ours.contains(pid)).then_some(())
    })
    .await;

    let after = viewer.playlist().await;
    let known: BTreeMap<u64, &Entry> = before.entries.iter().map(|e| (e.sequence, e)).collect();
    let again: Vec<&Entry> =
        after.entries.iter().filter(|entry| known.contains_key(&entry.sequence)).collect();
    assert!(!again.is_empty());
    again.iter().for_each(|entry| assert_eq!(known[&entry.sequence], *entry));
    assert!(after.entries[0].sequence >= before.entries[0].sequence);
    assert!(after.entries.last().unwrap().sequence >= before.entries.last().unwrap().sequence);
    assert_eq!(after.discontinuity_sequence, before.discontinuity_sequence);
    let times = |bytes| units(std::slice::from_ref(bytes), seen.date).stamps();
    assert_eq!(times(&viewer.segment(&seen).await), times(&seen_bytes));

    // The viewer goes on as well, and so knows all frames of before and after.
    let shown = viewer.watch_during(&mut watched, player.finish()).await;
    shown.assert_all_of(&watched.units().video());
    shown.assert_audio_unbroken();
    assert_eq!(server.stop().await.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_asked_to_end_is_followed_by_another_and_nobody_notices() {
    nobody_notices(To::Server, Signal::TERM).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_renewed_is_not_missed_by_anybody() {
    nobody_notices(To::Keeper, Signal::HUP).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_is_not_missed_by_anybody() {
    nobody_notices(To::Server, Signal::KILL).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_promised_before_a_restart_is_not_skipped_after_it() {
    let place = Place::with(&[Clip::LONG]);
    let server = Server::start(&place).await;
    let viewer = Viewer::tune_in(&server, "1").await;
    let mut promised = viewer.playlist().await.entries;
    // Past its first seconds a viewer is promised more than two segments ahead.
    until("the list has grown", async || {
        promised = viewer.playlist().await.entries;
        (promised.len() > 4).then_some(())
    })
    .await;
    let listening = server.listening().len();
    signal(server.pid().await, Signal::KILL);
    server.listens_after(listening).await;
    server.send(Method::POST, "/api/v1/channels/1/skip", None).await.ok();
    let after = viewer.playlist().await.entries;
    for entry in &promised {
        let now = after.iter().find(|now| now.sequence == entry.sequence);
        assert_eq!(now, Some(entry), "{after:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_ends_sessions_on_the_air_and_leaves_nothing() {
    let (place, mut server) = two_channels().await;
    let viewer = Viewer::tune_in(&server, "1").await;
    viewer.watch_more(&mut Watched::default()).await;
    let transport = Player::start(&server.url("/stream/2.ts"), Limit::Seconds(600));
    transport.shows(10).await;
    assert!(!server.workers().await.is_empty());

    let second = crate::support::command(env!("CARGO_BIN_EXE_aerial"))
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(place.data())
        .output()
        .unwrap();
    let said = String::from_utf8(second.stderr).unwrap();
    assert_eq!(second.status.code(), Some(1), "{said}");
    let name = place.data().display().to_string();
    assert!(said.contains(&name) && said.contains("in use by another Aerial server"), "{said}");
    assert!(said.contains(&format!("process {}", server.pid().await)), "{said}");

    let since = tokio::time::Instant::from_std(std_now());
    assert_eq!(server.stop().await.code(), Some(0));
    assert!(since.elapsed() < std::time::Duration::from_secs(10), "{:?}", since.elapsed());
    let media = place.media().display().to_string();
    assert!(named(&media).is_empty(), "{:?}\n{}", named(&media), server.log());
    let parts = crate::support::command("find")
        .arg(place.data())
        .args(["-name", "*.part"])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(parts.stdout).unwrap(), "");
}

#[allow(clippy::disallowed_methods, reason = "the test measures another process, in real time")]
fn std_now() -> std::time::Instant {
    std::time::Instant::now()
}
