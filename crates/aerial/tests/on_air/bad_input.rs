//! Whatever is wrong gets its clear error, and channel 1 goes on playing.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Answer, Clip, Limit, PATIENCE, Place, Player, Server, command, until};

/// A request as it is written here: no library tidies the path up.
async fn raw(server: &Server, method: &str, path: &str) -> (StatusCode, String) {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = format!("{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let reading = stream.read_to_end(&mut answer);
    tokio::time::timeout(PATIENCE, reading).await.expect("no answer").unwrap();
    read(&answer)
}

fn read(answer: &[u8]) -> (StatusCode, String) {
    let text = String::from_utf8_lossy(answer).into_owned();
    let code = text.split(' ').nth(1).unwrap_or_else(|| panic!("{text:?}"));
    (code.parse().unwrap(), text)
}

/// The answer is a problem of this status, and says this.
fn assert_problem(answer: &Answer, status: StatusCode, says: &[&str]) -> Value {
    assert_eq!(answer.status, status, "{answer:?}");
    assert_eq!(answer.kind, "application/problem+json", "{answer:?}");
    let problem = answer.json();
    for word in says {
        assert!(answer.text.contains(word), "`{word}` is not in {answer:?}");
    }
    problem
}

/// A channel's player that is at work during all that the test does.
async fn during_play(server: &Server, trouble: impl AsyncFnOnce()) {
    let player = Player::start(&server.url("/stream/1.m3u8"), Limit::Seconds(600));
    player.shows(30).await;
    trouble().await;
    // What it has buffered is less than this.
    player.shows(player.pictures() + 300).await;
    let shown = player.stop().await;
    shown.assert_audio_unbroken();
    assert_eq!(server.get("/healthz").await.status, StatusCode::OK);
    assert_eq!(server.listening().len(), 1, "the server was started again\n{}", server.log());
    assert_eq!(server.said("panic"), 0, "\n{}", server.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_are_no_videos_are_kept_with_their_reason_and_odd_names_play() {
    let place = Place::with(&Clip::FOUR);
    let server = Server::start(&place).await;
    during_play(&server, async || {
        let media = place.media();
        std::fs::write(media.join("Words.mkv"), "these are only words\n".repeat(500)).unwrap();
        std::fs::write(media.join("Empty.mp4"), "").unwrap();
        let whole = std::fs::read(media.join(Clip::ALPHA.file)).unwrap();
        std::fs::write(media.join("Truncated.mp4"), &whole[..whole.len() / 2]).unwrap();
        std::fs::write(media.join("Odd\n🎬 \"name\".mp4"), &whole).unwrap();
        server.send(Method::POST, "/api/v1/scan", None).await.ok();
        let found = until("all four are known", async || {
            let all = server.get("/api/v1/media").await.ok();
            let items = all["items"].as_array().unwrap().clone();
            let settled = server.get("/api/v1/scan").await.ok()["running"] == false;
            (items.len() == 8 && settled).then_some(items)
        })
        .await;
        let file = |name: &str| {
            let of = |media: &&Value| media["path"].as_str().unwrap().ends_with(name);
            found.iter().find(of).unwrap_or_else(|| panic!("no {name} in {found:?}"))
        };
        for name in ["Words.mkv", "Empty.mp4", "Truncated.mp4"] {
            let media = file(name);
            assert_eq!(media["state"], "unplayable", "{media}");
            assert!(media["reason"].as_str().unwrap().len() > 10, "{media}");
        }
        let odd = file("/Odd\n🎬 \"name\".mp4");
        assert_eq!(odd["state"], "ok", "{odd}");
        // And it airs.
        let channel = json!({ "number": "3", "name": "🎬", "items": [{ "media": odd["id"] }] });
        server.send(Method::POST, "/api/v1/channels", Some(channel)).await.ok();
        let player = Player::start(&server.url("/stream/3.m3u8"), Limit::Seconds(5));
        player.finish().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_requests_are_told_what_is_wrong_with_them() {
    let place = Place::with(&Clip::FOUR);
    let server = Server::start(&place).await;
    let post = async |path: &str, body: Value| server.send(Method::POST, path, Some(body)).await;
    during_play(&server, async || {
        let gone = place.path("gone").display().to_string();
        let answer = post("/api/v1/folders", json!({ "path": gone })).await;
        let problem = assert_problem(&answer, StatusCode::UNPROCESSABLE_ENTITY, &[&gone]);
        assert_eq!(problem["errors"][0]["field"], "path");

        let unknown = "0192e7a1-0000-7000-8000-000000000000";
        let items = json!({ "items": [{ "media": unknown }] });
        for (method, path) in [
            (Method::PUT, "/api/v1/channels/1/lineup"),
            (Method::POST, "/api/v1/channels/1/lineup/items"),
        ] {
            let answer = server.send(method, path, Some(items.clone())).await;
            let problem = assert_problem(&answer, StatusCode::UNPROCESSABLE_ENTITY, &[unknown]);
            assert_eq!(problem["errors"][0]["field"], "items[0].media");
        }

        let answer = post("/api/v1/channels", json!({ "number": "1", "name": "Mine" })).await;
        let problem = assert_problem(&answer, StatusCode::CONFLICT, &["1"]);
        assert_eq!(problem["errors"][0]["field"], "number");

        // What goes around every answer goes around those of streams too.
        let answer = server.http.get(server.url("/stream/1.m3u8")).send().await.unwrap();
        assert!(answer.headers().contains_key("x-request-id"), "{answer:?}");
        for path in ["/stream/77.m3u8", "/stream/77.ts", "/stream/1/9000p.m3u8"] {
            let answer = server.get(path).await;
            assert_problem(&answer, StatusCode::NOT_FOUND, &[]);
        }
    })
    .await;

    // What is wrong when it is started.
    let elsewhere = place.path("elsewhere");
    let start = |args: &[&str]| {
        let mut command = command(env!("CARGO_BIN_EXE_aerial"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(&elsewhere).args(args);
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let gone = place.path("gone").display().to_string();
    let (code, said) = start(&["--media", &gone]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains(&gone) && said.contains("give a folder that exists"), "{said}");
    let config = place.path("aerial.toml");
    std::fs::write(&config, "[server]\n\n[strem]\ngrace = \"5s\"\n").unwrap();
    let config = config.display().to_string();
    let (code, said) = start(&["--config", &config]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains(&format!("{config}:3: unknown field `strem`")), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn dots_in_any_path_parameter_lead_nowhere() {
    let place = Place::with(&Clip::FOUR);
    let server = Server::start(&place).await;
    let document = server.get("/api/v1/openapi.json").await.ok();
    let mut routes: Vec<(String, String)> = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        if path.contains('{') {
            let methods = methods.as_object().unwrap().keys();
            routes.extend(methods.map(|method| (method.to_uppercase(), path.clone())));
        }
    }
    assert!(routes.len() > 20, "{routes:?}");
    for path in [
        "/stream/{c}.m3u8",
        "/stream/{c}.ts",
        "/stream/{c}",
        "/stream/{c}/master.m3u8",
        "/stream/1/{r}.m3u8",
        "/stream/{c}/720p.m3u8",
        "/stream/1/{r}/1.ts",
        "/stream/1/720p/{s}.ts",
        "/stream/1/720p/{s}",
        "/stream/{c}/720p/1.ts",
        "/{file}",
        "/assets/{file}",
    ] {
        routes.push(("GET".to_owned(), path.to_owned()));
    }
    routes.push(("DELETE".to_owned(), "/stream/1/clients/{client}".to_owned()));
    routes.push(("POST".to_owned(), "/stream/1/clients/{client}/leave".to_owned()));
    during_play(&server, async || {
        for dots in ["%2e%2e", "%2e%2e%2f%2e%2e%2fcatalogue.sqlite", "..", "%00", "%ff"] {
            for (method, path) in &routes {
                let mut asked = path.clone();
                while let (Some(open), Some(close)) = (asked.find('{'), asked.find('}')) {
                    asked.replace_range(open..=close, dots);
                }
                let (status, answer) = raw(&server, method, &asked).await;
                assert!(status.is_client_error(), "{method} {asked}: {answer}");
                assert!(!answer.contains("SQLite format"), "{method} {asked}");
            }
        }
    })
    .await;
    assert_eq!(server.get("/api/v1/channels").await.ok()["items"].as_array().unwrap().len(), 1);
}

/// The most memory that the process ever had, in KiB.
fn peak_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Sends a body of 100 MB, until it is all sent or the server has had enough.
async fn flood(server: &Server, path: &str, chunked: bool) -> (StatusCode, String) {
    const PIECE: usize = 64 * 1024;
    const PIECES: usize = 100_000_000 / PIECE;
    let stream = TcpStream::connect(server.address).await.unwrap();
    let (mut from, mut to) = stream.into_split();
    let length = match chunked {
        true => "Transfer-Encoding: chunked".to_owned(),
        false => format!("Content-Length: {}", PIECE * PIECES),
    };
    let sending = async {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n{length}\r\n\r\n"
        );
        to.write_all(head.as_bytes()).await.unwrap();
        let mut piece = vec![b' '; PIECE];
        if chunked {
            piece = [format!("{PIECE:x}\r\n").as_bytes(), &piece, b"\r\n"].concat();
        }
        for _ in 0..PIECES {
            if to.write_all(&piece).await.is_err() {
                return;
            }
        }
        let _ = to.write_all(b"0\r\n\r\n").await;
    };
    let receiving = async {
        let mut answer = Vec::new();
        let mut buffer = [0; 4096];
        while let Ok(count) = from.read(&mut buffer).await
            && count > 0
        {
            answer.extend_from_slice(&buffer[..count]);
        }
        answer
    };
    let both = async { tokio::join!(sending, receiving).1 };
    let answer = tokio::time::timeout(PATIENCE, both).await.expect("neither end nor answer");
    read(&answer)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_100_mb_is_refused_and_never_held() {
    let place = Place::with(&Clip::FOUR);
    let server = Server::start(&place).await;
    during_play(&server, async || {
        let before = peak_kib(server.pid().await);
        for path in ["/api/v1/channels", "/api/v1/channels/1/lineup/items", "/api/v1/scan"] {
            for chunked in [false, true] {
                let (status, answer) = flood(&server, path, chunked).await;
                assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE, "{path} {chunked}: {answer}");
                assert!(answer.contains("application/problem+json"), "{answer}");
            }
        }
        let grown = peak_kib(server.pid().await) - before;
        assert!(grown < 64 * 1024, "{grown} KiB more");
    })
    .await;
}
