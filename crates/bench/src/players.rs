//! How long mpv and hls.js in Chromium take to their first picture, cold.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::browser::{self, Page, is_installed};
use crate::films::Film;
use crate::report::{Report, list, median, millis};
use crate::server::{Server, Video};

/// The last first, as in `tune_in`.
const PLACES: [i64; 3] = [45, 25, 5];
const PATIENCE: Duration = Duration::from_secs(40);

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
        let channel = server.channel(film, place, Video::Transcoded)?;
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
    let Some(browser) = browser::installed() else {
        report.row(WHAT, "Chromium is not installed", "", "");
        return Ok(());
    };
    let script = browser::script(hls_js)?;
    let mut times = Vec::new();
    for place in PLACES {
        let channel = server.channel(film, place, Video::Transcoded)?;
        let stream = format!("http://{}/stream/{}.m3u8", server.address, channel.number);
        times.push(first_picture(browser, &stream, &script)?);
        server.stop(&channel)?;
        server.wait_until_quiet()?;
    }
    report.row(WHAT, millis(median(&times)), "", format!("of {}", list(&times)));
    Ok(())
}

fn first_picture(browser: &str, stream: &str, script: &[u8]) -> Result<Duration> {
    let page = format!(
        "const began = performance.now();\
         v.requestVideoFrameCallback(() => tell((performance.now() - began).toFixed()));\
         const hls = new Hls({{ progressive: true }});\
         hls.on(Hls.Events.ERROR, (_, e) => e.fatal && tell(e.details));\
         hls.loadSource('{stream}'); hls.attachMedia(v); v.play();"
    );
    let page = Page::open(browser, script, &page)?;
    let patience = Instant::now() + PATIENCE;
    while Instant::now() < patience {
        if let Some(told) = page.told().first() {
            let millis = told.parse().with_context(|| format!("hls.js fails: {told}"))?;
            return Ok(Duration::from_millis(millis));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    bail!("hls.js shows no picture")
}
