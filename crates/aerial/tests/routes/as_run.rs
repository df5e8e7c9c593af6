//! `/api/v1/as-run` and `/api/v1/channels/{channel}/as-run`.

use aerial::db::{AiredEnd, AsRun, AsRunFault, AsRunId, SlateSpan};
use aerial::stream::as_run::AsRunLog as _;
use aerial_model::id::{ChannelId, MediaId};
use aerial_model::time::Ticks;
use insta::assert_snapshot;
use serde_json::Value;

use crate::server::{NOW, Server};

fn stretch(channel: &Value, media: Option<MediaId>, from: i64) -> AsRun {
    let at = |seconds| NOW + Ticks::from_secs(seconds);
    AsRun {
        id: AsRunId::fresh(),
        channel: ChannelId(channel["id"].as_str().unwrap().parse().unwrap()),
        ordinal: 1,
        media,
        planned: (at(from), at(from + 60)),
        from: at(from),
        to: at(from + 60),
        sent: Some((at(from), at(from + 48))),
        end: Some(AiredEnd::Completed),
        viewers: 2,
        slates: vec![SlateSpan { from: at(from), to: at(from + 4), reason: "gone".to_owned() }],
        faults: vec![AsRunFault {
            at: at(from),
            class: "missing_file".to_owned(),
            reason: "/films/a, b.mkv is not there".to_owned(),
        }],
        restarts: 1,
    }
}

/// Two channels, of which the first aired a film twice, and is at it.
async fn aired() -> (Server, Value) {
    let server = Server::new().await;
    let films = server.films(&[60, 60]).await;
    let (five, six) = (server.channel("5", &films).await, server.channel("6", &films).await);
    let on = AsRun { end: None, sent: None, ..stretch(&five, Some(films[0]), 120) };
    let stretches = vec![
        stretch(&five, Some(films[0]), 0),
        stretch(&six, Some(films[1]), 30),
        stretch(&five, None, 60),
        on,
    ];
    server.schedule.store(stretches).await.unwrap();
    (server, five)
}

#[tokio::test]
async fn what_aired_is_told_with_what_was_slate_and_what_failed() {
    let (server, _) = aired().await;
    let answer = server.get("/api/v1/channels/5/as-run?limit=1&order=oldest").await;
    let mut body = answer.expect(200).json();
    assert!(body["next"].take().is_string());
    let shown = serde_json::to_string_pretty(&body).unwrap();
    assert_snapshot!(crate::server::anonymous(&shown), @r#"
    {
      "items": [
        {
          "channel": "id-1",
          "end": "completed",
          "episode": null,
          "faults": [
            {
              "at": "2026-12-24T18:00:00.000Z",
              "class": "missing_file",
              "reason": "/films/a, b.mkv is not there"
            }
          ],
          "from": "2026-12-24T18:00:00.000Z",
          "id": "id-2",
          "media": "id-3",
          "name": "Channel 5",
          "number": "5",
          "off_air": false,
          "planned_end": "2026-12-24T18:01:00.000Z",
          "planned_start": "2026-12-24T18:00:00.000Z",
          "restarts": 1,
          "season": null,
          "sent_from": "2026-12-24T18:00:00.000Z",
          "sent_to": "2026-12-24T18:00:48.000Z",
          "show": null,
          "slated_ms": 4000,
          "slates": [
            {
              "from": "2026-12-24T18:00:00.000Z",
              "reason": "gone",
              "to": "2026-12-24T18:00:04.000Z"
            }
          ],
          "title": "Film 1",
          "to": "2026-12-24T18:01:00.000Z",
          "viewers": 2
        }
      ],
      "next": null
    }
    "#);
}

#[tokio::test]
async fn it_is_found_by_time_in_pages_and_in_both_orders() {
    let (server, _) = aired().await;
    let from = |list: &Value| -> Vec<String> {
        let items = list["items"].as_array().unwrap().iter();
        items.map(|item| item["from"].as_str().unwrap()[14..19].to_owned()).collect()
    };
    let all = server.get("/api/v1/as-run").await.expect(200).json();
    assert_eq!(from(&all), ["02:00", "01:00", "00:30", "00:00"]);
    assert_eq!(all["items"][0]["to"], Value::Null);
    assert_eq!(all["items"][1]["off_air"], true);
    let (path, mut seen, mut cursor) = ("/api/v1/as-run?order=oldest&limit=1", vec![], None);
    loop {
        let next = cursor.map(|cursor: String| format!("&cursor={cursor}")).unwrap_or_default();
        let page = server.get(&format!("{path}{next}")).await.expect(200).json();
        seen.extend(from(&page));
        let Some(next) = page["next"].as_str() else { break };
        cursor = Some(next.to_owned());
    }
    assert_eq!(seen, ["00:00", "00:30", "01:00", "02:00"]);
    let asked = "from=2026-12-24T18:01:00Z&to=2026-12-24T18:01:10Z";
    let some = server.get(&format!("/api/v1/as-run?{asked}")).await.expect(200).json();
    assert_eq!(from(&some), ["01:00", "00:30"]);
    let of_five = server.get(&format!("/api/v1/channels/5/as-run?{asked}")).await.json();
    assert_eq!(from(&of_five), ["01:00"]);
}

#[tokio::test]
async fn a_spreadsheet_takes_it_too() {
    let (server, _) = aired().await;
    let answer = server.get("/api/v1/as-run?format=csv&order=oldest&limit=1").await.expect(200);
    assert_eq!(answer.header("content-type"), "text/csv; charset=utf-8");
    let text = String::from_utf8(answer.body.clone()).unwrap();
    let lines: Vec<&str> = text.split_terminator("\r\n").collect();
    assert_eq!(lines.len(), 5, "{text}");
    assert!(lines[0].starts_with("id,channel,number,name,media,title,"), "{text}");
    assert!(lines[1].contains(",5,Channel 5,") && lines[1].contains(",Film 1,"), "{text}");
    assert!(lines[1].ends_with("missing_file /films/a, b.mkv is not there\""), "{text}");
    let columns = lines[0].split(',').count();
    // Off air nothing is quoted but the fault's reason, with its comma.
    assert_eq!(lines[3].split(',').count(), columns + 1);
}

#[tokio::test]
async fn what_aired_stays_when_the_channel_goes() {
    let (server, five) = aired().await;
    server.delete(&format!("/api/v1/channels/{}", five["id"].as_str().unwrap())).await.expect(204);
    server.get("/api/v1/channels/5/as-run").await.expect(404);
    let all = server.get("/api/v1/as-run").await.expect(200).json();
    assert_eq!(all["items"].as_array().unwrap().len(), 4);
    assert_eq!(all["items"][0]["name"], "Channel 5");
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_by_name() {
    let (server, _) = aired().await;
    for (query, field) in [
        ("from=2026-12-24T18:00:00Z&to=2026-12-24T17:00:00Z", "to"),
        ("from=noon", "from"),
        ("cursor=7", "cursor"),
        ("order=random", "order"),
        ("format=xml", "format"),
        ("until=2026-12-24T18:00:00Z", "until"),
    ] {
        let answer = server.get(&format!("/api/v1/as-run?{query}")).await.expect(422);
        assert_eq!(answer.fields(), [field], "{query}");
    }
}
