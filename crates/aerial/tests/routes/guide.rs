//! `/api/v1/guide`.

use insta::assert_snapshot;
use serde_json::Value;

use crate::server::Server;

fn entries(page: &Value) -> Vec<String> {
    let items = page["items"].as_array().unwrap();
    let text = |item: &Value, field: &str| item[field].as_str().unwrap().to_owned();
    items.iter().map(|item| format!("{} {}", text(item, "start"), text(item, "title"))).collect()
}

#[tokio::test]
async fn the_guide_tells_programmes_channel_by_channel() {
    let server = Server::new().await;
    let films = server.films(&[300, 600]).await;
    server.channel("7", &films[..1]).await;
    server.channel("5", &films).await;
    let path = "/api/v1/guide?to=2026-12-24T18:16:00Z";
    let page = server.get(path).await.expect(200).json();
    assert_snapshot!(entries(&page).join("\n"), @r#"
    2026-12-24T18:00:00.000Z Film 1
    2026-12-24T18:05:00.010Z Film 2
    2026-12-24T18:15:00.010Z Film 1
    2026-12-24T18:00:00.000Z Film 1
    2026-12-24T18:05:00.010Z Film 1
    2026-12-24T18:10:00.021Z Film 1
    2026-12-24T18:15:00.032Z Film 1
    "#);
}

#[tokio::test]
async fn several_channels_are_told_by_number_each_once_page_by_page() {
    let server = Server::new().await;
    let films = server.films(&[300, 600]).await;
    for number in ["5", "6", "7"] {
        server.channel(number, &films).await;
    }
    let window = "from=2026-12-24T18:00:00Z&to=2026-12-24T18:16:00Z";
    let told = |page: &Value| entries(page).len();
    let one = server.get(&format!("/api/v1/guide?{window}&channel=7")).await.expect(200).json();
    let path = format!("/api/v1/guide?{window}&channel=7,5,7&limit=4");
    let first = server.get(&path).await.expect(200).json();
    let cursor = first["next"].as_str().unwrap();
    let rest = server.get(&format!("{path}&cursor={cursor}")).await.expect(200).json();
    assert_eq!(told(&first) + told(&rest), 2 * told(&one));
    assert_ne!(first["items"][0]["channel"], one["items"][0]["channel"]);
    assert_eq!(rest["items"][1]["channel"], one["items"][0]["channel"]);
    server.get("/api/v1/guide?channel=5,9").await.expect(404);
    server.get("/api/v1/guide?channel=5,").await.expect(404);
}

#[tokio::test]
async fn pages_of_the_guide_leave_nothing_out_and_repeat_nothing() {
    let server = Server::new().await;
    let films = server.films(&[300, 600]).await;
    for number in ["5", "6", "7"] {
        server.channel(number, &films).await;
    }
    let path = "/api/v1/guide?from=2026-12-24T18:00:00Z&to=2026-12-24T20:00:00Z";
    let all = entries(&server.get(&format!("{path}&limit=500")).await.expect(200).json());
    let mut paged = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = server.get(&format!("{path}&limit=7{cursor}")).await.expect(200).json();
        paged.extend(entries(&page));
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(paged, all);
}

#[tokio::test]
async fn the_guide_and_now_agree() {
    let server = Server::new().await;
    let films = server.films(&[300, 600]).await;
    server.channel("5", &films).await;
    server.pass(1_000_000);
    let now = server.get("/api/v1/channels/5/now").await.json();
    let guide = server.get("/api/v1/guide?channel=5&limit=2").await.json();
    for (index, field) in ["current", "next"].into_iter().enumerate() {
        let mut entry = guide["items"][index].clone();
        entry.as_object_mut().unwrap().remove("channel");
        assert_eq!(entry, now[field]);
    }
}

#[tokio::test]
async fn a_window_that_is_none_is_refused() {
    let server = Server::new().await;
    for (query, field) in [
        ("from=yesterday", "from"),
        ("from=2026-12-24T18:00:00Z&to=2026-12-24T17:00:00Z", "to"),
        ("to=2027-12-24T17:00:00Z", "to"),
        ("cursor=5", "cursor"),
        ("cursor=5_x", "cursor"),
    ] {
        let answer = server.get(&format!("/api/v1/guide?{query}")).await.expect(422);
        assert_eq!(answer.fields(), [field], "{query}");
    }
    server.get("/api/v1/guide?channel=9").await.expect(404);
    server.get("/api/v1/guide?channel=..").await.expect(404);
    let far = "from=-009999-01-01T00:00:00Z&to=-009999-01-02T00:00:00Z";
    assert!(server.get(&format!("/api/v1/guide?{far}")).await.status.as_u16() < 500);
    server.channel("5", &[]).await;
    for cursor in [i64::MIN, i64::MAX] {
        server.get(&format!("/api/v1/guide?cursor=5_{cursor}")).await.expect(200);
    }
}

#[tokio::test]
async fn what_can_be_played_again_says_where_and_nothing_else_does() {
    let server = Server::new().await;
    let films = server.films(&[300, 600]).await;
    server.channel("5", &films).await;
    // Two days, of which the last can be played again.
    server.pass(2 * 24 * 3_600);
    let guide =
        "/api/v1/guide?channel=5&from=2026-12-24T18:00:00Z&to=2026-12-26T20:00:00Z&limit=500";
    let items = async || {
        let page = server.get(guide).await.expect(200).json();
        page["items"].as_array().unwrap().clone()
    };
    assert!(items().await.iter().all(|item| item["catchup"].is_null()), "it is off");
    let edit = serde_json::json!({ "catchup_days": 1 });
    let edited = server.patch("/api/v1/channels/5", edit).await.expect(200).json();
    assert_eq!((&edited["catchup_days"], &edited["takes_effect_at"]), (&1.into(), &Value::Null));
    let id = edited["id"].as_str().unwrap().to_owned();
    let (mut again, mut current) = (0, 0);
    for item in items().await {
        let (start, end) = (item["start"].as_str().unwrap(), item["end"].as_str().unwrap());
        let within = ("2026-12-25T18:00:00.000Z"..="2026-12-26T18:00:00.000Z").contains(&start);
        let address = format!("/stream/{id}/catchup.m3u8?from={start}&to={end}");
        let expected = if within { Value::String(address) } else { Value::Null };
        assert_eq!(item["catchup"], expected, "{item}");
        again += usize::from(within);
        current += usize::from(within && end > "2026-12-26T18:00:00.000Z");
    }
    assert!(again > 190 && current == 1, "{again} {current}");
    let now = server.get("/api/v1/channels/5/now").await.expect(200).json();
    assert!(now["current"]["catchup"].is_string() && now["next"]["catchup"].is_null(), "{now}");
}
