//! Chromium without a window, with a page that has hls.js and a picture.
//!
//! Owns the browser's process, its folder, and the small server of the page, which
//! hears what the page has to tell. What the page does is the caller's. Invariant:
//! when a [`Page`] is dropped, nothing of it runs and nothing lies about.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, Result};

const CHROMIUMS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// Tells pages' folders apart.
static PAGES: AtomicU32 = AtomicU32::new(0);

/// The browser that is installed, if there is one.
pub(crate) fn installed() -> Option<&'static str> {
    CHROMIUMS.into_iter().find(|name| is_installed(name))
}

pub(crate) fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// The text of hls.js.
pub(crate) fn script(hls_js: &Path) -> Result<Vec<u8>> {
    std::fs::read(hls_js)
        .with_context(|| format!("{} is missing: build the web page first", hls_js.display()))
}

/// A page that is open.
#[derive(Debug)]
pub(crate) struct Page {
    browser: Child,
    profile: PathBuf,
    heard: Arc<Heard>,
    serving: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Heard {
    ending: AtomicBool,
    /// How often the page was loaded.
    loads: AtomicU32,
    told: Mutex<Vec<String>>,
}

impl Page {
    /// Opens a page with the picture `v`, hls.js as `Hls`, and `tell(text)`, which
    /// tells us something; then runs `work`.
    pub(crate) fn open(browser: &str, hls_js: &[u8], work: &str) -> Result<Self> {
        let page = format!(
            "<!doctype html><video id=v muted playsinline></video>\
             <script src=/hls.js></script><script>\
             const tell = text => fetch('/told?' + text);{work}</script>"
        );
        let listener = TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let heard = Arc::<Heard>::default();
        let (hears, script) = (Arc::clone(&heard), hls_js.to_vec());
        let serving = std::thread::spawn(move || serve(&listener, &hears, &page, &script));
        let number = PAGES.fetch_add(1, Ordering::Relaxed);
        let name = format!("aerial-bench-{}-{number}", std::process::id());
        let profile = std::env::temp_dir().join(name);
        let browser = Command::new(browser)
            .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--mute-audio"])
            .args(["--autoplay-policy=no-user-gesture-required", "--no-first-run"])
            .arg(format!("--user-data-dir={}", profile.display()))
            .arg(format!("http://{address}/"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self { browser, profile, heard, serving: Some(serving) })
    }

    /// What the page has told since the last time.
    pub(crate) fn told(&self) -> Vec<String> {
        let mut told = self.heard.told.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *told)
    }

    /// How often it was loaded.
    pub(crate) fn loads(&self) -> u32 {
        self.heard.loads.load(Ordering::Relaxed)
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        let _ = self.browser.kill();
        let _ = self.browser.wait();
        self.heard.ending.store(true, Ordering::Relaxed);
        if let Some(serving) = self.serving.take() {
            let _ = serving.join();
        }
        let _ = std::fs::remove_dir_all(&self.profile);
    }
}

fn serve(listener: &TcpListener, heard: &Heard, page: &str, script: &[u8]) {
    while !heard.ending.load(Ordering::Relaxed) {
        match listener.accept() {
            Ok((connection, _)) => {
                // A browser hangs up as it likes.
                let _ = answer(connection, heard, page.as_bytes(), script);
            }
            Err(_) => std::thread::sleep(Duration::from_millis(5)),
        }
    }
}

fn answer(connection: TcpStream, heard: &Heard, page: &[u8], script: &[u8]) -> Result<()> {
    connection.set_nonblocking(false)?;
    // It opens connections that it then does not use.
    connection.set_read_timeout(Some(Duration::from_millis(300)))?;
    let mut connection = BufReader::new(connection);
    let mut request = String::new();
    connection.read_line(&mut request)?;
    let path = request.split(' ').nth(1).unwrap_or_default();
    let (kind, body) = match path {
        "/" => ("text/html", page),
        "/hls.js" => ("text/javascript", script),
        _ => ("text/plain", &b""[..]),
    };
    if path == "/" {
        heard.loads.fetch_add(1, Ordering::Relaxed);
    }
    if let Some(told) = path.strip_prefix("/told?") {
        heard.told.lock().unwrap_or_else(PoisonError::into_inner).push(told.to_owned());
    }
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    let out = connection.get_mut();
    out.write_all(head.as_bytes())?;
    Ok(out.write_all(body)?)
}
