//! What Aerial does with a file before it airs, and why, in words.
//!
//! Owns the sentences, made from the file's facts alone. What is really done is
//! decided by the model (`command`). This release transcodes everything; a file
//! that could be copied is told to be one, but not that it is.

use aerial_model::media::{AudioFacts, MediaFacts, VideoFacts};
use serde::Serialize;
use utoipa::ToSchema;

/// What is done with a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Treatment {
    /// Nothing is: its streams are sent as they are.
    pub plays_as_it_is: bool,
    /// In one line.
    #[schema(example = "picture and sound are transcoded: HEVC, 10-bit")]
    pub summary: String,
    /// What is done with the picture.
    pub video: StreamTreatment,
    /// What is done with the sound.
    pub audio: StreamTreatment,
}

/// What is done with one stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct StreamTreatment {
    /// What is done.
    pub action: Action,
    /// Why.
    pub reasons: Vec<String>,
}

/// What can be done with a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It is decoded and encoded anew.
    Transcode,
    /// There is none: black, or silence, is made in its place.
    Make,
}

/// What is said where nothing about the stream itself is a reason.
const NOT_YET: &str = "this release transcodes every file";

impl Treatment {
    /// Of a file with these facts.
    pub fn of(facts: &MediaFacts) -> Self {
        let (video, video_why) = match &facts.video {
            None => (Action::Make, vec!["it has no picture: black is shown".to_owned()]),
            Some(video) => (Action::Transcode, of_video(video)),
        };
        let (audio, audio_why) = match facts.audio.first() {
            None => (Action::Make, vec!["it has no sound: silence is sent".to_owned()]),
            Some(audio) => (Action::Transcode, of_audio(audio)),
        };
        let what = match (video, audio) {
            (Action::Transcode, Action::Transcode) => "picture and sound are transcoded",
            (Action::Transcode, Action::Make) => "the picture is transcoded, silence is added",
            (Action::Make, Action::Transcode) => "the sound is transcoded, black is shown",
            (Action::Make, Action::Make) => "it has neither picture nor sound",
        };
        let mut why: Vec<&str> = Vec::new();
        for (action, reasons) in [(video, &video_why), (audio, &audio_why)] {
            if action == Action::Transcode {
                why.extend(reasons.iter().map(String::as_str));
            }
        }
        let summary = match why.is_empty() {
            true => format!("{what}: {NOT_YET}"),
            false => format!("{what}: {}", why.join(", ")),
        };
        let with_default = |action, reasons: Vec<String>| StreamTreatment {
            action,
            reasons: match reasons.is_empty() {
                true => vec![format!("{NOT_YET}; this stream could be sent as it is")],
                false => reasons,
            },
        };
        Self {
            plays_as_it_is: false,
            summary,
            video: with_default(video, video_why),
            audio: with_default(audio, audio_why),
        }
    }
}

/// Why a picture could not be sent as it is; empty where it could.
fn of_video(video: &VideoFacts) -> Vec<String> {
    let mut why = Vec::new();
    if video.codec != "h264" {
        why.push(format!("{} is not H.264", codec_name(&video.codec)));
    }
    let format = video.pixel_format.as_deref().unwrap_or_default();
    if ["p10", "p12", "p14", "p16"].iter().any(|depth| format.contains(depth)) {
        why.push("more than 8 bits a colour".to_owned());
    }
    if format.contains("422") || format.contains("444") {
        why.push("finer colours (4:2:2 or 4:4:4) than TVs take".to_owned());
    }
    if video.field_order.is_interlaced() {
        why.push("interlaced, so it is deinterlaced".to_owned());
    }
    if video.color.is_hdr() {
        why.push("HDR, so it is tone-mapped".to_owned());
    }
    if video.rotation != 0 {
        why.push(format!("stored turned by {} degrees", video.rotation));
    }
    why
}

/// Why a sound could not be sent as it is; empty where it could.
fn of_audio(audio: &AudioFacts) -> Vec<String> {
    let mut why = Vec::new();
    let is_lc = audio.profile.as_deref().is_none_or(|profile| profile == "LC");
    if audio.codec != "aac" || !is_lc {
        let profile = audio.profile.as_deref().filter(|_| audio.codec == "aac");
        let name = codec_name(&audio.codec);
        why.push(match profile {
            Some(profile) => format!("{profile} is not AAC-LC"),
            None => format!("{name} is not AAC-LC"),
        });
    }
    if audio.sample_rate != 48_000 {
        why.push(format!("{} Hz instead of 48000", audio.sample_rate));
    }
    match audio.channels {
        2 => {}
        1 => why.push("mono, sent as stereo".to_owned()),
        more => {
            let layout = audio.layout.clone().unwrap_or_else(|| format!("{more} channels"));
            why.push(format!("{layout}, mixed down to stereo"));
        }
    }
    why
}

