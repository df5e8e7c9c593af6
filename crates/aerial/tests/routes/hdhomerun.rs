//! The documents of an HDHomeRun tuner.

use aerial_model::discovery::DeviceId;
use axum::http::Method;
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::server::{Answer, PROXIED, Server};

/// Asks as a client on the network does.
async fn get(server: &Server, path: &str) -> Answer {
    server.ask_with(Method::GET, path, &[("host", "10.0.0.2:8400")]).await.expect(200)
}

fn text(answer: &Answer) -> String {
    String::from_utf8(answer.body.clone()).unwrap()
}

/// A server with three channels.
async fn with_channels() -> Server {
    let server = Server::new().await;
    for (number, name, ladder) in
        [("5", "Films & \"More\" <all>", json!([])), ("5.1", "Low", json!(["480p"]))]
    {
        let body = json!({ "number": number, "name": name, "ladder": ladder, "items": [] });
        server.post("/api/v1/channels", body).await.expect(201);
    }
    server.channel("12", &[]).await;
    server
}

#[tokio::test]
async fn the_device_is_told_with_its_addresses_and_tuners() {
    let server = Server::new().await;
    let answer = get(&server, "/discover.json").await;
    assert!(answer.header("content-type").starts_with("application/json"));
    let mut told = answer.json();
    let id = told["DeviceID"].take();
    assert!(id.as_str().unwrap().parse::<DeviceId>().is_ok(), "{id}");
    assert_eq!(get(&server, "/discover.json").await.json()["DeviceID"], id);
    assert_snapshot!(serde_json::to_string_pretty(&told).unwrap(), @r#"
    {
      "BaseURL": "http://10.0.0.2:8400",
      "DeviceAuth": "aerial",
      "DeviceID": null,
      "FirmwareName": "hdhomerun5_atsc",
      "FirmwareVersion": "20260101",
      "FriendlyName": "Aerial",
      "LineupURL": "http://10.0.0.2:8400/lineup.json",
      "ModelNumber": "HDHR5-4US",
      "TunerCount": 2
    }
    "#);
}

#[tokio::test]
async fn all_channels_are_in_the_lineup_by_number() {
    let server = with_channels().await;
    let answer = get(&server, "/lineup.json").await;
    assert_snapshot!(answer.shown(), @r#"
    200 OK
    [
      {
        "AudioCodec": "AAC",
        "GuideName": "Films & \"More\" <all>",
        "GuideNumber": "5",
        "HD": 1,
        "URL": "http://10.0.0.2:8400/stream/5.ts",
        "VideoCodec": "H264"
      },
      {
        "AudioCodec": "AAC",
        "GuideName": "Low",
        "GuideNumber": "5.1",
        "URL": "http://10.0.0.2:8400/stream/5.1.ts",
        "VideoCodec": "H264"
      },
      {
        "AudioCodec": "AAC",
        "GuideName": "Channel 12",
        "GuideNumber": "12",
        "HD": 1,
        "URL": "http://10.0.0.2:8400/stream/12.ts",
        "VideoCodec": "H264"
      }
    ]
    "#);
    // As clients ask for it.
    assert_eq!(get(&server, "/lineup.json?show=found&tuning").await.json(), answer.json());
}

#[tokio::test]
async fn the_lineup_can_be_had_as_xml_and_as_m3u() {
    let server = with_channels().await;
    let xml = get(&server, "/lineup.xml").await;
    assert_eq!(xml.header("content-type"), "application/xml; charset=utf-8");
    assert_snapshot!(text(&xml), @r#"
    <?xml version="1.0" encoding="UTF-8"?>
    <Lineup>
    <Program><GuideNumber>5</GuideNumber><GuideName>Films &amp; &quot;More&quot; &lt;all&gt;</GuideName><VideoCodec>H264</VideoCodec><AudioCodec>AAC</AudioCodec><HD>1</HD><URL>http://10.0.0.2:8400/stream/5.ts</URL></Program>
    <Program><GuideNumber>5.1</GuideNumber><GuideName>Low</GuideName><VideoCodec>H264</VideoCodec><AudioCodec>AAC</AudioCodec><URL>http://10.0.0.2:8400/stream/5.1.ts</URL></Program>
    <Program><GuideNumber>12</GuideNumber><GuideName>Channel 12</GuideName><VideoCodec>H264</VideoCodec><AudioCodec>AAC</AudioCodec><HD>1</HD><URL>http://10.0.0.2:8400/stream/12.ts</URL></Program>
    </Lineup>
    "#);
    let m3u = get(&server, "/lineup.m3u").await;
    assert_eq!(m3u.header("content-type"), "application/x-mpegurl; charset=utf-8");
    assert_snapshot!(text(&m3u), @r#"
    #EXTM3U
    #EXTINF:-1 channel-id="5" channel-number="5" tvg-name="Films & 'More' <all>",5 Films & "More" <all>
    http://10.0.0.2:8400/stream/5.ts
    #EXTINF:-1 channel-id="5.1" channel-number="5.1" tvg-name="Low",5.1 Low
    http://10.0.0.2:8400/stream/5.1.ts
    #EXTINF:-1 channel-id="12" channel-number="12" tvg-name="Channel 12",12 Channel 12
    http://10.0.0.2:8400/stream/12.ts
    "#);
}

#[tokio::test]
async fn a_scan_is_always_over_and_changes_nothing() {
    let server = with_channels().await;
    let (status, lineup) =
        (get(&server, "/lineup_status.json").await, get(&server, "/lineup.json").await);
    let idle = json!({
        "ScanInProgress": 0, "ScanPossible": 1, "Source": "Cable", "SourceList": ["Cable"],
    });
    assert_eq!(status.json(), idle);
    for query in ["", "?scan=start&source=Cable", "?scan=abort", "?scan=%00&favorite=%2b5"] {
        let path = format!("/lineup.post{query}");
        server.ask_with(Method::POST, &path, &[]).await.expect(200);
    }
    assert_eq!(get(&server, "/lineup_status.json").await.json(), idle);
    assert_eq!(get(&server, "/lineup.json").await.json(), lineup.json());
}

#[tokio::test]
async fn the_device_describes_itself_as_upnp_does() {
    let server = Server::new().await;
    let answer = get(&server, "/device.xml").await;
    assert_eq!(answer.header("content-type"), "application/xml; charset=utf-8");
    let id = get(&server, "/discover.json").await.json()["DeviceID"].take();
    let told = text(&answer).replace(id.as_str().unwrap(), "DEVICE");
    assert_snapshot!(crate::server::anonymous(&told), @r#"
    <?xml version="1.0" encoding="UTF-8"?>
    <root xmlns="urn:schemas-upnp-org:device-1-0">
    <specVersion><major>1</major><minor>0</minor></specVersion>
    <URLBase>http://10.0.0.2:8400/</URLBase>
    <device>
    <deviceType>urn:schemas-upnp-org:device:MediaServer:1</deviceType>
    <friendlyName>Aerial</friendlyName>
    <manufacturer>Aerial</manufacturer>
    <modelName>HDHR5-4US</modelName>
    <modelNumber>HDHR5-4US</modelNumber>
    <serialNumber>DEVICE</serialNumber>
    <UDN>uuid:id-1</UDN>
    </device>
    </root>
    "#);
}

#[tokio::test]
async fn addresses_are_right_behind_a_reverse_proxy() {
    let server = with_channels().await;
    let told = server.ask_with(Method::GET, "/discover.json", &PROXIED).await.json();
    assert_eq!(told["BaseURL"], "https://tv.example.org/aerial");
    assert_eq!(told["LineupURL"], "https://tv.example.org/aerial/lineup.json");
    let lineup = server.ask_with(Method::GET, "/lineup.json", &PROXIED).await.json();
    assert_eq!(lineup[1]["URL"], "https://tv.example.org/aerial/stream/5.1.ts");
}

#[tokio::test]
async fn pages_of_any_site_may_read_the_lineup() {
    let server = Server::new().await;
    for path in ["/discover.json", "/lineup.json", "/lineup.xml", "/device.xml"] {
        let answer = server.ask_with(Method::GET, path, &[("origin", "http://a.example")]).await;
        assert_eq!(answer.header("access-control-allow-origin"), "*", "{path}");
    }
    // No other method is taken, and that is told as everywhere.
    let answer = server.ask_with(Method::POST, "/lineup.json", &[]).await.expect(405);
    assert_eq!(answer.header("content-type"), "application/problem+json");
    let status: Value = server.ask_with(Method::GET, "/lineup.post", &[]).await.expect(405).json();
    assert_eq!(status["status"], 405);
}

#[tokio::test]
async fn a_head_request_is_answered_without_a_body() {
    let server = Server::new().await;
    for path in ["/discover.json", "/lineup.json", "/lineup_status.json", "/device.xml"] {
        assert!(server.ask(Method::HEAD, path).await.expect(200).body.is_empty(), "{path}");
    }
}
