//! Ways to states that chance alone hardly ever makes.
//!
//! Owns which requests lead there: to somebody who is signed in (names and passwords that
//! meet by chance are too few for the tries that the server allows), and to something that
//! is on for long enough to be skipped. Invariant: what is asked on the way is an operation
//! of the document like any other.

use serde_json::{Value, json};

use crate::chance::Chance;
use crate::document::{Document, Operation};
use crate::generate::Request;

const SET_PASSWORD: &str = "PUT /api/v1/account/password";
const SIGN_IN: &str = "POST /api/v1/session";
const SIGN_OUT: &str = "DELETE /api/v1/session";
const MAKE: &str = "POST /api/v1/channels";
const SKIP: &str = "POST /api/v1/channels/{channel}/skip";

/// A number that chance gives to no channel.
const OF_ITS_OWN: &str = "77";

/// What is asked for that operation in order, once the state for it is made; `None`:
/// chance does for it, or is to do this time. `long` is a film that lasts.
pub(crate) fn to<'a>(
    (document, long): (&'a Document, &str),
    operation: &'a Operation,
    chance: &mut Chance,
) -> Option<Vec<(&'a Operation, Request)>> {
    let named = |name: &str| document.operations.iter().find(|one| one.name() == name);
    let signing_in = |name: &str| {
        let account = json!({ "name": name, "password": "correct horse" });
        let steps = [named(SET_PASSWORD)?, named(SIGN_IN)?];
        Some(Vec::from(steps.map(|step| (step, request(step, &account)))))
    };
    let name = *chance.pick(&["admin", "Somebody", "誰か"]);
    match operation.name().as_str() {
        SIGN_IN if !chance.once_in(3) => signing_in(name),
        SIGN_OUT if chance.once_in(8) => {
            let mut steps = signing_in(name)?;
            steps.push((operation, request(operation, &Value::Null)));
            Some(steps)
        }
        SKIP if chance.once_in(4) => {
            let channel = json!({
                "number": OF_ITS_OWN, "name": "Long", "items": [{ "media": long }],
            });
            let make = named(MAKE)?;
            let mut skip = request(operation, &Value::Null);
            skip.target = skip.target.replace("{channel}", OF_ITS_OWN);
            Some(vec![(make, request(make, &channel)), (operation, skip)])
        }
        _ => None,
    }
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
