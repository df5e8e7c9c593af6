//! How long mpv and hls.js in Chromium take to their first picture, cold.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::films::Film;
use crate::report::{Report, list, median, millis};
use crate::server::Server;

/// The last first, as in `tune_in`.
const PLACES: [i64; 3] = [45, 25, 5];
const PATIENCE: Duration = Duration::from_secs(40);
const CHROMIUMS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

pub(crate) fn measure(
    server: &Server,
    films: &[Film],
    hls_js: &Path,
    report: &mut Report,
) -> Result<()> {
    let [.., for_mpv, for_browser] = films else { bail!("too few films") };
    mpv(server, for_mpv, report)?;
    chromium(server, for_browser, hls_js, report)
}

/// `--frames=1` ends with the first picture. mpv's own start and end are in it, so
/// it is told beside the same of the file itself.
fn mpv(server: &Server, film: &Film, report: &mut Report) -> Result<()> {
    const WHAT: &str = "mpv: first picture, cold";
    if !is_installed("mpv") {
        report.row(WHAT, "mpv is not installed", "", "");
        return Ok(());
    }
    let (mut aired, mut file) = (Vec::new(), Vec::new());
    for place in PLACES {
        let channel = server.channel(film, place)?;
        let url = format!("http://{}/stream/{}.m3u8", server.address, channel.number);
        aired.push(one_frame(&url, "--start=none")?);
        server.stop(&channel)?;
        server.wait_until_quiet()?;
        file.push(one_frame(&film.path.to_string_lossy(), &format!("--start={place}"))?);
    }
    let beside = format!("the file itself {}", millis(median(&file)));
    report.row(WHAT, millis(median(&aired)), beside, format!("of {}", list(&aired)));
    Ok(())
}

fn one_frame(url: &str, start: &str) -> Result<Duration> {
    let began = Instant::now();
    let mut player = Command::new("mpv")
        .args(["--no-config", "--really-quiet", "--vo=null", "--ao=null", "--frames=1", start, url])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let took = wait(&mut player, began)?;
    Ok(took)
}

fn wait(process: &mut Child, began: Instant) -> Result<Duration> {
    loop {
        if let Some(exit) = process.try_wait()? {
            let took = began.elapsed();
            if !exit.success() {
                bail!("the player ended with {exit}");
            }
            return Ok(took);
        }
        if began.elapsed() > PATIENCE {
            let _ = process.kill();
            let _ = process.wait();
            bail!("the player shows no picture");
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// From the page's call of hls.js to the first frame that is composited; the
/// browser's own start is not in it.
fn chromium(server: &Server, film: &Film, hls_js: &Path, report: &mut Report) -> Result<()> {
    const WHAT: &str = "hls.js in Chromium: first picture, cold";
    let Some(browser) = CHROMIUMS.into_iter().find(|name| is_installed(name)) else {
        report.row(WHAT, "Chromium is not installed", "", "");
        return Ok(());
    };
    let script = std::fs::read(hls_js)
        .with_context(|| format!("{} is missing: build the web page first", hls_js.display()))?;
    let mut times = Vec::new();
    for place in PLACES {
        let channel = server.channel(film, place)?;
        let stream = format!("http://{}/stream/{}.m3u8", server.address, channel.number);
        times.push(in_browser(browser, &stream, &script)?);
        server.stop(&channel)?;
        server.wait_until_quiet()?;
    }
    report.row(WHAT, millis(median(&times)), "", format!("of {}", list(&times)));
    Ok(())
}

fn in_browser(browser: &str, stream: &str, script: &[u8]) -> Result<Duration> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let profile = std::env::temp_dir().join(format!("aerial-bench-{}", std::process::id()));
    let mut process = Command::new(browser)
        .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--mute-audio"])
        .args(["--autoplay-policy=no-user-gesture-required", "--no-first-run"])
        .arg(format!("--user-data-dir={}", profile.display()))
        .arg(format!("http://{address}/"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let told = serve_page(&listener, stream, script);
    let _ = process.kill();
    let _ = process.wait();
    let _ = std::fs::remove_dir_all(profile);
    told
}

/// Serves the page until it says how long it took.
fn serve_page(listener: &TcpListener, stream: &str, script: &[u8]) -> Result<Duration> {
    let page = format!(
        "<!doctype html><video id=v muted playsinline></video><script src=/hls.js></script><script>\
         const began = performance.now();\
         const tell = text => fetch('/told?' + text);\
         v.requestVideoFrameCallback(() => tell((performance.now() - began).toFixed()));\
         const hls = new Hls({{ progressive: true }});\
         hls.on(Hls.Events.ERROR, (_, e) => e.fatal && tell(e.details));\
         hls.loadSource('{stream}'); hls.attachMedia(v); v.play();</script>"
    );
    let patience = Instant::now() + PATIENCE;
    while Instant::now() < patience {
        let Ok((connection, _)) = listener.accept() else {
            std::thread::sleep(Duration::from_millis(5));
            continue;
        };
        if let Some(told) = answer(connection, page.as_bytes(), script)? {
            let millis = told.parse().with_context(|| format!("hls.js fails: {told}"))?;
            return Ok(Duration::from_millis(millis));
        }
    }
    bail!("hls.js shows no picture")
}

fn answer(connection: TcpStream, page: &[u8], script: &[u8]) -> Result<Option<String>> {
    connection.set_nonblocking(false)?;
    // A browser opens connections that it then does not use.
    connection.set_read_timeout(Some(Duration::from_millis(300)))?;
    let mut connection = BufReader::new(connection);
    let mut request = String::new();
    if connection.read_line(&mut request).is_err() {
        return Ok(None);
    }
    let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
    let (kind, body) = match path.as_str() {
        "/" => ("text/html", page),
        "/hls.js" => ("text/javascript", script),
        _ => ("text/plain", &b""[..]),
    };
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    let out = connection.get_mut();
    out.write_all(head.as_bytes()).and_then(|()| out.write_all(body)).unwrap_or_default();
    Ok(path.strip_prefix("/told?").map(str::to_owned))
}

fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}
