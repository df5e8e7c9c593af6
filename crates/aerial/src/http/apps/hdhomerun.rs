//! An HDHomeRun tuner, as Plex, Jellyfin, Emby and Channels DVR know one.
//!
//! Owns the documents of such a device. Finding it is `discovery`'s, its streams are
//! `stream`'s. Invariant: the addresses of its channels have no query, and asking for
//! any of this changes nothing.

use aerial_model::channel::Channel;
use aerial_model::discovery::ssdp::DEVICE_TYPE;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use quick_xml::escape::escape;
use serde::Serialize;

use super::origin::Origin;
use crate::discovery::{DEVICE_AUTH, Device, tuners};
use crate::http::AppState;
use crate::http::extract::Json;
use crate::http::system::Host;
use crate::schedule::Schedule;

/// What the device is called where people choose one.
const NAME: &str = "Aerial";

/// A model without a transcoder of its own. For one that has (HDTC-2US) Plex shows a
/// quality setting and Jellyfin offers versions of each channel, and both ask for
/// `?transcode=`, which changes nothing here; and models of the first generations
/// (HDHR3-US and before) are taken to have no `lineup.json`.
const MODEL: &str = "HDHR5-4US";

/// What goes with the model.
const FIRMWARE: &str = "hdhomerun5_atsc";

/// A date in eight digits, because clients compare it with that of the firmware from
/// which on `lineup.json` is there (2015).
const FIRMWARE_VERSION: &str = "20260101";

/// From this height on a picture is called HD.
const HD_HEIGHT: u16 = 720;

const XML: &str = "application/xml; charset=utf-8";
const M3U: &str = "application/x-mpegurl; charset=utf-8";

/// The routes of the device.
pub(super) fn routes() -> Router<AppState> {
    Router::new()
        .route("/discover.json", get(discover))
        .route("/lineup.json", get(lineup_json))
        .route("/lineup.xml", get(lineup_xml))
        .route("/lineup.m3u", get(lineup_m3u))
        .route("/lineup_status.json", get(status))
        .route("/lineup.post", post(scan))
        .route("/device.xml", get(description))
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Discover {
    friendly_name: &'static str,
    model_number: &'static str,
    firmware_name: &'static str,
    firmware_version: &'static str,
    #[serde(rename = "DeviceID")]
    device_id: String,
    device_auth: &'static str,
    #[serde(rename = "BaseURL")]
    base_url: String,
    #[serde(rename = "LineupURL")]
    lineup_url: String,
    tuner_count: u8,
}

async fn discover(
    origin: Origin,
    State(device): State<Device>,
    State(Host(host)): State<Host>,
) -> Json<Discover> {
    Json(Discover {
        friendly_name: NAME,
        model_number: MODEL,
        firmware_name: FIRMWARE,
        firmware_version: FIRMWARE_VERSION,
        device_id: device.id.to_string(),
        device_auth: DEVICE_AUTH,
        base_url: origin.url("/").trim_end_matches('/').to_owned(),
        lineup_url: origin.url("/lineup.json"),
        tuner_count: tuners(&host.admission),
    })
}

/// A channel of the device.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Tunable {
    guide_number: String,
    guide_name: String,
    video_codec: &'static str,
    audio_codec: &'static str,
    #[serde(rename = "HD", skip_serializing_if = "Option::is_none")]
    hd: Option<u8>,
    #[serde(rename = "URL")]
    url: String,
}

/// All channels, by number.
fn lineup(schedule: &Schedule, host: &Host, origin: &Origin) -> Vec<Tunable> {
    let standard = host.0.frame.1;
    let tunable = |channel: &Channel| Tunable {
        guide_number: channel.number.to_string(),
        guide_name: channel.name.clone(),
        // Of every rendition, also where a file's own streams are copied.
        video_codec: "H264",
        audio_codec: "AAC",
        hd: is_hd(channel, standard).then_some(1),
        url: origin.url(&format!("/stream/{}.ts", channel.number)),
    };
    schedule.channels().iter().map(|channel| tunable(channel)).collect()
}

