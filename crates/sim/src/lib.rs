//! The pure part of Aerial under a seeded random world.
//!
//! Owns a small world (`world`) in which the model's planner, ledger, guide,
//! playlists, sessions and demand work together as they do in the server, what
//! happens in it (`history`), what must hold (`invariant`), and how a failing
//! history is made short (`shrink`). Time is simulated: there is no clock, thread
//! or task. Invariant: a history always lives the same life, so a seed, or a
//! history's file, tells all of it.

pub mod generate;
pub mod history;
pub mod invariant;
pub mod random;
pub mod report;
pub mod shrink;
pub mod world;

mod library;
mod life;

pub use life::{Failure, live};
