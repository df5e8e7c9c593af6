//! `/api/v1/channels/{channel}/lineup`.

use axum::http::Method;
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::server::Server;

const LINEUP: &str = "/api/v1/channels/5/lineup";

fn ids(listing: &Value) -> Vec<String> {
    let items = listing["items"].as_array().unwrap();
    items.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

fn titles(listing: &Value) -> Vec<String> {
    let items = listing["items"].as_array().unwrap();
    items.iter().map(|item| item["title"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_lineup_has_media_and_whole_shows() {
    let server = Server::new().await;
    let films = server.films(&[300]).await;
    server.show("Robots", 3, 60).await;
    server.channel("5", &[]).await;
    let items = json!([{ "media": films[0].to_string() }, { "show": "Robots" }]);
    let change = server.put(LINEUP, json!({ "items": items })).await;
    assert_snapshot!(change.shown(), @r#"
    200 OK
    {
      "lineup_version": 2,
      "takes_effect_at": "2026-12-24T18:00:00.000Z"
    }
    "#);
    let films = server.films.to_str().unwrap();
    assert_snapshot!(server.get(LINEUP).await.shown().replace(films, "/films"), @r#"
    200 OK
    {
      "items": [
        {
          "episode": null,
          "episode_of": null,
          "id": "id-1",
          "length_ms": 300000,
          "media": "id-2",
          "path": "/films/film 00001.mkv",
          "season": null,
          "show": null,
          "state": "ok",
          "title": "Film 1"
        },
        {
          "episode": null,
          "episode_of": null,
          "episodes": 3,
          "id": "id-3",
          "length_ms": 180000,
          "media": null,
          "path": null,
          "season": null,
          "show": "Robots",
          "state": "ok",
          "title": "Robots"
        }
      ],
      "next": null,
      "revision": "id-4"
    }
    "#);
}

#[tokio::test]
async fn an_episode_tells_of_which_show_it_is() {
    let server = Server::new().await;
    server.show("Robots", 2, 60).await;
    let media = server.get("/api/v1/media?show=Robots").await.json();
    let items = json!([{ "media": media["items"][1]["id"] }]);
    server.channel("5", &[]).await;
    server.put(LINEUP, json!({ "items": items })).await.expect(200);
    let item = server.get(LINEUP).await.json()["items"][0].clone();
    assert_eq!(item["show"], json!(null));
    assert_eq!(item["episode_of"], json!("Robots"));
    assert_eq!((&item["season"], &item["episode"]), (&json!(1), &json!(2)));
}

#[tokio::test]
async fn an_edit_of_a_lineup_that_somebody_else_changed_is_refused() {
    let server = Server::new().await;
    let films = server.films(&[60, 60, 60]).await;
    server.channel("5", &films[..1]).await;
    let seen = server.get(LINEUP).await.json()["revision"].clone();
    let edit = |film: usize, revision: &Value| json!({ "items": [{ "media": films[film].to_string() }], "revision": revision });
    server.put(LINEUP, edit(1, &seen)).await.expect(200);
    let refused = server.put(LINEUP, edit(2, &seen)).await.expect(409);
    assert_eq!(refused.fields(), ["revision"]);
    let now = server.get(LINEUP).await.json();
    assert_eq!(titles(&now), ["Film 2"]);

    // Seen again, or with no word of what was seen, it goes through.
    server.put(LINEUP, edit(2, &now["revision"])).await.expect(200);
    server.put(LINEUP, edit(0, &Value::Null)).await.expect(200);
    assert_eq!(titles(&server.get(LINEUP).await.json()), ["Film 1"]);

    // A setting that changes what airs is no edit of the items.
    let seen = server.get(LINEUP).await.json()["revision"].clone();
    server.patch("/api/v1/channels/5", json!({ "order": "shuffle" })).await.expect(200);
    server.put(LINEUP, edit(1, &seen)).await.expect(200);
}

#[tokio::test]
async fn a_change_waits_for_what_is_committed() {
    let server = Server::new().await;
    let films = server.films(&[300, 300, 300]).await;
    server.channel("5", &films[..2]).await;
    let change = server.put(LINEUP, json!({ "items": [{ "media": films[2].to_string() }] })).await;
    assert_eq!(change.expect(200).json()["takes_effect_at"], json!("2026-12-24T18:05:00.010Z"));
    let now = server.get("/api/v1/channels/5/now").await.json();
    assert_eq!(now["current"]["title"], json!("Film 1"));
    assert_eq!(now["next"]["title"], json!("Film 3"));
}

#[tokio::test]
async fn items_keep_their_ids_when_others_come_and_go() {
    let server = Server::new().await;
    let films = server.films(&[60, 60, 60]).await;
    server.channel("5", &films[..2]).await;
    let before = ids(&server.get(LINEUP).await.json());
    let added = json!({ "items": [{ "media": films[2].to_string() }], "at": 1 });
    server.post(&format!("{LINEUP}/items"), added).await.expect(201);
    let after = server.get(LINEUP).await.json();
    assert_eq!(titles(&after), ["Film 1", "Film 3", "Film 2"]);
    let after = ids(&after);
    assert_eq!((&after[0], &after[2]), (&before[0], &before[1]));

    let order = json!({ "items": [after[2], after[0]] });
    server.put(&format!("{LINEUP}/order"), order).await.expect(200);
    assert_eq!(titles(&server.get(LINEUP).await.json()), ["Film 2", "Film 1", "Film 3"]);

    server.delete(&format!("{LINEUP}/items/{}", after[0])).await.expect(200);
    assert_eq!(titles(&server.get(LINEUP).await.json()), ["Film 2", "Film 3"]);
    server.delete(&format!("{LINEUP}/items/{}", after[0])).await.expect(404);

    // By their ids alone, they stay what they are.
    let items = json!({ "items": [{ "id": after[1] }, { "id": after[2] }] });
    server.put(LINEUP, items).await.expect(200);
    assert_eq!(ids(&server.get(LINEUP).await.json()), [after[1].clone(), after[2].clone()]);
}

#[tokio::test]
async fn what_is_wrong_with_an_item_is_told_with_its_place() {
    let server = Server::new().await;
    let film = server.films(&[60]).await[0].to_string();
    server.channel("5", &[]).await;
    let unknown = "0198c0de-0000-7000-8000-000000000000";
    for (items, field) in [
        (json!([{ "media": film }, { "media": unknown }]), "items[1].media"),
        (json!([{ "media": film }, { "media": "x" }]), "items[1].media"),
        (json!([{ "show": "Nothing" }]), "items[0].show"),
        (json!([{ "id": unknown, "media": film }]), "items[0].id"),
        (json!([{ "id": unknown }]), "items[0].id"),
        (json!([{ "media": film, "show": "Robots" }]), "items[0]"),
        (json!([{}]), "items[0]"),
        (json!([{ "media": film, "from": 3 }]), "items[0].from"),
        (json!([3]), "items[0]"),
        (json!("x"), "items"),
    ] {
        let answer = server.put(LINEUP, json!({ "items": items })).await.expect(422);
        assert_eq!(answer.fields(), [field], "{items}");
    }
    let new = json!({ "items": [{ "id": unknown }] });
    let answer = server.post(&format!("{LINEUP}/items"), new).await.expect(422);
    assert_eq!(answer.fields()[0], "items[0].id");
    let answer = server.put(&format!("{LINEUP}/order"), json!({ "items": [unknown] })).await;
    assert_eq!(answer.expect(422).fields(), ["items[0]"]);
    assert_eq!(server.get(LINEUP).await.json()["items"], json!([]));
}

#[tokio::test]
async fn ten_thousand_items_fit_and_are_listed_in_pages() {
    let server = Server::new().await;
    let films = server.films(&[20, 30]).await;
    server.channel("5", &[]).await;
    let item = |n: usize| json!({ "media": films[n % 2].to_string() });
    let items: Vec<Value> = (0..10_000).map(item).collect();
    server.put(LINEUP, json!({ "items": items })).await.expect(200);
    let first = server.get(&format!("{LINEUP}?limit=500")).await.expect(200).json();
    assert_eq!(first["items"].as_array().unwrap().len(), 500);
    let next = first["next"].as_str().unwrap();
    let second = server.get(&format!("{LINEUP}?limit=500&cursor={next}")).await.json();
    assert!(ids(&first).iter().all(|id| !ids(&second).contains(id)));
    server.get("/api/v1/channels/5/now").await.expect(200);
}

#[tokio::test]
async fn a_lineup_is_of_a_channel_that_is() {
    let server = Server::new().await;
    server.get(LINEUP).await.expect(404);
    server.put(LINEUP, json!({ "items": [] })).await.expect(404);
    server.ask(Method::DELETE, &format!("{LINEUP}/items/x")).await.expect(404);
}
