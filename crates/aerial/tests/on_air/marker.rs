//! The guide's times are the picture's: what is drawn on a programme's first frame is
//! seen when XMLTV says that it begins.

use aerial_model::time::{AirTime, Ticks};
use bytes::Bytes;

use crate::support::{Clip, Place, Server, Viewer, command, instant, units};

/// Between XMLTV, which tells whole seconds, and the picture.
const WITHIN: Ticks = Ticks::from_millis(500);

/// When XMLTV says that programmes of this title begin.
async fn told(server: &Server, title: &str) -> Vec<AirTime> {
    let guide = server.get("/xmltv.xml").await;
    assert!(guide.status.is_success(), "{guide:?}");
    let programmes = guide.text.split("<programme ").skip(1);
    let named = programmes.filter(|programme| programme.contains(&format!(">{title}</title>")));
    named.map(start).collect()
}

/// Of `start="20261128153000 +0000"`.
fn start(programme: &str) -> AirTime {
    let (_, rest) = programme.split_once("start=\"").unwrap();
    let (digits, zone) = rest.split_once('"').unwrap().0.split_once(' ').unwrap();
    assert_eq!((digits.len(), zone), (14, "+0000"), "{programme}");
    let part = |from: usize, to: usize| &digits[from..to];
    let (date, time) = (part(0, 8), part(8, 14));
    let date = format!("{}-{}-{}", &date[..4], &date[4..6], &date[6..]);
    instant(&format!("{date}T{}:{}:{}Z", &time[..2], &time[2..4], &time[4..]))
}

/// How bright each picture of a segment is, in the order of showing, as FFmpeg decodes it.
fn brightness(place: &Place, segment: &Bytes) -> Vec<u8> {
    let file = place.path("segment.ts");
    std::fs::write(&file, segment).unwrap();
    let decoded = command("ffmpeg")
        .args(["-nostdin", "-v", "error", "-i"])
        .arg(&file)
        .args(["-vf", "scale=1:1:flags=area,format=gray", "-fps_mode", "passthrough"])
        .args(["-f", "rawvideo", "pipe:1"])
        .output()
        .unwrap();
    assert!(decoded.status.success(), "{}", String::from_utf8_lossy(&decoded.stderr));
    decoded.stdout
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_drawn_on_a_first_frame_is_seen_when_xmltv_says_that_it_begins() {
    let place = Place::with(&[Clip::ALPHA, Clip::MARKED, Clip::BETA]);
    let server = Server::start(&place).await;
    let viewer = Viewer::tune_in(&server, "1").await;
    let joined = viewer.playlist().await.entries[0].date;
    // Three programmes and a piece, so that it is on at least twice, or once and is seen whole.
    let watched = viewer.watch_until(joined + Ticks::from_secs(54)).await;

    let mut seen = Vec::new();
    for (entry, bytes) in watched.entries.values().zip(&watched.segments) {
        let shown = units(std::slice::from_ref(bytes), entry.date).video();
        let bright = brightness(&place, bytes);
        assert_eq!(shown.len(), bright.len(), "every picture is decoded");
        let white: Vec<usize> = (0..bright.len()).filter(|at| bright[*at] > 220).collect();
        if let Some(first) = white.first() {
            assert_eq!(white.len(), 2, "two pictures bear the mark: {bright:?}");
            seen.push(entry.date + Ticks(shown[*first] - shown[0]));
        }
    }
    assert!(seen.len() >= 2, "the mark was seen at {seen:?}");
    let told = told(&server, Clip::MARKED.title()).await;
    for mark in seen {
        let apart = told.iter().map(|start| Ticks((*start - mark).0.abs())).min().unwrap();
        assert!(apart <= WITHIN, "the mark is seen at {mark}, XMLTV tells {told:?}");
    }
}
