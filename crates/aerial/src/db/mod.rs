//! The catalogue: everything that must outlive the server, in one database.
//!
//! Owns the schema, the connections, and all SQL. Does not decide what is
//! stored: the planner does, and people do. Nothing outside sees the database
//! library's types, so that PostgreSQL can stand behind this module one day.
//!
//! Invariant: every write is a transaction of the one writer, begun as
//! `BEGIN IMMEDIATE`; readers never wait for it (WAL). `synchronous=NORMAL`
//! keeps every committed transaction when the *process* is killed, which is what
//! is promised; when the power fails the last ones may be gone, but never half.

mod access;
mod as_run;
mod channels;
mod entity;
mod error;
mod folders;
mod jobs;
mod ledger;
mod lineups;
mod maps;
mod media;
mod media_found;
mod media_gone;
mod media_list;
mod media_store;
mod migration;
mod quarantine;
mod settings;
mod slates;
mod snapshot;
mod stored;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sea_orm::sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous,
};
use sea_orm::sqlx::{self, ConnectOptions, Connection};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, QueryResult,
    SqliteTransactionMode, SqlxSqliteConnector, Statement, TransactionOptions, TransactionTrait,
};
use sea_orm_migration::MigratorTrait;

pub use access::{Account, AccountId, SecretHash, SignIn, SignInId, Token, TokenId, TokenKind};
pub use as_run::{AiredEnd, AsRun, AsRunFault, AsRunId, AsRunNames, AsRunQuery, SlateSpan};
pub use error::{Cause, DbError};
pub use folders::Folder;
pub use jobs::{Job, JobId, JobState};
pub use lineups::Playable;
pub use media::{About, Actor, Copying, Identity, Media, MediaEdits, MediaKind, MediaState};
pub use media_list::{
    MediaCounts, MediaFilter, MediaSort, MediaSums, OnShelf, Page, ShowSummary, StateFilter,
};
pub use media_store::{KnownFile, ScannedMedia, Upserted};
pub use settings::{ENDED_WELL, WRITES_TRIED};
pub use slates::SlateRange;
pub use snapshot::Inside;

use error::{Doing, Result};

/// How many queries may read at the same time.
const READERS: u32 = 4;
/// How long to wait for another process that writes, or for our own writer:
/// longer than any transaction of ours takes, the greatest scan batch included.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// What each connection keeps of the file: the system keeps it too, and a read from there
/// costs microseconds.
const PAGES_KIB: &str = "-512";
/// Prepared statements that each connection keeps: those that are asked all the time.
/// Lists of every length are statements of their own, and the longest take a megabyte.
const STATEMENTS_KEPT: usize = 24;

/// The open catalogue. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Db(Arc<Connections>);

#[derive(Debug)]
struct Connections {
    /// One connection: whoever writes waits for it.
    writer: DatabaseConnection,
    readers: DatabaseConnection,
}

impl Db {
    /// Opens the catalogue, makes it where there is none, checks it, and brings
    /// its schema up to date.
    pub async fn open(path: &Path) -> Result<Self> {
        let open_error = |source: Cause| DbError::Open { path: path.to_owned(), source };
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .pragma("cache_size", PAGES_KIB)
            .statement_cache_capacity(STATEMENTS_KEPT)
            // Errors say what was tried; a statement of 500 rows helps nobody.
            .disable_statement_logging();
        let writer = pool(1)
            .after_release(|connection, _| Box::pin(at_rest(connection)))
            .connect_with(options.clone())
            .await
            .map_err(|error| opening(path, error.to_string(), error.into()))?;
        let writer = SqlxSqliteConnector::from_sqlx_sqlite_pool(writer);
        check(&writer, path).await?;
        migrate(&writer, path).await?;
        let readers = pool(READERS)
            .connect_with(options.pragma("query_only", "ON"))
            .await
            .map_err(|error| open_error(error.into()))?;
        let readers = SqlxSqliteConnector::from_sqlx_sqlite_pool(readers);
        Ok(Self(Arc::new(Connections { writer, readers })))
    }

    /// Whether a catalogue has an account, without changing it; `None`: it cannot be told.
    pub async fn has_account(path: &Path) -> Option<bool> {
        let rows = peek(path, "SELECT COUNT(*) FROM accounts").await?;
        Some(rows.first()?.try_get_by_index::<i64>(0).ok()? > 0)
    }

    /// The folders of a catalogue, without changing it; `None`: they cannot be told.
    pub async fn folders_of(path: &Path) -> Option<Vec<PathBuf>> {
        let rows = peek(path, "SELECT path FROM folders ORDER BY id").await?;
        let folder = |row: &QueryResult| row.try_get_by_index(0).ok().map(stored::path);
        rows.iter().map(folder).collect()
    }

