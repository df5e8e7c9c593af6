//! The keyframe index: whether a file's video can be copied, and where it is
//! then cut.
//!
//! Owns the reading of the copied stream's units and the rules of what is not
//! copied (`rules.md`, 11; `docs/ffmpeg.md`). Runs nothing: the units come from
//! the same run of FFmpeg that a copying worker would be. Invariant: what is let
//! through is cut alike by every run, and no segment is over 8 s.

use crate::media::{Entry, MediaFacts, PICTURE_HELD_AT_MOST, VideoFacts};
use crate::mpegts::{AccessUnit, DemuxError, Demuxer, UnitKind};
use crate::segment_map::{Cut, CutList};
use crate::segmenter::WORKER_TS_OFFSET;
use crate::time::{AUDIO_FRAME, Ticks};

/// A cut is made at the first IDR at least this long after the one before.
const SHORTEST: Ticks = Ticks::from_secs(4);

/// No segment is longer: EXT-X-TARGETDURATION of a channel that copies is 8.
const LONGEST: Ticks = Ticks::from_secs(8);

/// A last segment under this is merged into the one before, where that stays short
/// enough.
const SHORT_TAIL: Ticks = Ticks::from_secs(1);

/// Pictures before the first keyframe, such as an edit list hides, that may be
/// left out for copying.
const LEFT_OUT: Ticks = Ticks::from_secs(2);

/// Cuts that can still be named on one command line (128 KiB, 11 bytes each); over
/// 10 hours.
const MOST_CUTS: usize = 9_000;

/// H.264 reorders no more pictures.
const MOST_REORDERED: usize = 16;

/// How far audio frames may be from a frame's distance: what containers that
/// count in milliseconds do to them.
const AUDIO_WOBBLE: i64 = 91;

/// Sound may begin and end this much beside the picture and be copied: less than
/// anybody hears.
const AUDIO_BESIDE: Ticks = Ticks::from_millis(100);

/// Why a video is not copied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotCopied {
    /// Sound alone.
    #[error("it has no picture")]
    NoPicture,
    /// Not H.264.
    #[error("its video is {0}, not H.264")]
    Codec(String),
    /// Not 8-bit 4:2:0.
    #[error("its pictures are {0}, not 8-bit 4:2:0")]
    PixelFormat(String),
    /// To be turned upright.
    #[error("its pictures must be turned by {0} degrees")]
    Rotated(u16),
    /// Pixels that are not square.
    #[error("its pixels are {0}:{1}, not square")]
    PixelAspect(u32, u32),
    /// Two fields.
    #[error("its pictures are interlaced")]
    Interlaced,
    /// Cannot be entered in the middle.
    #[error("it cannot be entered in the middle")]
    Entry,
    /// Matroska without Cues: each seek reads all before it.
    #[error("it has no index to seek by")]
    NoCues,
    /// No keyframe within the first 2 s.
    #[error("it begins without a keyframe")]
    NoKeyframe,
    /// Sound alone for too long before the picture.
    #[error("its sound begins {0} s before its first keyframe")]
    SoundBefore(Ticks),
    /// Sound alone for too long after the picture.
    #[error("its sound goes on for {0} s after its last picture")]
    SoundAfter(Ticks),
    /// A picture is shown before the keyframe that it follows.
    #[error("at {0} s it goes on over a keyframe: its groups of pictures are open")]
    OpenGroups(Ticks),
    /// Two pictures at one time.
    #[error("at {0} s two pictures have the same time")]
    SameTime(Ticks),
    /// Keyframes too far apart.
    #[error("after {at} s it has no keyframe for {gap} s; segments of at most 8 s are needed")]
    FarApart {
        /// Where.
        at: Ticks,
        /// To the next keyframe, or the end.
        gap: Ticks,
    },
    /// A cut without SPS and PPS, or with others.
    #[error("at {0} s its parameter sets change or are missing")]
    ParameterSets(Ticks),
    /// FFmpeg would invent decoding times that alter others.
    #[error("{found} pictures are reordered where its header says {said}")]
    Reordered {
        /// Counted.
        found: usize,
        /// `has_b_frames`.
        said: usize,
    },
    /// FFmpeg had to mend its times.
    #[error("its times had to be mended: {0}")]
    MendedTimes(String),
    /// Too long to name all cuts.
    #[error("it has over {MOST_CUTS} cuts")]
    TooMany,
    /// The index could not be made.
    #[error("it could not be indexed: {0}")]
    Unreadable(String),
}

