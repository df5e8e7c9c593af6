//! Finding media: by id, by filter in pages, by show.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use aerial_model::id::{FolderId, MediaId};
use aerial_model::time::Ticks;
use sea_orm::sea_query::{Expr, ExprTrait, LikeExpr, SimpleExpr};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, Order, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect,
};

use super::entity::media::{Column, Entity, Model};
use super::error::{DbError, Doing, Result};
use super::media::{Media, MediaKind};
use super::{Db, stored};

/// Placeholders in one query, well under what any database takes.
const IDS_AT_ONCE: usize = 500;

/// How many words of a search count: each looks through all rows.
const WORDS: usize = 20;

/// Which media a list is of; all that are given must fit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MediaFilter {
    /// Words, each of which (of the first 20) is in the title, the show or the file's name.
    pub q: Option<String>,
    /// Episodes of this show.
    pub show: Option<String>,
    /// Episodes of this season.
    pub season: Option<u32>,
    /// `ok`, `unplayable` or `missing`.
    pub state: Option<StateFilter>,
    /// FFmpeg's name of the video codec.
    pub codec: Option<String>,
    /// Movie, episode or other.
    pub kind: Option<MediaKind>,
    /// Found in this folder.
    pub folder: Option<FolderId>,
}

/// A media's state, without its particulars.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateFilter {
    /// Can air.
    Ok,
    /// Cannot be played.
    Unplayable,
    /// File gone.
    Missing,
}

/// In which order a list is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MediaSort {
    /// By show or title, season and episode.
    #[default]
    Name,
    /// What was found last comes first.
    Added,
    /// The longest first.
    Length,
    /// The largest first.
    Size,
}

/// A file, for finding it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnShelf {
    /// The media.
    pub id: MediaId,
    /// The folder it is in.
    pub folder: FolderId,
    /// Absolute.
    pub path: PathBuf,
    /// Its size.
    pub size_bytes: u64,
    /// Of its ends.
    pub hash: Option<[u8; 32]>,
    /// What it is called.
    pub title: String,
    /// The show it is an episode of.
    pub show: Option<String>,
}

/// How much some media are together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MediaSums {
    /// How many.
    pub media: u64,
    /// How long.
    pub length: Ticks,
    /// How large.
    pub size_bytes: u64,
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// Opaque; asks for the page after it. `None` at the end.
    pub next: Option<String>,
}

/// A show, with how much of it there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShowSummary {
    /// Its name.
    pub show: String,
    /// Episodes, unplayable and missing ones too.
    pub episodes: u64,
    /// Different seasons.
    pub seasons: u64,
    /// All playable episodes together.
    pub length: Ticks,
}

/// How many media there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MediaCounts {
    /// Can air.
    pub ok: u64,
    /// Cannot be played.
    pub unplayable: u64,
    /// File gone.
    pub missing: u64,
    /// All that can air together.
    pub length: Ticks,
}

impl Db {
    /// One media.
    pub async fn media(&self, id: MediaId) -> Result<Option<Media>> {
        let row =
            Entity::find_by_id(id.to_string()).one(self.reader()).await.doing("read media")?;
        row.map(Media::read).transpose()
    }

    /// The media at this path.
    pub async fn media_at(&self, path: &Path) -> Result<Option<Media>> {
        let row = Entity::find()
            .filter(Column::Path.eq(stored::path_bytes(path)))
            .one(self.reader())
            .await
            .doing("read media")?;
        row.map(Media::read).transpose()
    }

    /// Those of `ids` that there are.
    pub async fn media_of(&self, ids: &[MediaId]) -> Result<HashMap<MediaId, Media>> {
        let mut found = HashMap::with_capacity(ids.len());
        for some in ids.chunks(IDS_AT_ONCE) {
            let rows = Entity::find()
                .filter(Column::Id.is_in(some.iter().map(ToString::to_string)))
                .all(self.reader())
                .await
                .doing("read media")?;
            for row in rows {
                let media = Media::read(row)?;
                found.insert(media.id, media);
            }
        }
        Ok(found)
    }

    /// A page of the media that fit, by show or title, season and episode;
    /// `after` is the `next` of the page before.
    pub async fn list_media(
        &self,
        filter: &MediaFilter,
        after: Option<&str>,
        limit: u64,
    ) -> Result<Page<Media>> {
        self.list_media_by(MediaSort::Name, filter, after, limit).await
    }

    /// The same in another order; `after` must be of a page in that order.
    pub async fn list_media_by(
        &self,
        sort: MediaSort,
        filter: &MediaFilter,
        after: Option<&str>,
        limit: u64,
    ) -> Result<Page<Media>> {
        let mut condition = filter.condition();
        if let Some(cursor) = after {
            condition = condition.add(sort.after(cursor)?);
        }
        let limit = Ord::max(limit, 1);
        let (key, order) = sort.by();
        let mut rows = Entity::find()
            .filter(condition)
            .order_by(key, order)
            .order_by_asc(Column::Id)
            .limit(limit + 1)
            .all(self.reader())
            .await
            .doing("list media")?;
        let more = rows.len() as u64 > limit;
        rows.truncate(limit as usize);
        let next = rows.last().filter(|_| more).map(|row| cursor(&sort.key_of(row), &row.id));
        let items = rows.into_iter().map(Media::read).collect::<Result<_>>()?;
        Ok(Page { items, next })
    }

