//! The HTTP client of webhooks: one POST, and what came of it.
//!
//! Owns connecting, TLS (by the system's own certificates) and the time a try may take.
//! Follows no redirect and reads no body of an answer. Invariant: no error tells the
//! address, which may hold a secret.

use std::io;
use std::time::Duration;

use axum::http::header::{CONTENT_TYPE, USER_AGENT};
use axum::http::{Method, Request, StatusCode};
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as Legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use sha2::Sha256;
use tokio::time::timeout;

use crate::config::Webhook;

/// How long a try may take, from looking up the name to the answer's status.
const TRY_WITHIN: Duration = Duration::from_secs(10);

/// In which the signature stands.
const SIGNATURE: &str = "x-aerial-signature";

/// Why a try failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// It was not reached, or did not answer.
    #[error("it was not reached: {0}")]
    Unreached(String),
    /// It did not answer in time.
    #[error("it gave no answer within {} s", TRY_WITHIN.as_secs())]
    TooSlow,
    /// It refused.
    #[error("it answered {0}")]
    Refused(StatusCode),
    /// Nothing can be sent there.
    #[error("it cannot be asked: {0}")]
    Impossible(String),
}

impl Failure {
    /// Whether another try may do better.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Unreached(_) | Self::TooSlow => true,
            Self::Refused(status) => {
                let slow_down = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS];
                status.is_server_error() || slow_down.contains(status)
            }
            Self::Impossible(_) => false,
        }
    }
}

/// The client; clones share its connections.
#[derive(Clone, Debug)]
pub struct Client {
    http: Legacy<HttpConnector, Full<Bytes>>,
    /// Or why there is none.
    https: Result<Legacy<HttpsConnector<HttpConnector>, Full<Bytes>>, String>,
}

impl Client {
    /// One that believes whom the system believes.
    pub fn system() -> Self {
        let https = HttpsConnectorBuilder::new().with_native_roots();
        Self::with(https.map(|https| https.https_only().enable_http1().build()))
    }

    /// One that has this for `https`.
    pub(super) fn with(https: io::Result<HttpsConnector<HttpConnector>>) -> Self {
        let builder = Legacy::builder(TokioExecutor::new());
        let https = https.map(|https| builder.build(https)).map_err(|error| {
            format!(
                "there are no root certificates for https ({error}): install the package \
                 ca-certificates, or name a file of them in the variable SSL_CERT_FILE"
            )
        });
        Self { http: builder.build(HttpConnector::new()), https }
    }

    /// Why nothing can be told by `https`, if so.
    pub fn no_https(&self) -> Option<&str> {
        self.https.as_ref().err().map(String::as_str)
    }

    /// Sends this body once.
    ///
    /// # Errors
    /// Why it was not taken.
    pub async fn send(&self, hook: &Webhook, body: Bytes) -> Result<(), Failure> {
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(hook.url.uri().clone())
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, concat!("Aerial/", env!("CARGO_PKG_VERSION")));
        if let Some(secret) = &hook.secret {
            request = request.header(SIGNATURE, signature(secret.bytes(), &body));
        }
        let request = request.body(Full::new(body));
        let request = request.map_err(|error| Failure::Impossible(error.to_string()))?;
        let answer = match (hook.url.is_https(), &self.https) {
            (false, _) => self.http.request(request),
            (true, Ok(https)) => https.request(request),
            (true, Err(reason)) => return Err(Failure::Impossible(reason.clone())),
        };
        match timeout(TRY_WITHIN, answer).await {
            Err(_) => Err(Failure::TooSlow),
            Ok(Err(error)) => Err(Failure::Unreached(causes(&error))),
            Ok(Ok(answer)) if answer.status().is_success() => Ok(()),
            Ok(Ok(answer)) => Err(Failure::Refused(answer.status())),
        }
    }
}

/// `sha256=` and the HMAC of the body in hexadecimal digits.
pub(super) fn signature(secret: &[u8], body: &[u8]) -> String {
    // HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else { return String::new() };
    mac.update(body);
    let digits: String =
        mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256={digits}")
}

/// An error with its causes; the library's own words have no address in them.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_that_of_rfc_4231() {
        // Its second test case.
        let told = signature(b"Jefe", b"what do ya want for nothing?");
        let right = "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(told, right);
    }

    #[test]
    fn what_may_pass_is_tried_again_and_what_is_refused_is_not() {
        for status in [500, 502, 503, 429, 408] {
            assert!(Failure::Refused(StatusCode::from_u16(status).unwrap()).may_pass(), "{status}");
        }
        for status in [301, 302, 400, 401, 404, 410] {
            assert!(
                !Failure::Refused(StatusCode::from_u16(status).unwrap()).may_pass(),
                "{status}"
            );
        }
        assert!(Failure::TooSlow.may_pass());
    }
}