/// What can be said before the file is read.
///
/// # Errors
/// Why the video is not copied.
pub fn might_be_copied(facts: &MediaFacts) -> Result<&VideoFacts, NotCopied> {
    let video = facts.video.as_ref().ok_or(NotCopied::NoPicture)?;
    if video.codec != "h264" {
        return Err(NotCopied::Codec(video.codec.clone()));
    }
    match video.pixel_format.as_deref() {
        Some("yuv420p" | "yuvj420p") => {}
        other => return Err(NotCopied::PixelFormat(other.unwrap_or("unknown").to_owned())),
    }
    if video.rotation != 0 {
        return Err(NotCopied::Rotated(video.rotation));
    }
    let (width, height) = video.pixel_aspect;
    if width != height {
        return Err(NotCopied::PixelAspect(width, height));
    }
    if video.field_order.is_interlaced() {
        return Err(NotCopied::Interlaced);
    }
    if facts.entry == Entry::Remux {
        return Err(NotCopied::Entry);
    }
    Ok(video)
}

/// Why the sound of a copied video is not copied too; `None` where it might be.
pub fn sound_must_be_transcoded(facts: &MediaFacts) -> Option<String> {
    let Some(audio) = facts.audio.first() else { return Some("it has no sound".to_owned()) };
    let plain = audio.codec == "aac" && audio.profile.as_deref() == Some("LC");
    if !plain {
        let profile = audio.profile.as_deref().map(|profile| format!(" {profile}"));
        return Some(format!(
            "its sound is {}{}, not AAC-LC",
            audio.codec,
            profile.unwrap_or_default()
        ));
    }
    let plural = if audio.channels == 1 { "" } else { "s" };
    (audio.sample_rate != 48_000 || audio.channels != 2).then(|| {
        format!("its sound has {} channel{plural} at {} Hz", audio.channels, audio.sample_rate)
    })
}

/// What the indexing run said on stderr that tells of times which were mended: they
/// would come out differently in a run that begins elsewhere.
pub fn mended_times(stderr: &str) -> Option<NotCopied> {
    let told = ["DTS", "timestamp", "Timestamp", "pts"];
    let line = stderr.lines().find(|line| told.iter().any(|word| line.contains(word)))?;
    Some(NotCopied::MendedTimes(line.trim().chars().take(200).collect()))
}

/// A picture of the copied stream.
#[derive(Clone, Copy, Debug)]
struct Picture {
    pts: Ticks,
    bytes: u32,
    /// Of an IDR, the hash of the parameter sets that come with it; 0 for none.
    idr: Option<u64>,
}

/// Takes a copied stream's units and tells where it can be cut.
#[derive(Clone, Debug, Default)]
pub struct Indexer {
    pictures: Vec<Picture>,
    sounds: Vec<Ticks>,
    avc: Option<[u8; 3]>,
}

/// What an index found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Indexed {
    /// The cuts.
    pub cuts: CutList,
    /// Why the sound is transcoded; `None` where it is copied.
    pub sound_transcoded: Option<String>,
}

impl Indexer {
    /// What splits the output of an indexing run into units.
    pub fn demuxer() -> Demuxer {
        Demuxer::new(WORKER_TS_OFFSET)
    }

    /// Takes the units that are ready there.
    pub fn take_units(&mut self, demuxer: &mut Demuxer) -> Result<(), DemuxError> {
        while let Some(unit) = demuxer.next_unit() {
            let mut unit = unit?;
            unit.pts -= WORKER_TS_OFFSET;
            self.push(&unit);
        }
        Ok(())
    }

