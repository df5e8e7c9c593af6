//! Who watches something again, and the name of one viewing.
//!
//! Invariant: the same viewer, subject and rendition have the same name.

use std::net::IpAddr;

use aerial_model::profile::Rendition;
use uuid::Uuid;

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Viewer {
    /// By the id that its list has given it.
    Named(String),
    /// Without one: by its address and program.
    Anonymous(IpAddr, String),
}

/// Who watches what, in which rendition.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct ViewingName {
    pub(super) subject: Uuid,
    pub(super) rendition: Rendition,
    pub(super) viewer: Viewer,
}
