//! `/api/v1/openapi.json` and `/api/docs`.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::server::Server;

fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let paths = document["paths"].as_object().unwrap();
    let all = paths.iter().flat_map(|(path, methods)| {
        let methods = methods.as_object().unwrap();
        methods.iter().map(|(method, told)| (path.clone(), method.to_uppercase(), told.clone()))
    });
    all.collect()
}

#[tokio::test]
async fn the_document_names_every_route() {
    let server = Server::new().await;
    let document = server.get("/api/v1/openapi.json").await.expect(200).json();
    assert_eq!(document["openapi"], "3.1.0");
    let mut all: Vec<String> =
        operations(&document).iter().map(|(path, method, _)| format!("{method} {path}")).collect();
    all.sort();
    insta::assert_snapshot!(all.join("\n"), @r#"
    DELETE /api/v1/backups/{backup}
    DELETE /api/v1/channels/{channel}
    DELETE /api/v1/channels/{channel}/lineup/items/{item}
    DELETE /api/v1/folders/{folder}
    DELETE /api/v1/media/{media}
    DELETE /api/v1/scan
    DELETE /api/v1/session
    DELETE /api/v1/slates/{kind}
    DELETE /api/v1/streams/{channel}
    DELETE /api/v1/streams/{channel}/clients/{client}
    DELETE /api/v1/tokens/{token}
    GET /api/v1/access
    GET /api/v1/addresses
    GET /api/v1/as-run
    GET /api/v1/backups
    GET /api/v1/backups/{backup}
    GET /api/v1/channels
    GET /api/v1/channels/export
    GET /api/v1/channels/{channel}
    GET /api/v1/channels/{channel}/as-run
    GET /api/v1/channels/{channel}/lineup
    GET /api/v1/channels/{channel}/now
    GET /api/v1/clock
    GET /api/v1/events
    GET /api/v1/folders
    GET /api/v1/folders/browse
    GET /api/v1/guide
    GET /api/v1/guide/now
    GET /api/v1/media
    GET /api/v1/media/totals
    GET /api/v1/media/{media}
    GET /api/v1/media/{media}/channels
    GET /api/v1/media/{media}/thumbnail.jpg
    GET /api/v1/scan
    GET /api/v1/session
    GET /api/v1/settings
    GET /api/v1/shows
    GET /api/v1/slates
    GET /api/v1/slates/{kind}
    GET /api/v1/streams
    GET /api/v1/streams/strips
    GET /api/v1/streams/{channel}
    GET /api/v1/streams/{channel}/history
    GET /api/v1/streams/{channel}/strip
    GET /api/v1/system
    GET /api/v1/system/load
    GET /api/v1/tokens
    GET /healthz
    GET /readyz
    PATCH /api/v1/access
    PATCH /api/v1/channels/{channel}
    PATCH /api/v1/media/{media}
    PATCH /api/v1/settings
    POST /api/v1/backups
    POST /api/v1/channels
    POST /api/v1/channels/import
    POST /api/v1/channels/preview
    POST /api/v1/channels/{channel}/clone
    POST /api/v1/channels/{channel}/lineup/items
    POST /api/v1/channels/{channel}/preview
    POST /api/v1/channels/{channel}/skip
    POST /api/v1/folders
    POST /api/v1/media/{media}/retry
    POST /api/v1/scan
    POST /api/v1/session
    POST /api/v1/streams/{channel}
    POST /api/v1/streams/{channel}/clients
    POST /api/v1/system/encoders/test
    POST /api/v1/system/webhooks/test
    POST /api/v1/tokens
    PUT /api/v1/account/password
    PUT /api/v1/channels/{channel}/lineup
    PUT /api/v1/channels/{channel}/lineup/order
    PUT /api/v1/channels/{channel}/logo
    PUT /api/v1/slates/{kind}
    "#);
}

#[tokio::test]
async fn operations_have_names_of_their_own_and_tell_all_of_their_parameters() {
    let document = aerial::http::document();
    let mut names = BTreeSet::new();
    for (path, method, told) in operations(&document) {
        let name = told["operationId"].as_str().unwrap();
        assert!(names.insert(name.to_owned()), "{name} is there twice");
        assert!(told["summary"].is_string(), "{method} {path} says nothing");
        let told_of: BTreeSet<&str> = told["parameters"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|parameter| parameter["in"] == "path")
            .map(|parameter| parameter["name"].as_str().unwrap())
            .collect();
        let in_path: BTreeSet<&str> =
            path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
        assert_eq!(told_of, in_path, "{method} {path}");
        for (status, response) in told["responses"].as_object().unwrap() {
            assert!(response["description"].is_string(), "{method} {path} {status}");
            if !status.starts_with('2') && status != "304" {
                let content = response["content"].as_object().unwrap();
                assert!(content.contains_key("application/problem+json"), "{method} {path}");
            }
        }
    }
}

#[tokio::test]
async fn every_reference_in_the_document_leads_somewhere() {
    let document = aerial::http::document();
    fn references(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(fields) => {
                if let Some(Value::String(reference)) = fields.get("$ref") {
                    found.insert(reference.clone());
                }
                fields.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    assert!(found.len() > 20);
    for reference in found {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
}

/// The page's client is made from the committed document, so a change of the API that
/// the page does not know of yet is seen in the change itself.
#[test]
fn the_committed_document_is_what_the_server_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../web/openapi.json");
    let mut document = serde_json::to_string_pretty(&aerial::http::document()).unwrap();
    document.push('\n');
    if std::env::var_os("WRITE_OPENAPI").is_some() {
        std::fs::write(&path, document).unwrap();
        return;
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == document, "web/openapi.json is of another API: run scripts/openapi");
}

#[tokio::test]
async fn the_reader_needs_nothing_from_elsewhere() {
    let server = Server::new().await;
    let page = server.get("/api/docs").await.expect(200);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    let page = String::from_utf8(page.body).unwrap();
    assert!(!page.contains("http://") && !page.contains("https://"));
    for part in ["/api/docs/reader.js", "/api/docs/reader.css"] {
        assert!(page.contains(part));
        let file = String::from_utf8(server.get(part).await.expect(200).body).unwrap();
        assert!(
            !file.contains("http://") && !file.contains("https://") && !file.contains("innerHTML")
        );
    }
}
