//! `aerial channel`, and lists that go from one machine to another.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so best by a panic")]

mod cli_support;

use cli_support::{Home, copy};
use serde_json::{Value, json};

/// A library with a show and two films, and a channel of all of them.
fn furnished() -> Home {
    let home = Home::new();
    home.clip("Films/One (1999).mkv");
    home.clip("Films/Two (2000).mkv");
    home.clip("Shows/Robots/Robots S01E01.mkv");
    home.clip("Shows/Robots/Robots S01E02.mkv");
    assert_eq!(home.scan().code, Some(0));
    let one = home.videos.join("Films/One (1999).mkv");
    let two = home.videos.join("Films/Two (2000).mkv");
    let items = ["--item", two.to_str().unwrap(), "--item", one.to_str().unwrap()];
    let add = [&["channel", "add", "Mixed", "--number", "5.1", "--show", "Robots"], &items[..]];
    let added = home.aerial(&add.concat());
    assert_eq!((added.code, added.stdout.as_str()), (Some(0), "5.1 Mixed\n"), "{added:?}");
    home
}

/// What a home exports.
fn exported(home: &Home) -> Value {
    let end = home.aerial(&["channel", "export"]);
    assert_eq!(end.code, Some(0), "{end:?}");
    serde_json::from_str(&end.stdout).unwrap()
}

/// Another machine: the same files elsewhere, its own catalogue.
fn moved(home: &Home) -> Home {
    let other = Home::new();
    copy(&home.videos.join("Films"), &other.videos.join("All my films"));
    copy(&home.videos.join("Shows"), &other.videos.join("Shows"));
    other
}

#[test]
fn a_list_is_read_by_people_and_names_files_by_place_and_bytes() {
    let home = furnished();
    let list = exported(&home);
    let items = list["channels"][0]["items"].as_array().unwrap();
    assert_eq!(items[0], json!({ "show": "Robots" }));
    assert_eq!(items[1]["path"], "Films/Two (2000).mkv");
    assert_eq!(items[1]["title"], "Two");
    assert_eq!(items[1]["hash"].as_str().unwrap().len(), 64);
    assert!(items[1]["size_bytes"].as_u64().unwrap() > 0);
    let listed = home.aerial(&["channel", "list"]);
    assert_eq!(listed.stdout, "    5.1  Mixed  sequential\n");
}

#[test]
fn another_machine_with_the_same_files_in_other_places_takes_a_list() {
    let home = furnished();
    let other = moved(&home);
    assert_eq!(other.scan().code, Some(0));
    let file = other.write("channels.json", &exported(&home).to_string());
    let imported = other.aerial(&["channel", "import", &file]);
    assert_eq!((imported.code, imported.stdout.as_str()), (Some(0), "added 5.1\n"), "{imported:?}");
    let there = exported(&other);
    let (ours, theirs) = (&exported(&home)["channels"][0], &there["channels"][0]);
    assert_eq!(theirs["items"][1]["path"], "All my films/Two (2000).mkv");
    for (one, other) in [(1, 1), (2, 2)] {
        assert_eq!(ours["items"][one]["hash"], theirs["items"][other]["hash"]);
    }
    for setting in
        ["number", "name", "logo", "group", "loop", "order", "ladder", "grace_ms", "catchup_days"]
    {
        assert_eq!(ours[setting], theirs[setting], "{setting}");
    }
    // Once more, and nothing changes.
    let again = other.aerial(&["channel", "import", &file]);
    assert_eq!(again.stdout, "changed 5.1\n");
    assert_eq!(exported(&other), there);
}

#[test]
fn what_the_library_does_not_have_is_named_and_left_out_only_if_asked() {
    let home = furnished();
    let other = moved(&home);
    std::fs::remove_file(other.videos.join("All my films/One (1999).mkv")).unwrap();
    std::fs::remove_dir_all(other.videos.join("Shows")).unwrap();
    assert_eq!(other.scan().code, Some(0));
    let file = other.write("channels.json", &exported(&home).to_string());
    let refused = other.aerial(&["channel", "import", &file]);
    assert_eq!(refused.code, Some(1));
    for missing in ["the show `Robots`", "`Films/One (1999).mkv`", "--partly"] {
        assert!(refused.stderr.contains(missing), "{refused:?}");
    }
    assert_eq!(exported(&other)["channels"], json!([]));

    let partly = other.aerial(&["channel", "import", &file, "--partly"]);
    assert_eq!(partly.code, Some(0), "{partly:?}");
    let lines: Vec<&str> = partly.stdout.lines().collect();
    assert_eq!(
        lines,
        [
            "added 5.1",
            "  left out: the library does not have the show `Robots`",
            "  left out: the library does not have `Films/One (1999).mkv`",
        ]
    );
    let list = exported(&other);
    assert_eq!(list["channels"][0]["items"].as_array().unwrap().len(), 1);
    // The list is still whole: when the files are there, it is read again.
    copy(&home.videos, &other.videos);
    assert_eq!(other.scan().code, Some(0));
    assert_eq!(other.aerial(&["channel", "import", &file]).stdout, "changed 5.1\n");
    assert_eq!(exported(&other)["channels"][0]["items"].as_array().unwrap().len(), 3);
}

