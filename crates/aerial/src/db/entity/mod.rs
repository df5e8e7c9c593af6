//! Tables as sea-orm sees them. Private to `db`: nothing outside knows them.
#![allow(unreachable_pub, reason = "the derive makes public items in private modules")]

macro_rules! entity {
    ($(#[$doc:meta])* $module:ident, $table:literal { $($(#[$attr:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$doc])*
        pub mod $module {
            use sea_orm::entity::prelude::*;

            #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
            #[sea_orm(table_name = $table)]
            pub struct Model {
                $($(#[$attr])* pub $field: $type,)*
            }

            #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
            pub enum Relation {}

            impl ActiveModelBehavior for ActiveModel {}
        }
    };
}

entity! { folder, "folders" {
    #[sea_orm(primary_key, auto_increment = false)]
    id: String,
    path: Vec<u8>,
    added_at_ms: i64,
    scanned_at_ms: Option<i64>,
    last_error: Option<String>,
} }

entity! { media, "media" {
    #[sea_orm(primary_key, auto_increment = false)]
    id: String,
    folder_id: String,
    path: Vec<u8>,
    size_bytes: i64,
    mtime_ns: i64,
    content_hash: Option<Vec<u8>>,
    unplayable_reason: Option<String>,
    unplayable_since_ms: Option<i64>,
    quarantine_reason: Option<String>,
    quarantined_since_ms: Option<i64>,
    missing_since_ms: Option<i64>,
    facts_json: Option<String>,
    length_ticks: Option<i64>,
    video_codec: Option<String>,
    height: Option<i32>,
    audio_codec: Option<String>,
    map_id: Option<String>,
    map_json: Option<String>,
    earlier_map_id: Option<String>,
    kind: String,
    title: String,
    show: Option<String>,
    season: Option<i32>,
    episode: Option<i32>,
    about_json: String,
    found_json: String,
    edits_json: String,
    search_text: String,
    sort_key: String,
    added_at_ms: i64,
    changed_at_ms: i64,
    copying_json: Option<String>,
} }

entity! { map, "maps" {
    #[sea_orm(primary_key, auto_increment = false)]
    id: String,
    media_id: String,
    outline_json: String,
    cuts: Vec<u8>,
    made_at_ms: i64,
} }

entity! { channel, "channels" {
    #[sea_orm(primary_key, auto_increment = false)]
    id: String,
    number_major: i32,
    number_minor: i32,
    name: String,
    logo: Option<String>,
    group_name: Option<String>,
    starts_at_ticks: i64,
    looping: bool,
    play_order: String,
    seed: i64,
    ladder_json: String,
    grace_ms: Option<i64>,
    keep_running: bool,
    catchup_days: i32,
    created_at_ticks: i64,
    video: String,
    video_since_ticks: Option<i64>,
} }

entity! { lineup_item, "lineup_items" {
    #[sea_orm(primary_key, auto_increment = false)]
    id: String,
    channel_id: String,
    rank: i64,
    media_id: Option<String>,
    show: Option<String>,
} }

entity! { lineup_version, "lineup_versions" {
    #[sea_orm(primary_key, auto_increment = false)]
    channel_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    version: i64,
    created_at_ticks: i64,
    lineup_json: String,
} }

entity! { ledger, "ledger" {
    #[sea_orm(primary_key, auto_increment = false)]
    channel_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    ordinal: i64,
    start_ticks: i64,
    length_ticks: i64,
    first_sequence: i64,
    discontinuity_sequence: i64,
    frame_height: i32,
    lineup_version: i64,
    kind: String,
    cycle: Option<i64>,
    item_id: Option<String>,
    media_id: Option<String>,
    key_rank: Option<i64>,
    key_episode: Option<i64>,
    map_id: Option<String>,
    map_json: Option<String>,
    first_index: Option<i64>,
    end_index: Option<i64>,
    segments: Option<i64>,
    signature: Option<i64>,
} }

entity! { slate, "slates" {
    #[sea_orm(primary_key, auto_increment = false)]
    channel_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    first_sequence: i64,
    end_sequence: i64,
    reason: String,
    ends_ticks: i64,
} }

entity! { as_run, "as_run" {
    #[sea_orm(primary_key, auto_increment = false)]
    id: String,
    channel_id: String,
    number: String,
    channel_name: String,
    ordinal: i64,
    media_id: Option<String>,
    title: String,
    show: Option<String>,
    season: Option<i64>,
    episode: Option<i64>,
    planned_start_ticks: i64,
    planned_end_ticks: i64,
    from_ticks: i64,
    to_ticks: i64,
    sent_from_ticks: Option<i64>,
    sent_to_ticks: Option<i64>,
    ending: Option<String>,
    viewers: i64,
    slates_json: String,
    faults_json: String,
    restarts: i64,
} }

entity! { job, "jobs" {
    #[sea_orm(primary_key, auto_increment = false)]
    id: String,
    kind: String,
    state: String,
    started_at_ms: i64,
    finished_at_ms: Option<i64>,
    detail_json: String,
} }

entity! { account, "accounts" {
    #[sea_orm(primary_key, auto_increment = false)]
    id: String,
    name: String,
    password_hash: String,
    created_at_ms: i64,
    changed_at_ms: i64,
} }

entity! { sign_in, "sign_ins" {
    #[sea_orm(primary_key, auto_increment = false)]
    id: String,
    account_id: String,
    secret_hash: Vec<u8>,
    created_at_ms: i64,
    last_used_at_ms: i64,
} }

entity! { token, "tokens" {
    #[sea_orm(primary_key, auto_increment = false)]
    id: String,
    name: String,
    kind: String,
    scope: String,
    secret_hash: Vec<u8>,
    start: String,
    created_at_ms: i64,
    last_used_at_ms: Option<i64>,
} }

entity! { setting, "settings" {
    #[sea_orm(primary_key, auto_increment = false)]
    key: String,
    value_json: String,
} }
