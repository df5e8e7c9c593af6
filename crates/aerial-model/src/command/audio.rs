//! The sound of a worker: one grid of samples, whatever the file's sound does.
//!
//! Owns the audio half of the filter graph. Invariant: from A0 to the map's end
//! there is a sample for every place; what the file lacks is silence.

use super::{AAC_FRAME, Inputs, Start, WorkerRun, samples};
use crate::media::AudioFacts;
use crate::probe::micros;
use crate::time::{AUDIO_FRAME, TICKS_PER_SECOND, Ticks};

/// Hides the one AAC frame whose overlap belongs to the neighbouring item.
const FADE: Ticks = Ticks::from_millis(30);

/// Sound that ends sooner than this may give no packet after a seek.
const STILL_HEARD: Ticks = Ticks::from_secs(2);

/// The sound to read; `None` where there is none, or none any more.
pub(super) fn stream<'a>(run: &WorkerRun<'a>) -> Option<&'a AudioFacts> {
    run.facts.audio.first()
}

/// All that FFmpeg must know of this sound stands in the file's header, so that it
/// need not decode the beginning of the file to find out.
///
/// That takes it a tenth of a tune-in, since it decodes the picture for it too. It
/// would not find the container's start time, though, which all times count from,
/// nor the form of a sound that gives no packet any more.
pub(super) fn is_told(run: &WorkerRun<'_>, start: Start, audio: &AudioFacts) -> bool {
    let facts = run.facts;
    let header = facts.container.starts_with("mov,mp4") || facts.container.starts_with("matroska");
    let plain = audio.codec == "aac" && audio.profile.as_deref() == Some("LC");
    let goes_on = audio.end > start.earliest + STILL_HEARD;
    header && plain && facts.start_time == Ticks::ZERO && goes_on
}

/// `[a]`: the file's sound over silence.
pub(super) fn graph(run: &WorkerRun<'_>, start: Start, inputs: &Inputs<'_>) -> String {
    let from = start.sample;
    // The item's last audio frame is whole (`rules.md`, 17).
    let end = run.map.end().round_up_to_audio_frame();
    let silence = format!(
        "anullsrc=r=48000:cl=stereo:n={AAC_FRAME},asetpts=PTS+{from},atrim=end_pts={}",
        samples(end)
    );
    match inputs.audio {
        None => format!("{silence}[a]"),
        Some(audio) => format!(
            "{}[x];{silence}[n];[n][x]amix=inputs=2:duration=first:normalize=0\
             :dropout_transition=0,asetnsamples=n={AAC_FRAME}:p=0[a]",
            heard(run, start, inputs.of_audio(), audio)
        ),
    }
}

/// The file's own sound: moved with the picture, at 48 kHz in stereo, its gaps
/// filled from A0 on.
fn heard(run: &WorkerRun<'_>, start: Start, input: usize, audio: &AudioFacts) -> String {
    let from = start.sample;
    let mut chain = format!("[{input}:{}]", audio.index);
    let moved = run.alignment();
    if moved != Ticks::ZERO {
        // In the file's own samples, whole ones: the same for every run.
        chain += &format!("asetpts=PTS+round({}/{TICKS_PER_SECOND}/TB),", moved.0);
    }
    chain += "aresample=48000,";
    chain += stereo(audio);
    chain += &format!(
        ",aresample=48000:async=1:min_hard_comp=0.001:first_pts={from},atrim=start_pts={from}"
    );
    if start.earliest <= FADE {
        chain += &format!(",afade=t=in:st=0:d={}", micros(FADE));
    }
    // The last frame of the encoder overlaps with what follows: silent.
    let quiet = run.map.end() - AUDIO_FRAME - FADE;
    if quiet > FADE {
        chain += &format!(",afade=t=out:st={}:d={}", micros(quiet), micros(FADE));
    }
    chain
}

/// To two channels at the level of a stereo item.
///
/// More than two are mixed by ITU-R BS.775 (centre and surrounds 3 dB down, no
/// LFE) without scaling the sum down, which would make a film 8 dB quieter than
/// the programme before it; the rare peak that then goes over is limited.
/// Mono is heard from both sides at its own level (FFmpeg takes off 3 dB).
fn stereo(audio: &AudioFacts) -> &'static str {
    match audio.channels {
        1 => "pan=stereo|c0=c0|c1=c0,aformat=sample_fmts=fltp",
        2 => "aformat=sample_fmts=fltp:channel_layouts=stereo",
        _ => {
            "aformat=sample_fmts=fltp:channel_layouts=stereo,\
             alimiter=limit=0.97:attack=5:release=50:level=disabled"
        }
    }
}
