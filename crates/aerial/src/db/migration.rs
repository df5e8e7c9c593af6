//! The catalogue's schema, as steps that are each taken once.
//!
//! Owns the tables and their names. Invariant: a step that was ever released
//! is never edited; a change is a new step at the end of the list.

use sea_orm_migration::prelude::{
    ColumnDef, DbErr, ForeignKey, ForeignKeyAction, Index, MigrationName, MigrationTrait,
    MigratorTrait, SchemaManager, Table, TableCreateStatement, async_trait,
};
use sea_orm_migration::sea_query::{Alias, IntoIden};

/// All steps, oldest first.
pub(super) struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(M0001Catalogue),
            Box::new(M0002Copies),
            Box::new(M0003Faults),
            Box::new(M0004Access),
            Box::new(M0005Catchup),
            Box::new(M0006AsRun),
        ]
    }
}

/// Folders, media, channels, lineups, the ledger, jobs and settings.
struct M0001Catalogue;

impl MigrationName for M0001Catalogue {
    fn name(&self) -> &str {
        "m0001_catalogue"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for M0001Catalogue {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [
            folders(),
            media(),
            channels(),
            lineup_items(),
            lineup_versions(),
            ledger(),
            jobs(),
            settings(),
        ] {
            manager.create_table(table).await?;
        }
        for (table, columns, unique) in [
            ("folders", &["path"][..], true),
            ("media", &["path"], true),
            ("media", &["folder_id"], false),
            ("media", &["sort_key", "id"], false),
            ("media", &["show"], false),
            ("media", &["content_hash"], false),
            ("channels", &["number_major", "number_minor"], true),
            ("lineup_items", &["channel_id", "rank"], true),
            ("lineup_items", &["media_id"], false),
            ("lineup_items", &["show"], false),
            ("ledger", &["channel_id", "start_ticks"], false),
        ] {
            let mut index = Index::create();
            index.name(format!("{table}_{}", columns.join("_"))).table(name(table));
            for column in columns {
                index.col(name(column));
            }
            if unique {
                index.unique();
            }
            manager.create_index(index).await?;
        }
        Ok(())
    }
}

/// Files that were put aside, how long remuxed ones really are, what was slate,
/// and channels that never stop.
struct M0003Faults;

impl MigrationName for M0003Faults {
    fn name(&self) -> &str {
        "m0003_faults"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for M0003Faults {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut keep_running = required("keep_running", boolean);
        keep_running.default(false);
        // SQLite takes one column at a time.
        for (table, column) in [
            ("media", optional("quarantine_reason", text)),
            ("media", optional("quarantined_since_ms", big)),
            ("media", optional("earlier_map_id", text)),
            ("channels", keep_running),
        ] {
            let mut column = column;
            let mut alter = Table::alter();
            manager.alter_table(alter.table(name(table)).add_column(&mut column).take()).await?;
        }
        manager.create_table(slates()).await
    }
}

/// How far back channels can be played again.
struct M0005Catchup;

impl MigrationName for M0005Catchup {
    fn name(&self) -> &str {
        "m0005_catchup"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for M0005Catchup {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut days = required("catchup_days", integer);
        days.default(0);
        let mut alter = Table::alter();
        manager.alter_table(alter.table(name("channels")).add_column(&mut days).take()).await
    }
}

/// Ranges of sequence numbers that were slate inside an airing (`rules.md`, 23).
fn slates() -> TableCreateStatement {
    let columns = vec![
        required("channel_id", text),
        required("first_sequence", big),
        required("end_sequence", big),
        required("reason", text),
        required("ends_ticks", big),
    ];
    belongs_to(
        table("slates", &["channel_id", "first_sequence"], columns),
        "channel_id",
        "channels",
    )
}

fn name(text: &'static str) -> impl IntoIden + 'static {
    Alias::new(text)
}

fn id() -> ColumnDef {
    required("id", |c| c.string())
}

fn required(column: &'static str, kind: fn(&mut ColumnDef) -> &mut ColumnDef) -> ColumnDef {
    let mut def = optional(column, kind);
    def.not_null();
    def
}

fn optional(column: &'static str, kind: fn(&mut ColumnDef) -> &mut ColumnDef) -> ColumnDef {
    let mut def = ColumnDef::new(name(column));
    kind(&mut def);
    def
}

fn text(c: &mut ColumnDef) -> &mut ColumnDef {
    c.text()
}
fn integer(c: &mut ColumnDef) -> &mut ColumnDef {
    c.integer()
}
fn big(c: &mut ColumnDef) -> &mut ColumnDef {
    c.big_integer()
}
fn blob(c: &mut ColumnDef) -> &mut ColumnDef {
    c.blob()
}
fn boolean(c: &mut ColumnDef) -> &mut ColumnDef {
    c.boolean()
}

fn table(
    title: &'static str,
    key: &[&'static str],
    columns: Vec<ColumnDef>,
) -> TableCreateStatement {
    let mut create = Table::create();
    create.table(name(title));
    for column in columns {
        create.col(column);
    }
    let mut primary = Index::create();
    for column in key {
        primary.col(name(column));
    }
    create.primary_key(&mut primary);
    create
}

/// A row goes with what it belongs to.
fn belongs_to(
    mut create: TableCreateStatement,
    column: &'static str,
    owner: &'static str,
) -> TableCreateStatement {
    create.foreign_key(
        ForeignKey::create()
            .from_col(name(column))
            .to(name(owner), name("id"))
            .on_delete(ForeignKeyAction::Cascade),
    );
    create
}

fn folders() -> TableCreateStatement {
    table(
        "folders",
        &["id"],
        vec![
            id(),
            required("path", blob),
            required("added_at_ms", big),
            optional("scanned_at_ms", big),
            optional("last_error", text),
        ],
    )
}

fn media() -> TableCreateStatement {
    let columns = vec![
        id(),
        required("folder_id", text),
        required("path", blob),
        required("size_bytes", big),
        required("mtime_ns", big),
        optional("content_hash", blob),
        optional("unplayable_reason", text),
        optional("unplayable_since_ms", big),
        optional("missing_since_ms", big),
        optional("facts_json", text),
        optional("length_ticks", big),
        optional("video_codec", text),
        optional("height", integer),
        optional("audio_codec", text),
        optional("map_id", text),
        optional("map_json", text),
        required("kind", text),
        required("title", text),
        optional("show", text),
        optional("season", integer),
        optional("episode", integer),
        required("about_json", text),
        required("found_json", text),
        required("edits_json", text),
        required("search_text", text),
        required("sort_key", text),
        required("added_at_ms", big),
        required("changed_at_ms", big),
    ];
    belongs_to(table("media", &["id"], columns), "folder_id", "folders")
}

fn channels() -> TableCreateStatement {
    table(
        "channels",
        &["id"],
        vec![
            id(),
            required("number_major", integer),
            required("number_minor", integer),
            required("name", text),
            optional("logo", text),
            optional("group_name", text),
            required("starts_at_ticks", big),
            required("looping", boolean),
            required("play_order", text),
            required("seed", big),
            required("ladder_json", text),
            optional("grace_ms", big),
            required("created_at_ticks", big),
        ],
    )
}

fn lineup_items() -> TableCreateStatement {
    let columns = vec![
        id(),
        required("channel_id", text),
        required("rank", big),
        optional("media_id", text),
        optional("show", text),
    ];
    let items = table("lineup_items", &["id"], columns);
    belongs_to(belongs_to(items, "channel_id", "channels"), "media_id", "media")
}

fn lineup_versions() -> TableCreateStatement {
    let columns = vec![
        required("channel_id", text),
        required("version", big),
        required("created_at_ticks", big),
        required("lineup_json", text),
    ];
    belongs_to(
        table("lineup_versions", &["channel_id", "version"], columns),
        "channel_id",
        "channels",
    )
}

/// The primary key is the compare-and-set of `rules.md`, 3: of two writers of
/// one ordinal, one loses. Media are named without a foreign key, for what
/// aired stays true when the file is long gone.
fn ledger() -> TableCreateStatement {
    let columns = vec![
        required("channel_id", text),
        required("ordinal", big),
        required("start_ticks", big),
        required("length_ticks", big),
        required("first_sequence", big),
        required("discontinuity_sequence", big),
        required("frame_height", integer),
        required("lineup_version", big),
        required("kind", text),
        optional("cycle", big),
        optional("item_id", text),
        optional("media_id", text),
        optional("key_rank", big),
        optional("key_episode", big),
        optional("map_id", text),
        optional("map_json", text),
        optional("first_index", big),
        optional("end_index", big),
        optional("segments", big),
    ];
    belongs_to(table("ledger", &["channel_id", "ordinal"], columns), "channel_id", "channels")
}

fn jobs() -> TableCreateStatement {
    table(
        "jobs",
        &["id"],
        vec![
            id(),
            required("kind", text),
            required("state", text),
            required("started_at_ms", big),
            optional("finished_at_ms", big),
            required("detail_json", text),
        ],
    )
}

fn settings() -> TableCreateStatement {
    table("settings", &["key"], vec![required("key", text), required("value_json", text)])
}

/// Copied video: what an index found of each media, the maps cut at a file's own
/// keyframes, and what channels do with them.
struct M0002Copies;

impl MigrationName for M0002Copies {
    fn name(&self) -> &str {
        "m0002_copies"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for M0002Copies {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(maps()).await?;
        let transcode = |c: &mut ColumnDef| {
            c.default("transcode");
        };
        for (table, mut column, default) in [
            ("media", optional("copying_json", text), None),
            ("ledger", optional("signature", big), None),
            // What is on the air goes on as it was.
            ("channels", required("video", text), Some(transcode)),
            ("channels", optional("video_since_ticks", big), None),
        ] {
            if let Some(default) = default {
                default(&mut column);
            }
            let alter = Table::alter().table(name(table)).add_column(column).take();
            manager.alter_table(alter).await?;
        }
        Ok(())
    }
}

/// Maps outlive their media: what aired of them is still served for minutes.
fn maps() -> TableCreateStatement {
    table(
        "maps",
        &["id"],
        vec![
            id(),
            required("media_id", text),
            required("outline_json", text),
            required("cuts", blob),
            required("made_at_ms", big),
        ],
    )
}

/// Accounts, who is signed in, and tokens. Of secrets there are hashes alone.
struct M0004Access;

impl MigrationName for M0004Access {
    fn name(&self) -> &str {
        "m0004_access"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for M0004Access {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [accounts(), sign_ins(), tokens()] {
            manager.create_table(table).await?;
        }
        for (table, column) in
            [("accounts", "name"), ("sign_ins", "secret_hash"), ("tokens", "secret_hash")]
        {
            let mut index = Index::create();
            index.name(format!("{table}_{column}")).table(name(table)).col(name(column)).unique();
            manager.create_index(index).await?;
        }
        Ok(())
    }
}

fn accounts() -> TableCreateStatement {
    let columns = vec![
        id(),
        required("name", text),
        required("password_hash", text),
        required("created_at_ms", big),
        required("changed_at_ms", big),
    ];
    table("accounts", &["id"], columns)
}

fn sign_ins() -> TableCreateStatement {
    let columns = vec![
        id(),
        required("account_id", text),
        required("secret_hash", blob),
        required("created_at_ms", big),
        required("last_used_at_ms", big),
    ];
    belongs_to(table("sign_ins", &["id"], columns), "account_id", "accounts")
}

fn tokens() -> TableCreateStatement {
    let columns = vec![
        id(),
        required("name", text),
        required("kind", text),
        required("scope", text),
        required("secret_hash", blob),
        required("start", text),
        required("created_at_ms", big),
        optional("last_used_at_ms", big),
    ];
    table("tokens", &["id"], columns)
}

/// What really aired.
struct M0006AsRun;

impl MigrationName for M0006AsRun {
    fn name(&self) -> &str {
        "m0006_as_run"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for M0006AsRun {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(as_run()).await?;
        for columns in [&["channel_id", "from_ticks"][..], &["from_ticks"], &["to_ticks"]] {
            let mut index = Index::create();
            index.name(format!("as_run_{}", columns.join("_"))).table(name("as_run"));
            for column in columns {
                index.col(name(column));
            }
            manager.create_index(index).await?;
        }
        Ok(())
    }
}

/// Neither channels nor media by foreign key: what aired stays true without them.
fn as_run() -> TableCreateStatement {
    table(
        "as_run",
        &["id"],
        vec![
            id(),
            required("channel_id", text),
            required("number", text),
            required("channel_name", text),
            required("ordinal", big),
            optional("media_id", text),
            required("title", text),
            optional("show", text),
            optional("season", big),
            optional("episode", big),
            required("planned_start_ticks", big),
            required("planned_end_ticks", big),
            required("from_ticks", big),
            required("to_ticks", big),
            optional("sent_from_ticks", big),
            optional("sent_to_ticks", big),
            optional("ending", text),
            required("viewers", big),
            required("slates_json", text),
            required("faults_json", text),
            required("restarts", big),
        ],
    )
}

#[cfg(test)]
mod tests;
