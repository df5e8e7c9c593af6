//! Writing media: what scans found, what vanished, what people set.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use aerial_model::id::{FolderId, MapId, MediaId};
use aerial_model::media::MediaFacts;
use aerial_model::segment_map::SegmentMap;
use aerial_model::time::AirTime;
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, DatabaseTransaction, EntityTrait, IntoActiveModel,
    QueryFilter, QuerySelect,
};
use uuid::Uuid;

use super::entity::folder;
use super::entity::media::{Column, Entity, Model};
use super::error::{Doing, Result};
use super::media::{About, Identity, Media, MediaEdits, MediaState, StateColumns};
use super::{Db, Write, media, stored};

/// Rows of one statement: 33 columns each stay under SQLite's 32,766 values.
const ROWS_AT_ONCE: usize = 500;

/// What a scan found in one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScannedMedia {
    /// A known media whose file has moved here; `None`: the media at this path,
    /// or a new one.
    pub id: Option<MediaId>,
    /// The folder it is in.
    pub folder: FolderId,
    /// Absolute.
    pub path: PathBuf,
    /// Which version of its bytes was read.
    pub identity: Identity,
    /// What is in it, or why it cannot be played.
    pub found: std::result::Result<(MediaFacts, SegmentMap), String>,
    /// What its name, `.nfo` file and tags say.
    pub about: About,
}

/// A file as the last scan left it: enough to see whether it changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownFile {
    /// The media.
    pub id: MediaId,
    /// Absolute.
    pub path: PathBuf,
    /// The version of its bytes.
    pub identity: Identity,
    /// Whether it can air.
    pub state: MediaState,
}

/// What storing a batch changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Upserted {
    /// New media.
    pub added: Vec<MediaId>,
    /// Known media of which something changed, also those that came back.
    pub changed: Vec<MediaId>,
}

impl Upserted {
    /// All ids, for whoever wants to know what to look at again.
    pub fn all(&self) -> Vec<MediaId> {
        self.added.iter().chain(&self.changed).copied().collect()
    }
}

impl Db {
    /// All files known in a folder.
    pub async fn known_files(&self, folder: FolderId) -> Result<Vec<KnownFile>> {
        type Reason = (Option<String>, Option<i64>);
        type Row = (
            String,
            Vec<u8>,
            i64,
            i64,
            Option<Vec<u8>>,
            Option<i64>,
            Option<String>,
            Option<i64>,
            Option<String>,
            Option<i64>,
        );
        let rows: Vec<Row> = Entity::find()
            .select_only()
            .columns([
                Column::Id,
                Column::Path,
                Column::SizeBytes,
                Column::MtimeNs,
                Column::ContentHash,
                Column::MissingSinceMs,
                Column::UnplayableReason,
                Column::UnplayableSinceMs,
                Column::QuarantineReason,
                Column::QuarantinedSinceMs,
            ])
            .filter(Column::FolderId.eq(folder.to_string()))
            .into_tuple()
            .all(self.reader())
            .await
            .doing("read the files of a folder")?;
        rows.into_iter()
            .map(
                |(
                    id,
                    path,
                    size,
                    mtime,
                    hash,
                    missing_since_ms,
                    why,
                    since,
                    aside,
                    aside_since,
                )| {
                    let (unplayable, quarantined): (Reason, Reason) =
                        ((why, since), (aside, aside_since));
                    Ok(KnownFile {
                        id: stored::parsed("media id", &id)?,
                        path: stored::path(path),
                        identity: media::identity(size, mtime, hash.as_deref())?,
                        state: media::state(StateColumns {
                            missing_since_ms,
                            unplayable,
                            quarantined,
                        }),
                    })
                },
            )
            .collect()
    }

    /// Media whose bytes have this hash and size, for a file that moved.
    pub async fn media_with_bytes(&self, size_bytes: u64, hash: [u8; 32]) -> Result<Vec<Media>> {
        let rows = Entity::find()
            .filter(Column::ContentHash.eq(hash.to_vec()))
            .filter(Column::SizeBytes.eq(size_bytes as i64))
            .all(self.reader())
            .await
            .doing("read media")?;
        rows.into_iter().map(Media::read).collect()
    }

