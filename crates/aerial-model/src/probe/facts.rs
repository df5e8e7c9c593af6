//! From ffprobe's streams to the facts of a media.
//!
//! Owns the choice of the streams that air and the meaning of each field. Does
//! not ask for anything (`Probe` does). Invariant: all positions in the facts
//! count from the zero that a worker's `-start_at_zero` counts from.

use std::collections::BTreeMap;
use std::path::Path;

use super::json::{self, Document, Format, Packet, Stream, Text};
use super::packets::Track;
use super::{ProbeError, Reach, Step};
use crate::media::{
    AudioFacts, Chapter, Color, Entry, FieldOrder, MediaFacts, PICTURE_HELD_AT_MOST, SubtitleFacts,
    VideoFacts,
};
use crate::segment_map::SegmentMap;
use crate::time::{FrameRate, Ticks};

/// Seeks by keyframe: 0.3 s before the cut is enough for the sound, and spares
/// decoding one more group of pictures (`docs/ffmpeg.md`).
const BY_KEYFRAME: Ticks = Ticks::from_millis(300);

/// FFmpeg seeks 3/23 s before the wanted time where pictures are reordered, but for
/// containers that it knows to be sought by the time of showing
/// (`ffmpeg_opt.c`, `open_input_file`; in 5.1 and 7 alike). Rounded down.
const ALLOWED_FOR_REORDERING: Ticks = Ticks(11_739);

/// Containers whose seeks were tried less.
const OTHERWISE: Ticks = Ticks::from_secs(1);

/// Beside the largest keyframe gap, where a seek goes by bytes.
const BY_BYTES: Ticks = Ticks::from_secs(1);

/// A picture this short may have a single keyframe: it is always read whole.
const SHORT: Ticks = Ticks::from_secs(10);

/// FFmpeg's name of a container.
#[derive(Clone, Debug)]
pub(super) struct Container(String);

impl Container {
    fn any(&self, names: &[&str]) -> bool {
        self.0.split(',').any(|name| names.contains(&name))
    }

    /// MPEG-TS or PS: seeks by bytes.
    pub(super) fn is_mpeg(&self) -> bool {
        self.any(&["mpegts", "mpeg"])
    }

    /// Its duration is the end *time*.
    fn is_matroska(&self) -> bool {
        self.any(&["matroska", "webm"])
    }

    /// Its seeks land on a keyframe at or before the wanted time.
    fn seeks_by_keyframe(&self) -> bool {
        self.any(&["mov", "mp4", "matroska", "webm", "avi", "flv"])
    }

    /// Has decoding times alone: FFmpeg shows each picture when the next one of
    /// its kind is decoded.
    fn shows_after_decoding(&self) -> bool {
        self.any(&["avi"])
    }

    /// FFmpeg takes the streams in use, not the container, for the start.
    fn starts_with_its_streams(&self) -> bool {
        self.is_mpeg() || self.any(&["ogg"])
    }

    /// Without timestamps of its own.
    fn is_raw(&self) -> bool {
        self.any(&["h264", "hevc", "mpegvideo", "m4v", "h263", "vc1", "av1", "obu", "cavsvideo"])
    }

    /// A picture or text that FFmpeg would show as if it were a film.
    fn is_still(&self) -> bool {
        self.any(&["image2", "tty", "gif_pipe"]) || self.0.ends_with("_pipe")
    }
}

/// What the first run told.
#[derive(Debug)]
pub(super) struct Overview {
    pub(super) container: Container,
    /// The zero, on the file's clock.
    pub(super) start_time: Ticks,
    /// The header's end, on the file's clock.
    claimed_end: Option<Ticks>,
    streams: Vec<Stream>,
    video: Option<usize>,
    /// The first one airs.
    audio: Vec<usize>,
    /// When the first picture is shown, on the file's clock.
    first_picture: Option<Ticks>,
    /// How much later than decoded the first keyframes are shown.
    first_delays: Vec<Ticks>,
    /// When the first picture is decoded, on the file's clock.
    first_decoded: Option<Ticks>,
    chapters: Vec<json::Chapter>,
    format: Format,
}