    /// Takes the next unit, on the clock of the media's own start.
    pub fn push(&mut self, unit: &AccessUnit) {
        match unit.kind {
            UnitKind::Video { idr } => {
                let sets = idr.then(|| self.parameter_sets(&unit.data));
                let bytes = u32::try_from(unit.data.len()).unwrap_or(u32::MAX);
                self.pictures.push(Picture { pts: unit.pts, bytes, idr: sets });
            }
            UnitKind::Audio => self.sounds.push(unit.pts),
        }
    }

    /// The hash of all SPS and PPS in an access unit; takes note of the profile.
    fn parameter_sets(&mut self, data: &[u8]) -> u64 {
        let (mut hasher, mut found) = (blake3::Hasher::new(), [false; 2]);
        for unit in nal_units(data) {
            match unit.first().map(|header| header & 0x1f) {
                Some(7) => {
                    found[0] = true;
                    if let [_, profile, constraints, level, ..] = *unit {
                        self.avc.get_or_insert([profile, constraints, level]);
                    }
                }
                Some(8) => found[1] = true,
                _ => continue,
            }
            hasher.update(unit);
            hasher.update(&[0, 0, 1]);
        }
        let mut hash = [0; 8];
        hash.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
        if found == [true, true] { u64::from_le_bytes(hash).max(1) } else { 0 }
    }

    /// The cuts of what came. `said_reordered` is what the header says of it
    /// (`has_b_frames`).
    ///
    /// # Errors
    /// Why the video is not copied.
    pub fn finish(
        mut self,
        facts: &MediaFacts,
        said_reordered: usize,
    ) -> Result<Indexed, NotCopied> {
        let first = self.pictures.iter().position(|p| p.idr.is_some() && p.pts >= Ticks::ZERO);
        let first = first.ok_or(NotCopied::NoKeyframe)?;
        let origin = self.pictures[first].pts;
        let shown = self.pictures.iter().map(|p| p.pts).min().unwrap_or(origin).max(Ticks::ZERO);
        if origin - shown > LEFT_OUT {
            return Err(NotCopied::NoKeyframe);
        }
        self.pictures.drain(..first);
        self.pictures.iter_mut().for_each(|picture| picture.pts -= origin);
        self.sounds.iter_mut().for_each(|sound| *sound -= origin);
        let signature = self.same_parameter_sets()?;
        let reorder = self.check_times(said_reordered)?;
        let latest = self.pictures.iter().map(|p| p.pts).max().unwrap_or_default();
        let end = latest + facts.rate().ticks_at(1);
        self.has_picture_throughout(facts, origin, end)?;
        let places = self.places(end)?;
        if places.len() > MOST_CUTS {
            return Err(NotCopied::TooMany);
        }
        let sound_transcoded =
            sound_must_be_transcoded(facts).or_else(|| self.sound_is_uneven(end));
        let (peak_kbps, average_kbps) = self.rates(&places, end);
        let cuts = CutList {
            before: places[1..].iter().flat_map(|place| self.before(*place, reorder)).collect(),
            cuts: self.cuts(&places),
            end,
            origin,
            reorder: u8::try_from(reorder).unwrap_or(u8::MAX),
            signature,
            avc: self.avc.unwrap_or_default(),
            peak_kbps,
            average_kbps,
        };
        Ok(Indexed { cuts, sound_transcoded })
    }

