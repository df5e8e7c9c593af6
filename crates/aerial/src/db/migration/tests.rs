//! Every schema that was ever released, with rows in all of it, brought to the newest.
//!
//! `fixtures/NAME.sql` has what a catalogue of the step NAME holds beyond those of the
//! steps before: rows of new tables, values of new columns. A new step needs one.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use aerial_model::ledger::{Content, Ledger, Row};
use aerial_model::time::AirTime;
use sea_orm::sqlx::sqlite::SqliteConnectOptions;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, SqlxSqliteConnector, Statement};
use sea_orm_migration::MigratorTrait;

use super::Migrator;
use crate::db::{AsRunQuery, Db, MediaState, pool};

/// Columns that a step changes on purpose: table and column. None does so far.
const CHANGED: &[(&str, &str)] = &[];

/// A table's rows: each with its columns and their values, as SQL literals.
type Rows = Vec<BTreeMap<String, String>>;

fn steps() -> Vec<String> {
    Db::steps()
}

fn fixture(step: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/db/migration/fixtures");
    folder.join(format!("{step}.sql"))
}

async fn empty(path: &Path) -> DatabaseConnection {
    let options =
        SqliteConnectOptions::new().filename(path).create_if_missing(true).foreign_keys(true);
    SqlxSqliteConnector::from_sqlx_sqlite_pool(pool(1).connect_with(options).await.unwrap())
}

async fn column(db: &DatabaseConnection, sql: &str) -> Vec<String> {
    let statement = Statement::from_string(DbBackend::Sqlite, sql);
    let rows = db.query_all_raw(statement).await.unwrap();
    rows.iter().map(|row| row.try_get_by_index::<String>(0).unwrap()).collect()
}

async fn tables(db: &DatabaseConnection) -> Vec<String> {
    let sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' \
               AND name <> 'seaql_migrations' ORDER BY name";
    column(db, sql).await
}

/// All that is in a catalogue.
async fn all_rows(db: &DatabaseConnection) -> BTreeMap<String, Rows> {
    let mut all = BTreeMap::new();
    for table in tables(db).await {
        let columns = column(db, &format!("SELECT name FROM pragma_table_info('{table}')")).await;
        let quoted: Vec<String> = columns.iter().map(|name| format!("quote(\"{name}\")")).collect();
        let sql = format!("SELECT {} FROM \"{table}\"", quoted.join(", "));
        let found = db.query_all_raw(Statement::from_string(DbBackend::Sqlite, sql)).await.unwrap();
        let row = |row: &sea_orm::QueryResult| -> BTreeMap<String, String> {
            let values = columns.iter().enumerate();
            values
                .map(|(at, name)| (name.clone(), row.try_get_by_index::<String>(at).unwrap()))
                .collect()
        };
        all.insert(table, found.iter().map(row).collect());
    }
    all
}

