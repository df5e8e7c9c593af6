//! The streams' routes, and who asks them.

use aerial::access::Access;
use aerial::access::caller::{Caller, Shown};
use aerial::clock::Clock;
use aerial::config;
use aerial::db::Db;
use aerial::http::stream;
use axum::{Extension, Router};
use tokio_util::sync::CancellationToken;

use crate::world::{NOW, World};

/// Who is let in where, by a catalogue in a folder that has to live on.
pub(crate) async fn access() -> (tempfile::TempDir, Access) {
    let folder = tempfile::tempdir().unwrap();
    let db = Db::open(&folder.path().join("catalogue.sqlite")).await.unwrap();
    let rules = config::Access::default();
    let access = Access::open(db, Clock::simulated(NOW), rules, "test", None).await.unwrap();
    (folder, access)
}

/// The routes without their doors, for whoever is this process.
pub(crate) async fn within(world: &World) -> (tempfile::TempDir, Router) {
    let (folder, access) = access().await;
    let routes = stream::router(world.manager.clone(), CancellationToken::new())
        .layer(Extension(access.admit(Shown::default())))
        .layer(Extension(Caller::of_this_process()));
    (folder, routes)
}
