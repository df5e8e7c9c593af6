//! What Aerial does with a file in the `source` rendition, and why, in words.
//!
//! Owns the sentences, made from the file's facts and what its index found. What is
//! really done is decided by the model (`keyframes`, `command`). All other renditions
//! are transcoded.

use aerial_model::media::{AudioFacts, MediaFacts, VideoFacts};
use serde::Serialize;
use utoipa::ToSchema;

use crate::db::Copying;

/// What is done with a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Treatment {
    /// Nothing is: its streams are sent as they are.
    pub plays_as_it_is: bool,
    /// It stays so. Not yet where the picture might be sent as it is: that is known when
    /// the file's keyframes are indexed, some time after a channel plays it. Until then it
    /// is transcoded.
    pub settled: bool,
    /// In one line.
    #[schema(
        example = "the picture is sent as it is; the sound is transcoded: AC-3 is not AAC-LC"
    )]
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
    /// It is sent as it is.
    Copy,
    /// It is decoded and encoded anew.
    Transcode,
    /// There is none: black, or silence, is made in its place.
    Make,
}

/// Until the file was read for it.
const NOT_INDEXED: &str = "its keyframes are not indexed yet";

/// Sound goes with its picture.
const WITH_PICTURE: &str = "its picture is transcoded, so it is too";

impl Treatment {
    /// Of a file with these facts, of which an index found this.
    pub fn of(facts: &MediaFacts, copying: Option<&Copying>) -> Self {
        let video = match &facts.video {
            None => made("it has no picture: black is shown"),
            Some(video) => match copying {
                Some(Copying::Copied { .. }) => copied(),
                Some(Copying::Transcoded { reason }) => transcoded(of_video(video), reason),
                None => transcoded(of_video(video), NOT_INDEXED),
            },
        };
        let settled = copying.is_some()
            || facts.video.as_ref().is_none_or(|video| !of_video(video).is_empty());
        let audio = match facts.audio.first() {
            None => made("it has no sound: silence is sent"),
            Some(audio) => match copying {
                Some(Copying::Copied { sound_transcoded: None, .. }) => copied(),
                Some(Copying::Copied { sound_transcoded: Some(reason), .. }) => {
                    transcoded(of_audio(audio), reason)
                }
                _ => transcoded(of_audio(audio), WITH_PICTURE),
            },
        };
        let done = |what: &str, stream: &StreamTreatment| match stream.action {
            Action::Copy => format!("{what} is sent as it is"),
            Action::Transcode => format!("{what} is transcoded: {}", stream.reasons.join(", ")),
            Action::Make => stream.reasons.join(", "),
        };
        Self {
            plays_as_it_is: video.action == Action::Copy && audio.action == Action::Copy,
            settled,
            summary: format!("{}; {}", done("the picture", &video), done("the sound", &audio)),
            video,
            audio,
        }
    }
}

fn copied() -> StreamTreatment {
    StreamTreatment { action: Action::Copy, reasons: Vec::new() }
}

fn made(reason: &str) -> StreamTreatment {
    StreamTreatment { action: Action::Make, reasons: vec![reason.to_owned()] }
}

/// For these reasons, or where none of them holds, for that one.
fn transcoded(mut reasons: Vec<String>, otherwise: &str) -> StreamTreatment {
    if reasons.is_empty() {
        reasons.push(otherwise.to_owned());
    }
    StreamTreatment { action: Action::Transcode, reasons }
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
    use aerial_model::id::MapId;
    use aerial_model::media::{Color, Entry, FieldOrder};
    use aerial_model::segment_map::MapOutline;
    use aerial_model::time::{FrameRate, Ticks};

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
            Treatment::of(&file(Some(hdr), vec![surround]), None).summary,
            @"the picture is transcoded: HEVC is not H.264, more than 8 bits a colour, HDR, so it is tone-mapped; the sound is transcoded: AC-3 is not AAC-LC, 5.1(side), mixed down to stereo"
        );
    }

    #[test]
    fn what_the_index_found_is_told() {
        let facts = file(Some(video()), vec![audio()]);
        let (map_id, outline) =
            (MapId(Default::default()), MapOutline::of_frames(FrameRate::PAL, 100).unwrap());
        let copied = |sound_transcoded| Copying::Copied { map_id, outline, sound_transcoded };
        let told = |copying: Option<&Copying>| {
            let treatment = Treatment::of(&facts, copying);
            format!("{} {}", treatment.plays_as_it_is, treatment.summary)
        };
        insta::assert_snapshot!(
            told(Some(&copied(None))),
            @"true the picture is sent as it is; the sound is sent as it is"
        );
        insta::assert_snapshot!(
            told(Some(&copied(Some("its sound has a gap at 2 s".to_owned())))),
            @"false the picture is sent as it is; the sound is transcoded: its sound has a gap at 2 s"
        );
        let refused = Copying::Transcoded { reason: "its groups of pictures are open".to_owned() };
        insta::assert_snapshot!(
            told(Some(&refused)),
            @"false the picture is transcoded: its groups of pictures are open; the sound is transcoded: its picture is transcoded, so it is too"
        );
        insta::assert_snapshot!(
            told(None),
            @"false the picture is transcoded: its keyframes are not indexed yet; the sound is transcoded: its picture is transcoded, so it is too"
        );
    }

    #[test]
    fn what_no_index_was_needed_for_stays_so() {
        let hevc = VideoFacts { codec: "hevc".to_owned(), ..video() };
        let refused = Copying::Transcoded { reason: "its groups of pictures are open".to_owned() };
        let settled = |video, copying| Treatment::of(&file(video, vec![audio()]), copying).settled;
        assert!(!settled(Some(video()), None), "it might be sent as it is");
        assert!(settled(Some(video()), Some(&refused)));
        assert!(settled(Some(hevc), None));
        assert!(settled(None, None));
    }

    #[test]
    fn what_is_not_there_is_made() {
        let treatment = Treatment::of(&file(Some(video()), Vec::new()), None);
        assert_eq!(treatment.audio.action, Action::Make);
        assert!(treatment.summary.ends_with("it has no sound: silence is sent"));
    }
}