impl Overview {
    pub(super) fn read(document: Document, path: &Path) -> Result<Self, ProbeError> {
        let Document { packets, programs, streams, chapters, format } = document;
        let container = Container(format.format_name.owned().unwrap_or_default());
        let video = choose_video(&streams, &container);
        let program = video.and_then(|video| {
            let here =
                |p: &&json::Program| p.streams.iter().any(|s| s.index == streams[video].index);
            programs.iter().find(here)
        });
        let audio = choose_audio(&streams, program);
        if video.is_none() && audio.is_empty() {
            return Err(ProbeError::NothingToPlay {
                path: path.to_owned(),
                holds: holds(&streams),
            });
        }

        let container_start = json::seconds(&format.start_time).unwrap_or_default();
        let begins = |stream: &Stream| json::ticks(stream.start_pts.0?, stream.time_base());
        let airing = video.into_iter().chain(audio.first().copied());
        let start_time = airing
            .filter_map(|n| begins(&streams[n]))
            .min()
            .filter(|_| container.starts_with_its_streams())
            .unwrap_or(container_start);
        let claimed_end = json::seconds(&format.duration)
            .filter(|length| *length > Ticks::ZERO)
            .map(|length| if container.is_matroska() { length } else { container_start + length });
        let first_picture = video.and_then(|n| {
            Track::new(&streams[n], &packets).and_then(Track::first).or(begins(&streams[n]))
        });
        let picture = video.and_then(|n| Track::new(&streams[n], &packets));
        let first_delays =
            picture.map(|track| track.keyframe_delays().collect()).unwrap_or_default();
        let first_decoded = picture.and_then(Track::first_decoded);
        Ok(Self {
            first_delays,
            first_decoded,
            container,
            start_time,
            claimed_end,
            video,
            audio,
            first_picture,
            chapters,
            format,
            streams,
        })
    }

    /// From where to where the file reaches by its header, on its own clock.
    pub(super) fn span(&self) -> Option<(Ticks, Ticks)> {
        self.claimed_end.filter(|end| *end > self.start_time).map(|end| (self.start_time, end))
    }

    /// The stream that decides the length: the picture, else the sound.
    fn airing(&self) -> Option<&Stream> {
        self.video.or(self.audio.first().copied()).map(|n| &self.streams[n])
    }

    /// The deciding stream is among the packets.
    pub(super) fn has_airing(&self, packets: &[Packet]) -> bool {
        self.airing().and_then(|s| Track::new(s, packets)).is_some_and(Track::is_there)
    }

    /// The last time of the deciding stream among the packets.
    pub(super) fn last_airing(&self, packets: &[Packet]) -> Option<Ticks> {
        self.airing().and_then(|s| Track::new(s, packets)).and_then(Track::last)
    }

    /// The facts, once the packets are there.
    pub(super) fn finish(
        &self,
        reach: &Reach,
        packets: &[Packet],
        path: &Path,
    ) -> Result<Step, ProbeError> {
        let no_frames = || ProbeError::NoFrames { path: path.to_owned() };
        let video = self.video.map(|n| self.video_facts(&self.streams[n], reach, packets));
        let audio: Vec<AudioFacts> = self
            .audio
            .iter()
            .map(|n| self.audio_facts(&self.streams[*n], reach, packets))
            .collect();
        let mut facts = MediaFacts {
            container: self.container.0.clone(),
            start_time: self.start_time,
            length: Ticks::ZERO,
            video,
            audio,
            subtitles: self.subtitles(),
            chapters: self.chapters(),
            entry: Entry::Seek { pre_seek: OTHERWISE },
            tags: tags(&self.format),
        };
        let picture = facts.video.as_ref().map(|video| video.end + facts.alignment());
        let sound = facts.audio.first().map(|audio| audio.end + facts.alignment());
        facts.length = match (picture, sound) {
            (Some(picture), Some(sound)) if sound - picture > PICTURE_HELD_AT_MOST => sound,
            (Some(picture), _) => picture,
            (None, sound) => sound.unwrap_or_default(),
        };
        if facts.uniform_map().is_none() {
            return Err(no_frames());
        }
        facts.entry = self.entry(&facts, reach, packets);
        if facts.entry == Entry::Remux && self.container.is_mpeg() && *reach == Reach::Whole {
            // It airs from its remux: as long as that will be, not as its jumping
            // clock tells. The copy itself has the last word.
            let usual = facts.rate().ticks_at(1);
            let track = self.airing().and_then(|stream| Track::new(stream, packets));
            let mended = track.filter(|track| track.jumps(&[])).and_then(|t| t.mended(usual));
            let start = facts.video.as_ref().map_or(Ticks::ZERO, |video| video.start);
            let length = mended.map(|mended| start + facts.alignment() + mended);
            // What a hostile clock adds up to is not believed.
            let length = length.filter(|l| SegmentMap::uniform(facts.rate(), *l).is_some());
            facts.length = length.unwrap_or(facts.length);
        }
        Ok(Step::Done(Box::new(facts)))
    }

