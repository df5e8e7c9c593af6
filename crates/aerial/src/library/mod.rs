//! The library: folders of videos, and what is known of each file in them.

pub mod describe;
pub mod identity;
mod marks;
pub mod names;
pub mod nfo;
pub mod order;
pub mod walk;