fn is_hd(channel: &Channel, standard: u16) -> bool {
    let best = channel.ladder.first().map(|rendition| rendition.height().unwrap_or(standard));
    best.unwrap_or(standard) >= HD_HEIGHT
}

async fn lineup_json(
    origin: Origin,
    State(schedule): State<Schedule>,
    State(host): State<Host>,
) -> Json<Vec<Tunable>> {
    Json(lineup(&schedule, &host, &origin))
}

async fn lineup_xml(
    origin: Origin,
    State(schedule): State<Schedule>,
    State(host): State<Host>,
) -> impl IntoResponse {
    let mut text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Lineup>\n".to_owned();
    for channel in lineup(&schedule, &host, &origin) {
        let hd = channel.hd.map(|hd| hd.to_string());
        let fields = [
            ("GuideNumber", Some(channel.guide_number.as_str())),
            ("GuideName", Some(&channel.guide_name)),
            ("VideoCodec", Some(channel.video_codec)),
            ("AudioCodec", Some(channel.audio_codec)),
            ("HD", hd.as_deref()),
            ("URL", Some(&channel.url)),
        ];
        let fields = fields.into_iter().filter_map(|(name, value)| Some((name, value?)));
        let fields = fields.map(|(name, value)| format!("<{name}>{}</{name}>", escape(value)));
        text.push_str(&format!("<Program>{}</Program>\n", fields.collect::<String>()));
    }
    text.push_str("</Lineup>\n");
    ([(header::CONTENT_TYPE, XML)], text)
}

async fn lineup_m3u(
    origin: Origin,
    State(schedule): State<Schedule>,
    State(host): State<Host>,
) -> impl IntoResponse {
    let mut text = "#EXTM3U\n".to_owned();
    for Tunable { guide_number, guide_name, url, .. } in lineup(&schedule, &host, &origin) {
        // There is no way to write a quotation mark in an attribute.
        let quoted = guide_name.replace('"', "'");
        text.push_str(&format!(
            "#EXTINF:-1 channel-id=\"{guide_number}\" channel-number=\"{guide_number}\" \
             tvg-name=\"{quoted}\",{guide_number} {guide_name}\n{url}\n"
        ));
    }
    ([(header::CONTENT_TYPE, M3U)], text)
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Status {
    scan_in_progress: u8,
    scan_possible: u8,
    source: &'static str,
    source_list: [&'static str; 1],
}

/// A scan is always possible, and over at once: the channels are what they are.
/// Where it is not possible, set-up assistants end at this point.
async fn status() -> Json<Status> {
    let source = "Cable";
    Json(Status { scan_in_progress: 0, scan_possible: 1, source, source_list: [source] })
}

/// `?scan=start`, `?scan=abort` and whatever else a client may want: there is nothing
/// to do for it.
async fn scan() -> StatusCode {
    StatusCode::OK
}

/// The device as UPnP describes one (UPnP Device Architecture 1.0, 2.1).
async fn description(origin: Origin, State(device): State<Device>) -> impl IntoResponse {
    let (base, Device { id, uuid }) = (origin.url("/"), device);
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <root xmlns=\"urn:schemas-upnp-org:device-1-0\">\n\
         <specVersion><major>1</major><minor>0</minor></specVersion>\n\
         <URLBase>{}</URLBase>\n\
         <device>\n\
         <deviceType>{DEVICE_TYPE}</deviceType>\n\
         <friendlyName>{NAME}</friendlyName>\n\
         <manufacturer>{NAME}</manufacturer>\n\
         <modelName>{MODEL}</modelName>\n\
         <modelNumber>{MODEL}</modelNumber>\n\
         <serialNumber>{id}</serialNumber>\n\
         <UDN>uuid:{uuid}</UDN>\n\
         </device>\n\
         </root>\n",
        escape(&base)
    );
    ([(header::CONTENT_TYPE, XML)], text)
}
