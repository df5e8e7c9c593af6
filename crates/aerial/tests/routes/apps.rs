//! What TV apps read: the channel list, the guide, logos.

use std::io::Read as _;

use axum::body::Body;
use axum::http::{Method, Request};
use serde_json::json;

use crate::server::{Answer, PROXIED, Server};

/// The worst that people call things.
const AWKWARD: &str = "Tom, \"Jerry\" & <🐭>\u{7} 'n' co";

async fn with_awkward_names() -> Server {
    let server = Server::new().await;
    let films = server.films(&[300, 600]).await;
    let path = format!("/api/v1/media/{}", films[0]);
    server.patch(&path, json!({ "title": AWKWARD, "plot": "a < b ]]> &amp;" })).await.expect(200);
    server.channel("7", &films).await;
    server.channel("5.1", &films[..1]).await;
    // A control character is refused in a channel's name, the rest is taken.
    let name = AWKWARD.replace('\u{7}', "");
    let edit = json!({ "name": name, "group": name });
    server.patch("/api/v1/channels/7", edit).await.expect(200);
    server
}

async fn asked(server: &Server, path: &str, headers: &[(&str, &str)]) -> Answer {
    server.ask_with(Method::GET, path, headers).await
}

/// The attributes of an entry's line, as Jellyfin finds them.
fn attributes(line: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("=\"") {
        let name = before.rsplit(' ').next().unwrap();
        let (value, left) = after.split_once('"').unwrap();
        found.push((name, value));
        rest = left;
    }
    found
}

#[tokio::test]
async fn the_channel_list_is_read_as_kodi_and_jellyfin_read_it() {
    let server = with_awkward_names().await;
    let list = asked(&server, "/channels.m3u?x=1", &[("host", "nas:8400")]).await.expect(200);
    assert_eq!(list.header("content-type"), "audio/x-mpegurl; charset=utf-8");
    assert_eq!(list.header("access-control-allow-origin"), "*");
    let text = String::from_utf8(list.body.to_vec()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 5, "{text}");
    assert_eq!(attributes(lines[0])[0], ("url-tvg", "http://nas:8400/xmltv.xml"));
    let guide = asked(&server, "/xmltv.xml", &[("host", "nas:8400")]).await.expect(200);
    let guide = String::from_utf8(guide.body.to_vec()).unwrap();
    for (line, (number, url)) in lines[1..]
        .chunks(2)
        .zip([("5.1", "http://nas:8400/stream/5.1.m3u8"), ("7", "http://nas:8400/stream/7.m3u8")])
    {
        let entry = attributes(line[0]);
        assert!(entry.iter().all(|(_, value)| !value.is_empty()), "{entry:?}");
        let of = |name| entry.iter().find(|(given, _)| *given == name).unwrap().1;
        assert_eq!((of("tvg-chno"), line[1]), (number, url));
        assert!(of("tvg-chno").parse::<f32>().is_ok());
        assert_eq!(of("tvg-id"), of("channel-id"));
        assert!(guide.contains(&format!("<channel id=\"{}\">", of("tvg-id"))), "in the guide too");
        assert!(guide.contains(&format!("channel=\"{}\"><title>", of("tvg-id"))));
        assert!(of("tvg-logo").starts_with("http://nas:8400/logos/"));
    }
    assert!(lines[3].ends_with(",Tom\u{201a} 'Jerry' & <🐭> 'n' co"), "{}", lines[3]);
    let ts = asked(&server, "/channels.m3u?format=ts", &[("host", "a")]).await.expect(200);
    assert!(String::from_utf8_lossy(&ts.body).contains("\nhttp://a/stream/7.ts\n"));
    server.get("/channels.m3u?format=avi").await.expect(422);
}

#[tokio::test]
async fn behind_a_proxy_the_addresses_are_the_clients() {
    let server = with_awkward_names().await;
    let list = asked(&server, "/channels.m3u", &PROXIED).await.expect(200);
    let text = String::from_utf8(list.body.to_vec()).unwrap();
    assert!(text.contains("\nhttps://tv.example.org/aerial/stream/7.m3u8\n"), "{text}");
    assert!(!text.contains("127.0.0.1"));
}

