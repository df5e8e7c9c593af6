//! What TV apps ask for: at the root, in the forms that they know.
//!
//! Owns which of these routes there are. The streams they lead to are in `stream`.
//! Invariant: every answer can be read by pages of any site (CORS), and every address
//! in it is right from where it was asked for (`origin`).

mod hdhomerun;
pub mod origin;

use axum::Router;
use axum::http::Method;
use tower_http::cors::{Any, CorsLayer};

use super::AppState;

/// All routes for TV apps.
pub fn router() -> Router<AppState> {
    Router::new().merge(hdhomerun::routes()).layer(
        CorsLayer::new().allow_origin(Any).allow_methods([Method::GET, Method::HEAD, Method::POST]),
    )
}
