//! The first start: something to watch without any set-up.
//!
//! Owns which channels are made of a library that has none. Invariant: the same
//! library gives the same channels.

use std::collections::BTreeMap;
use std::sync::Arc;

use aerial_model::channel::{Channel, Edit, What};
use aerial_model::id::ChannelId;
use uuid::Uuid;

use super::{Result, Schedule};
use crate::db::{Media, MediaFilter, StateFilter};

/// Media read at a time.
const PAGE: u64 = 500;

/// The setting that says it was done: whoever then deletes all channels wants none.
const MADE: &str = "first_channels_made";

/// What the channel of all that is in no show is called.
const FILMS: &str = "Films";

impl Schedule {
    /// Where there are media and no channel, once: makes a channel of each show (two
    /// or more videos that bear episode numbers), and one of all other films.
    /// The channels made.
    pub async fn make_first_channels(&self) -> Result<Vec<Arc<Channel>>> {
        if self.0.db.setting::<bool>(MADE).await?.unwrap_or_default() {
            return Ok(Vec::new());
        }
        let (mut shows, mut films) = (BTreeMap::<String, Vec<Media>>::new(), Vec::new());
        for media in self.playable_videos().await? {
            match &media.about.show {
                Some(show) if media.about.episode.is_some() => {
                    shows.entry(show.clone()).or_default().push(media);
                }
                _ => films.push(media),
            }
        }
        let mut wanted: Vec<(String, Vec<What>)> = Vec::new();
        for (show, episodes) in shows {
            if episodes.len() >= 2 {
                wanted.push((show.clone(), vec![What::Show(show)]));
            } else {
                films.extend(episodes);
            }
        }
        films.sort_by_key(|media| (media.about.title.to_lowercase(), media.path.clone()));
        if !films.is_empty() {
            let items = films.iter().map(|media| What::Media(media.id)).collect();
            wanted.push((FILMS.to_owned(), items));
        }
        self.make(wanted).await
    }

    async fn make(&self, wanted: Vec<(String, Vec<What>)>) -> Result<Vec<Arc<Channel>>> {
        let now = self.now();
        let write = self.0.db.write().await?;
        if wanted.is_empty() || write.has_channels().await? {
            return Ok(Vec::new());
        }
        let numbers = write.free_numbers(wanted.len()).await?;
        let mut made = Vec::new();
        for (number, (name, items)) in numbers.into_iter().zip(wanted) {
            let edit = Edit {
                number: Some(number.to_string()),
                name: Some(shown(&name)),
                ..Edit::default()
            };
            let digest = blake3::hash(name.as_bytes());
            let seed =
                digest.as_bytes().iter().take(8).fold(0, |seed, b| seed << 8 | u64::from(*b));
            let channel = Channel::create(ChannelId(Uuid::now_v7()), seed, now, &edit)?;
            self.insert(&write, &channel, items, now).await?;
            made.push(Arc::new(channel));
        }
        write.set_setting(MADE, &true).await?;
        write.commit().await?;
        made.iter().cloned().for_each(|channel| self.announce(channel));
        Ok(made)
    }

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
