//! `/channels.m3u`: the channels, for every app that takes a playlist.

use aerial_model::m3u::{self, Catchup, Entry};
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::origin::Origin;
use super::{guide_id, logo};
use crate::http::problem::{Answer, Problem};
use crate::schedule::Schedule;

/// Unknown parameters are ignored: TV apps add their own.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    format: Option<String>,
}

/// HLS, unless MPEG-TS is asked for.
pub(super) async fn get(
    State(schedule): State<Schedule>,
    origin: Origin,
    Query(asked): Query<Asked>,
) -> Answer<Response> {
    let extension = match asked.format.as_deref() {
        None | Some("hls" | "m3u8") => "m3u8",
        Some("ts" | "mpegts") => "ts",
        Some(_) => return Err(Problem::field("format", "must be `hls` or `ts`")),
    };
    let channels = schedule.channels();
    let told: Vec<[String; 4]> = channels
        .iter()
        .map(|channel| {
            // By number: people read these, and some apps sort by them.
            let stream = origin.url(&format!("/stream/{}.{extension}", channel.number));
            let again = origin.url(&format!("/stream/{}/catchup.m3u8", channel.number));
            [guide_id(channel.id), origin.url(&logo::path(channel)), stream, again]
        })
        .collect();
    let entries: Vec<Entry<'_>> = channels
        .iter()
        .zip(&told)
        .map(|(channel, [guide_id, logo, url, again])| Entry {
            guide_id,
            number: channel.number,
            name: &channel.name,
            logo,
            group: channel.group.as_deref(),
            url,
            catchup: (channel.catchup_days > 0)
                .then_some(Catchup { days: channel.catchup_days, list: again }),
        })
        .collect();
    let text = m3u::channels(&origin.url("/xmltv.xml"), &entries);
    let headers = [
        (header::CONTENT_TYPE, "audio/x-mpegurl; charset=utf-8"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    Ok((headers, text).into_response())
}
