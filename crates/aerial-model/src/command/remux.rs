//! Remuxing: for files that cannot be entered in the middle.

use std::ffi::OsString;
use std::path::Path;

use super::Line;
use crate::media::MediaFacts;
use crate::probe::input;

/// The arguments of the run that copies what airs of `path` into Matroska at
/// `to`, once, with time that no longer jumps. Probe the result: it is another
/// file, with other facts.
pub fn remux(path: &Path, facts: &MediaFacts, to: &Path) -> Vec<OsString> {
    let mut line = Line::default();
    line.words("-nostdin -hide_banner -v error -y -protocol_whitelist file,pipe -fflags +genpts");
    line.pair("-i", input(path));
    if let Some(video) = &facts.video {
        line.pair("-map", format!("0:{}", video.index));
    }
    if let Some(audio) = facts.audio.first() {
        line.pair("-map", format!("0:{}", audio.index));
        line.words("-c copy");
        // What discs have for PCM, Matroska cannot hold.
        if matches!(audio.codec.as_str(), "pcm_dvd" | "pcm_bluray") {
            line.words("-c:a pcm_s24le");
        }
    } else {
        line.words("-c copy");
    }
    line.words("-map_metadata -1 -map_chapters -1 -f matroska");
    line.0.push(input(to));
    line.0
}