    /// How to enter in the middle (`docs/ffmpeg.md`).
    fn entry(&self, facts: &MediaFacts, reach: &Reach, packets: &[Packet]) -> Entry {
        if self.container.is_raw() {
            return Entry::Remux;
        }
        if !self.container.is_mpeg() {
            // Slow pictures: the one before the cut must be there to be held.
            let frames = facts.rate().ticks_at(2);
            let pre_seek = if self.container.seeks_by_keyframe() { BY_KEYFRAME } else { OTHERWISE };
            let pre_seek = pre_seek.max(frames);
            return match self.exact_seek(facts, packets) {
                Some(picture) => Entry::SeekExactly { pre_seek, picture },
                None => Entry::Seek { pre_seek },
            };
        }
        let stretches = reach.stretches();
        let tracks = self.video.iter().chain(self.audio.first());
        let jumps = tracks
            .filter_map(|n| Track::new(&self.streams[*n], packets))
            .any(|track| track.jumps(stretches));
        let Some(video) = self.video.and_then(|n| Track::new(&self.streams[n], packets)) else {
            return if jumps { Entry::Remux } else { Entry::Seek { pre_seek: OTHERWISE } };
        };
        let (keys, widest) = video.keyframes(stretches);
        if jumps || (keys < 2 && facts.length > SHORT) {
            return Entry::Remux;
        }
        let widest = if keys < 2 { facts.length } else { widest };
        // Where only stretches were read, the widest gap may be elsewhere.
        let unseen = if stretches.is_empty() { Ticks::ZERO } else { widest };
        Entry::Seek { pre_seek: widest + unseen + BY_BYTES }
    }

    /// What leads from a time to where FFmpeg must be told to seek, so that it lands
    /// on the last keyframe shown by then; `None` where that is not sure.
    ///
    /// Interlaced pictures want the one before them for their lines.
    fn exact_seek(&self, facts: &MediaFacts, packets: &[Packet]) -> Option<Ticks> {
        let video = facts.video.as_ref().filter(|video| !video.field_order.is_interlaced())?;
        let stream = &self.streams[self.video?];
        if self.container.is_matroska() {
            // It knows when pictures are shown, but FFmpeg allows for reordering.
            let reorders = stream.has_b_frames.small().is_some_and(|frames: u32| frames > 0);
            return Some(if reorders { ALLOWED_FOR_REORDERING } else { Ticks::ZERO });
        }
        // MP4 lists decoding times, and is sought by them: at one rate throughout, a
        // keyframe is shown always as much later.
        if !self.container.any(&["mov", "mp4"]) || video.average_rate != video.nominal_rate {
            return None;
        }
        let tail = Track::new(stream, packets).map(|track| track.keyframe_delays().collect());
        let delays: Vec<Ticks> = [self.first_delays.clone(), tail.unwrap_or_default()].concat();
        let (least, most) = (*delays.iter().min()?, *delays.iter().max()?);
        let near =
            |one: Ticks, other: Ticks| (one - other).0.abs() * 4 < facts.rate().ticks_at(1).0;
        if delays.len() < 2 || !near(least, most) {
            return None;
        }
        // Where an edit list moves the first picture to the start, so that decoding
        // begins before it, FFmpeg has moved the list as well. Too early is safe:
        // it lands on the keyframe before.
        let moved = near(self.first_decoded? - self.start_time, -most);
        Some(if moved { Ticks::ZERO } else { -most })
    }