#[tokio::test]
async fn the_guide_says_what_the_channels_air() {
    let server = with_awkward_names().await;
    let guide = asked(&server, "/xmltv.xml", &[("host", "nas")]).await.expect(200);
    assert_eq!(guide.header("content-type"), "application/xml; charset=utf-8");
    let text = String::from_utf8(guide.body.to_vec()).unwrap();
    let first = text.lines().find(|line| line.starts_with("<programme")).unwrap();
    assert!(
        first.contains("<title>Tom, &quot;Jerry&quot; &amp; &lt;🐭&gt; &apos;n&apos; co</title>"),
        "{first}"
    );
    assert!(first.contains("<desc>a &lt; b ]]&gt; &amp;amp;</desc>"), "{first}");
    // Each begins where the one before ends, and a week is there.
    for channel in text.lines().filter(|line| line.starts_with("<channel ")) {
        let id = channel.split('"').nth(1).unwrap();
        let of = format!("channel=\"{id}\"");
        let times: Vec<(&str, &str)> = text
            .lines()
            .filter(|line| line.starts_with("<programme") && line.contains(&of))
            .map(|line| (line.split('"').nth(1).unwrap(), line.split('"').nth(3).unwrap()))
            .collect();
        assert!(times.windows(2).all(|pair| pair[0].1 == pair[1].0));
        assert!(times.len() > 1_000, "a week of films of 5 and 10 minutes");
        assert!(times.last().unwrap().1 >= "20261231190000 +0000");
    }
}

#[tokio::test]
async fn who_has_the_guide_is_told_so_until_it_changes() {
    let server = with_awkward_names().await;
    let guide = server.get("/xmltv.xml").await.expect(200);
    let tag = guide.header("etag").to_owned();
    assert!(guide.header("last-modified").ends_with(" GMT"));
    let again = asked(&server, "/xmltv.xml", &[("if-none-match", &tag)]).await.expect(304);
    assert!(again.body.is_empty());
    assert_eq!(again.header("etag"), tag);
    let date = guide.header("last-modified").to_owned();
    asked(&server, "/xmltv.xml", &[("if-modified-since", &date)]).await.expect(304);
    asked(&server, "/xmltv.xml", &[("if-modified-since", "yesterday")]).await.expect(200);
    server.pass(2);
    server.patch("/api/v1/channels/7", json!({ "name": "Other" })).await.expect(200);
    asked(&server, "/xmltv.xml", &[("if-modified-since", &date)]).await.expect(200);
    let changed = asked(&server, "/xmltv.xml", &[("if-none-match", &tag)]).await.expect(200);
    assert_ne!(changed.header("etag"), tag);
}

#[tokio::test]
async fn the_compressed_guide_is_the_guide() {
    let server = with_awkward_names().await;
    let plain = server.get("/xmltv.xml").await.expect(200);
    let packed = server.get("/xmltv.xml.gz").await.expect(200);
    assert_eq!(packed.header("content-type"), "application/gzip");
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(&packed.body[..]).read_to_end(&mut text).unwrap();
    assert!(text == plain.body);
    assert!(packed.body.len() < plain.body.len() / 5);
}

#[tokio::test]
async fn a_picture_that_is_uploaded_becomes_the_logo() {
    let server = with_awkward_names().await;
    let upload = async |bytes: &[u8]| {
        let request = Request::put("/api/v1/channels/7/logo").header("content-type", "image/png");
        server.send(request.body(Body::from(bytes.to_vec())).unwrap()).await
    };
    let first = b"\x89PNG\r\n\x1a\nfirst".as_slice();
    let logo = upload(first).await.expect(200).json()["logo"].as_str().unwrap().to_owned();
    let shown = server.get(&logo).await.expect(200);
    assert_eq!((shown.header("content-type"), &shown.body[..]), ("image/png", first));
    let list = server.get("/channels.m3u").await.expect(200);
    assert!(String::from_utf8_lossy(&list.body).contains(&format!("http://localhost{logo}\"")));
    // The next takes its place, and what nobody names is gone.
    upload(b"\xff\xd8\xff\xe0second").await.expect(200);
    server.get(&logo).await.expect(404);
    for no_picture in [b"<svg/>".as_slice(), b""] {
        let refused = upload(no_picture).await.expect(415);
        assert!(refused.json()["detail"].as_str().unwrap().contains("PNG, JPEG or WebP"));
    }
    upload(&vec![0; 5 << 20]).await.expect(413);
    for bad in ["/logos/uploaded/x.png", "/logos/uploaded/..%2f..%2fcatalogue.sqlite"] {
        server.get(bad).await.expect(404);
    }
}

