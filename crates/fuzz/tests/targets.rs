//! Seconds of each target: what is kept, the seeds, and what chance makes of them.
//!
//! `FUZZ_SECONDS` says for how long (2), `FUZZ_SEED` with which chance (1).
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so best by a panic")]

use std::time::Duration;

use aerial_fuzz::{Found, TARGETS, target};

fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().map_or(otherwise, |text| text.parse().unwrap())
}

fn hold(name: &str) {
    let target = target(name).unwrap();
    let seed = setting("FUZZ_SEED", 1);
    let length = Duration::from_secs(setting("FUZZ_SECONDS", 2));
    match target.fuzz(seed, length) {
        Ok(tried) => eprintln!("{name}: {tried} inputs"),
        Err(Found { input, what }) => {
            // Kept, so that it is tried before all others from now on.
            let folder = target.regressions();
            std::fs::create_dir_all(&folder).unwrap();
            let file = folder.join(format!("seed-{seed}"));
            std::fs::write(&file, &input).unwrap();
            let text: String = String::from_utf8_lossy(&input).chars().take(2_000).collect();
            panic!(
                "{name}: {what}\nby {} bytes, kept in {}: {text:?}",
                input.len(),
                file.display()
            );
        }
    }
}

macro_rules! targets {
    ($($test:ident: $name:literal;)*) => {
        $(
            #[test]
            fn $test() {
                hold($name);
            }
        )*

        #[test]
        fn every_target_is_tried() {
            let tried = [$($name),*];
            assert!(TARGETS.iter().all(|target| tried.contains(&target.name)));
            assert_eq!(TARGETS.len(), tried.len());
        }
    };
}

targets! {
    channels_that_are_imported: "import";
    datagrams_that_ask_for_a_tuner: "discovery";
    names_of_files: "names";
    nfo_files: "nfo";
    paths_and_queries: "query";
    the_output_of_ffmpeg: "mpegts";
    the_output_of_ffprobe: "probe";
    the_settings_file: "config";
}

#[test]
fn what_a_target_says_is_found() {
    let broken = aerial_fuzz::Target { run: |input| assert!(input.len() < 5), ..TARGETS[0] };
    let found = broken.fuzz(1, Duration::from_secs(20)).unwrap_err();
    assert!(found.input.len() >= 5 && found.what.contains("input.len() < 5"), "{}", found.what);
}
