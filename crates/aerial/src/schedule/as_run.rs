//! The as-run log, as the catalogue keeps it.
//!
//! Owns the names that go with what the stream part tells. Invariant: a stretch is
//! written also where nobody knows any more what its channel or file is called.

use aerial_model::id::{ChannelRef, MediaId};
use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::Schedule;
use crate::db::{AsRun, AsRunNames, DbError};
use crate::stream::as_run::AsRunLog;

impl AsRunLog for Schedule {
    fn store(&self, stretches: Vec<AsRun>) -> BoxFuture<'_, Result<(), String>> {
        async move { self.store_as_run(stretches).await.map_err(|error| error.to_string()) }.boxed()
    }
}

impl Schedule {
    async fn store_as_run(&self, stretches: Vec<AsRun>) -> Result<(), DbError> {
        let mut media: Vec<MediaId> = stretches.iter().filter_map(|one| one.media).collect();
        media.sort_unstable();
        media.dedup();
        let media = self.0.db.media_of(&media).await?;
        let named = stretches.into_iter().map(|stretch| {
            let channel = self.channel(ChannelRef::Id(stretch.channel));
            let about = stretch.media.and_then(|id| media.get(&id)).map(|media| &media.about);
            let title = match (stretch.media, about) {
                (None, _) => "Off air".to_owned(),
                (Some(_), Some(about)) => about.title.clone(),
                (Some(id), None) => format!("media {id}"),
            };
            let names = AsRunNames {
                number: channel.as_ref().map(|c| c.number.to_string()).unwrap_or_default(),
                channel: channel.map(|c| c.name.clone()).unwrap_or_default(),
                title,
                show: about.and_then(|about| about.show.clone()),
                season: about.and_then(|about| about.season),
                episode: about.and_then(|about| about.episode),
            };
            (stretch, names)
        });
        self.0.db.save_as_run(&named.collect::<Vec<_>>()).await
    }
}
