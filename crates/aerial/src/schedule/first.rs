//! The first start: something to watch without any set-up.
//!
//! Owns which channels are made of a library that has none, and how they grow
//! while the first scan still finds more. Invariant: when that scan has ended,
//! the same library has the same channels with the same numbers and items,
//! however often they grew on the way; and what people have touched is left as
//! it is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aerial_model::channel::{Channel, Edit, LineupItem, What};
use aerial_model::id::{ChannelId, ChannelNumber, ChannelRef, ItemId, MediaId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::edit::MOST_ITEMS;
use super::{NewItem, Result, Revision, Schedule, ScheduleError};
use crate::db::{Media, MediaFilter, StateFilter};

/// Media read at a time.
const PAGE: u64 = 500;

/// The setting that says how far the making of first channels is.
const PROGRESS: &str = "first_channels";

/// What the channel of all that is in no show is called.
const FILMS: &str = "Films";

/// The highest channel number.
const HIGHEST: u32 = 99_999;

/// The channels of a first start, in the making.
pub struct FirstChannels {
    schedule: Schedule,
    made: Made,
    /// Shows by name, each with the number that is kept for it; the films' is
    /// the one after these.
    reserved: Option<Vec<String>>,
}

/// What is remembered over a restart.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Made {
    /// Nothing joins any more: whoever then deletes all channels wants none.
    done: bool,
    /// The channel of each show.
    shows: BTreeMap<String, ChannelId>,
    /// The channel of all other films.
    films: Option<ChannelId>,
    /// Digests of the films' lineup as it was put: the last, and the one before
    /// in case the last never was. Any other was arranged by people.
    lineups: Vec<String>,
}

impl Made {
    /// There is none yet.
    fn is_new(&self) -> bool {
        self.shows.is_empty() && self.films.is_none()
    }
}

/// Whether more media are to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstScan {
    /// It still reads.
    GoesOn,
    /// All was read.
    Ended,
}

/// What there is to watch.
#[derive(Default)]
struct Found {
    /// Shows of two episodes or more.
    shows: BTreeSet<String>,
    /// All that is in none, by title.
    films: Vec<MediaId>,
}

impl Schedule {
    /// Where there are media and no channel, once: makes a channel of each show (two
    /// or more videos that bear episode numbers), and one of all other films.
    /// The channels made.
    pub async fn make_first_channels(&self) -> Result<Vec<Arc<Channel>>> {
        match self.first_channels().await? {
            Some(mut first) => first.grow(FirstScan::Ended).await,
            None => Ok(Vec::new()),
        }
    }

    /// The first channels, to be made or still in the making; `None` where they
    /// were made, or people made others.
    pub async fn first_channels(&self) -> Result<Option<FirstChannels>> {
        let made: Made = self.0.db.setting(PROGRESS).await?.unwrap_or_default();
        let is_over = made.done || (made.is_new() && !self.channels().is_empty());
        Ok((!is_over).then(|| FirstChannels { schedule: self.clone(), made, reserved: None }))
    }
}

impl FirstChannels {
    /// Keeps the first numbers for these shows, and the next for the films.
    pub fn reserve(&mut self, shows: Vec<String>) {
        self.reserved = Some(shows);
    }

    /// Something was made.
    pub fn is_begun(&self) -> bool {
        !self.made.is_new()
    }

    /// Nothing more will be made.
    pub fn is_done(&self) -> bool {
        self.made.done
    }

    /// Makes channels of what was found since, and adds films to theirs. The
    /// channels made.
    pub async fn grow(&mut self, scan: FirstScan) -> Result<Vec<Arc<Channel>>> {
        if self.made.is_new() && !self.schedule.channels().is_empty() {
            // People were quicker.
            self.made.done = true;
        }
        if self.made.done {
            return Ok(Vec::new());
        }
        let found = self.found(scan).await?;
        let new_shows: Vec<String> = found
            .shows
            .iter()
            .filter(|show| !self.made.shows.contains_key(*show))
            .cloned()
            .collect();
        let reserved = self.reserved.get_or_insert_with(|| new_shows.clone()).clone();
        let mut wanted: Vec<(Option<String>, Vec<What>)> = new_shows
            .into_iter()
            .map(|show| (Some(show.clone()), vec![What::Show(show)]))
            .collect();
        if self.made.films.is_none() && !found.films.is_empty() {
            wanted.push((None, found.films.iter().copied().map(What::Media).collect()));
        } else {
            self.grow_films(&found.films).await?;
        }
        if wanted.is_empty() && scan == FirstScan::GoesOn {
            return Ok(Vec::new());
        }
        self.make(wanted, &reserved, &found.films, scan).await
    }

    async fn found(&self, scan: FirstScan) -> Result<Found> {
        let (mut shows, mut films) = (BTreeMap::<String, Vec<Media>>::new(), Vec::new());
        for media in self.schedule.playable_videos().await? {
            match &media.about.show {
                Some(show) if media.about.episode.is_some() => {
                    shows.entry(show.clone()).or_default().push(media);
                }
                _ => films.push(media),
            }
        }
        let mut found = Found::default();
        for (show, episodes) in shows {
            if episodes.len() >= 2 || self.made.shows.contains_key(&show) {
                found.shows.insert(show);
            } else if scan == FirstScan::Ended {
                // Until then another may come.
                films.extend(episodes);
            }
        }
        films.sort_by_key(|media| (media.about.title.to_lowercase(), media.path.clone()));
        found.films = films.iter().map(|media| media.id).take(MOST_ITEMS).collect();
        Ok(found)
    }