    /// Where a stream begins and ends, from the zero.
    fn span_of(
        &self,
        stream: &Stream,
        reach: &Reach,
        packets: &[Packet],
        usual: Ticks,
    ) -> (Ticks, Ticks) {
        let start = json::ticks(stream.start_pts.0.unwrap_or_default(), stream.time_base())
            .filter(|_| stream.start_pts.0.is_some())
            .unwrap_or(self.start_time);
        let header = || {
            let length = stream.duration_ts.0.filter(|length| *length > 0);
            let length = length.and_then(|length| json::ticks(length, stream.time_base()));
            let tag = stream.tag("DURATION").and_then(json::clock).filter(|t| *t > Ticks::ZERO);
            let end = if self.container.is_matroska() { tag } else { None };
            end.or(length.map(|length| start + length)).or(self.claimed_end)
        };
        let end = Track::new(stream, packets).and_then(|track| track.end(usual));
        let header = || if reach.is_all() { None } else { header() };
        let end = end.or_else(header).unwrap_or(start).max(start);
        (start - self.start_time, end - self.start_time)
    }

    fn video_facts(&self, stream: &Stream, reach: &Reach, packets: &[Packet]) -> VideoFacts {
        let average_rate = json::frame_rate(&stream.avg_frame_rate);
        let nominal_rate = json::frame_rate(&stream.r_frame_rate);
        let frame = FrameRate::for_air(average_rate, nominal_rate).ticks_at(1);
        let (start, end) = self.span_of(stream, reach, packets, frame);
        let start = self.first_picture.map_or(start, |first| first - self.start_time);
        let reordered = stream.has_b_frames.small().unwrap_or_default().min(16);
        let delay = if self.container.shows_after_decoding() { reordered } else { 0 };
        let delay = frame * i64::from(delay);
        VideoFacts {
            index: stream.index.small().unwrap_or_default(),
            codec: stream.codec_name.owned().unwrap_or_default(),
            profile: stream.profile.owned(),
            pixel_format: stream.pix_fmt.owned(),
            width: stream.width.small().unwrap_or_default(),
            height: stream.height.small().unwrap_or_default(),
            pixel_aspect: pixel_aspect(&stream.sample_aspect_ratio),
            rotation: rotation(stream),
            average_rate,
            nominal_rate,
            field_order: field_order(&stream.field_order),
            color: Color {
                range: stream.color_range.owned(),
                space: stream.color_space.owned(),
                transfer: stream.color_transfer.owned(),
                primaries: stream.color_primaries.owned(),
            },
            start: start + delay,
            end: end + delay,
            kbps: stream.bit_rate.0.and_then(|rate| u32::try_from(rate / 1_000).ok()),
            language: language(stream),
        }
    }

    fn audio_facts(&self, stream: &Stream, reach: &Reach, packets: &[Packet]) -> AudioFacts {
        let (start, end) = self.span_of(stream, reach, packets, Ticks::ZERO);
        AudioFacts {
            index: stream.index.small().unwrap_or_default(),
            codec: stream.codec_name.owned().unwrap_or_default(),
            profile: stream.profile.owned(),
            sample_rate: stream.sample_rate.small().unwrap_or_default(),
            channels: stream.channels.small().unwrap_or_default(),
            layout: stream.channel_layout.owned(),
            start,
            end,
            language: language(stream),
        }
    }

    fn subtitles(&self) -> Vec<SubtitleFacts> {
        let streams = self.streams.iter().filter(|s| s.codec_type.known() == Some("subtitle"));
        streams
            .filter_map(|stream| {
                Some(SubtitleFacts {
                    index: stream.index.small()?,
                    codec: stream.codec_name.owned()?,
                    language: language(stream),
                })
            })
            .collect()
    }

    fn chapters(&self) -> Vec<Chapter> {
        let read = |chapter: &json::Chapter| {
            let base = json::fraction(chapter.time_base.known()?).filter(|b| b.0 > 0 && b.1 > 0)?;
            let start = json::ticks(chapter.start.0?, base)? - self.start_time;
            let end = json::ticks(chapter.end.0?, base)? - self.start_time;
            let title = chapter.tags.iter().find(|(key, _)| key.eq_ignore_ascii_case("title"));
            let title = title.and_then(|(_, title)| title.owned());
            (end > start).then_some(Chapter { start, end, title })
        };
        self.chapters.iter().filter_map(read).collect()
    }
}

