//! What aired, read back to be played again, and a media that is played by itself.
//!
//! Owns reading the rows of a stretch of the past and the planners of the lineups that
//! they were planned from; how a skip is opened is the model's (`replay`). Invariant:
//! what is told of a time is committed before it is told.

use std::ops::Range;
use std::sync::Arc;

use aerial_model::id::{ChannelId, MediaId};
use aerial_model::ladder::Looks;
use aerial_model::ledger::Content;
use aerial_model::lineup::{Slot, SlotKey};
use aerial_model::planner::Planner;
use aerial_model::replay::{Replay, aired};
use aerial_model::time::AirTime;

use super::flatten::frame_height;
use super::live::{Entry, Live};
use super::{Result, Schedule, ScheduleError};
use crate::db::{DbError, Media, MediaState};
use crate::stream::timeline::{Alone, TimelineError};

impl Schedule {
    /// What aired in `span`, also while nobody watched; commits first what of it is
    /// not committed.
    pub async fn aired(&self, id: ChannelId, span: Range<AirTime>) -> Result<Replay> {
        let entry = self.entry(id)?;
        let mut live = self.live(&entry).await?;
        if live.ledger.tail().is_none_or(|tail| tail.end() < span.end) {
            self.commit(id).await?;
            live = self.live(&entry).await?;
        }
        let ledger = match live.reaches(span.start) {
            true => live.ledger.clone(),
            false => self.past_ledger(&entry, &live, span.clone()).await?,
        };
        let mut planners = std::collections::HashMap::new();
        for airing in ledger.airings() {
            let (row, version) = (airing.row, airing.row.lineup_version);
            let within = airing.end > span.start && row.start < span.end;
            if within
                && matches!(row.content, Content::Skip { .. })
                && let Some(planner) = self.planner_of(&entry, &live, version).await?
            {
                planners.insert(version, planner);
            }
        }
        let planner_of = |version: u32| planners.get(&version).cloned();
        let rows = aired(&ledger, &planner_of, &span)
            .map_err(|source| ScheduleError::NotTold { channel: id, source })?;
        let maps = self.maps_of(&rows).await?;
        let replay = Replay::of(rows, |id| maps.get(id));
        replay.map_err(|source| ScheduleError::Ledger { channel: id, source })
    }

    /// The planner of a lineup version; `None` where that is not kept any more.
    pub(super) async fn planner_of(
        &self,
        entry: &Entry,
        live: &Live,
        version: u32,
    ) -> Result<Option<Arc<Planner>>> {
        if version == live.planner.lineup().version {
            return Ok(Some(live.planner.clone()));
        }
        if let Some(planner) = self.0.planners.get(&(entry.id, version)) {
            return Ok(Some(planner));
        }
        let Some(lineup) = self.0.db.lineup(entry.id, version).await? else { return Ok(None) };
        let planner = Arc::new(Planner::new(Arc::new(lineup)));
        self.0.planners.insert((entry.id, version), planner.clone());
        Ok(Some(planner))
    }

    /// A media as it is played by itself: as on a channel that plays nothing else.
    pub(super) async fn media_alone(
        &self,
        id: MediaId,
    ) -> std::result::Result<Alone, TimelineError> {
        let failed = |error: DbError| TimelineError::Media { media: id, reason: error.to_string() };
        let found = self.0.db.media(id).await.map_err(failed)?.ok_or(TimelineError::Gone(id))?;
        let title = found.about.title.clone();
        let refused = |reason: String| TimelineError::Unplayable { title: title.clone(), reason };
        match &found.state {
            MediaState::Ok => {}
            MediaState::Missing { .. } => {
                return Err(refused(
                    "its file is missing; bring it back, or scan again".to_owned(),
                ));
            }
            MediaState::Unplayable { reason, .. } | MediaState::Quarantined { reason, .. } => {
                return Err(refused(reason.clone()));
            }
        }
        let (map_id, map) = match found.copying.as_ref().and_then(|copying| copying.map()) {
            Some((copied_id, _)) => {
                let maps = self.copied_maps([copied_id]).await;
                let maps = maps.map_err(|error| refused(error.to_string()))?;
                maps.get(copied_id).map(|map| (copied_id, map))
            }
            None => None,
        }
        .or_else(|| found.map.clone())
        .ok_or_else(|| refused("nothing of it can be shown".to_owned()))?;
        let slot = Slot {
            item: aerial_model::id::ItemId(id.0),
            media: id,
            key: SlotKey::default(),
            map_id,
            map: map.outline(),
        };
        let frame_height = frame_height(height_of(&found), self.0.standard.height);
        Ok(Alone { media: id, title, map_id, map, frame_height, looks: Looks::of(&[slot]) })
    }
}

fn height_of(media: &Media) -> Option<u32> {
    media.facts.as_ref()?.video.as_ref().map(|video| video.height)
}