    /// Puts new films among those that are there, unless people arranged them.
    async fn grow_films(&mut self, films: &[MediaId]) -> Result<()> {
        let Some(channel) = self.made.films else { return Ok(()) };
        if self.schedule.channel(ChannelRef::Id(channel)).is_none() {
            return Ok(());
        }
        let items = self.schedule.lineup(channel).await?;
        if !self.made.lineups.contains(&digest_of(&items)) {
            return Ok(());
        }
        let ids: BTreeMap<MediaId, ItemId> = items
            .iter()
            .filter_map(|item| match item.what {
                What::Media(media) => Some((media, item.id)),
                What::Show(_) => None,
            })
            .collect();
        if films.iter().all(|film| ids.contains_key(film)) {
            return Ok(());
        }
        // What is there stays, also where it cannot be played just now.
        let mut all: Vec<NewItem> = films
            .iter()
            .map(|film| NewItem { id: ids.get(film).copied(), what: What::Media(*film) })
            .collect();
        let left = ids.iter().filter(|(media, _)| !films.contains(media));
        all.extend(left.map(|(media, id)| NewItem { id: Some(*id), what: What::Media(*media) }));
        let next = digest(all.iter().map(|item| &item.what));
        self.made.lineups = vec![digest_of(&items), next];
        self.schedule.0.db.set_setting(PROGRESS, &self.made).await?;
        match self.schedule.put_lineup_over(channel, all, Revision::of(&items)).await {
            // People arranged them just then.
            Ok(_) | Err(ScheduleError::Overtaken(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Makes these channels, all or none; `None` stands for the films.
    async fn make(
        &mut self,
        wanted: Vec<(Option<String>, Vec<What>)>,
        reserved: &[String],
        films: &[MediaId],
        scan: FirstScan,
    ) -> Result<Vec<Arc<Channel>>> {
        let schedule = &self.schedule;
        let now = schedule.now();
        let mut taken: BTreeSet<ChannelNumber> =
            schedule.channels().iter().map(|channel| channel.number).collect();
        let write = schedule.0.db.write().await?;
        let mut made = self.made.clone();
        let mut channels = Vec::new();
        for (show, items) in wanted {
            let place = match &show {
                Some(show) => reserved.iter().position(|one| one == show),
                None => Some(reserved.len()),
            };
            let Some(number) = free_number(place, reserved.len(), &taken) else { break };
            taken.insert(number);
            let channel = named(show.as_deref().unwrap_or(FILMS), number, now)?;
            schedule.insert(&write, &channel, items, now).await?;
            match show {
                Some(show) => {
                    made.shows.insert(show, channel.id);
                }
                None => {
                    made.films = Some(channel.id);
                    made.lineups = vec![digest_of_media(films)];
                }
            }
            channels.push(Arc::new(channel));
        }
        made.done = scan == FirstScan::Ended && !made.is_new();
        if !made.is_new() {
            write.set_setting(PROGRESS, &made).await?;
        }
        write.commit().await?;
        self.made = made;
        channels.iter().cloned().for_each(|channel| self.schedule.announce(channel));
        Ok(channels)
    }
}

/// The number kept for the one at `place`, else the first after all that are kept.
fn free_number(
    place: Option<usize>,
    reserved: usize,
    taken: &BTreeSet<ChannelNumber>,
) -> Option<ChannelNumber> {
    let whole = |major| ChannelNumber { major, minor: None };
    let kept = place.and_then(|place| u32::try_from(place + 1).ok());
    let behind = u32::try_from(reserved + 2).unwrap_or(HIGHEST);
    kept.into_iter().chain(behind..=HIGHEST).map(whole).find(|number| !taken.contains(number))
}

fn named(name: &str, number: ChannelNumber, now: aerial_model::time::AirTime) -> Result<Channel> {
    let edit =
        Edit { number: Some(number.to_string()), name: Some(shown(name)), ..Edit::default() };
    let digest = blake3::hash(name.as_bytes());
    let seed = digest.as_bytes().iter().take(8).fold(0, |seed, b| seed << 8 | u64::from(*b));
    Ok(Channel::create(ChannelId(Uuid::now_v7()), seed, now, &edit)?)
}

fn digest<'a>(whats: impl Iterator<Item = &'a What>) -> String {
    let mut hasher = blake3::Hasher::new();
    for what in whats {
        match what {
            What::Media(id) => hasher.update(id.0.as_bytes()),
            What::Show(show) => hasher.update(show.as_bytes()),
        };
    }
    hasher.finalize().to_hex()[..32].to_owned()
}

fn digest_of(items: &[LineupItem]) -> String {
    digest(items.iter().map(|item| &item.what))
}

fn digest_of_media(media: &[MediaId]) -> String {
    let whats: Vec<What> = media.iter().copied().map(What::Media).collect();
    digest(whats.iter())
}

impl Schedule {
    async fn playable_videos(&self) -> Result<Vec<Media>> {
        let filter = MediaFilter { state: Some(StateFilter::Ok), ..MediaFilter::default() };
        let (mut videos, mut after) = (Vec::new(), None);
        loop {
            let page = self.0.db.list_media(&filter, after.as_deref(), PAGE).await?;
            let is_video = |media: &Media| {
                media.map.is_some() && media.facts.as_ref().is_some_and(|f| f.video.is_some())
            };
            videos.extend(page.items.into_iter().filter(is_video));
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(videos),
            }
        }
    }
}

/// A name from a folder, as a channel may bear it.
fn shown(name: &str) -> String {
    let plain: String = name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let plain = plain.trim();
    match plain.is_empty() {
        true => "Show".to_owned(),
        false => plain.chars().take(100).collect(),
    }
}