#[tokio::test]
async fn a_channel_without_a_logo_gets_one() {
    let server = with_awkward_names().await;
    let list = server.get("/channels.m3u").await.expect(200);
    let text = String::from_utf8(list.body.to_vec()).unwrap();
    let line = text.lines().find(|line| line.contains("tvg-chno=\"7\"")).unwrap();
    let url = attributes(line).iter().find(|(name, _)| *name == "tvg-logo").unwrap().1.to_owned();
    let logo = server.get(url.strip_prefix("http://localhost").unwrap()).await.expect(200);
    assert_eq!(logo.header("content-type"), "image/png");
    assert!(logo.body.starts_with(b"\x89PNG"));
    let url = url.strip_prefix("http://localhost").unwrap();
    for width in [64u32, 960] {
        let sized = server.get(&format!("{url}&width={width}")).await.expect(200);
        // A PNG's first chunk begins with its width and height.
        assert_eq!(sized.body[16..24], [width.to_be_bytes(), width.to_be_bytes()].concat());
        assert_ne!(sized.header("etag"), logo.header("etag"));
    }
    server.get(&format!("{url}&width=65")).await.expect(422);
    // An uploaded one, made smaller whatever its kind.
    let upload = Request::put("/api/v1/channels/7/logo").header("content-type", "image/png");
    let upload = upload.body(Body::from(logo.body.clone())).unwrap();
    let own = server.send(upload).await.expect(200).json()["logo"].as_str().unwrap().to_owned();
    let sized = server.get(&format!("{own}?width=128")).await.expect(200);
    assert_eq!(sized.body[16..24], [128u32.to_be_bytes(), 128u32.to_be_bytes()].concat());
    assert!(sized.header("cache-control").contains("immutable"));
    server.get("/logos/uploaded/abc.png?width=128").await.expect(404);
    server.patch("/api/v1/channels/7", json!({ "logo": "/icon.svg" })).await.expect(200);
    let list = server.get("/channels.m3u").await.expect(200);
    assert!(String::from_utf8_lossy(&list.body).contains("tvg-logo=\"http://localhost/icon.svg\""));
    for bad in ["/logos/9.png", "/logos/x.png", "/logos/7", "/logos/..png"] {
        server.get(bad).await.expect(404);
    }
}

#[tokio::test]
async fn what_can_be_played_again_is_in_the_list_and_in_the_guide_as_far_back() {
    let server = Server::new().await;
    let films = server.films(&[600]).await;
    server.channel("5", &films).await;
    server.channel("6", &films).await;
    server.patch("/api/v1/channels/6", json!({ "catchup_days": 3 })).await.expect(200);
    server.pass(5 * 24 * 3_600);
    let list =
        String::from_utf8(server.get("/channels.m3u").await.expect(200).body.to_vec()).unwrap();
    let line = |number: &str| {
        let of_channel = format!("tvg-chno=\"{number}\"");
        attributes(list.lines().find(|line| line.contains(&of_channel)).unwrap())
    };
    let again = |number: &str| {
        let all = line(number);
        let again = all.into_iter().filter(|(name, _)| name.starts_with("catchup"));
        again.map(|(_, value)| value.to_owned()).collect::<Vec<String>>()
    };
    assert_eq!(again("5"), [""; 0]);
    let source = "http://localhost/stream/6/catchup.m3u8?from=${start}&to=${end}";
    assert_eq!(again("6"), ["default", "3", source]);
    let guide = server.get("/xmltv.xml").await.expect(200);
    let guide = String::from_utf8(guide.body.to_vec()).unwrap();
    let channels = server.get("/api/v1/channels").await.expect(200).json();
    for (place, first) in [(0, "202612281"), (1, "202612261")] {
        let id = channels["items"][place]["id"].as_str().unwrap();
        let of_channel = |line: &&str| line.contains("<programme") && line.contains(id);
        let starts = guide
            .lines()
            .filter(of_channel)
            .map(|line| line.split("start=\"").nth(1).unwrap().get(..14).unwrap());
        let starts: Vec<&str> = starts.collect();
        assert!(starts[0].starts_with(first), "{place}: {}", starts[0]);
        assert!(starts.is_sorted_by(|a, b| a < b), "each is there once, in order");
    }
}
