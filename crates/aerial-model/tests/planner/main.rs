//! Property tests of the planner, the ledger and the guide, against a second,
//! naive planner.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

mod calendar;
mod history;
mod naive;
mod plan;
mod replay;
mod world;
