//! What the packages say of the program is true of it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so best by a panic")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use aerial::config::list::SETTINGS;
use aerial::data_dir::{DataDir, KEPT};
use aerial::db::Db;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn text(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The words of a text that begin so.
fn words(text: &str, begin: &str) -> BTreeSet<String> {
    let is_end = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
    let found = text.match_indices(begin).filter_map(|(at, _)| text[at..].split(is_end).next());
    found.map(str::to_owned).collect()
}

#[test]
fn every_variable_that_is_named_is_a_setting() {
    let known: BTreeSet<String> = SETTINGS
        .iter()
        .map(|setting| format!("AERIAL_{}_{}", setting.section, setting.key).to_uppercase())
        .chain(["AERIAL_CONFIG".to_owned(), "AERIAL_".to_owned()])
        .collect();
    let no_settings = ["AERIAL_SECTION_KEY", "AERIAL_SERVICE_", "AERIAL_PORT"];
    let mut seen = 0;
    for file in [
        "Dockerfile",
        "README.md",
        "compose.yaml",
        "docs/operating.md",
        "packaging/debian/default",
        "packaging/systemd/aerial.service",
    ] {
        let named: BTreeSet<String> = words(&text(file), "AERIAL_")
            .into_iter()
            // The one stands for any of them, the others are Kubernetes' own.
            .filter(|name| !no_settings.contains(&name.as_str()))
            .collect();
        let wrong: Vec<_> = named.difference(&known).collect();
        assert!(wrong.is_empty(), "{file} names {wrong:?}");
        seen += named.len();
    }
    assert!(seen > 8, "{seen}");
}

#[tokio::test]
async fn a_purge_knows_all_that_a_data_folder_holds() {
    let folder = tempfile::tempdir().unwrap();
    let data = DataDir::open(folder.path()).unwrap();
    let db = Db::open(&data.catalogue()).await.unwrap();
    let script = text("packaging/debian/postrm");
    let known: BTreeSet<&str> =
        script.split_whitespace().map(|word| word.trim_matches(';')).collect();
    let entries = std::fs::read_dir(data.root()).unwrap().map(|entry| entry.unwrap().file_name());
    let mut held: Vec<String> = entries.map(|name| name.into_string().unwrap()).collect();
    assert!(held.len() > 4, "{held:?}");
    let first = |path: &str| path.split('/').next().unwrap().to_owned();
    held.extend(KEPT.into_iter().chain(["restored"]).map(first));
    for name in &held {
        assert!(known.contains(name.as_str()), "postrm does not know {name} of {held:?}");
    }
    db.close().await.unwrap();
}

#[test]
fn the_package_lists_files_that_are_there() {
    let manifest: toml::Table = toml::from_str(&text("crates/aerial/Cargo.toml")).unwrap();
    let deb = manifest["package"]["metadata"]["deb"].as_table().unwrap();
    let mut seen = 0;
    for asset in deb["assets"].as_array().unwrap() {
        let source = asset[0].as_str().unwrap();
        // The rest is made by scripts/release; of `*` at least the folder is there.
        let path = source.split('*').next().unwrap();
        if !source.starts_with("target/") && !source.contains("/staged/") {
            assert!(root().join("crates/aerial").join(path).exists(), "{source}");
            seen += 1;
        }
    }
    assert!(seen > 5, "{seen}");
    for script in ["preinst", "postinst", "prerm", "postrm"] {
        assert!(text(&format!("packaging/debian/{script}")).starts_with("#!/bin/sh\n"), "{script}");
    }
}
