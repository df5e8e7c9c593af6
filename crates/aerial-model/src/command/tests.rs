//! FFmpeg's command lines, word for word, for each kind of file and place to begin.

use std::path::Path;

use super::*;
use crate::encoder::Encoder;
use crate::media::{AudioFacts, Color, FieldOrder, VideoFacts};
use crate::profile::Rendition;
use crate::time::FrameRate;

const EVERYTHING: Filters = Filters { zscale: true, drawtext: true };

fn video(rate: (u32, u32)) -> VideoFacts {
    VideoFacts {
        index: 0,
        codec: "h264".to_owned(),
        profile: None,
        pixel_format: Some("yuv420p".to_owned()),
        width: 1_920,
        height: 1_080,
        pixel_aspect: (1, 1),
        rotation: 0,
        average_rate: FrameRate::new(rate.0, rate.1),
        nominal_rate: None,
        field_order: FieldOrder::Progressive,
        color: Color::default(),
        start: Ticks::ZERO,
        end: Ticks::from_secs(60),
        kbps: None,
        language: None,
    }
}

fn audio(channels: u32) -> AudioFacts {
    AudioFacts {
        index: 1,
        codec: "aac".to_owned(),
        profile: None,
        sample_rate: 48_000,
        channels,
        layout: None,
        start: Ticks::ZERO,
        end: Ticks::from_secs(60),
        language: None,
    }
}

fn media(video: Option<VideoFacts>, audio: Option<AudioFacts>) -> MediaFacts {
    MediaFacts {
        container: "mov,mp4".to_owned(),
        start_time: Ticks::ZERO,
        length: Ticks::from_secs(60),
        video,
        audio: audio.into_iter().collect(),
        subtitles: Vec::new(),
        chapters: Vec::new(),
        entry: Entry::Seek { pre_seek: Ticks::from_millis(300) },
        tags: std::collections::BTreeMap::new(),
    }
}

/// The arguments from a frame on, an option and its value on each line, a filter
/// chain on each line.
fn line_with(facts: &MediaFacts, first_frame: u64, filters: Filters) -> String {
    let map = facts.uniform_map().unwrap();
    let profile = Profile::transcoded(Rendition::Height(720), 1_080).unwrap();
    let run = WorkerRun {
        path: Path::new("/films/a film.mkv"),
        facts,
        map: &map,
        first_frame,
        first_audio: map.rate().ticks_at(first_frame),
        profile: &profile,
        tuning: &Tuning::default(),
        filters,
        hardware: None,
    };
    pretty(&worker(&run))
}

fn line(facts: &MediaFacts, first_frame: u64) -> String {
    line_with(facts, first_frame, EVERYTHING)
}

fn pretty(arguments: &[OsString]) -> String {
    let mut text = String::new();
    for argument in arguments {
        let argument = argument.to_string_lossy().replace(';', ";\n    ");
        let is_option = argument.starts_with('-') || argument == "pipe:1";
        text += match (text.is_empty(), is_option) {
            (true, _) => "",
            (_, true) => "\n",
            (_, false) => " ",
        };
        text += &argument;
    }
    text
}

/// The filter graph alone, for what differs in the graph alone.
fn graph(facts: &MediaFacts, first_frame: u64) -> String {
    let text = line(facts, first_frame);
    let (_, graph) = text.split_once("-filter_complex ").unwrap();
    let (graphs, _) = graph.split_once("\n-map").unwrap();
    graphs.replace("\n-filter_complex ", "\n")
}

#[test]
fn a_worker_from_the_start() {
    insta::assert_snapshot!(line(&media(Some(video((24_000, 1_001))), Some(audio(2))), 0));
}

#[test]
fn a_worker_from_a_cut_seeks_a_little_before_it() {
    insta::assert_snapshot!(line(&media(Some(video((24_000, 1_001))), Some(audio(2))), 96 * 5));
}

#[test]
fn a_worker_in_the_middle_of_a_segment_rounds_as_all_others() {
    insta::assert_snapshot!(line(
        &media(Some(video((60_000, 1_001))), Some(audio(2))),
        240 * 3 + 37
    ));
}

