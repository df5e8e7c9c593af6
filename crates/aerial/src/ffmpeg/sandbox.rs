//! The sandbox around FFmpeg: Landlock for files and TCP, seccomp for other sockets.
//!
//! Owns what may be read on every system, and the step into the sandbox. Linux alone;
//! elsewhere there is none, and it says so. Invariant: what a process was not given is
//! closed to it (files, networks, the memory of others, their signals), and a part that
//! the kernel lacks is named and takes no other part with it.

pub mod trial;

#[cfg(target_os = "linux")]
mod calls;
#[cfg(target_os = "linux")]
mod files;

use std::path::Path;

use super::confinement::Confinement;

/// Steps in; what is lacking, in words.
#[cfg(target_os = "linux")]
pub(super) fn enter(confinement: &Confinement, program: &Path) -> Vec<String> {
    let mut lacks = Vec::new();
    // Without it neither of the two is allowed to those who are not root.
    if let Err(error) = rustix::thread::set_no_new_privs(true) {
        lacks.push(format!("new privileges: {error}"));
    }
    if let Err(reason) = files::restrict(confinement, program) {
        lacks.push(format!("Landlock: {reason}"));
    }
    if let Err(reason) = calls::restrict(confinement.devices) {
        lacks.push(format!("seccomp: {reason}"));
    }
    lacks
}

/// There is none.
#[cfg(not(target_os = "linux"))]
pub(super) fn enter(_: &Confinement, _: &Path) -> Vec<String> {
    vec!["there is a sandbox on Linux alone".to_owned()]
}
