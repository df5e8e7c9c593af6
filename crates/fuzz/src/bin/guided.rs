//! Lets libFuzzer choose the inputs of one target: it sees the code that they reach.
//!
//! `FUZZ_TARGET` names the target, since the command line is libFuzzer's own.
//! `scripts/fuzz` sets it, and gives the seeds as files.
#![no_main]
#![allow(clippy::unwrap_used, reason = "there is nobody to tell it but who started it")]

use std::sync::LazyLock;

use aerial_fuzz::{TARGETS, Target};
use libfuzzer_sys::fuzz_target;

static TARGET: LazyLock<&'static Target> = LazyLock::new(|| {
    let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
    let all: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
    let target = aerial_fuzz::target(&name);
    target.unwrap_or_else(|| panic!("{name:?} is no target; there are {}", all.join(", ")))
});

fuzz_target!(|input: &[u8]| (TARGET.run)(input));