    /// Stores what a scan found, in one transaction, but for what is of a folder that was
    /// taken out meanwhile. Ids are kept; the map's id too where the same bytes still have
    /// the same cuts.
    pub async fn upsert_media(&self, scanned: Vec<ScannedMedia>, now: AirTime) -> Result<Upserted> {
        let write = self.write().await?;
        let mut outcome = Upserted::default();
        let mut paths = HashSet::new();
        // One row per path and statement: the last of the batch tells.
        let folders = folder_ids(&write.0).await?;
        let mut batch: Vec<ScannedMedia> = scanned
            .into_iter()
            .rev()
            .filter(|one| folders.contains(&one.folder.to_string()))
            .filter(|one| paths.insert(one.path.clone()))
            .collect();
        batch.reverse();
        for some in batch.chunks(ROWS_AT_ONCE) {
            upsert(&write.0, some, now, &mut outcome).await?;
        }
        write.commit().await?;
        Ok(outcome)
    }

    /// Marks files as gone; those marked already keep their time. Answers with
    /// those that were not.
    pub async fn mark_missing(&self, ids: &[MediaId], now: AirTime) -> Result<Vec<MediaId>> {
        self.set_missing(ids, Some(now)).await
    }

    /// Marks files as there again. Answers with those that were missing.
    pub async fn mark_present(&self, ids: &[MediaId]) -> Result<Vec<MediaId>> {
        self.set_missing(ids, None).await
    }

    async fn set_missing(&self, ids: &[MediaId], since: Option<AirTime>) -> Result<Vec<MediaId>> {
        let write = self.write().await?;
        let mut changed = Vec::new();
        for some in ids.chunks(ROWS_AT_ONCE) {
            let other = match since {
                Some(_) => Column::MissingSinceMs.is_null(),
                None => Column::MissingSinceMs.is_not_null(),
            };
            let found: Vec<String> = Entity::find()
                .select_only()
                .column(Column::Id)
                .filter(Column::Id.is_in(some.iter().map(ToString::to_string)))
                .filter(other)
                .into_tuple()
                .all(&write.0)
                .await
                .doing("read media")?;
            Entity::update_many()
                .col_expr(Column::MissingSinceMs, Expr::value(since.map(AirTime::unix_millis)))
                .filter(Column::Id.is_in(found.clone()))
                .exec(&write.0)
                .await
                .doing("mark media")?;
            for id in &found {
                changed.push(stored::parsed("media id", id)?);
            }
        }
        write.commit().await?;
        Ok(changed)
    }

    /// Sets what people say about a media; `None` where there is no such media.
    pub async fn edit_media(
        &self,
        id: MediaId,
        edits: &MediaEdits,
        now: AirTime,
    ) -> Result<Option<Media>> {
        let write = self.write().await?;
        let row = Entity::find_by_id(id.to_string()).one(&write.0).await.doing("read media")?;
        let Some(mut row) = row else { return Ok(None) };
        let found: About = stored::from_json("description of a media", &row.found_json)?;
        let about = edits.over(&found);
        describe(&mut row, &about)?;
        row.edits_json = stored::json("write edits", edits)?;
        row.changed_at_ms = now.unix_millis();
        let media = Media::read(row.clone())?;
        row.into_active_model().reset_all().update(&write.0).await.doing("edit media")?;
        write.commit().await?;
        Ok(Some(media))
    }

    /// Forgets a media and its places in lineups (not the file). Whether there
    /// was one.
    pub async fn delete_media(&self, id: MediaId) -> Result<bool> {
        let write = self.write().await?;
        let gone =
            Entity::delete_by_id(id.to_string()).exec(&write.0).await.doing("delete media")?;
        write.commit().await?;
        Ok(gone.rows_affected > 0)
    }
}