/// Also where no server runs, there and here.
#[test]
fn an_uploaded_logo_goes_along_as_a_picture() {
    let home = furnished();
    let mut list = exported(&home);
    let picture = "data:image/png;base64,iVBORw0KGgpsb2dv";
    list["channels"][0]["logo"] = picture.into();
    let file = home.write("channels.json", &list.to_string());
    assert_eq!(home.aerial(&["channel", "import", &file]).stdout, "changed 5.1\n");
    let logos: Vec<_> = std::fs::read_dir(home.data.join("artwork/logos")).unwrap().collect();
    assert_eq!(logos.len(), 1);
    assert_eq!(exported(&home)["channels"][0]["logo"], picture);
}

#[test]
fn a_replaced_file_is_found_by_its_place() {
    let home = furnished();
    let list = exported(&home).to_string();
    std::fs::remove_file(home.videos.join("Films/One (1999).mkv")).unwrap();
    home.clip("Films/One (1999).avi");
    std::fs::rename(
        home.videos.join("Films/One (1999).avi"),
        home.videos.join("Films/One (1999).mkv"),
    )
    .unwrap();
    assert_eq!(home.scan().code, Some(0));
    let file = home.write("channels.json", &list);
    let imported = home.aerial(&["channel", "import", &file]);
    assert_eq!((imported.code, imported.stdout.as_str()), (Some(0), "changed 5.1\n"));
}

#[test]
fn renamed_files_are_found_by_their_bytes_and_missing_ones_are_told_by_name() {
    let home = furnished();
    let list = exported(&home);
    let other = Home::new();
    copy(&home.videos.join("Shows"), &other.videos.join("Series"));
    std::fs::copy(home.videos.join("Films/Two (2000).mkv"), other.videos.join("II.mkv")).unwrap();
    // One of the same name that is another film altogether.
    other.clip("Two (2000).mkv");
    assert_eq!(other.scan().code, Some(0));
    let file = other.write("channels.json", &list.to_string());
    let refused = other.aerial(&["channel", "import", &file]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("`Films/One (1999).mkv`"), "{refused:?}");
    assert!(!refused.stderr.contains("Two"), "{refused:?}");
    assert_eq!(exported(&other)["channels"], json!([]), "nothing was changed");

    std::fs::copy(home.videos.join("Films/One (1999).mkv"), other.videos.join("I.mkv")).unwrap();
    assert_eq!(other.scan().code, Some(0));
    let imported = other.aerial(&["channel", "import", &file]);
    assert_eq!(imported.stdout, "added 5.1\n", "{imported:?}");
    let (ours, theirs) = (&list["channels"][0]["items"], exported(&other));
    let theirs = &theirs["channels"][0]["items"];
    assert_eq!((&theirs[1]["path"], &theirs[2]["path"]), (&json!("II.mkv"), &json!("I.mkv")));
    for item in [1, 2] {
        assert_eq!(ours[item]["hash"], theirs[item]["hash"]);
    }
}

#[test]
fn a_list_that_is_none_is_refused_with_its_place() {
    let home = Home::new();
    for (text, fault) in [
        ("{", "EOF while parsing"),
        ("{}", "it has no `channels`"),
        (r#"{"channels": [{"name": "a"}]}"#, "channels[0].number: must be given"),
        (
            r#"{"channels": [{"number": "1", "name": "a", "items": [{"pth": "x"}]}]}"#,
            "channels[0].items[0].pth: unknown field",
        ),
        (
            r#"{"channels": [{"number": "1", "name": "a", "items": [{"title": "x"}]}]}"#,
            "channels[0].items[0]: has neither `path`",
        ),
        (r#"{"channels": [{"number": "0", "name": "a"}]}"#, "channels[0].number: "),
        (
            r#"{"channels": [{"number": "1", "name": "a", "colour": "x"}]}"#,
            "channels[0].colour: unknown field",
        ),
    ] {
        let file = home.write("list.json", text);
        let end = home.aerial(&["channel", "import", &file]);
        assert_eq!(end.code, Some(1), "{end:?}");
        assert!(end.stderr.contains(fault), "{fault}: {end:?}");
    }
    let end = home.aerial(&["channel", "import", "/no/such/list.json"]);
    assert_eq!(end.code, Some(1));
    assert!(end.stderr.contains("cannot read `/no/such/list.json`"), "{end:?}");
}

#[test]
fn a_server_that_runs_is_asked() {
    let home = furnished();
    let server = home.serve();
    let at = ["--listen", server.address.as_str()];
    let added = home.aerial(&[&["channel", "add", "News"], &at[..]].concat());
    assert_eq!((added.code, added.stdout.as_str()), (Some(0), "1 News\n"), "{added:?}");
    let listed = home.aerial(&[&["channel", "list"], &at[..]].concat());
    assert_eq!(listed.stdout.lines().count(), 2, "{listed:?}");
}
