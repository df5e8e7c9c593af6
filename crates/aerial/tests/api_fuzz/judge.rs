//! Whether an answer is one that the document allows.

use serde_json::Value;

use crate::conform;
use crate::document::{Document, Operation};
use crate::wire::Answer;

const PROBLEM: &str = "application/problem+json";

/// What of an answer is not as the document says.
pub(crate) fn faults(document: &Document, operation: &Operation, answer: &Answer) -> Vec<String> {
    let status = answer.status;
    let Some(told) = operation.response(status) else {
        return vec![format!("the document does not name the status {status}")];
    };
    let mut faults = Vec::new();
    if status >= 500 && status != 503 {
        faults.push(format!("{status} is a fault of the server, whoever names it"));
    }
    if status == 503 && operation.path != "/readyz" && answer.header("retry-after").is_none() {
        faults.push("503 without Retry-After".to_owned());
    }
    if let Some(named) = told["headers"].as_object().filter(|_| status < 300) {
        let missing = named.keys().filter(|name| answer.header(&name.to_lowercase()).is_none());
        faults.extend(missing.map(|name| format!("the header {name} is not there")));
    }
    let no_content = serde_json::Map::new();
    let content = told["content"].as_object().unwrap_or(&no_content);
    let content_type = answer.content_type();
    match content.get(content_type) {
        None if content.is_empty() && answer.body.is_empty() => {}
        None => faults.push(format!("its body is {content_type:?}")),
        Some(media) if content_type.ends_with("json") => match serde_json::from_slice(&answer.body)
        {
            Ok(body) => faults.extend(conform::faults(document, &media["schema"], &body)),
            Err(error) => faults.push(format!("its body is no JSON: {error}")),
        },
        Some(_) => {}
    }
    if status >= 400 {
        faults.extend(problem(answer));
    }
    faults
}

/// What of an error is not as all errors are.
pub(crate) fn problem(answer: &Answer) -> Vec<String> {
    if answer.content_type() != PROBLEM {
        return vec![format!("an error told as {:?}", answer.content_type())];
    }
    let Ok(problem) = serde_json::from_slice::<Value>(&answer.body) else {
        return vec!["an error that is no JSON".to_owned()];
    };
    let mut faults = Vec::new();
    let mut hold = |kept: bool, what: &str| {
        if !kept {
            faults.push(format!("{what}: {problem}"));
        }
    };
    hold(problem["status"] == answer.status, "an error with another status");
    hold(
        problem["type"].as_str().is_some_and(|kind| kind.starts_with("urn:aerial:problem:")),
        "an error of no kind",
    );
    hold(problem["detail"].as_str().is_some_and(|text| !text.is_empty()), "an error without words");
    let fields = problem["errors"].as_array().map_or(0, Vec::len);
    hold(answer.status != 422 || fields > 0, "422 names no field");
    faults
}
