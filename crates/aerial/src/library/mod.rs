//! The library: folders of videos, and what is known of each file in them.
//!
//! Owns finding files, reading what they and their names say, scans as jobs,
//! and watching folders. What is found goes to the catalogue (`db`); what airs
//! is none of its business. Invariant: files are only ever read, and no scan
//! forgets a media because its file is away.
//!
//! The way of a scan: `jobs` takes the order; `scan` has `walk` list the
//! folder's videos and `describe` (`names`, `marks`, `nfo`) say what they are;
//! `compare` decides which must be opened; `identity` and `probe` read those;
//! all is stored in batches, and whoever listens is told.

mod beside;
pub mod compare;
pub mod describe;
mod findings;
pub mod identity;
mod jobs;
mod logo;
mod marks;
pub mod names;
pub mod nfo;
pub mod order;
pub mod outline;
mod place;
pub mod probe;
mod progress;
mod scan;
mod shelf;
pub mod thumbnail;
pub mod walk;
mod watch;
mod width;

pub use findings::FromTheAir;
pub use identity::{EndsRead, Stamp};
pub use jobs::{Library, LibraryClosed, LibraryTask, ScanRequest};
pub use logo::{LogoError, Logos, Uploads};
pub(crate) use place::Place;
pub use probe::{Ffprobe, ProbeFailure, Prober};
pub use progress::{Progress, ScanNote, ScanState};
pub use scan::{Listener, ScanError, Tools};
pub use shelf::{Named, Shelf};
pub use thumbnail::{ThumbnailError, Thumbnails};
pub use watch::{WatchTimes, Watched, Watcher, WatcherTask};
pub use width::{NoWidth, Width};
