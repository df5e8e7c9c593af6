//! `aerial backup` and `aerial restore`.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so best by a panic")]

mod cli_support;

use std::path::Path;

use cli_support::Home;

/// A library with two films, and a channel of one of them.
fn furnished() -> Home {
    let home = Home::new();
    home.clip("One (1999).mkv");
    home.clip("Two (2000).mkv");
    assert_eq!(home.scan().code, Some(0));
    let one = home.videos.join("One (1999).mkv");
    let added = home.aerial(&["channel", "add", "Films", "--item", one.to_str().unwrap()]);
    assert_eq!(added.code, Some(0), "{added:?}");
    home
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_backup_made_while_a_server_runs_is_restored_on_an_empty_machine() {
    let home = furnished();
    let file = home.dir.path().join("b.tar.gz");
    let server = home.serve();
    let made = home.aerial(&["backup", text(&file)]);
    assert_eq!(made.code, Some(0), "{made:?}");
    assert!(made.stdout.contains("1 channel, 2 files"), "{made:?}");
    let refused = home.aerial(&["restore", text(&file), "--force"]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("in use by another Aerial server"), "{refused:?}");
    drop(server);
    let exported = home.aerial(&["channel", "export"]).stdout;

    let other = Home::new();
    let checked = other.aerial(&["restore", text(&file), "--check"]);
    assert_eq!(checked.code, Some(0), "{checked:?}");
    assert!(checked.stdout.contains("is whole (made 20"), "{checked:?}");
    assert!(!other.data.exists(), "only looked at");
    let restored = other.aerial(&["restore", text(&file)]);
    assert_eq!(restored.code, Some(0), "{restored:?}");
    assert!(restored.stdout.contains("1 channel, 2 files"), "{restored:?}");
    assert!(restored.stdout.contains("tokens are those of the backup"), "{restored:?}");
    assert_eq!(other.aerial(&["channel", "export"]).stdout, exported);
    // Once more: that folder has something to lose now.
    let refused = other.aerial(&["restore", text(&file)]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("--force"), "{refused:?}");
    let forced = other.aerial(&["restore", text(&file), "--force"]);
    assert_eq!(forced.code, Some(0), "{forced:?}");
    let aside = forced.stdout.lines().find_map(|line| line.strip_prefix("What was there is in "));
    assert!(Path::new(aside.unwrap()).join("catalogue.sqlite").is_file());
}

#[test]
fn without_a_name_it_goes_where_the_server_keeps_its_own() {
    let home = furnished();
    let made = home.aerial(&["backup"]);
    assert_eq!(made.code, Some(0), "{made:?}");
    let path = made.stdout.split(" (").next().unwrap();
    assert!(Path::new(path).starts_with(home.data.join("backups")), "{made:?}");
    assert!(path.ends_with("-by-hand.tar.gz"), "{made:?}");
    let into = home.aerial(&["backup", text(home.dir.path())]);
    assert!(into.stdout.starts_with(text(home.dir.path())), "{into:?}");
}

#[test]
fn what_is_wrong_is_told_with_what_to_do() {
    let home = Home::new();
    for (args, said) in [
        (&["backup"][..], "nothing to back up"),
        (&["restore", "/no/such/file"], "cannot read `/no/such/file`"),
        (&["restore", "/etc/passwd"], "`/etc/passwd` is no backup of Aerial"),
        (&["restore", "/etc/passwd", "--check"], "`/etc/passwd` is no backup of Aerial"),
    ] {
        let end = home.aerial(args);
        assert_eq!(end.code, Some(1), "{end:?}");
        assert!(end.stderr.contains(said), "{end:?}");
        assert_eq!(end.stderr.lines().count(), 1, "{end:?}");
    }
    assert_eq!(home.aerial(&["restore"]).code, Some(2));
    assert_eq!(home.aerial(&["restore", "x", "--check", "--force"]).code, Some(2));
    assert!(!home.data.exists(), "nothing was begun");
}
