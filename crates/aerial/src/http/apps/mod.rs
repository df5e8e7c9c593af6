//! What TV apps ask for: the list of channels, the guide, logos, a tuner.
//!
//! Owns their addresses at the root, open to every page (CORS); each file is one of
//! them. Invariant: every address that is handed out is absolute and right for the
//! client that asked ([`origin`]), and no name of anything breaks a client.

mod channel_list;
mod guide_file;
mod hdhomerun;
mod logo;
pub mod origin;

use axum::Router;
use axum::http::Method;
use axum::routing::get;
use tower_http::cors::{Any, CorsLayer};

use super::AppState;
use super::guard::{Needs, all_guarded};

/// The guide's channels are known by this for good, whatever their number.
fn guide_id(channel: aerial_model::id::ChannelId) -> String {
    format!("{channel}.aerial")
}

/// All of them.
pub(super) fn router() -> Router<AppState> {
    let routes = Router::new()
        .route("/channels.m3u", get(channel_list::get))
        .route("/xmltv.xml", get(guide_file::get))
        .route("/xmltv.xml.gz", get(guide_file::get))
        .route("/logos/{file}", get(logo::get))
        .route("/logos/uploaded/{name}", get(logo::uploaded))
        .merge(hdhomerun::routes());
    let methods = [Method::GET, Method::HEAD, Method::POST];
    // Nothing is changed by any of them, the tuner's `POST /lineup.post` included.
    all_guarded(Needs::PLAYER, routes)
        .layer(CorsLayer::new().allow_origin(Any).allow_methods(methods))
}