impl Write {
    /// Those of `ids` that there are.
    pub(super) async fn existing_media(&self, ids: &[MediaId]) -> Result<HashSet<MediaId>> {
        let mut existing = HashSet::with_capacity(ids.len());
        for some in ids.chunks(ROWS_AT_ONCE) {
            let found: Vec<String> = Entity::find()
                .select_only()
                .column(Column::Id)
                .filter(Column::Id.is_in(some.iter().map(ToString::to_string)))
                .into_tuple()
                .all(&self.0)
                .await
                .doing("read media")?;
            for id in &found {
                existing.insert(stored::parsed("media id", id)?);
            }
        }
        Ok(existing)
    }
}

async fn upsert(
    transaction: &DatabaseTransaction,
    scanned: &[ScannedMedia],
    now: AirTime,
    outcome: &mut Upserted,
) -> Result<()> {
    let known = known_rows(transaction, scanned).await?;
    let mut rows = Vec::with_capacity(scanned.len());
    for one in scanned {
        // A file that moved onto the place of another is that other's new version.
        let moved = || one.id.and_then(|id| known.values().find(|row| row.id == id.to_string()));
        let old = known.get(&stored::path_bytes(&one.path)).or_else(moved);
        let row = merged(one, old, now)?;
        match old {
            None => outcome.added.push(stored::parsed("media id", &row.id)?),
            Some(old) if same(old, &row) => continue,
            Some(_) => outcome.changed.push(stored::parsed("media id", &row.id)?),
        }
        rows.push(row.into_active_model().reset_all());
    }
    if rows.is_empty() {
        return Ok(());
    }
    let columns = <Column as sea_orm::Iterable>::iter().filter(|c| !matches!(c, Column::Id));
    Entity::insert_many(rows)
        .on_conflict(OnConflict::column(Column::Id).update_columns(columns).to_owned())
        .exec_without_returning(transaction)
        .await
        .doing("store media")?;
    Ok(())
}

async fn folder_ids(transaction: &DatabaseTransaction) -> Result<HashSet<String>> {
    let ids: Vec<String> = folder::Entity::find()
        .select_only()
        .column(folder::Column::Id)
        .into_tuple()
        .all(transaction)
        .await
        .doing("read folders")?;
    Ok(ids.into_iter().collect())
}

/// The rows that the batch may stand for, by path.
async fn known_rows(
    transaction: &DatabaseTransaction,
    scanned: &[ScannedMedia],
) -> Result<HashMap<Vec<u8>, Model>> {
    let paths = scanned.iter().map(|one| stored::path_bytes(&one.path));
    let ids = scanned.iter().filter_map(|one| one.id).map(|id| id.to_string());
    let rows = Entity::find()
        .filter(Condition::any().add(Column::Path.is_in(paths)).add(Column::Id.is_in(ids)))
        .all(transaction)
        .await
        .doing("read media")?;
    Ok(rows.into_iter().map(|row| (row.path.clone(), row)).collect())
}

fn same(old: &Model, new: &Model) -> bool {
    let unchanged = Model { changed_at_ms: old.changed_at_ms, ..new.clone() };
    *old == unchanged
}

