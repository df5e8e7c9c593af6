//! Ways to states that chance alone hardly ever makes.
//!
//! Owns which requests lead there: to a password that is known (names and passwords that
//! meet by chance are too few for the tries that the server allows), and to something that
//! is on for long enough to be skipped. Invariant: what is asked on the way is an operation
//! of the document like any other.

use serde_json::{Value, json};

use crate::chance::Chance;
use crate::document::{Document, Operation};
use crate::generate::Request;

/// A number that chance gives to no channel.
const OF_ITS_OWN: &str = "77";

/// What is asked for that operation in order, once the state for it is made; `None`:
/// chance does for it, or is to do this time. `long` is a film that lasts.
pub(crate) fn to<'a>(
    (document, long): (&'a Document, &str),
    operation: &'a Operation,
    chance: &mut Chance,
) -> Option<Vec<(&'a Operation, Request)>> {
    let (before, body, asked) = match operation.name().as_str() {
        "POST /api/v1/session" if !chance.once_in(3) => {
            let name = *chance.pick(&["admin", "Somebody", "誰か"]);
            let account = json!({ "name": name, "password": "correct horse" });
            ("PUT /api/v1/account/password", account.clone(), request(operation, &account))
        }
        "POST /api/v1/channels/{channel}/skip" if chance.once_in(4) => {
            let channel = json!({
                "number": OF_ITS_OWN, "name": "Long", "items": [{ "media": long }],
            });
            let mut skip = request(operation, &Value::Null);
            skip.target = skip.target.replace("{channel}", OF_ITS_OWN);
            ("POST /api/v1/channels", channel, skip)
        }
        _ => return None,
    };
    let first = document.operations.iter().find(|one| one.name() == before)?;
    Some(vec![(first, request(first, &body)), (operation, asked)])
}

fn request(operation: &Operation, body: &Value) -> Request {
    let (method, target) = (operation.method.clone(), operation.path.clone());
    match body.is_null() {
        true => Request { method, target, content_type: None, body: Vec::new() },
        false => {
            let content_type = Some("application/json".to_owned());
            Request { method, target, content_type, body: body.to_string().into_bytes() }
        }
    }
}
