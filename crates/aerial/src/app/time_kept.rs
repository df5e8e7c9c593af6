//! The channels' time over a restart: what a server notes for the next one.
//!
//! Owns when it is noted and where. What is made of it is the clock's. Invariant: what
//! playlists promise is noted within seconds, so that no later server goes back behind
//! it; a failing note holds up nobody.

use std::collections::BTreeSet;
use std::time::Duration;

use aerial_model::air_clock::{Noted, Wall};
use aerial_model::id::ChannelId;
use aerial_model::time::Ticks;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::clock::{Clock, Uptime, WALL_DISTRUSTED};
use crate::db::{Db, DbError};

/// Under this key among the settings that the program keeps.
const KEY: &str = "air_clock";

/// How often it is noted while something is on the air: as the model counts on.
const NOTED_EVERY: Duration = Duration::from_secs(20);

/// How often it is noted otherwise: so much later a wild clock is believed.
const IDLE_NOTES: u32 = 180;

/// What lies in the catalogue.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    noted: Noted,
    /// The run of the machine, and how long it had lasted, in ticks.
    boot: Option<(String, Ticks)>,
}

/// Lets the clock go on from what the last server noted, if any did.
pub(super) async fn resume(clock: &Clock, db: &Db, trusts: bool) -> Result<(), DbError> {
    let Some(Kept { mut noted, boot }) = db.setting::<Kept>(KEY).await? else { return Ok(()) };
    let there: BTreeSet<ChannelId> =
        db.channels().await?.into_iter().map(|channel| channel.id).collect();
    noted.channels.retain(|channel, _| there.contains(channel));
    let since = boot.zip(Uptime::read()).and_then(|((boot, then), now)| {
        (boot == now.boot && now.ticks >= then).then(|| now.ticks - then)
    });
    match clock.resume(&noted, since, trusts) {
        Wall::Same => {}
        Wall::Stepped(step, held) => {
            let step_ms = step.as_millis();
            tracing::warn!(step_ms, held, "the wall clock was set while the server was away");
        }
        Wall::Distrusted(step) => {
            tracing::error!(ahead_days = step.as_millis() / 86_400_000, "{WALL_DISTRUSTED}");
        }
    }
    Ok(())
}

/// Notes it now and then, and once more at the end.
pub(super) async fn note(clock: Clock, db: Db, ending: CancellationToken) {
    let mut often = tokio::time::interval(NOTED_EVERY);
    let (mut last, mut idle) = (None, 0);
    loop {
        let ends = tokio::select! {
            _ = often.tick() => false,
            () = clock.news() => false,
            () = ending.cancelled() => true,
        };
        let noted = clock.noted();
        idle += 1;
        let promised: Vec<_> = noted.channels.values().map(|channel| channel.promised).collect();
        if ends || idle >= IDLE_NOTES || last.as_ref() != Some(&promised) {
            idle = 0;
            let boot = Uptime::read().map(|uptime| (uptime.boot, uptime.ticks));
            let kept = Kept { noted, boot };
            if let Err(error) = db.set_setting(KEY, &kept).await {
                tracing::error!(%error, "the channels' time is not noted");
            }
            last = Some(promised);
        }
        if ends {
            return;
        }
    }
}
