//! Says which targets there are, writes their seeds to files, and tries an input again.
//!
//! `aerial-fuzz` lists the targets; `aerial-fuzz seeds FOLDER` writes the seeds of each
//! to a folder of its name in there; `aerial-fuzz TARGET FILE…` gives the target these
//! files' bytes, as when one was found.
#![allow(clippy::unwrap_used, reason = "to panic is how a target says what it found")]

use std::path::Path;
use std::process::ExitCode;

use aerial_fuzz::{Found, TARGETS, Target, target};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] => TARGETS.iter().for_each(|target| println!("{}", target.name)),
        ["seeds", folder] => TARGETS.iter().for_each(|target| seeds(target, Path::new(folder))),
        [name, files @ ..] if !files.is_empty() => {
            let Some(target) = target(name) else { return usage() };
            let failed = files.iter().filter(|file| fails(target, file)).count();
            return if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE };
        }
        _ => return usage(),
    }
    ExitCode::SUCCESS
}

fn usage() -> ExitCode {
    eprintln!("usage: aerial-fuzz | aerial-fuzz seeds FOLDER | aerial-fuzz TARGET FILE…");
    ExitCode::from(2)
}

fn seeds(target: &Target, folder: &Path) {
    let folder = folder.join(target.name);
    std::fs::create_dir_all(&folder).unwrap();
    for (n, seed) in (target.seeds)().iter().enumerate() {
        std::fs::write(folder.join(format!("seed-{n}")), seed).unwrap();
    }
}

fn fails(target: &Target, file: &str) -> bool {
    match target.try_on(&std::fs::read(file).unwrap()) {
        Ok(()) => println!("{file}: all is well"),
        Err(Found { what, .. }) => {
            println!("{file}: {what}");
            return true;
        }
    }
    false
}