/// What was found, over what was known.
fn merged(one: &ScannedMedia, old: Option<&Model>, now: AirTime) -> Result<Model> {
    let now_ms = now.unix_millis();
    let edits: MediaEdits = match old {
        Some(old) => stored::from_json("edits of a media", &old.edits_json)?,
        None => MediaEdits::default(),
    };
    let (facts, map, reason) = match &one.found {
        Ok((facts, map)) => (Some(facts), Some(map), None),
        Err(reason) => (None, None, Some(reason.clone())),
    };
    let map_json =
        map.map(|map| stored::json("write a segment map", &map.outline())).transpose()?;
    let unplayable_since_ms = reason.as_ref().map(|_| {
        old.filter(|old| old.unplayable_reason.is_some())
            .and_then(|old| old.unplayable_since_ms)
            .unwrap_or(now_ms)
    });
    let same_bytes = old.filter(|old| is_of(old, &one.identity));
    let truer = same_bytes.filter(|old| facts.is_some() && old.earlier_map_id.is_some());
    let video = facts.and_then(|facts| facts.video.as_ref());
    let map_id = map_id(one, old, map_json.as_deref());
    // The same bytes need not be indexed again.
    let copying_json = old
        .filter(|old| map_id.is_some() && old.map_id == map_id)
        .and_then(|old| old.copying_json.clone());
    let mut row = Model {
        id: old.map_or_else(|| MediaId(Uuid::now_v7()).to_string(), |old| old.id.clone()),
        folder_id: one.folder.to_string(),
        path: stored::path_bytes(&one.path),
        size_bytes: one.identity.size_bytes as i64,
        mtime_ns: one.identity.mtime_ns,
        content_hash: one.identity.hash.map(|hash| hash.to_vec()),
        unplayable_reason: reason,
        unplayable_since_ms,
        quarantine_reason: same_bytes.and_then(|old| old.quarantine_reason.clone()),
        quarantined_since_ms: same_bytes.and_then(|old| old.quarantined_since_ms),
        missing_since_ms: None,
        facts_json: facts.map(|facts| stored::json("write facts", facts)).transpose()?,
        length_ticks: facts.map(|facts| facts.length.0),
        video_codec: video.map(|video| video.codec.clone()),
        height: video.map(|video| i32::try_from(shown_height(video)).unwrap_or(i32::MAX)),
        audio_codec: facts.and_then(|facts| facts.audio.first()).map(|audio| audio.codec.clone()),
        map_id,
        map_json,
        earlier_map_id: None,
        kind: String::new(),
        title: String::new(),
        show: None,
        season: None,
        episode: None,
        about_json: String::new(),
        found_json: stored::json("write a description", &one.about)?,
        edits_json: stored::json("write edits", &edits)?,
        search_text: String::new(),
        sort_key: String::new(),
        added_at_ms: old.map_or(now_ms, |old| old.added_at_ms),
        changed_at_ms: now_ms,
        copying_json,
    };
    if let Some(old) = truer {
        // Found out by copying it: the header tells what it told before.
        (row.map_id, row.map_json) = (old.map_id.clone(), old.map_json.clone());
        row.earlier_map_id.clone_from(&old.earlier_map_id);
        row.length_ticks = old.length_ticks;
    }
    describe(&mut row, &edits.over(&one.about))?;
    Ok(row)
}

/// The picture's height as it is watched: a turned one stands on its side.
fn shown_height(video: &aerial_model::media::VideoFacts) -> u32 {
    if video.rotation % 180 == 90 { video.width } else { video.height }
}

/// The row is of these very bytes, as far as anybody can tell.
pub(super) fn is_of(row: &Model, identity: &Identity) -> bool {
    row.size_bytes == identity.size_bytes as i64
        && row.mtime_ns == identity.mtime_ns
        && row.content_hash.as_deref() == identity.hash.as_ref().map(<[u8; 32]>::as_slice)
}

/// The same bytes with the same cuts keep their map; anything else is another.
fn map_id(one: &ScannedMedia, old: Option<&Model>, map_json: Option<&str>) -> Option<String> {
    let map_json = map_json?;
    let kept = old.filter(|old| {
        old.map_json.as_deref() == Some(map_json)
            && old.size_bytes == one.identity.size_bytes as i64
            && old.content_hash.as_deref() == one.identity.hash.as_ref().map(<[u8; 32]>::as_slice)
    });
    kept.and_then(|old| old.map_id.clone()).or_else(|| Some(MapId(Uuid::now_v7()).to_string()))
}

pub(super) fn describe(row: &mut Model, about: &About) -> Result<()> {
    let path = stored::path(row.path.clone());
    row.kind = about.kind.as_str().to_owned();
    row.title = about.title.clone();
    row.show = about.show.clone();
    row.season = about.season.and_then(|n| i32::try_from(n).ok());
    row.episode = about.episode.and_then(|n| i32::try_from(n).ok());
    row.about_json = stored::json("write a description", about)?;
    row.search_text = about.search_text(&path);
    row.sort_key = about.sort_key();
    Ok(())
}
