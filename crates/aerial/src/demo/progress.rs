//! How far the making of the demo library is, for people.
//!
//! Owns one bar on a terminal, or one line a clip where there is none (a log, CI).
//! Counts seconds of video, since clips differ in length.

use std::io::{IsTerminal, stderr};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Clip;

/// Where to tell how far it is.
#[derive(Debug)]
pub enum Progress {
    /// Nowhere.
    Silent,
    /// As a bar on the terminal.
    Bar(ProgressBar),
    /// As lines in the log.
    Log,
}

impl Progress {
    /// A bar where stderr is a terminal, else lines.
    pub fn for_people() -> Self {
        if stderr().is_terminal() {
            Self::Bar(ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()))
        } else {
            Self::Log
        }
    }

    pub(super) fn begin(&self, clips: &[Clip]) {
        let seconds: u64 = clips.iter().map(|clip| u64::from(clip.seconds)).sum();
        match self {
            Self::Silent => {}
            Self::Log => tracing::info!(clips = clips.len(), "making the demo library, once"),
            Self::Bar(bar) => {
                let style = ProgressStyle::with_template(
                    "Making the demo library {bar:32} {percent:>3} %  {msg}",
                );
                bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
                bar.set_length(seconds);
                bar.tick();
            }
        }
    }

    pub(super) fn made(&self, clip: &Clip) {
        match self {
            Self::Silent => {}
            Self::Log => tracing::info!(clip = clip.title, "made a demo clip"),
            Self::Bar(bar) => {
                bar.set_message(clip.title);
                bar.inc(u64::from(clip.seconds));
            }
        }
    }

    pub(super) fn end(&self) {
        match self {
            Self::Silent => {}
            Self::Log => tracing::info!("the demo library is made"),
            Self::Bar(bar) => bar.finish_with_message("done"),
        }
    }
}