#[test]
fn a_worker_whose_sound_is_behind_its_picture_starts_with_the_sound() {
    let facts = media(Some(video((1, 1))), Some(audio(2)));
    let map = facts.uniform_map().unwrap();
    let profile = Profile::transcoded(Rendition::Height(720), 1_080).unwrap();
    let from = |first_audio| {
        pretty(&worker(&WorkerRun {
            path: Path::new("a"),
            facts: &facts,
            map: &map,
            first_frame: 14,
            first_audio,
            profile: &profile,
            tuning: &Tuning::default(),
            filters: EVERYTHING,
            hardware: None,
        }))
    };
    // 11 s and a quarter before it: 10.75 s, on the grid of audio frames.
    let behind = from(Ticks::from_secs(11));
    assert!(behind.contains("-ss 10.700000"), "{behind}");
    assert!(behind.contains("first_pts=515072,atrim=start_pts=515072"), "{behind}");
    assert!(behind.contains("trim=start_pts=14:"), "{behind}");
    // Sound that is ahead changes nothing: the encoder settles before the picture.
    assert_eq!(from(Ticks::from_secs(15)), from(Ticks::from_secs(14)));
    // From the very start on, it fades in as the first worker's does.
    assert!(from(Ticks::ZERO).contains("afade=t=in"));
}

#[test]
fn a_picture_that_is_sought_exactly_is_read_apart_from_the_sound() {
    let mut facts = media(Some(video((25, 1))), Some(audio(2)));
    facts.entry = Entry::SeekExactly { pre_seek: Ticks::from_millis(300), picture: Ticks(-7_200) };
    insta::assert_snapshot!(line(&facts, 200));
    let inputs = |text: String| text.matches("-i file:").count();
    assert_eq!(inputs(line(&facts, 0)), 1, "from the start");
    facts.audio.clear();
    assert_eq!(inputs(line(&facts, 200)), 1, "without sound");
}

#[test]
fn a_sound_that_the_header_tells_all_of_is_not_looked_into_first() {
    let told = {
        let sound = AudioFacts { profile: Some("LC".to_owned()), ..audio(2) };
        let mut facts = media(Some(video((25, 1))), Some(sound));
        let pre_seek = Ticks::from_millis(300);
        facts.entry = Entry::SeekExactly { pre_seek, picture: Ticks(-7_200) };
        facts
    };
    let skips = |change: &dyn Fn(&mut MediaFacts), first_frame| {
        let mut facts = told.clone();
        change(&mut facts);
        line(&facts, first_frame).matches("-nofind_stream_info").count()
    };
    assert_eq!(skips(&|_| (), 200), 1);
    assert_eq!(skips(&|_| (), 0), 0, "read together with the picture");
    assert_eq!(skips(&|facts| facts.start_time = Ticks(1), 200), 0, "times that count from later");
    assert_eq!(skips(&|facts| facts.container = "mpegts".to_owned(), 200), 0, "no header");
    assert_eq!(skips(&|facts| facts.audio[0].codec = "ac3".to_owned(), 200), 0);
    let high = |facts: &mut MediaFacts| facts.audio[0].profile = Some("HE-AAC".to_owned());
    assert_eq!(skips(&high, 200), 0, "twice the rate that the header tells");
    let over = |facts: &mut MediaFacts| facts.audio[0].end = Ticks::from_secs(9);
    assert_eq!(skips(&over, 200), 0, "there may be no more of it");
}

#[test]
fn a_video_that_starts_late_is_moved_to_the_grid_with_its_sound() {
    let late = VideoFacts { start: Ticks(1_890), ..video((24_000, 1_001)) };
    let early = VideoFacts { start: Ticks(-1_000), ..video((24_000, 1_001)) };
    insta::assert_snapshot!(graph(&media(Some(late), Some(audio(2))), 96));
    insta::assert_snapshot!(graph(&media(Some(early), Some(audio(2))), 0));
}

#[test]
fn interlaced_video_is_deinterlaced_first() {
    let facts = VideoFacts { field_order: FieldOrder::TopFirst, ..video((25, 1)) };
    insta::assert_snapshot!(graph(&media(Some(facts), None), 0));
}

#[test]
fn a_shared_tail_has_its_own_keyframe() {
    let mut facts = media(Some(video((25, 1))), None);
    facts.length = Ticks::from_millis(8_400);
    let text = line(&facts, 100);
    let forced = text.lines().find(|line| line.starts_with("-force")).unwrap();
    assert_eq!(
        forced,
        "-force_key_frames expr:eq(n,0)+lt(n+100,155)*eq(mod(n+100,100),0)+eq(n+100,155)"
    );
}

