//! `aerial scan`, here and at a server.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so best by a panic")]

mod cli_support;

use cli_support::Home;

#[test]
fn a_scan_says_what_there_is_and_what_cannot_be_played() {
    let home = Home::new();
    home.clip("Film (1999).mkv");
    home.clip("Show/Show S01E01.mp4");
    let broken = home.write("notes.mkv", "no video at all");
    let first = home.scan();
    assert_eq!(first.code, Some(0), "{first:?}");
    assert!(
        first.stdout.starts_with("3 videos, 3 read, 1 of these cannot be played\n"),
        "{first:?}"
    );
    assert!(first.stdout.contains(&format!("{broken} cannot be played: ")), "{first:?}");
    assert_eq!(first.stderr, "");

    // The folder is part of the library from then on, and nothing is read twice.
    std::fs::remove_file(home.videos.join("Film (1999).mkv")).unwrap();
    let second = home.aerial(&["scan"]);
    assert_eq!((second.code, second.stdout.as_str()), (Some(0), "2 videos, 0 read, 1 gone\n"));
}

#[test]
fn a_scan_without_a_folder_or_of_one_that_is_away_fails() {
    let home = Home::new();
    let nothing = home.aerial(&["scan"]);
    assert_eq!(nothing.code, Some(1));
    assert!(nothing.stderr.contains("--media DIR"), "{nothing:?}");
    let unknown = home.aerial(&["scan", "--media", "/no/such/folder"]);
    assert_eq!(unknown.code, Some(1));
    assert!(unknown.stderr.contains("/no/such/folder"), "{unknown:?}");

    home.clip("a.mkv");
    assert_eq!(home.scan().code, Some(0));
    std::fs::rename(&home.videos, home.dir.path().join("elsewhere")).unwrap();
    let away = home.aerial(&["scan"]);
    assert_eq!(away.code, Some(1), "{away:?}");
    assert!(away.stderr.contains("1 of the library's folders cannot be read"), "{away:?}");
    assert!(away.stdout.contains(home.videos.to_str().unwrap()), "{away:?}");
}

#[test]
fn where_a_server_runs_it_is_the_one_that_scans() {
    let home = Home::new();
    let server = home.serve();
    home.clip("a.mkv");
    let videos = home.videos.to_str().unwrap();
    let end = home.aerial(&["scan", "--media", videos, "--listen", &server.address]);
    assert_eq!(end.code, Some(0), "{end:?}");
    assert!(end.stdout.starts_with("1 videos, "), "{end:?}");
    // Not to be found, it is said that there is one, and what to do.
    let lost = home.aerial(&["scan", "--listen", "127.0.0.1:1"]);
    assert_eq!(lost.code, Some(1));
    let named = format!("a server (process {}) uses the data folder", server.pid());
    assert!(lost.stderr.contains(&named), "{lost:?}");
    assert!(lost.stderr.contains("--listen"), "{lost:?}");
    drop(server);
    assert_eq!(home.aerial(&["scan"]).stdout, "1 videos, 0 read\n");
}
