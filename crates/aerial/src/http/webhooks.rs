//! `/system/webhooks/test`: whether those who are told of faults can be told.
//!
//! Owns how that is told; trying is the business of `webhooks`. Invariant: of an address
//! nothing is told but its host, since the rest may be secret.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::extract::Json;
use super::page::Listing;
use crate::clock::Clock;
use crate::webhooks::{Tested, Webhooks};

/// A webhook that was tried.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct WebhookTest {
    /// The host of its address.
    #[schema(example = "hooks.example.org")]
    host: String,
    /// Whether it took the test.
    delivered: bool,
    /// Why it did not.
    #[schema(required = true)]
    reason: Option<String>,
}

impl From<Tested> for WebhookTest {
    fn from(tested: Tested) -> Self {
        let reason = tested.failure.map(|failure| failure.to_string());
        Self { host: tested.host, delivered: reason.is_none(), reason }
    }
}

/// Tells all webhooks of the settings that this is a test, once, and what came of it.
#[utoipa::path(
    post, path = "/system/webhooks/test", operation_id = "test_webhooks", tag = "system",
    responses((status = 200, body = Listing<WebhookTest>)),
)]
pub(super) async fn test(
    State(webhooks): State<Webhooks>,
    State(clock): State<Clock>,
) -> Json<Listing<WebhookTest>> {
    let tested = webhooks.test(clock.now()).await;
    Json(Listing { items: tested.into_iter().map(WebhookTest::from).collect(), next: None })
}