    /// Begins a transaction of the one writer, waiting for whoever writes. What
    /// is not committed is rolled back when it is dropped.
    pub async fn write(&self) -> Result<Write> {
        begin(&self.0.writer).await.map(Write).doing("begin a transaction")
    }

    /// Ends all connections, after folding the write-ahead log into the file.
    pub async fn close(self) -> Result<()> {
        self.0.readers.close_by_ref().await.doing("close")?;
        self.0
            .writer
            .execute_unprepared("PRAGMA wal_checkpoint(TRUNCATE)")
            .await
            .doing("fold its log into its file")?;
        self.0.writer.close_by_ref().await.doing("close")
    }

    fn reader(&self) -> &DatabaseConnection {
        &self.0.readers
    }
}

/// A transaction that writes.
#[must_use = "what is not committed is rolled back"]
#[derive(Debug)]
pub struct Write(DatabaseTransaction);

impl Write {
    /// Makes it last.
    pub async fn commit(self) -> Result<()> {
        self.0.commit().await.doing("commit a transaction")
    }
}

fn pool(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .min_connections(1)
        .max_connections(connections)
        .acquire_timeout(BUSY_TIMEOUT * 2)
        .max_lifetime(None)
        .idle_timeout(None)
}

/// Whether the writer is done with its transaction; else it is closed, and opened anew.
///
/// On a full disk SQLite rolls back by itself, which `sqlx` does not learn of: it counts one
/// transaction for ever, makes each of the following a savepoint within it, and at the next
/// fault leaves one open. From then on all that was "committed" was seen by nobody else, and
/// lost with the connection.
async fn at_rest(connection: &mut SqliteConnection) -> std::result::Result<bool, sqlx::Error> {
    // Answered behind the rollback of a transaction that was dropped.
    connection.ping().await?;
    let at_rest = !connection.is_in_transaction();
    if !at_rest {
        tracing::warn!("a write failed half-way: the catalogue is opened anew");
    }
    Ok(at_rest)
}

async fn begin(writer: &DatabaseConnection) -> std::result::Result<DatabaseTransaction, DbErr> {
    let options = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    writer.begin_with_options(options).await
}

/// `SQLITE_CORRUPT` and `SQLITE_NOTADB` mean a damaged file, whoever meets them.
fn opening(path: &Path, detail: String, source: Cause) -> DbError {
    let damaged = ["malformed", "not a database", "disk image"];
    let path: PathBuf = path.to_owned();
    if damaged.iter().any(|sign| detail.contains(sign)) {
        DbError::Damaged { path, detail }
    } else {
        DbError::Open { path, source }
    }
}

async fn check(writer: &DatabaseConnection, path: &Path) -> Result<()> {
    let statement = Statement::from_string(DbBackend::Sqlite, "PRAGMA quick_check(1)");
    let verdict = writer
        .query_one_raw(statement)
        .await
        .and_then(|row| row.map(|row| row.try_get_by_index::<String>(0)).transpose())
        .map_err(|error| opening(path, error.to_string(), error.into()))?;
    match verdict {
        Some(text) if text == "ok" => Ok(()),
        other => Err(DbError::Damaged {
            path: path.to_owned(),
            detail: other.unwrap_or_else(|| "the check gave no answer".to_owned()),
        }),
    }
}

/// What a query finds in a catalogue that is not opened for good: no lock is taken, nothing made.
async fn peek(path: &Path, query: &'static str) -> Option<Vec<QueryResult>> {
    let options = SqliteConnectOptions::new().filename(path).read_only(true);
    let reader = SqlitePoolOptions::new().max_connections(1).connect_with(options).await;
    let reader = SqlxSqliteConnector::from_sqlx_sqlite_pool(reader.ok()?);
    let rows = reader.query_all_raw(Statement::from_string(DbBackend::Sqlite, query)).await;
    let _ = reader.close().await;
    rows.ok()
}

async fn migrate(writer: &DatabaseConnection, path: &Path) -> Result<()> {
    let known = Db::steps();
    let applied = migration::Migrator::get_migration_models(writer)
        .await
        .doing("read which steps its schema has taken")?;
    if let Some(newer) = applied.into_iter().find(|step| !known.contains(&step.version)) {
        return Err(DbError::Newer { path: path.to_owned(), step: newer.version });
    }
    // All steps or none: a half-made schema would be refused for ever.
    let transaction = begin(writer).await.doing("begin a transaction")?;
    migration::Migrator::up(&transaction, None).await.doing("bring its schema up to date")?;
    transaction.commit().await.doing("commit its new schema")
}
