//! From items to slots: what a lineup plays, show by show and media by media.
//!
//! Pure. Owns what is left out and in which order episodes play. Invariant: the
//! same items, media and time give the same lineup, so that a version is made
//! only where something differs.

use std::collections::HashMap;

use aerial_model::channel::{Channel, LineupItem, Video, What};
use aerial_model::id::MediaId;
use aerial_model::lineup::{Lineup, Slot, SlotKey};
use aerial_model::time::{AirTime, Ticks};

use crate::db::{MediaState, Playable};

/// How long what is missing or fails stays planned, as slate (`rules.md`, 7).
const PLANNED_AS_SLATE: Ticks = Ticks::from_secs(24 * 3_600);

/// The lowest frame: players refuse pictures much smaller.
const LOWEST_FRAME: u32 = 144;

/// When lineups are made, and for which server.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) now: AirTime,
    /// What taller pictures are made smaller to.
    pub(super) tallest_frame: u16,
}

/// The next version of `old`, as these items and media make it at `now`. It has
/// the old one's number: who finds a difference gives it the next.
pub(super) fn flatten(
    channel: &Channel,
    created_at: AirTime,
    version: u32,
    items: &[LineupItem],
    playables: &[Playable],
    Moment { now, tallest_frame }: Moment,
) -> Lineup {
    let by_id: HashMap<MediaId, &Playable> = playables.iter().map(|p| (p.media, p)).collect();
    let mut by_show: HashMap<&str, Vec<(u64, &Playable)>> = HashMap::new();
    for playable in playables {
        if let Some(show) = &playable.show {
            by_show.entry(show).or_default().push((episode_key(playable), playable));
        }
    }
    for episodes in by_show.values_mut() {
        episodes.sort_by(|a, b| (a.0, &a.1.name, a.1.media).cmp(&(b.0, &b.1.name, b.1.media)));
    }
    let mut slots = Vec::with_capacity(items.len());
    let mut tallest = None;
    let mut add = |item: &LineupItem, episode: u64, playable: &Playable| {
        let copied = playable.copied.filter(|_| channel.video == Video::Auto);
        let map = playable.map.map(|uniform| copied.unwrap_or(uniform));
        if let Some((map_id, map)) = map.filter(|_| is_planned(&playable.state, now)) {
            let key = SlotKey { rank: item.rank, episode };
            slots.push(Slot { item: item.id, media: playable.media, key, map_id, map });
            tallest = tallest.max(playable.height);
        }
    };
    for item in items {
        match &item.what {
            What::Media(id) => by_id.get(id).into_iter().for_each(|p| add(item, 0, p)),
            What::Show(show) => {
                let episodes = by_show.get(show.as_str()).into_iter().flatten();
                episodes.for_each(|(key, playable)| add(item, *key, playable));
            }
        }
    }
    slots.sort_by_key(|slot| (slot.key, slot.item, slot.media));
    Lineup {
        version,
        order: channel.order,
        seed: channel.seed,
        looping: channel.looping,
        // A start that nobody chose is the moment there is something to start with.
        starts_at: match channel.starts_at == channel.created_at {
            true => created_at,
            false => channel.starts_at,
        },
        created_at,
        frame_height: frame_height(tallest, tallest_frame),
        slots,
    }
}

fn is_planned(state: &MediaState, now: AirTime) -> bool {
    match state {
        MediaState::Ok => true,
        MediaState::Missing { since }
        | MediaState::Unplayable { since, .. }
        | MediaState::Quarantined { since, .. } => now < *since + PLANNED_AS_SLATE,
    }
}

/// An episode's place in its show, that stays when others come and go: season
/// (16 bits), episode (24) and a hash of the file's name (24), for those whose
/// numbers are the same. Without a number, after all that have one.
fn episode_key(playable: &Playable) -> u64 {
    let field =
        |number: Option<u32>, most: u64| number.map_or(most, |n| u64::from(n).min(most - 1));
    let hash = blake3::hash(&playable.name);
    let [a, b, c, ..] = *hash.as_bytes();
    let name = u64::from(a) << 16 | u64::from(b) << 8 | u64::from(c);
    field(playable.season, 0xffff) << 48 | field(playable.episode, 0xff_ffff) << 24 | name
}

pub(super) fn frame_height(tallest: Option<u32>, most: u16) -> u16 {
    let most = u32::from(most).max(LOWEST_FRAME);
    let height = tallest.unwrap_or(most).clamp(LOWEST_FRAME, most);
    // Chroma has half the lines: an odd line more is padded.
    height.next_multiple_of(2) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_frame_is_as_tall_as_the_tallest_picture_within_limits_and_even() {
        let pictures = [None, Some(90), Some(360), Some(405), Some(2_160)];
        assert_eq!(pictures.map(|height| frame_height(height, 720)), [720, 144, 360, 406, 720]);
        assert_eq!(pictures.map(|height| frame_height(height, 360)), [360, 144, 360, 360, 360]);
    }
}
