//! The settings file.

use std::cell::RefCell;

use aerial::config::{Flags, Settings};
use tempfile::TempDir;

use crate::Target;

pub(crate) const TARGET: Target = Target {
    name: "config",
    run,
    seeds,
    words: &[
        "[server]\n",
        "[access]\n",
        "[library]\n",
        "[stream]\n",
        "[store]\n",
        "[ffmpeg]\n",
        "[log]\n",
        "[discovery]\n",
        "[slates]\n",
        "[history]\n",
        "listen = ",
        "grace = ",
        "limit = ",
        "folders = ",
        "ladder = ",
        "encodes = ",
        "filter = ",
        "rescan = ",
        "local_networks = ",
        "public_url = ",
        "\"127.0.0.1:0\"",
        "\"5s\"",
        "\"1GiB\"",
        "\"source\"",
        "\"auto\"",
        "true",
        "[[",
        "]]",
        "{",
        "}",
        "'''",
        "\"\"\"",
        "1979-05-27T07:32:00Z",
        "99999999999999d",
        "18446744073709551615TiB",
        "nan",
    ],
};

thread_local! {
    static FOLDER: RefCell<Option<TempDir>> = const { RefCell::new(None) };
}

fn run(input: &[u8]) {
    FOLDER.with_borrow_mut(|folder| {
        let folder = folder.get_or_insert_with(|| tempfile::tempdir().unwrap());
        let path = folder.path().join("aerial.toml");
        std::fs::write(&path, input).unwrap();
        let flags = Flags { config: Some(path.clone()), ..Flags::default() };
        match Settings::load(&flags, []) {
            Ok(settings) => {
                // What was read is written so that the same is read again.
                let text = toml::to_string(&settings).unwrap();
                std::fs::write(&path, &text).unwrap();
                let again = Settings::load(&flags, []);
                assert_eq!(again.as_ref().ok(), Some(&settings), "{again:?} of\n{text}");
            }
            Err(error) => {
                let told = error.to_string();
                assert!(told.contains("aerial.toml"), "{told:?} does not name the file");
            }
        }
    });
    // A variable is the way of whoever has no file.
    if let Ok(text) = std::str::from_utf8(input) {
        for name in ["AERIAL_STREAM_GRACE", "AERIAL_STORE_LIMIT", "AERIAL_STREAM_LADDER"] {
            let _ = Settings::load(&Flags::default(), [(name.into(), text.into())]);
        }
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let defaults = toml::to_string(&Settings::default()).unwrap();
    let some = "# mine\n[server]\nlisten = \"0.0.0.0:8400\"\npublic_url = \"https://tv.example.org/a\"\n\
        \n[stream]\ngrace = \"45s\"\nencodes = 3\nladder = [\"source\", \"720p\"]\n\n[access]\n\
        local_networks = [\"10.0.0.0/8\", \"fd00::/8\"]\n\n[library]\nfolders = [\"/films\"]\n";
    vec![
        defaults.into_bytes(),
        some.as_bytes().to_vec(),
        b"5s".to_vec(),
        b"source,720p".to_vec(),
        Vec::new(),
    ]
}
