//! What the stream part finds out about files, for the library to know.
//!
//! Owns the trait through which it tells. The stream part never touches the
//! database: what becomes of a finding is the library's. Invariant: telling never
//! holds up a stream, and a finding names the version of the bytes it is about.

use aerial_model::id::MediaId;
use aerial_model::segment_map::SegmentMap;
use aerial_model::time::Ticks;
use futures::FutureExt as _;
use futures::future::BoxFuture;

use crate::db::Identity;

/// Something that was found out about a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// It is not where it was.
    Missing {
        /// Which media.
        media: MediaId,
    },
    /// It is another one now: it must be read again.
    Replaced {
        /// Which media.
        media: MediaId,
    },
    /// It cannot be played: it is to be put aside.
    Bad {
        /// Which media.
        media: MediaId,
        /// Which version of its bytes.
        identity: Identity,
        /// Why, for people.
        reason: String,
    },
    /// It was remuxed, and this is how long it really is.
    Remuxed {
        /// Which media.
        media: MediaId,
        /// Which version of its bytes.
        identity: Identity,
        /// How long it plays.
        length: Ticks,
        /// Its cut points.
        map: SegmentMap,
    },
}

/// Whoever must know.
pub trait Findings: std::fmt::Debug + Send + Sync + 'static {
    /// Takes note of a finding.
    fn tell(&self, finding: Finding) -> BoxFuture<'_, ()>;
}

/// Nobody wants to know.
impl Findings for () {
    fn tell(&self, _: Finding) -> BoxFuture<'_, ()> {
        futures::future::ready(()).boxed()
    }
}