    /// All files, for finding them again.
    pub async fn shelf(&self) -> Result<Vec<OnShelf>> {
        type Row = (String, String, Vec<u8>, i64, Option<Vec<u8>>, String, Option<String>);
        let rows: Vec<Row> = Entity::find()
            .select_only()
            .columns([
                Column::Id,
                Column::FolderId,
                Column::Path,
                Column::SizeBytes,
                Column::ContentHash,
                Column::Title,
                Column::Show,
            ])
            .order_by_asc(Column::SortKey)
            .order_by_asc(Column::Id)
            .into_tuple()
            .all(self.reader())
            .await
            .doing("read the library")?;
        let read = |(id, folder, path, size, hash, title, show): Row| {
            Ok(OnShelf {
                id: stored::parsed("media id", &id)?,
                folder: stored::parsed("folder id", &folder)?,
                path: stored::path(path),
                size_bytes: size.unsigned_abs(),
                hash: hash.and_then(|hash| hash.try_into().ok()),
                title,
                show,
            })
        };
        rows.into_iter().map(read).collect()
    }

    /// What fits together; then, without regard to the state that was asked for, how many
    /// are in each; then, without regard to the codec, how many have which, the most
    /// frequent first.
    pub async fn media_totals(
        &self,
        filter: &MediaFilter,
    ) -> Result<(MediaSums, MediaCounts, Vec<(Option<String>, u64)>)> {
        let sums: Option<(i64, Option<i64>, Option<i64>)> = Entity::find()
            .select_only()
            .expr(Expr::col(Column::Id).count())
            .expr(Expr::col(Column::LengthTicks).sum().cast_as("bigint"))
            .expr(Expr::col(Column::SizeBytes).sum().cast_as("bigint"))
            .filter(filter.condition())
            .into_tuple()
            .one(self.reader())
            .await
            .doing("add up media")?;
        let (media, length, size) = sums.unwrap_or_default();
        let sums = MediaSums {
            media: media.unsigned_abs(),
            length: Ticks(length.unwrap_or_default()),
            size_bytes: size.unwrap_or_default().unsigned_abs(),
        };
        let in_state = |state| {
            let filter = MediaFilter { state: Some(state), ..filter.clone() };
            async move { self.count_media(&filter).await }
        };
        let states = MediaCounts {
            ok: in_state(StateFilter::Ok).await?,
            unplayable: in_state(StateFilter::Unplayable).await?,
            missing: in_state(StateFilter::Missing).await?,
            length: sums.length,
        };
        let codecs: Vec<(Option<String>, i64)> = Entity::find()
            .select_only()
            .column(Column::VideoCodec)
            .expr(Expr::col(Column::Id).count())
            .filter(MediaFilter { codec: None, ..filter.clone() }.condition())
            .group_by(Column::VideoCodec)
            .into_tuple()
            .all(self.reader())
            .await
            .doing("count codecs")?;
        let mut codecs: Vec<(Option<String>, u64)> =
            codecs.into_iter().map(|(codec, media)| (codec, media.unsigned_abs())).collect();
        codecs.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        Ok((sums, states, codecs))
    }

    /// How many media fit.
    pub async fn count_media(&self, filter: &MediaFilter) -> Result<u64> {
        Entity::find().filter(filter.condition()).count(self.reader()).await.doing("count media")
    }

    /// How many media there are in each state.
    pub async fn media_counts(&self) -> Result<MediaCounts> {
        let count = |state| {
            let filter = MediaFilter { state: Some(state), ..MediaFilter::default() };
            async move { self.count_media(&filter).await }
        };
        let length: Option<Option<i64>> = Entity::find()
            .select_only()
            .expr(Expr::col(Column::LengthTicks).sum().cast_as("bigint"))
            .filter(StateFilter::Ok.condition())
            .into_tuple()
            .one(self.reader())
            .await
            .doing("add up media")?;
        Ok(MediaCounts {
            ok: count(StateFilter::Ok).await?,
            unplayable: count(StateFilter::Unplayable).await?,
            missing: count(StateFilter::Missing).await?,
            length: Ticks(length.flatten().unwrap_or_default()),
        })
    }

