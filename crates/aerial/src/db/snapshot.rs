//! Copies of a catalogue, and what is in one: for backups.
//!
//! Owns how a catalogue is copied while it is written, how a copy is looked at, and what
//! of it is ended before it is kept.
//! Invariants: a copy is what one instant's catalogue was, whoever writes meanwhile, and
//! no writer waits for it; looking at a copy changes nothing in it.

use std::path::Path;

use sea_orm::sqlx::ConnectOptions;
use sea_orm::sqlx::sqlite::SqliteConnectOptions;
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbBackend, DbErr, QueryResult, SqlxSqliteConnector,
    Statement, Value,
};
use sea_orm_migration::MigratorTrait;

use super::as_run::AiredEnd;
use super::error::{Cause, DbError, Doing, Result};
use super::settings::ENDED_WELL;
use super::{BUSY_TIMEOUT, Db, migration, opening, pool};

/// What is in a catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inside {
    /// The steps that its schema has taken, oldest first.
    pub steps: Vec<String>,
    /// How many channels it has.
    pub channels: u64,
    /// How many media.
    pub media: u64,
}

impl Db {
    /// The steps of the schema that this program knows, oldest first.
    pub fn steps() -> Vec<String> {
        let all = migration::Migrator::migrations();
        all.iter().map(|step| step.name().to_owned()).collect()
    }

    /// The steps that the schema of a catalogue has taken, oldest first.
    pub async fn steps_taken(path: &Path) -> Result<Vec<String>> {
        let reader = existing(path).await?;
        let steps = migration::Migrator::get_migration_models(&reader).await;
        let closed = reader.close_by_ref().await;
        let steps = steps.doing("read which steps its schema has taken")?;
        closed.doing("close")?;
        Ok(steps.into_iter().map(|step| step.version).collect())
    }

    /// Copies the catalogue `from` to `to`, which must not be there, as it is at one
    /// instant; a server may go on writing to it.
    pub async fn copy(from: &Path, to: &Path) -> Result<()> {
        let source = existing(from).await?;
        let name = to.to_str().ok_or_else(|| DbError::Open {
            path: to.to_owned(),
            source: Cause::from("the path is no text"),
        })?;
        let copied = source
            .execute_raw(Statement::from_sql_and_values(
                DbBackend::Sqlite,
                "VACUUM INTO ?",
                [name.into()],
            ))
            .await;
        let closed = source.close_by_ref().await;
        copied.map_err(|error| opening(from, error.to_string(), error.into()))?;
        closed.doing("close")
    }

    /// Reads all of a catalogue that nobody writes to, and says what is in it. It fails
    /// where anything in it is damaged.
    pub async fn look_into(path: &Path) -> Result<Inside> {
        let reader = existing(path).await?;
        let inside = look_into(&reader, path).await;
        let closed = reader.close_by_ref().await;
        let inside = inside?;
        closed.doing("close")?;
        Ok(inside)
    }

    /// Ends in a copy what was going on when it was made: that the server of that time
    /// still ran, what was on the air, and who was signed in. A server that starts with it
    /// would otherwise take the first two for broken off, and say so, and let in browsers
    /// that were signed out since.
    pub async fn settle(path: &Path) -> Result<()> {
        let copy = existing(path).await?;
        let settled = settle(&copy).await;
        let closed = copy.close_by_ref().await;
        settled.doing("end in a copy what was going on")?;
        closed.doing("close")
    }
}

/// A connection to a catalogue that is there.
async fn existing(path: &Path) -> Result<DatabaseConnection> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .busy_timeout(BUSY_TIMEOUT)
        .disable_statement_logging();
    let pool = pool(1).connect_with(options).await;
    let pool = pool.map_err(|error| opening(path, error.to_string(), error.into()))?;
    Ok(SqlxSqliteConnector::from_sqlx_sqlite_pool(pool))
}

async fn settle(copy: &DatabaseConnection) -> std::result::Result<(), DbErr> {
    let with = |sql: &str, values: Vec<Value>| {
        Statement::from_sql_and_values(DbBackend::Sqlite, sql, values)
    };
    let forget = with("DELETE FROM settings WHERE key = ?", vec![ENDED_WELL.into()]);
    copy.execute_raw(forget).await?;
    // Catalogues of the first versions do not have all tables.
    let has = async |table: &str| {
        let sql = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?";
        let row = copy.query_one_raw(with(sql, vec![table.into()])).await;
        row.map(|row| row.is_some())
    };
    if has("as_run").await? {
        let end = "UPDATE as_run SET ending = ? WHERE ending IS NULL";
        copy.execute_raw(with(end, vec![AiredEnd::BackedUp.name().into()])).await?;
    }
    if has("sign_ins").await? {
        copy.execute_raw(with("DELETE FROM sign_ins", Vec::new())).await?;
    }
    Ok(())
}

async fn look_into(reader: &DatabaseConnection, path: &Path) -> Result<Inside> {
    let damaged = |detail: String| DbError::Damaged { path: path.to_owned(), detail };
    let ask = async |sql: &str| -> Result<Vec<QueryResult>> {
        let rows = reader.query_all_raw(Statement::from_string(DbBackend::Sqlite, sql)).await;
        rows.map_err(|error| damaged(error.to_string()))
    };
    let text = |row: &QueryResult| {
        row.try_get_by_index::<String>(0).map_err(|error| damaged(error.to_string()))
    };
    let verdict = ask("PRAGMA integrity_check(1)").await?.first().map(text).transpose()?;
    if verdict.as_deref() != Some("ok") {
        return Err(damaged(verdict.unwrap_or_else(|| "the check gave no answer".to_owned())));
    }
    if let Some(row) = ask("PRAGMA foreign_key_check").await?.first() {
        return Err(damaged(format!("a row of `{}` belongs to nothing", text(row)?)));
    }
    let steps = ask("SELECT version FROM seaql_migrations ORDER BY version").await?;
    let steps = steps.iter().map(text).collect::<Result<Vec<_>>>()?;
    let count = async |sql: &str| -> Result<u64> {
        let rows = ask(sql).await?;
        let count = rows.first().map(|row| row.try_get_by_index::<i64>(0)).transpose();
        let count = count.map_err(|error| damaged(error.to_string()))?;
        Ok(count.unwrap_or_default().unsigned_abs())
    };
    Ok(Inside {
        steps,
        channels: count("SELECT COUNT(*) FROM channels").await?,
        media: count("SELECT COUNT(*) FROM media").await?,
    })
}
