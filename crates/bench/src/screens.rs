//! Players that tell the number of every picture they show: FFmpeg, mpv, hls.js.
//!
//! Owns their processes. Judges nothing. Invariant: a [`Screen`] that is dropped has
//! no process left.

use std::io::{BufRead as _, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use anyhow::{Context as _, Result};
use jiff::Timestamp;

use crate::browser::Page;
use crate::numbers::{Numbers, reading};
use crate::shown::Picture;

/// A player at work.
#[derive(Debug)]
pub(crate) enum Screen {
    /// FFmpeg or mpv.
    Process(Watcher),
    /// hls.js.
    Page(Page),
}

/// A player that writes a line for each picture.
#[derive(Debug)]
pub(crate) struct Watcher {
    process: Child,
    heard: Arc<Mutex<Heard>>,
    reading: Option<JoinHandle<()>>,
}

/// What a player has told.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    pub(crate) pictures: Vec<Picture>,
    /// Warnings and errors.
    pub(crate) complaints: Vec<String>,
    /// It ended by itself, or began anew.
    pub(crate) reloads: u32,
}

impl Screen {
    /// FFmpeg, which is what Plex and Jellyfin watch with. It shows as soon as it has.
    pub(crate) fn ffmpeg(url: &str) -> Result<Self> {
        let mut command = Command::new("ffmpeg");
        command.args(["-nostdin", "-hide_banner", "-nostats", "-v", "level+info", "-i", url]);
        command.args(["-vf", &reading(), "-fps_mode", "passthrough"]);
        command.args(["-enc_time_base", "1:90000", "-f", "null", "-"]);
        let mut process = quiet(&mut command).stderr(Stdio::piped()).spawn()?;
        let output = process.stderr.take().context("no pipe")?;
        Ok(Self::Process(Watcher::of(process, output)))
    }

    /// mpv, in real time.
    pub(crate) fn mpv(url: &str) -> Result<Self> {
        let mut command = Command::new("mpv");
        command.args(["--no-config", "--vo=null", "--ao=null", "--no-input-terminal"]);
        command.arg(format!("--vf=lavfi=[{}]", reading()));
        command.args(["--msg-level=all=warn,ffmpeg=v", url]);
        let mut process = quiet(&mut command).stdout(Stdio::piped()).spawn()?;
        let output = process.stdout.take().context("no pipe")?;
        Ok(Self::Process(Watcher::of(process, output)))
    }

    /// hls.js in a browser.
    pub(crate) fn hls_js(browser: &str, script: &[u8], url: &str) -> Result<Self> {
        let work = format!(
            "const c = document.createElement('canvas').getContext('2d', {{willReadFrequently: true}});\
             const blocks = 12, seen = [];\
             const look = () => {{\
               c.drawImage(v, 0, v.videoHeight / 60, v.videoWidth, v.videoHeight / 30, 0, 0, 48, 4);\
               const row = c.getImageData(0, 1, 48, 1).data;\
               let number = 0;\
               for (let block = 0; block < blocks; block++) {{\
                 const light = (row[block * 16 + 4] + row[block * 16 + 8]) / 2;\
                 const bit = light > 190 ? 1 : light < 60 ? 0 : NaN;\
                 if (block == 0) number = bit ? number : NaN;\
                 else if (block == blocks - 1) number = bit === 0 ? number : NaN;\
                 else number += bit * 2 ** (block - 1);\
               }}\
               seen.push(Date.now() + ':' + (Number.isNaN(number) ? '-' : number));\
               v.requestVideoFrameCallback(look);\
             }};\
             v.requestVideoFrameCallback(look);\
             setInterval(() => seen.length && tell(seen.splice(0).join(',')), 500);\
             const hls = new Hls({{ progressive: true }});\
             hls.on(Hls.Events.ERROR, (_, e) => tell('error-' + (e.fatal ? 'fatal-' : '') + e.details));\
             hls.loadSource('{url}'); hls.attachMedia(v); v.play();"
        );
        Ok(Self::Page(Page::open(browser, script, &work)?))
    }

    /// What it has told since the last time.
    pub(crate) fn heard(&mut self) -> Result<Heard> {
        match self {
            Self::Process(watcher) => {
                let mut heard = watcher.heard.lock().unwrap_or_else(PoisonError::into_inner);
                let mut heard = std::mem::take(&mut *heard);
                heard.reloads = u32::from(watcher.process.try_wait()?.is_some());
                Ok(heard)
            }
            Self::Page(page) => {
                let mut heard =
                    Heard { reloads: page.loads().saturating_sub(1), ..Heard::default() };
                for told in page.told() {
                    if let Some(error) = told.strip_prefix("error-") {
                        heard.complaints.push(error.to_owned());
                    } else {
                        heard.pictures.extend(told.split(',').filter_map(picture));
                    }
                }
                Ok(heard)
            }
        }
    }
}

/// `1735689600000:17`, or with `-` for a picture without a number.
fn picture(text: &str) -> Option<Picture> {
    let (at, number) = text.split_once(':')?;
    Some((at.parse().ok()?, number.parse().ok()))
}

fn quiet(command: &mut Command) -> &mut Command {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null())
}

impl Watcher {
    fn of(process: Child, output: impl Read + Send + 'static) -> Self {
        let heard = Arc::<Mutex<Heard>>::default();
        let tells = Arc::clone(&heard);
        let reading = std::thread::spawn(move || {
            let numbers = Numbers::new();
            for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line);
                let mut heard = tells.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(number) = numbers.read(&line) {
                    heard.pictures.push((Timestamp::now().as_millisecond(), number));
                } else if line.contains("[warning]") || line.contains("[error]") {
                    heard.complaints.push(line.into_owned());
                }
            }
        });
        Self { process, heard, reading: Some(reading) }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if let Some(reading) = self.reading.take() {
            let _ = reading.join();
        }
    }
}