    /// All shows, by name.
    pub async fn shows(&self) -> Result<Vec<ShowSummary>> {
        let rows: Vec<(String, i64, i64, Option<i64>)> = Entity::find()
            .select_only()
            .column(Column::Show)
            .expr(Expr::col(Column::Id).count())
            .expr(Expr::col(Column::Season).count_distinct())
            .expr(Expr::col(Column::LengthTicks).sum().cast_as("bigint"))
            .filter(Column::Show.is_not_null())
            .group_by(Column::Show)
            .order_by_asc(Column::Show)
            .into_tuple()
            .all(self.reader())
            .await
            .doing("list shows")?;
        let summary = |(show, episodes, seasons, length): (_, i64, i64, Option<i64>)| {
            let (episodes, seasons) = (episodes.unsigned_abs(), seasons.unsigned_abs());
            ShowSummary { show, episodes, seasons, length: Ticks(length.unwrap_or_default()) }
        };
        Ok(rows.into_iter().map(summary).collect())
    }
}

impl MediaSort {
    fn by(self) -> (SimpleExpr, Order) {
        match self {
            Self::Name => (Expr::col(Column::SortKey), Order::Asc),
            Self::Added => (Expr::col(Column::AddedAtMs), Order::Desc),
            // What cannot be played has no length, and comes last.
            Self::Length => (Expr::cust("COALESCE(length_ticks, 0)"), Order::Desc),
            Self::Size => (Expr::col(Column::SizeBytes), Order::Desc),
        }
    }

    fn key_of(self, row: &Model) -> String {
        match self {
            Self::Name => row.sort_key.clone(),
            Self::Added => row.added_at_ms.to_string(),
            Self::Length => row.length_ticks.unwrap_or_default().to_string(),
            Self::Size => row.size_bytes.to_string(),
        }
    }

    /// What comes after the row of that cursor.
    fn after(self, cursor: &str) -> Result<Condition> {
        let (key, id) = read_cursor(cursor)?;
        let (by, order) = self.by();
        let (beyond, same) = match self {
            Self::Name => (by.clone().gt(key.clone()), by.eq(key)),
            Self::Added | Self::Length | Self::Size => {
                let number: i64 = key
                    .parse()
                    .map_err(|_| DbError::BadCursor(cursor.chars().take(80).collect()))?;
                debug_assert_eq!(order, Order::Desc);
                (by.clone().lt(number), by.eq(number))
            }
        };
        Ok(Condition::any().add(beyond).add(same.and(Column::Id.gt(id))))
    }
}

impl StateFilter {
    fn condition(self) -> Condition {
        let all = Condition::all();
        match self {
            Self::Missing => all.add(Column::MissingSinceMs.is_not_null()),
            Self::Unplayable => {
                let unplayable = Condition::any()
                    .add(Column::UnplayableReason.is_not_null())
                    .add(Column::QuarantineReason.is_not_null());
                all.add(Column::MissingSinceMs.is_null()).add(unplayable)
            }
            Self::Ok => all
                .add(Column::MissingSinceMs.is_null())
                .add(Column::UnplayableReason.is_null())
                .add(Column::QuarantineReason.is_null()),
        }
    }
}

impl MediaFilter {
    fn condition(&self) -> Condition {
        let words = self.q.iter().flat_map(|q| q.split_whitespace()).take(WORDS).map(|word| {
            let escaped: String = word
                .to_lowercase()
                .chars()
                .flat_map(|c| matches!(c, '%' | '_' | '\\').then_some('\\').into_iter().chain([c]))
                .collect();
            Expr::col(Column::SearchText).like(LikeExpr::new(format!("%{escaped}%")).escape('\\'))
        });
        words
            .fold(Condition::all(), Condition::add)
            .add_option(self.show.as_ref().map(|show| Column::Show.eq(show)))
            .add_option(self.season.map(|season| Column::Season.eq(i64::from(season))))
            .add_option(self.state.map(StateFilter::condition))
            .add_option(self.codec.as_ref().map(|codec| Column::VideoCodec.eq(codec)))
            .add_option(self.kind.map(|kind| Column::Kind.eq(kind.as_str())))
            .add_option(self.folder.map(|folder| Column::FolderId.eq(folder.to_string())))
    }
}

/// A place in the list that survives changes around it: the sort key and id of
/// the last row, in hexadecimal so that nobody is tempted to build one.
fn cursor(sort_key: &str, id: &str) -> String {
    let hex: String = sort_key.bytes().map(|byte| format!("{byte:02x}")).collect();
    format!("{id}.{hex}")
}

fn read_cursor(text: &str) -> Result<(String, String)> {
    let bad = || DbError::BadCursor(text.chars().take(80).collect());
    let (id, hex) = text.split_once('.').ok_or_else(bad)?;
    let id: MediaId = id.parse().map_err(|_| bad())?;
    let bytes = hex.as_bytes().chunks(2).map(|pair| {
        let pair = std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2)?;
        u8::from_str_radix(pair, 16).ok()
    });
    let bytes: Vec<u8> = bytes.collect::<Option<_>>().ok_or_else(bad)?;
    Ok((String::from_utf8(bytes).map_err(|_| bad())?, id.to_string()))
}
