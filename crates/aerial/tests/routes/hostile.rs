//! Paths and bodies that mean harm: each gets its 4xx.

use axum::body::Body;
use axum::http::{Method, Request, Uri};
use serde_json::Value;

use crate::hostile_support::NAMES;
use crate::server::Server;

/// One that no client's library sends.
const CONTROL: &str = "\u{1}";

/// Every path of the document with every hostile name in place of its parameters.
fn paths(template: &str) -> Vec<String> {
    let long = "a".repeat(8_000);
    let hostile = NAMES.into_iter().chain([CONTROL, long.as_str()]);
    let fill = |name: &str| {
        let parts = template.split('/').map(|part| match part.starts_with('{') {
            true => name,
            false => part,
        });
        parts.collect::<Vec<_>>().join("/")
    };
    hostile.map(fill).collect()
}

#[tokio::test]
async fn hostile_names_in_paths_are_answered_and_never_a_fault() {
    let server = Server::new().await;
    let document = aerial::http::document();
    let mut asked = 0;
    for (template, methods) in document["paths"].as_object().unwrap() {
        if !template.contains('{') {
            continue;
        }
        for path in paths(template) {
            let Ok(uri) = path.parse::<Uri>() else { continue };
            for method in methods.as_object().unwrap().keys() {
                let method: Method = method.to_uppercase().parse().unwrap();
                let body = match method {
                    Method::POST | Method::PUT | Method::PATCH => "{}",
                    _ => "",
                };
                let request = Request::builder()
                    .method(method.clone())
                    .uri(uri.clone())
                    .header("content-type", "application/json")
                    .body(Body::from(body));
                let answer = server.send(request.unwrap()).await;
                let status = answer.status.as_u16();
                assert!((400..500).contains(&status), "{method} {path} gave {status}");
                assert_eq!(answer.header("content-type"), "application/problem+json", "{path}");
                asked += 1;
            }
        }
    }
    assert!(asked > 300, "only {asked} were asked");
}

#[tokio::test]
async fn hostile_values_in_queries_are_answered_and_never_a_fault() {
    let server = Server::new().await;
    server.films(&[60]).await;
    server.channel("5", &[]).await;
    let document = aerial::http::document();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let parameters = methods["get"]["parameters"].as_array().cloned().unwrap_or_default();
        let path = path.replace("{channel}", "5");
        let in_query = |parameter: &&Value| parameter["in"] == "query";
        for parameter in parameters.iter().filter(in_query) {
            let name = parameter["name"].as_str().unwrap();
            for value in NAMES.into_iter().chain([CONTROL]) {
                let Ok(uri) = format!("{path}?{name}={value}").parse::<Uri>() else { continue };
                let request = Request::builder().uri(uri).body(Body::empty()).unwrap();
                let status = server.send(request).await.status.as_u16();
                assert!(status < 500, "{path}?{name}={value} gave {status}");
            }
        }
    }
}

#[tokio::test]
async fn a_search_for_a_thousand_words_is_answered() {
    let server = Server::new().await;
    server.films(&[60]).await;
    for path in ["media", "media/totals", "shows"] {
        let words = "a+".repeat(2_000);
        let answer = server.get(&format!("/api/v1/{path}?q={words}")).await;
        assert!(answer.status.as_u16() < 500, "{path} gave {}", answer.status);
    }
}