/// A catalogue as that step left it (0: the first), with all that it can hold.
async fn as_of(step: usize, path: &Path) -> DatabaseConnection {
    let db = empty(path).await;
    for (done, name) in steps()[..=step].iter().enumerate() {
        Migrator::up(&db, Some(1)).await.unwrap();
        let newest = column(&db, "SELECT MAX(version) FROM seaql_migrations").await;
        assert_eq!(newest[0], *name);
        let file = fixture(name);
        let rows = std::fs::read_to_string(&file).unwrap_or_else(|_| {
            let (before, file) = (done.saturating_sub(1), file.display());
            panic!(
                "the step {name} has no fixture: write {file}, with rows of what it adds to \
                 {}, and never change it after a release",
                steps()[before]
            )
        });
        db.execute_unprepared(&rows).await.unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    db
}

#[tokio::test]
async fn every_step_has_a_fixture_that_fills_all_of_its_schema() {
    let dir = tempfile::tempdir().unwrap();
    let files = std::fs::read_dir(fixture("").parent().unwrap()).unwrap();
    let files: BTreeSet<String> = files
        .map(|file| file.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert_eq!(files, steps().into_iter().collect());
    for (step, name) in steps().iter().enumerate() {
        let db = as_of(step, &dir.path().join(name)).await;
        for (table, rows) in all_rows(&db).await {
            assert!(!rows.is_empty(), "{name}: there is nothing in {table}");
            for column in rows[0].keys() {
                let filled = rows.iter().any(|row| row[column] != "NULL");
                assert!(filled, "{name}: no row of {table} has a {column}");
            }
        }
        db.close().await.unwrap();
    }
}

#[tokio::test]
async fn nothing_is_lost_on_the_way_from_any_released_schema_to_the_newest() {
    let dir = tempfile::tempdir().unwrap();
    for (step, name) in steps().iter().enumerate() {
        let path = dir.path().join(name);
        let old = as_of(step, &path).await;
        let before = all_rows(&old).await;
        old.close().await.unwrap();
        // As a server opens it.
        Db::open(&path).await.unwrap().close().await.unwrap();
        assert_eq!(Db::look_into(&path).await.unwrap().steps, steps(), "{name}");
        let new = empty(&path).await;
        let after = all_rows(&new).await;
        new.close().await.unwrap();
        for (table, rows) in before {
            assert_eq!(rows.len(), after[&table].len(), "{name}: rows of {table}");
            for row in rows {
                let is_kept = |kept: &&BTreeMap<String, String>| {
                    row.iter().all(|(column, value)| {
                        CHANGED.contains(&(&table, column)) || kept.get(column) == Some(value)
                    })
                };
                assert!(after[&table].iter().any(|kept| is_kept(&kept)), "{name}: {table} {row:?}");
            }
        }
    }
}

/// The rows are not only there: they are read as what they were.
#[tokio::test]
async fn what_an_old_catalogue_held_is_understood() {
    let dir = tempfile::tempdir().unwrap();
    for (step, name) in steps().iter().enumerate() {
        let path = dir.path().join(name);
        as_of(step, &path).await.close().await.unwrap();
        let db = Db::open(&path).await.unwrap();
        assert_eq!(db.folders().await.unwrap()[0].path, Path::new("/films"));
        let channels = db.channels().await.unwrap();
        let names: Vec<&str> = channels.iter().map(|channel| channel.name.as_str()).collect();
        assert_eq!(names, ["Films", "Mixed"], "{name}");
        let films = &channels[0];
        let items = db.lineup_items(films.id).await.unwrap();
        assert_eq!(items.len(), 2);
        let lineup = db.latest_lineup(films.id).await.unwrap().unwrap();
        assert_eq!((lineup.version, lineup.slots.len()), (1, 2));
        let rows = db.ledger_rows(films.id, AirTime::EPOCH, None).await.unwrap();
        let map = |row: &Row| match row.content {
            Content::Media { map_id, .. } => Some(map_id),
            Content::OffAir { .. } | Content::Skip { .. } => None,
        };
        let maps: Vec<_> = rows.iter().filter_map(map).collect();
        let maps: HashMap<_, _> = db.segment_maps(&maps).await.unwrap().into_iter().collect();
        let ledger = Ledger::read_with(rows, |id| maps.get(&id).cloned()).unwrap();
        assert_eq!(ledger.airings().len(), if step == 0 { 3 } else { 4 }, "{name}");
        let film = db.media_at("/films/Harbour (1999).mp4".as_ref()).await.unwrap().unwrap();
        assert_eq!((film.state, film.about.year), (MediaState::Ok, Some(1999)));
        assert_eq!(db.media_counts().await.unwrap().unplayable, if step < 2 { 1 } else { 2 });
        assert_eq!(db.jobs("scan", 5).await.unwrap().len(), 1);
        assert!(db.setting::<crate::discovery::Device>("device").await.unwrap().is_some());
        assert_eq!(db.slates(AirTime::EPOCH).await.unwrap().len(), usize::from(step >= 2));
        let accounts = usize::from(step >= 3);
        assert_eq!(db.accounts().await.unwrap().len(), accounts);
        assert_eq!(db.sign_ins().await.unwrap().len(), accounts);
        assert_eq!(db.tokens().await.unwrap().len(), accounts);
        assert_eq!(films.catchup_days, if step >= 4 { 7 } else { 0 });
        let query = AsRunQuery {
            channel: Some(films.id),
            from: None,
            to: None,
            oldest_first: true,
            after: None,
            limit: 10,
        };
        let aired = db.as_run(&query).await.unwrap();
        assert_eq!(aired.len(), usize::from(step >= 5));
        db.close().await.unwrap();
    }
}

/// The way back: what a newer Aerial is about to change is backed up first.
#[tokio::test]
async fn a_catalogue_of_an_older_schema_is_backed_up_before_it_changes_and_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let mut settings = crate::config::Settings::default();
    settings.store.free = crate::config::ByteSize(0);
    let clock = crate::clock::Clock::simulated(AirTime::from_unix_millis(1_800_000_000_000));
    let ending = tokio_util::sync::CancellationToken::new();
    let backups = crate::backup::Backups::new(dir.path(), &settings, None, clock, ending);
    let path = dir.path().join("catalogue.sqlite");
    backups.before_upgrade().await;
    as_of(0, &path).await.close().await.unwrap();
    backups.before_upgrade().await;
    let made = backups.list().await.unwrap();
    assert_eq!(made.len(), 1);
    assert_eq!(made[0].name.to_string(), "aerial-20270115T080000Z-before-upgrade.tar.gz");
    assert_eq!(made[0].manifest.as_ref().unwrap().schema, steps()[..1]);
    Db::open(&path).await.unwrap().close().await.unwrap();
    backups.before_upgrade().await;
    assert_eq!(backups.list().await.unwrap(), made);
}

/// A released step is never edited: what it makes stays what it was.
#[tokio::test]
async fn each_released_schema_is_what_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let db = empty(&dir.path().join("catalogue")).await;
    for name in steps() {
        Migrator::up(&db, Some(1)).await.unwrap();
        let sql = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY type, name";
        insta::assert_snapshot!(name, column(&db, sql).await.join("\n"));
    }
}
