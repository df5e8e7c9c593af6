//! The API's own description, and a page to read it.
//!
//! Owns the document's head; the rest is made from the routes. The reader is
//! plain files in the program: nothing is fetched from elsewhere, so it works
//! without the Internet and under a strict content policy.

use axum::Router;
use axum::body::Bytes;
use axum::http::header;
use axum::routing::get;
use serde_json::{Value, json};
use utoipa::OpenApi;

use super::problem::{PROBLEM_JSON, Problem};

/// The document before any route is in it.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Aerial",
        description = "Times are RFC 3339 in UTC with milliseconds, durations whole milliseconds \
            (`…_ms`), ids UUIDs. Errors are RFC 9457 problems. Lists are `{\"items\": […], \
            \"next\": cursor or null}` and take `limit` and `cursor`. Fields that are not known \
            are refused. A change of what airs answers when it takes effect: what is on, and what \
            was committed after it, plays to its end first.",
        license(name = "AGPL-3.0-or-later", identifier = "AGPL-3.0-or-later"),
    ),
    components(schemas(Problem)),
    tags(
        (name = "channels", description = "Channels and their settings"),
        (name = "lineups", description = "What a channel plays"),
        (name = "guide", description = "What is on, and when"),
        (name = "library", description = "Folders, media, shows, scans"),
        (name = "streams", description = "Channels on the air and who watches"),
        (name = "access", description = "Signing in, tokens, and who may do what"),
        (name = "system", description = "The server itself"),
    ),
)]
pub(super) struct Document;

const PROBLEM: &str = "#/components/schemas/Problem";

const PAGE: &str = include_str!("reader/index.html");
const SCRIPT: &str = include_str!("reader/reader.js");
const STYLE: &str = include_str!("reader/reader.css");

/// The document, with what every operation has in common: an error may always
/// come, and it is a problem.
pub(super) fn completed(document: &utoipa::openapi::OpenApi) -> Value {
    // Made of plain data: it can be written.
    let mut document = serde_json::to_value(document).unwrap_or_default();
    let paths = document["paths"].as_object_mut().into_iter().flat_map(|paths| paths.values_mut());
    let operations = paths.filter_map(Value::as_object_mut).flat_map(|path| path.values_mut());
    for responses in operations.filter_map(|operation| operation["responses"].as_object_mut()) {
        let problem = json!({
            "content": { "application/json": { "schema": { "$ref": PROBLEM } } },
        });
        responses.entry("default").or_insert(problem);
        for (status, response) in responses {
            if response["description"].as_str().is_none_or(str::is_empty) {
                response["description"] = described(status).into();
            }
            let Some(content) = response.get_mut("content").and_then(Value::as_object_mut) else {
                continue;
            };
            let is_problem = |told: &Value| told["schema"]["$ref"] == PROBLEM;
            if let Some(told) = content.get("application/json").filter(|told| is_problem(told)) {
                let told = told.clone();
                content.clear();
                content.insert(PROBLEM_JSON.to_owned(), told);
            }
        }
    }
    document
}

fn described(status: &str) -> &'static str {
    match status {
        "201" => "Made.",
        "202" => "Will be done.",
        "204" => "Done.",
        "404" => "There is no such thing.",
        "default" => "An error.",
        _ => "What was asked for.",
    }
}

/// The document and the page that shows it.
pub(super) fn routes<S: Clone + Send + Sync + 'static>(document: &Value) -> Router<S> {
    let json = Bytes::from(document.to_string());
    let file = |content_type: &'static str, body: &'static str| {
        get(move || async move { ([(header::CONTENT_TYPE, content_type)], body) })
    };
    let document =
        get(move || async move { ([(header::CONTENT_TYPE, "application/json")], json.clone()) });
    Router::new()
        .route("/api/v1/openapi.json", document)
        .route("/api/docs", file("text/html; charset=utf-8", PAGE))
        .route("/api/docs/reader.js", file("text/javascript; charset=utf-8", SCRIPT))
        .route("/api/docs/reader.css", file("text/css; charset=utf-8", STYLE))
}
