//! `/api/v1/streams/strips` and `/api/v1/streams/{channel}/strip`.

use aerial::stream::strip::{
    SegmentState, Strip, StripAiring, StripFault, StripRendition, StripSegment, StripViewer,
};
use aerial_model::client::ClientId;
use aerial_model::fault::Class;
use aerial_model::id::{ChannelId, MediaId};
use aerial_model::profile::Rendition;
use aerial_model::time::Ticks;
use serde_json::Value;

use crate::server::{NOW, Server};

fn strip(channel: &Value, media: MediaId) -> Strip {
    let rendition = Rendition::Height(720);
    let after = |seconds| NOW + Ticks::from_secs(seconds);
    Strip {
        channel: ChannelId(channel["id"].as_str().unwrap().parse().unwrap()),
        state: "active",
        now: NOW,
        airings: vec![
            StripAiring { media: Some(media), start: NOW, end: after(8) },
            StripAiring { media: None, start: after(8), end: after(16) },
        ],
        segments: [7, 8]
            .map(|sequence| StripSegment {
                sequence,
                start: after(4 * (sequence as i64 - 7)),
                length: Ticks::from_secs(4),
            })
            .into(),
        renditions: vec![StripRendition {
            rendition,
            states: vec![SegmentState::Made, SegmentState::Growing],
            ahead: Ticks::from_secs(4),
            workers: Vec::new(),
        }],
        viewers: vec![StripViewer {
            client: ClientId::new(7, NOW, 1),
            rendition,
            sequence: 8,
            at: after(4),
        }],
        faults: vec![StripFault {
            worker: 3,
            at: Some(after(4)),
            happened_at: NOW,
            title: "Film 1".to_owned(),
            class: Class::Crash,
            reason: "it was ended by signal 11".to_owned(),
            words: "Segmentation fault".to_owned(),
        }],
    }
}

#[tokio::test]
async fn a_strip_tells_what_is_made_and_who_is_where_but_not_who_it_is() {
    let server = Server::new().await;
    let films = server.films(&[8]).await;
    let channel = server.channel("5", &films).await;
    server.manager.show(vec![strip(&channel, films[0])]);
    let told = server.get("/api/v1/streams/5/strip").await.expect(200);
    let text = String::from_utf8(told.body.clone()).unwrap();
    assert!(!text.contains(&ClientId::new(7, NOW, 1).to_string()));
    insta::assert_snapshot!(told.shown(), @r#"
    200 OK
    {
      "airings": [
        {
          "end": "2026-12-24T18:00:08.000Z",
          "media": "id-1",
          "off_air": false,
          "show": null,
          "start": "2026-12-24T18:00:00.000Z",
          "title": "Film 1"
        },
        {
          "end": "2026-12-24T18:00:16.000Z",
          "media": null,
          "off_air": true,
          "show": null,
          "start": "2026-12-24T18:00:08.000Z",
          "title": "Off air"
        }
      ],
      "at": "2026-12-24T18:00:00.000Z",
      "channel": "id-2",
      "faults": [
        {
          "at": "2026-12-24T18:00:04.000Z",
          "fault": {
            "class": "crash",
            "reason": "it was ended by signal 11"
          },
          "happened_at": "2026-12-24T18:00:00.000Z",
          "title": "Film 1",
          "words": "Segmentation fault",
          "worker": 3
        }
      ],
      "name": "Channel 5",
      "number": "5",
      "renditions": [
        {
          "buffer_ahead_ms": 4000,
          "name": "720p",
          "states": [
            "made",
            "growing"
          ],
          "workers": []
        }
      ],
      "segments": [
        {
          "duration_ms": 4000,
          "sequence": 7,
          "start": "2026-12-24T18:00:00.000Z"
        },
        {
          "duration_ms": 4000,
          "sequence": 8,
          "start": "2026-12-24T18:00:04.000Z"
        }
      ],
      "state": "active",
      "viewers": [
        {
          "at": "2026-12-24T18:00:04.000Z",
          "key": "36556958",
          "rendition": "720p",
          "sequence": 8
        }
      ]
    }
    "#);
}

#[tokio::test]
async fn all_strips_come_in_one_answer_and_in_pages_by_number() {
    let server = Server::new().await;
    let films = server.films(&[8]).await;
    let mut strips = Vec::new();
    for number in ["4", "5", "5.1"] {
        strips.push(strip(&server.channel(number, &films).await, films[0]));
    }
    server.manager.show(strips);
    let numbers = |page: &Value| -> Vec<String> {
        let items = page["items"].as_array().unwrap();
        items.iter().map(|one| one["number"].as_str().unwrap().to_owned()).collect()
    };
    let all = server.get("/api/v1/streams/strips").await.expect(200).json();
    assert_eq!(
        (numbers(&all), &all["next"]),
        (vec!["4".into(), "5".into(), "5.1".into()], &Value::Null)
    );
    let page = server.get("/api/v1/streams/strips?limit=2").await.expect(200).json();
    assert_eq!(numbers(&page), ["4", "5"]);
    let next = format!("/api/v1/streams/strips?cursor={}", page["next"].as_str().unwrap());
    assert_eq!(numbers(&server.get(&next).await.expect(200).json()), ["5.1"]);
    server.get("/api/v1/streams/strips?cursor=x").await.expect(422);
}

#[tokio::test]
async fn what_is_not_on_the_air_has_no_strip() {
    let server = Server::new().await;
    server.channel("5", &[]).await;
    let problem = server.get("/api/v1/streams/5/strip").await.expect(404).json();
    assert_eq!(problem["detail"], "channel 5 is not on the air");
    server.get("/api/v1/streams/6/strip").await.expect(404);
}