    /// A copied item is as long as its picture: with sound alone before or after it, it
    /// would be shorter than the uniform map, which has black there (`docs/ffmpeg.md`).
    fn has_picture_throughout(
        &self,
        facts: &MediaFacts,
        origin: Ticks,
        end: Ticks,
    ) -> Result<(), NotCopied> {
        // What is transcoded was not read; the probe knows where it begins and ends.
        let known = facts.audio.first().map(|sound| (sound.start - origin, sound.end - origin));
        let read = self.sounds.first().zip(self.sounds.last());
        let read = read.map(|(first, last)| (*first, *last + AUDIO_FRAME));
        let Some((from, until)) = read.or(known) else { return Ok(()) };
        if from < -LEFT_OUT {
            return Err(NotCopied::SoundBefore(-from));
        }
        if until - end > PICTURE_HELD_AT_MOST {
            return Err(NotCopied::SoundAfter(until - end));
        }
        Ok(())
    }

    /// The one hash of all parameter sets.
    fn same_parameter_sets(&self) -> Result<u64, NotCopied> {
        let mut all = self.pictures.iter().filter_map(|p| p.idr.map(|sets| (p.pts, sets)));
        let first = all.next().map_or(0, |(_, sets)| sets);
        match all.find(|(_, sets)| *sets != first) {
            Some((at, _)) => Err(NotCopied::ParameterSets(at)),
            None if first == 0 => Err(NotCopied::ParameterSets(Ticks::ZERO)),
            None => Ok(first),
        }
    }