#[test]
fn sound_alone_goes_over_black() {
    insta::assert_snapshot!(line(&media(None, Some(audio(1))), 200));
}

#[test]
fn a_picture_far_shorter_than_its_sound_goes_over_black() {
    let facts = VideoFacts { end: Ticks::from_secs(10), ..video((25, 1)) };
    let facts = media(Some(facts), Some(audio(2)));
    insta::assert_snapshot!(graph(&facts, 100));
    insta::assert_snapshot!("after_the_picture_there_is_only_black", graph(&facts, 300));
}

#[test]
fn hdr_is_tone_mapped_with_what_there_is() {
    let color = |transfer: &str| Color {
        range: Some("tv".to_owned()),
        space: Some("bt2020nc".to_owned()),
        transfer: Some(transfer.to_owned()),
        primaries: Some("bt2020".to_owned()),
    };
    let facts = |transfer| {
        let size = VideoFacts { width: 3_840, height: 1_600, ..video((24, 1)) };
        media(Some(VideoFacts { color: color(transfer), ..size }), None)
    };
    insta::assert_snapshot!("hdr_pq", graph(&facts("smpte2084"), 0));
    let without = Filters { zscale: false, drawtext: false };
    insta::assert_snapshot!("hdr_pq_without_zscale", line_with(&facts("smpte2084"), 0, without));
    insta::assert_snapshot!(
        "hdr_hlg_without_zscale",
        line_with(&facts("arib-std-b67"), 0, without)
    );
}

#[test]
fn more_than_two_channels_are_mixed_down() {
    insta::assert_snapshot!(graph(&media(Some(video((25, 1))), Some(audio(6))), 100));
}

#[test]
fn pictures_keep_their_shape() {
    let profile = Profile::transcoded(Rendition::Height(720), 720).unwrap();
    let fit = |width, height, pixel_aspect, rotation| {
        let facts = VideoFacts { width, height, pixel_aspect, rotation, ..video((25, 1)) };
        video::fit(&facts, &profile)
    };
    assert_eq!(fit(1_920, 1_080, (1, 1), 0), (1_280, 720));
    assert_eq!(fit(1_280, 720, (1, 1), 0), (1_280, 720));
    // Cinema, and old television.
    assert_eq!(fit(1_920, 800, (1, 1), 0), (1_280, 532));
    assert_eq!(fit(640, 480, (1, 1), 0), (960, 720));
    // Anamorphic: PAL 16:9 and 4:3, HDV.
    assert_eq!(fit(720, 576, (64, 45), 0), (1_280, 720));
    assert_eq!(fit(720, 576, (16, 15), 0), (960, 720));
    assert_eq!(fit(1_440, 1_080, (4, 3), 0), (1_280, 720));
    // A phone held upright.
    assert_eq!(fit(1_920, 1_080, (1, 1), 90), (404, 720));
    assert_eq!(fit(1_920, 1_080, (1, 1), 180), (1_280, 720));
    // Odd, and absurd.
    assert_eq!(fit(853, 479, (1, 1), 0), (1_280, 720));
    assert_eq!(fit(3, 4_000, (1, 1), 0), (2, 720));
    assert_eq!(fit(u32::MAX, 1, (7, 1), 0), (1_280, 2));
    assert_eq!(fit(0, 0, (1, 1), 0).1, 720);
}

#[test]
fn the_colours_of_untagged_files_follow_from_their_size() {
    let scale = |facts: VideoFacts| {
        let graph = graph(&media(Some(facts), None), 0);
        let from = graph.find("scale=").unwrap();
        graph[from..].split(',').next().unwrap().to_owned()
    };
    let hd = scale(video((25, 1)));
    assert_eq!(hd, "scale=1280:720:in_color_matrix=bt709:out_color_matrix=bt709:out_range=tv");
    let sd = scale(VideoFacts { width: 720, height: 576, ..video((25, 1)) });
    assert_eq!(sd, "scale=900:720:in_color_matrix=bt601:out_color_matrix=bt709:out_range=tv");
    let color = Color { range: Some("pc".to_owned()), ..Color::default() };
    let full = scale(VideoFacts { color, ..video((25, 1)) });
    assert!(full.contains("in_color_matrix=bt709:in_range=pc:out_color"), "{full}");
}

