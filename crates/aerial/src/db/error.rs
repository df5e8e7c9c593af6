//! What can go wrong with the catalogue, in the words of whoever must mend it.

use std::path::PathBuf;

use aerial_model::id::{ChannelId, ChannelNumber, MediaId};

/// A fault of the database driver, kept behind this module.
pub type Cause = Box<dyn std::error::Error + Send + Sync + 'static>;

/// What can go wrong with the catalogue.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// The file cannot be opened or made.
    #[error(
        "the catalogue `{path}` cannot be opened: {source}; check the rights of its folder and the space on its disk"
    )]
    Open {
        /// The database file.
        path: PathBuf,
        /// Why.
        source: Cause,
    },
    /// The file is damaged.
    #[error(
        "the catalogue `{path}` is damaged ({detail}); put a copy of it in its place, \
         or move it away to begin with an empty one (channels are then made anew)"
    )]
    Damaged {
        /// The database file.
        path: PathBuf,
        /// What the check said.
        detail: String,
    },
    /// A newer program wrote the file.
    #[error(
        "the catalogue `{path}` was written by a newer Aerial (its schema has `{step}`, which \
         this version does not know); start that version again, or put an older copy in its place"
    )]
    Newer {
        /// The database file.
        path: PathBuf,
        /// The first step that this program does not know.
        step: String,
    },
    /// A query failed.
    #[error("the catalogue could not {doing}: {source}")]
    Query {
        /// What was tried, such as `read media`.
        doing: &'static str,
        /// Why.
        source: Cause,
    },
    /// A stored value cannot be read.
    #[error("the catalogue holds a {what} that cannot be read ({value}): {source}")]
    Unreadable {
        /// What it should be.
        what: &'static str,
        /// The beginning of what is there.
        value: String,
        /// Why.
        source: Cause,
    },
    /// Another channel has this number.
    #[error("channel number {0} is taken")]
    NumberTaken(ChannelNumber),
    /// This folder is in the library already.
    #[error("the folder `{0}` is in the library already")]
    FolderKnown(PathBuf),
    /// A lineup names a media that the library does not have.
    #[error("the library has no media {0}")]
    UnknownMedia(MediaId),
    /// Somebody else committed this row first; read the tail again.
    #[error("ledger row {ordinal} of channel {channel} was committed by another writer")]
    LedgerConflict {
        /// The channel.
        channel: ChannelId,
        /// The ordinal that was taken.
        ordinal: u64,
    },
    /// A cursor that did not come from a list.
    #[error("`{0}` is no cursor of this list; take the one that the last page gave as `next`")]
    BadCursor(String),
}

pub(super) type Result<T> = std::result::Result<T, DbError>;

/// Says what was being done when the driver failed.
pub(super) trait Doing<T> {
    fn doing(self, what: &'static str) -> Result<T>;
}

impl<T> Doing<T> for std::result::Result<T, sea_orm::DbErr> {
    fn doing(self, what: &'static str) -> Result<T> {
        self.map_err(|source| DbError::Query { doing: what, source: source.into() })
    }
}

pub(super) fn is_unique_violation(error: &sea_orm::DbErr) -> bool {
    matches!(error.sql_err(), Some(sea_orm::SqlErr::UniqueConstraintViolation(_)))
}
