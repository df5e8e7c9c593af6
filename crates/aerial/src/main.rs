//! The `aerial` program.

use std::process::ExitCode;

use aerial::ffmpeg::shim;

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    if args.next().is_some_and(|first| first == shim::ARGUMENT) {
        return shim::run(args);
    }
    ExitCode::from(2)
}
