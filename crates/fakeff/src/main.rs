//! A scripted stand-in for `ffmpeg` and `ffprobe`, for tests of faults.
//!
//! It does what a script says: write, stall, flood stderr, crash, ignore
//! SIGTERM, or relay the real program and break off in the middle. The script is
//! the file named by `FAKEFF_SCRIPT`, else the one beside the program with
//! `.json` added to its name: a copy of this program as `dir/ffmpeg` follows
//! `dir/ffmpeg.json`, also where the environment is cleared. See [`script`] for
//! what can be in it.
//!
//! Exit codes are those of the script; 64 means that the script is wrong.

mod act;
mod script;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use script::Script;

/// Exit code for a wrong script: one that neither FFmpeg nor a test uses.
const WRONG_SCRIPT: u8 = 64;

fn main() -> ExitCode {
    let mut args = std::env::args_os();
    let program = args.next().unwrap_or_else(|| "fakeff".into());
    let args: Vec<OsString> = args.collect();
    let path = match std::env::var_os("FAKEFF_SCRIPT") {
        Some(path) => PathBuf::from(path),
        None => {
            let mut path = program;
            path.push(".json");
            PathBuf::from(path)
        }
    };
    match Script::read(&path).and_then(|script| script.choose(&args)) {
        Ok(steps) => act::perform(&steps, &args),
        Err(error) => {
            eprintln!("fakeff: {}: {error}", path.display());
            ExitCode::from(WRONG_SCRIPT)
        }
    }
}
