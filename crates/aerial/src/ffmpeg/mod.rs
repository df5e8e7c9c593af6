//! FFmpeg as processes: how they are started, watched and ended.
//!
//! Owns every child process of the server. What they are told to do is decided
//! elsewhere (`aerial_model::command`). Invariant: no process outlives its
//! [`Child`] handle, and none outlives the server.

pub mod capacity;
mod child;
mod confined;
mod confinement;
pub mod devices;
pub mod discover;
pub mod encoders;
mod font;
mod invocation;
mod living;
mod sample;
pub mod sandbox;
pub mod selftest;
pub mod shim;
mod spawner;
mod stderr_tail;

pub use child::{Child, Ended, Exit, Urgency};
pub use discover::{DiscoverError, Ffmpeg};
pub use font::font;
pub(crate) use invocation::command;
pub use invocation::{Invocation, own_binary};
pub use spawner::{Output, RunError, RunLimits, SpawnError, Spawner};
pub use stderr_tail::StderrTail;