/// The picture that airs: the one marked as default, else the largest, else the first.
fn choose_video(streams: &[Stream], container: &Container) -> Option<usize> {
    if container.is_still() {
        return None;
    }
    let pixels = |s: &Stream| {
        Some(u64::from(s.width.small()?) * u64::from(s.height.small()?)).filter(|area| *area > 0)
    };
    let plays = |s: &Stream| {
        s.codec_type.known() == Some("video")
            && s.codec_name.known().is_some()
            && s.index.small().is_some()
            && !s.is("attached_pic")
            && !s.is("still_image")
            && !s.is("timed_thumbnails")
    };
    let candidates = streams.iter().enumerate().filter(|(_, s)| plays(s));
    candidates
        .filter_map(|(n, s)| Some(((s.is("default"), pixels(s)?, usize::MAX - n), n)))
        .max()
        .map(|(_, n)| n)
}

/// The sounds, the one that airs first: of the picture's programme, the main one
/// rather than a commentary, marked as default.
fn choose_audio(streams: &[Stream], program: Option<&json::Program>) -> Vec<usize> {
    let plays = |s: &Stream| {
        s.codec_type.known() == Some("audio")
            && s.codec_name.known().is_some()
            && s.index.small().is_some()
            && s.channels.small().is_some_and(|channels| channels > 0)
            && s.sample_rate.small().is_some_and(|rate| rate > 0)
    };
    let second = |s: &Stream| {
        ["comment", "visual_impaired", "hearing_impaired", "descriptions"].iter().any(|d| s.is(d))
    };
    let elsewhere =
        |s: &Stream| program.is_some_and(|p| p.streams.iter().all(|of| of.index != s.index));
    let mut chosen: Vec<usize> =
        streams.iter().enumerate().filter(|(_, s)| plays(s)).map(|(n, _)| n).collect();
    chosen.sort_by_key(|n| {
        let stream = &streams[*n];
        (elsewhere(stream), second(stream), !stream.is("default"), *n)
    });
    chosen
}

/// What a file holds that cannot be aired.
fn holds(streams: &[Stream]) -> String {
    let mut kinds: Vec<String> = streams
        .iter()
        .take(8)
        .map(|stream| {
            let kind = stream.codec_type.known().unwrap_or("unknown data");
            match (stream.is("attached_pic"), stream.codec_name.known()) {
                (true, _) => "a cover picture".to_owned(),
                (false, Some(codec)) => format!("{kind}: {codec}"),
                (false, None) => format!("{kind}: unknown codec"),
            }
        })
        .collect();
    kinds.dedup();
    if kinds.is_empty() { "no streams".to_owned() } else { kinds.join(", ") }
}

fn pixel_aspect(text: &Text) -> (u32, u32) {
    let read = || {
        let (num, den) = json::fraction(text.known()?)?;
        let (num, den) = (u32::try_from(num).ok()?, u32::try_from(den).ok()?);
        // Beyond 8:1 it is a broken header, not a shape.
        let sane = num > 0 && den > 0 && num / den < 8 && den / num < 8;
        let small = num < 1 << 20 && den < 1 << 20;
        (sane && small).then_some((num, den))
    };
    read().unwrap_or((1, 1))
}

/// Quarter turns clockwise, from the display matrix (which counts the other way)
/// or the older tag.
fn rotation(stream: &Stream) -> u16 {
    let matrix = stream.side_data_list.iter().find_map(|side| side.rotation.0);
    let tag = || stream.tag("rotate").and_then(|text| text.parse::<i64>().ok());
    let degrees = matrix.map(|angle| angle.checked_neg().unwrap_or_default()).or_else(tag);
    match degrees.unwrap_or_default().rem_euclid(360) {
        45..135 => 90,
        135..225 => 180,
        225..315 => 270,
        _ => 0,
    }
}

/// `tb`: the top field is stored first, the bottom one shown first.
fn field_order(text: &Text) -> FieldOrder {
    match text.known() {
        Some("progressive") => FieldOrder::Progressive,
        Some("tt" | "bt") => FieldOrder::TopFirst,
        Some("bb" | "tb") => FieldOrder::BottomFirst,
        _ => FieldOrder::Unknown,
    }
}

fn language(stream: &Stream) -> Option<String> {
    let language = stream.tag("language")?.to_ascii_lowercase();
    (language != "und" && language.len() <= 35).then_some(language)
}

/// The container's tags, bounded: some files carry whole books in them.
fn tags(format: &Format) -> BTreeMap<String, String> {
    let tags = format.tags.iter().filter_map(|(key, text)| {
        let text: String = text.known()?.chars().take(1_000).collect();
        Some((key.chars().take(100).collect::<String>().to_lowercase(), text))
    });
    tags.take(64).collect()
}
