//! The server under test: keeper and server as people start them.

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};

use reqwest::{Method, StatusCode};
use rustix::process::Signal;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::Child;
use tokio::task::JoinHandle;

use super::{Clip, PATIENCE, children_of, signal, until};

const AERIAL: &str = env!("CARGO_BIN_EXE_aerial");

/// A program to start; the tests are outside of what the spawner looks after.
#[allow(clippy::disallowed_methods, reason = "the test starts programs from outside")]
pub(crate) fn command(program: impl AsRef<OsStr>) -> std::process::Command {
    std::process::Command::new(program)
}

/// Folders for a server: `media` with clips in it, and `data`.
#[derive(Debug)]
pub(crate) struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    /// With these clips.
    pub(crate) fn with(clips: &[Clip]) -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap() };
        std::fs::create_dir(place.media()).unwrap();
        clips.iter().for_each(|clip| {
            clip.put_into(&place.media());
        });
        place
    }

    pub(crate) fn media(&self) -> PathBuf {
        self.folder.path().join("media")
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Another folder beside them.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// Copies a folder with all that is in it.
pub(crate) fn copy_folder(from: &Path, to: &Path) {
    let copied = command("cp").arg("-a").arg(from).arg(to).status().unwrap();
    assert!(copied.success());
}

/// What came back of a request.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) kind: String,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The JSON of an answer that is no error.
    pub(crate) fn ok(&self) -> Value {
        assert!(self.status.is_success(), "{self:?}");
        if self.text.is_empty() { Value::Null } else { self.json() }
    }
}

/// `aerial serve` behind its keeper, and what it says.
#[derive(Debug)]
pub(crate) struct Server {
    keeper: Child,
    pub(crate) address: SocketAddr,
    said: Arc<Mutex<Vec<String>>>,
    /// To its stdout and stderr, to their ends.
    listening: [JoinHandle<()>; 2],
    pub(crate) http: reqwest::Client,
}

impl Server {
    /// Serves the place's media, until its first channel is there.
    pub(crate) async fn start(place: &Place) -> Self {
        let server = Self::start_on(&place.data(), &place.media()).await;
        until("there is a first channel", async || {
            let channels = server.get("/api/v1/channels").await.ok();
            channels["items"].get(0).cloned()
        })
        .await;
        // The FFmpeg that tries the encoder at each start is no worker.
        until("the encoder was tried", async || {
            let system = server.get("/api/v1/system").await.ok();
            system["encoders"].get(0).cloned()
        })
        .await;
        server
    }

    /// Serves these media from this data folder.
    pub(crate) async fn start_on(data: &Path, media: &Path) -> Self {
        let mut command = tokio::process::Command::from(command(AERIAL));
        command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(data);
        command.arg("--media").arg(media);
        command.env("RUST_LOG", "info,aerial::stream=debug").env_remove("AERIAL_CONFIG");
        // How much this machine carries is not measured: that takes FFmpegs which are no
        // workers, whenever a test lets it be quiet.
        command.env("AERIAL_STREAM_ENCODES", "8");
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut keeper = command.spawn().unwrap();
        let said = Arc::<Mutex<Vec<String>>>::default();
        let listening = [
            listen(keeper.stdout.take().unwrap(), Arc::clone(&said)),
            listen(keeper.stderr.take().unwrap(), Arc::clone(&said)),
        ];
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut server =
            Self { keeper, address: any, said, listening, http: reqwest::Client::new() };
        server.address = until("it listens", async || server.listening().first().copied()).await;
        server
    }

    /// The addresses that were announced, one for each start.
    pub(crate) fn listening(&self) -> Vec<SocketAddr> {
        let said = self.said.lock().unwrap();
        let found = said.iter().filter_map(|line| line.strip_prefix("listening on http://"));
        found.map(|address| address.parse().unwrap()).collect()
    }

    /// How many lines of its log hold this.
    pub(crate) fn said(&self, text: &str) -> usize {
        self.said.lock().unwrap().iter().filter(|line| line.contains(text)).count()
    }

    /// All that it said.
    pub(crate) fn log(&self) -> String {
        self.said.lock().unwrap().join("\n")
    }

    pub(crate) fn keeper(&self) -> u32 {
        self.keeper.id().unwrap()
    }

    /// The process behind the keeper.
    pub(crate) async fn pid(&self) -> u32 {
        let keeper = self.keeper();
        until("there is a server", async || children_of(keeper).first().copied()).await
    }

    /// The server's children.
    pub(crate) async fn workers(&self) -> Vec<u32> {
        let mut children = children_of(self.pid().await);
        // What reads a file for its index is no worker: it warns, or writes nothing.
        children.retain(|pid| {
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let has = |word: &[u8]| line.split(|byte| *byte == 0).any(|found| found == word);
            has(b"pipe:1") && !has(b"warning")
        });
        children
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    pub(crate) async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let mut request = self.http.request(method, self.url(path)).timeout(PATIENCE);
        if let Some(body) = body {
            request = request.json(&body);
        }
        answer(request).await
    }

    /// The media's id.
    pub(crate) async fn media(&self, clip: Clip) -> Value {
        let path = format!("/api/v1/media?q={}", clip.title());
        until("it is scanned", async || {
            let found = self.get(&path).await.ok();
            let items = found["items"].as_array().unwrap();
            let media = items.iter().find(|media| media["title"] == clip.title());
            media.map(|media| media["id"].clone())
        })
        .await
    }

    /// Makes a channel of these clips alone.
    pub(crate) async fn add_channel(&self, number: &str, grace_ms: u64, clips: &[Clip]) {
        let mut items = Vec::new();
        for clip in clips {
            items.push(serde_json::json!({ "media": self.media(*clip).await }));
        }
        let channel = serde_json::json!({
            "number": number, "name": number, "grace_ms": grace_ms, "items": items,
            "video": "transcode",
        });
        self.send(Method::POST, "/api/v1/channels", Some(channel)).await.ok();
    }

    /// Waits until a start after the first `starts` ones listens.
    pub(crate) async fn listens_after(&self, starts: usize) {
        until("it listens again", async || (self.listening().len() > starts).then_some(())).await;
    }

    /// Ends it; nothing may be left of it.
    pub(crate) async fn stop(&mut self) -> ExitStatus {
        let server = self.pid().await;
        let workers = children_of(server);
        signal(self.keeper(), Signal::TERM);
        let ended = tokio::time::timeout(PATIENCE, self.keeper.wait()).await;
        let status = ended.expect("it does not end").unwrap();
        for listening in &mut self.listening {
            listening.await.unwrap();
        }
        for pid in workers.into_iter().chain([server]) {
            assert!(!super::is_running(pid), "process {pid} is left\n{}", self.log());
        }
        status
    }
}

/// What comes back of a request.
pub(crate) async fn answer(request: reqwest::RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let kind = response.headers().get("content-type");
    let kind = kind.map(|kind| kind.to_str().unwrap().to_owned()).unwrap_or_default();
    let status = response.status();
    Answer { status, kind, text: response.text().await.unwrap() }
}

fn listen(
    from: impl AsyncRead + Send + Unpin + 'static,
    said: Arc<Mutex<Vec<String>>>,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut lines = BufReader::new(from).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            said.lock().unwrap().push(line);
        }
    })
}
