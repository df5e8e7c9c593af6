//! What was answered, as tests look at it.

use std::collections::BTreeMap;

use axum::http::{HeaderMap, StatusCode};
use serde_json::Value;

/// What was answered.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The status and the body, with ids in the order in which they first occur.
    pub(crate) fn shown(&self) -> String {
        let body = match self.body.is_empty() {
            true => String::new(),
            false => format!("\n{}", serde_json::to_string_pretty(&self.json()).unwrap()),
        };
        anonymous(&format!("{}{body}", self.status))
    }

    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", String::from_utf8_lossy(&self.body));
        self
    }

    /// The paths of the fields that were wrong.
    pub(crate) fn fields(&self) -> Vec<String> {
        let errors = self.json()["errors"].as_array().cloned().unwrap_or_default();
        errors.iter().map(|error| error["field"].as_str().unwrap().to_owned()).collect()
    }
}

/// Puts `id-1`, `id-2` … in place of UUIDs.
pub(crate) fn anonymous(text: &str) -> String {
    let mut known: BTreeMap<&str, usize> = BTreeMap::new();
    let mut shown = String::new();
    let mut rest = text;
    while !rest.is_empty() {
        let is_id = rest.get(..36).is_some_and(|id| {
            let dashes = id.bytes().enumerate().all(|(at, byte)| match at {
                8 | 13 | 18 | 23 => byte == b'-',
                _ => byte.is_ascii_hexdigit(),
            });
            dashes && rest.as_bytes().get(36).is_none_or(|byte| !byte.is_ascii_alphanumeric())
        });
        let length = match is_id {
            true => 36,
            false => rest.chars().next().map_or(0, char::len_utf8),
        };
        let (part, after) = rest.split_at(length);
        if is_id {
            let next = known.len() + 1;
            shown.push_str(&format!("id-{}", known.entry(part).or_insert(next)));
        } else {
            shown.push_str(part);
        }
        rest = after;
    }
    shown
}