/// As people know it; FFmpeg's own name where there is no better one.
fn codec_name(codec: &str) -> String {
    let known = match codec {
        "hevc" => "HEVC",
        "mpeg2video" => "MPEG-2",
        "mpeg4" => "MPEG-4 ASP",
        "vp8" => "VP8",
        "vp9" => "VP9",
        "av1" => "AV1",
        "vc1" => "VC-1",
        "wmv3" => "WMV 9",
        "mjpeg" => "Motion JPEG",
        "prores" => "ProRes",
        "theora" => "Theora",
        "ac3" => "AC-3",
        "eac3" => "E-AC-3",
        "dts" => "DTS",
        "truehd" => "TrueHD",
        "mp3" => "MP3",
        "mp2" => "MP2",
        "opus" => "Opus",
        "vorbis" => "Vorbis",
        "flac" => "FLAC",
        other => other,
    };
    known.to_owned()
}

#[cfg(test)]
mod tests {
    use aerial_model::media::{Color, Entry, FieldOrder};
    use aerial_model::time::Ticks;

    use super::*;

    fn video() -> VideoFacts {
        VideoFacts {
            index: 0,
            codec: "h264".to_owned(),
            profile: Some("High".to_owned()),
            pixel_format: Some("yuv420p".to_owned()),
            width: 1280,
            height: 720,
            pixel_aspect: (1, 1),
            rotation: 0,
            average_rate: None,
            nominal_rate: None,
            field_order: FieldOrder::Progressive,
            color: Color::default(),
            start: Ticks::ZERO,
            end: Ticks::from_secs(60),
            kbps: None,
            language: None,
        }
    }

    fn audio() -> AudioFacts {
        AudioFacts {
            index: 1,
            codec: "aac".to_owned(),
            profile: Some("LC".to_owned()),
            sample_rate: 48_000,
            channels: 2,
            layout: Some("stereo".to_owned()),
            start: Ticks::ZERO,
            end: Ticks::from_secs(60),
            language: None,
        }
    }

    fn file(video: Option<VideoFacts>, audio: Vec<AudioFacts>) -> MediaFacts {
        MediaFacts {
            container: "matroska,webm".to_owned(),
            start_time: Ticks::ZERO,
            length: Ticks::from_secs(60),
            video,
            audio,
            subtitles: Vec::new(),
            chapters: Vec::new(),
            entry: Entry::Seek { pre_seek: Ticks::from_secs(1) },
            tags: Default::default(),
        }
    }

    #[test]
    fn each_fact_that_stands_in_the_way_is_told() {
        let hdr = VideoFacts {
            codec: "hevc".to_owned(),
            pixel_format: Some("yuv420p10le".to_owned()),
            color: Color { transfer: Some("smpte2084".to_owned()), ..Color::default() },
            ..video()
        };
        let surround = AudioFacts {
            codec: "ac3".to_owned(),
            profile: None,
            channels: 6,
            layout: Some("5.1(side)".to_owned()),
            ..audio()
        };
        insta::assert_snapshot!(
            Treatment::of(&file(Some(hdr), vec![surround])).summary,
            @"picture and sound are transcoded: HEVC is not H.264, more than 8 bits a colour, HDR, so it is tone-mapped, AC-3 is not AAC-LC, 5.1(side), mixed down to stereo"
        );
    }

    #[test]
    fn a_file_that_could_be_copied_is_not_told_to_be_copied() {
        let treatment = Treatment::of(&file(Some(video()), vec![audio()]));
        assert!(!treatment.plays_as_it_is);
        insta::assert_snapshot!(
            treatment.summary,
            @"picture and sound are transcoded: this release transcodes every file"
        );
        insta::assert_snapshot!(
            treatment.video.reasons.join("; "),
            @"this release transcodes every file; this stream could be sent as it is"
        );
    }

    #[test]
    fn what_is_not_there_is_made() {
        let treatment = Treatment::of(&file(Some(video()), Vec::new()));
        assert_eq!(treatment.audio.action, Action::Make);
        insta::assert_snapshot!(
            treatment.summary,
            @"the picture is transcoded, silence is added: this release transcodes every file"
        );
    }
}