    /// By how many pictures decoding runs ahead; every keyframe parts what is
    /// shown before it from what is shown after it, and no two have one time.
    fn check_times(&self, said: usize) -> Result<usize, NotCopied> {
        let mut times: Vec<Ticks> = self.pictures.iter().map(|picture| picture.pts).collect();
        let (mut latest, mut found) = (None, 0);
        for (index, picture) in self.pictures.iter().enumerate() {
            if picture.idr.is_some() && latest.is_some_and(|latest| latest >= picture.pts) {
                return Err(NotCopied::OpenGroups(picture.pts));
            }
            latest = latest.max(Some(picture.pts));
            let window = &times[index.saturating_sub(2 * MOST_REORDERED)..index];
            found = found.max(window.iter().filter(|earlier| **earlier > picture.pts).count());
        }
        let mut earliest: Option<Ticks> = None;
        for picture in self.pictures.iter().rev() {
            if picture.idr.is_some() && earliest.is_some_and(|earliest| earliest < picture.pts) {
                return Err(NotCopied::OpenGroups(picture.pts));
            }
            earliest = Some(earliest.map_or(picture.pts, |earliest| earliest.min(picture.pts)));
        }
        times.sort_unstable();
        if let Some(pair) = times.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(NotCopied::SameTime(pair[0]));
        }
        if found > said.min(MOST_REORDERED) {
            return Err(NotCopied::Reordered { found, said });
        }
        Ok(found)
    }

    /// Where the cuts are, as places in decoding order (`rules.md`, 11).
    fn places(&self, end: Ticks) -> Result<Vec<usize>, NotCopied> {
        let keyframes: Vec<(usize, Ticks)> = self
            .pictures
            .iter()
            .enumerate()
            .filter_map(|(place, picture)| picture.idr.map(|_| (place, picture.pts)))
            .collect();
        let mut places = vec![keyframes[0]];
        loop {
            let (_, last) = places[places.len() - 1];
            let far = |(_, at): &&(usize, Ticks)| *at >= last + SHORTEST;
            let next = keyframes.iter().find(far).map_or(end, |(_, at)| *at);
            if next - last > LONGEST {
                let within = |(_, at): &&(usize, Ticks)| *at > last && *at < next;
                let Some(nearer) = keyframes.iter().rev().find(within) else {
                    return Err(NotCopied::FarApart { at: last, gap: next - last });
                };
                places.push(*nearer);
            } else if let Some(next) = keyframes.iter().find(far) {
                places.push(*next);
            } else {
                break;
            }
        }
        if let [.., (_, before), (_, last)] = places[..]
            && end - last < SHORT_TAIL
            && end - before <= LONGEST
        {
            places.pop();
        }
        Ok(places.into_iter().map(|(place, _)| place).collect())
    }

    fn cuts(&self, places: &[usize]) -> Vec<Cut> {
        let ends = places[1..].iter().copied().chain([self.pictures.len()]);
        let cut = |(place, end): (&usize, usize)| {
            let at = self.pictures[*place].pts;
            let sound = self.sounds.partition_point(|sound| *sound < at);
            Cut {
                at,
                pictures: u32::try_from(end - place).unwrap_or(u32::MAX),
                audio: self.sounds.get(sound).copied().unwrap_or(at),
            }
        };
        places.iter().zip(ends).map(cut).collect()
    }

    /// The times of the last `depth` pictures shown before a cut, rising.
    fn before(&self, place: usize, depth: usize) -> Vec<Ticks> {
        let from = place.saturating_sub(depth + 2 * MOST_REORDERED);
        let mut times: Vec<Ticks> = self.pictures[from..place].iter().map(|p| p.pts).collect();
        times.sort_unstable();
        // A file that begins with a very short group has too few: before its start.
        let missing = depth.saturating_sub(times.len());
        let mut before: Vec<Ticks> =
            (0..missing).map(|n| Ticks(n as i64 - missing as i64)).collect();
        before.extend(&times[times.len().saturating_sub(depth)..]);
        before
    }

    /// Why the sound cannot be copied, if so: it must be there for all of the
    /// picture, frame after frame.
    fn sound_is_uneven(&self, end: Ticks) -> Option<String> {
        let (Some(first), Some(last)) =
            (self.sounds.iter().find(|sound| **sound >= Ticks::ZERO), self.sounds.last())
        else {
            return Some("it has no sound".to_owned());
        };
        if *first > AUDIO_BESIDE {
            return Some(format!("its sound begins {first} s after the picture"));
        }
        if end - (*last + AUDIO_FRAME) > AUDIO_BESIDE {
            return Some(format!("its sound ends at {last} s, the picture at {end} s"));
        }
        let uneven = |pair: &&[Ticks]| {
            pair[1] >= Ticks::ZERO && ((pair[1] - pair[0]).0 - AUDIO_FRAME.0).abs() > AUDIO_WOBBLE
        };
        self.sounds
            .windows(2)
            .find(uneven)
            .map(|pair| format!("its sound has a gap or a jump at {} s", pair[0]))
    }

    /// The highest and the average bit rate of the segments' pictures.
    fn rates(&self, places: &[usize], end: Ticks) -> (u32, u32) {
        let kbps = |bytes: u64, length: Ticks| {
            let ms = u64::try_from(length.as_millis()).unwrap_or(0).max(1);
            u32::try_from(bytes * 8 / ms).unwrap_or(u32::MAX)
        };
        let bytes = |pictures: &[Picture]| pictures.iter().map(|p| u64::from(p.bytes)).sum::<u64>();
        let ends = places[1..].iter().copied().chain([self.pictures.len()]);
        let segment = |(place, after): (&usize, usize)| {
            let until = self.pictures.get(after).map_or(end, |picture| picture.pts);
            kbps(bytes(&self.pictures[*place..after]), until - self.pictures[*place].pts)
        };
        let peak = places.iter().zip(ends).map(segment).max().unwrap_or(0);
        (peak, kbps(bytes(&self.pictures), end))
    }
}

/// The NAL units of a picture in byte stream format (ITU-T H.264, annex B).
fn nal_units(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = after_start_code(data);
    std::iter::from_fn(move || {
        let unit = rest?;
        rest = after_start_code(unit);
        let end = rest.map_or(unit.len(), |rest| unit.len() - rest.len() - 3);
        // A start code of four bytes, and zeros after the unit.
        let zeros = unit[..end].iter().rev().take_while(|byte| **byte == 0).count();
        Some(&unit[..end - zeros])
    })
}

fn after_start_code(data: &[u8]) -> Option<&[u8]> {
    let at = data.windows(3).position(|bytes| bytes == [0, 0, 1])?;
    Some(&data[at + 3..])
}

#[cfg(test)]
mod tests;