#[test]
fn a_slate_with_words_escapes_them() {
    let profile = Profile::transcoded(Rendition::Height(360), 720).unwrap();
    let words = "Back at 20:15, [soon]; it's 50% \\o/\nnow";
    let line = CaptionLine { words: words.to_owned(), size: 25, middle: 180, faint: false };
    let caption = Caption { lines: vec![line] };
    let text = SlateText { font: Path::new("/fonts/Sans: Bold.ttf"), caption: &caption };
    let of = |filters| {
        pretty(&slate(&Slate {
            profile: &profile,
            rate: FrameRate::PAL,
            picture: SlatePicture::Plain,
            text: Some(text),
            tuning: &Tuning::default(),
            filters,
        }))
    };
    insta::assert_snapshot!(of(EVERYTHING));
    assert!(!of(Filters { drawtext: false, ..EVERYTHING }).contains("drawtext"));
}

#[test]
fn a_remux_takes_what_airs_and_nothing_else() {
    let disc = AudioFacts { codec: "pcm_bluray".to_owned(), ..audio(2) };
    let facts = media(Some(video((25, 1))), Some(disc));
    insta::assert_snapshot!(pretty(&remux(Path::new("a.m2ts"), &facts, Path::new("/store/x.mkv"))));
}

#[test]
fn three_hours_make_a_line_no_longer_than_a_minute() {
    let mut facts = media(Some(video((24_000, 1_001))), Some(audio(2)));
    let short = line(&facts, 96).len();
    let end = Ticks::from_secs(3 * 3_600);
    facts.length = end;
    facts.video.as_mut().unwrap().end = end;
    assert!(line(&facts, 96).len() < short + 100);
}

/// A film from its second cut on, by a device that decodes and scales where it can.
fn line_by(encoder: Encoder, video: VideoFacts) -> String {
    let facts = media(Some(video), Some(audio(2)));
    let map = facts.uniform_map().unwrap();
    let profile = Profile::transcoded(Rendition::Height(720), 1_080).unwrap().by(encoder);
    let node = (encoder == Encoder::Vaapi).then(|| "/dev/dri/renderD128".to_owned());
    let hardware = Hardware { encoder, node, pictures: encoder.takes_pictures() };
    pretty(&worker(&WorkerRun {
        path: Path::new("/films/a film.mkv"),
        facts: &facts,
        map: &map,
        first_frame: 96,
        first_audio: map.rate().ticks_at(96),
        profile: &profile,
        tuning: &Tuning::default(),
        filters: EVERYTHING,
        hardware: Some(&hardware),
    }))
}

#[test]
fn each_device_has_its_own_command() {
    for encoder in Encoder::ALL.into_iter().filter(|encoder| encoder.is_device()) {
        let line = line_by(encoder, video((24_000, 1_001)));
        insta::assert_snapshot!(format!("by_{encoder}"), line);
    }
}

/// A device that is there does not touch what is encoded in software.
#[test]
fn a_profile_of_software_knows_no_device() {
    let film = media(Some(video((24_000, 1_001))), Some(audio(2)));
    assert_eq!(line_by(Encoder::X264, video((24_000, 1_001))), line(&film, 96));
}

#[test]
fn pictures_that_need_more_than_scaling_are_decoded_in_software() {
    let hdr = Color {
        space: Some("bt2020nc".into()),
        transfer: Some("smpte2084".into()),
        ..Color::default()
    };
    let cases = [
        VideoFacts { codec: "mpeg4".into(), ..video((25, 1)) },
        VideoFacts { pixel_format: Some("yuv420p10le".into()), ..video((25, 1)) },
        VideoFacts { field_order: FieldOrder::TopFirst, ..video((25, 1)) },
        VideoFacts { rotation: 90, ..video((25, 1)) },
        VideoFacts { width: 720, height: 576, ..video((25, 1)) },
        VideoFacts { color: hdr, ..video((25, 1)) },
    ];
    for video in cases {
        let line = line_by(Encoder::Nvenc, video.clone());
        assert!(!line.contains("-hwaccel") && !line.contains("scale_cuda"), "{video:?}");
        assert!(line.contains("-c:v h264_nvenc"));
    }
    assert!(line_by(Encoder::Nvenc, video((25, 1))).contains("-hwaccel cuda"));
}
