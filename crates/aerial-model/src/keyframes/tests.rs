//! Where copied video is cut, and what is not copied at all.

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::media::{AudioFacts, Color, FieldOrder};
use crate::time::FrameRate;

/// 25 pictures a second.
const FRAME: i64 = 3_600;

fn facts() -> MediaFacts {
    MediaFacts {
        container: "mov".to_owned(),
        start_time: Ticks::ZERO,
        length: Ticks::from_secs(60),
        video: Some(VideoFacts {
            index: 0,
            codec: "h264".to_owned(),
            profile: None,
            pixel_format: Some("yuv420p".to_owned()),
            width: 1_280,
            height: 720,
            pixel_aspect: (1, 1),
            rotation: 0,
            average_rate: Some(FrameRate::PAL),
            nominal_rate: Some(FrameRate::PAL),
            field_order: FieldOrder::Progressive,
            color: Color::default(),
            start: Ticks::ZERO,
            end: Ticks::from_secs(60),
            kbps: None,
            language: None,
        }),
        audio: vec![AudioFacts {
            index: 1,
            codec: "aac".to_owned(),
            profile: Some("LC".to_owned()),
            sample_rate: 48_000,
            channels: 2,
            layout: None,
            start: Ticks::ZERO,
            end: Ticks::from_secs(60),
            language: None,
        }],
        subtitles: Vec::new(),
        chapters: Vec::new(),
        entry: Entry::Seek { pre_seek: Ticks::from_secs(1) },
        tags: std::collections::BTreeMap::new(),
    }
}

fn silent() -> MediaFacts {
    MediaFacts { audio: Vec::new(), ..facts() }
}

fn picture(pts: i64, idr: bool) -> AccessUnit {
    let sets: &[u8] = &[0, 0, 0, 1, 0x67, 100, 0, 31, 9, 0, 0, 1, 0x68, 7, 0, 0, 1, 0x65, 5];
    let data = if idr { sets } else { &[0, 0, 1, 0x41, 3] };
    AccessUnit {
        kind: UnitKind::Video { idr },
        pts: Ticks(pts),
        dts: Ticks(pts),
        data: Bytes::copy_from_slice(data),
    }
}

/// Groups of that many frames each, without reordering.
fn indexer(groups: &[i64]) -> Indexer {
    let mut indexer = Indexer::default();
    let mut frame = 0;
    for group in groups {
        for n in 0..*group {
            indexer.push(&picture((frame + n) * FRAME, n == 0));
        }
        frame += group;
    }
    for n in 0..=(frame * FRAME / AUDIO_FRAME.0) {
        indexer.push(&AccessUnit { kind: UnitKind::Audio, ..picture(n * AUDIO_FRAME.0, false) });
    }
    indexer
}

fn cuts_at(groups: &[i64]) -> Result<Vec<i64>, NotCopied> {
    let indexed = indexer(groups).finish(&facts(), 2)?;
    Ok(indexed.cuts.cuts.iter().map(|cut| cut.at.0 / FRAME).collect())
}

#[test]
fn a_cut_is_the_first_keyframe_4_s_after_the_last() {
    assert_eq!(cuts_at(&[50; 6]).unwrap(), [0, 100, 200]);
    assert_eq!(cuts_at(&[60, 60, 60, 60]).unwrap(), [0, 120]);
    assert_eq!(
        cuts_at(&[250]).unwrap_err().to_string(),
        "after 0.00000 s it has no keyframe for 10.00000 s; segments of at most 8 s are needed"
    );
    assert_eq!(cuts_at(&[200, 200]).unwrap(), [0, 200]);
}

#[test]
fn where_the_next_keyframe_is_too_far_the_one_before_is_the_cut() {
    assert_eq!(cuts_at(&[75, 190, 100]).unwrap(), [0, 75, 265]);
    assert!(matches!(cuts_at(&[201, 100]), Err(NotCopied::FarApart { .. })));
}

#[test]
fn a_short_tail_is_merged_into_the_segment_before_where_that_stays_within_8_s() {
    assert_eq!(cuts_at(&[100, 100, 20]).unwrap(), [0, 100]);
    assert_eq!(cuts_at(&[100, 190, 20]).unwrap(), [0, 100, 290]);
}

#[test]
fn times_count_from_the_first_keyframe_and_pictures_before_it_are_left_out() {
    let mut indexer = Indexer::default();
    indexer.push(&picture(-FRAME, true));
    indexer.push(&picture(0, false));
    for n in 0..200 {
        indexer.push(&picture(FRAME * (n + 1), n % 100 == 0));
    }
    let indexed = indexer.finish(&silent(), 0).unwrap();
    assert_eq!(indexed.cuts.origin(), Ticks(FRAME));
    assert_eq!(indexed.cuts.end(), Ticks(200 * FRAME));
    assert_eq!(indexed.cuts.segments(), 2);
    assert_eq!(indexed.cuts.codec(), "avc1.64001f");
    assert_eq!(indexed.sound_transcoded.as_deref(), Some("it has no sound"));
}

#[test]
fn decoding_times_after_a_cut_are_the_last_pictures_times_before_it() {
    let mut indexer = Indexer::default();
    // Decoded I P B, shown I B P.
    for group in 0..4 {
        for n in (0..99).step_by(3) {
            for shown in [n, n + 2, n + 1] {
                indexer.push(&picture((group * 99 + shown) * FRAME, shown == 0));
            }
        }
    }
    let cuts = indexer.clone().finish(&silent(), 1).unwrap().cuts;
    assert_eq!(cuts.segments(), 2);
    assert_eq!(cuts.decode_times(0), [Ticks(-1)]);
    assert_eq!(cuts.decode_times(1), [Ticks(197 * FRAME)]);
    assert_eq!(indexer.finish(&silent(), 0), Err(NotCopied::Reordered { found: 1, said: 0 }));
}

#[test]
fn what_cannot_be_cut_cleanly_is_not_copied() {
    let mut open = indexer(&[100]);
    open.push(&picture(102 * FRAME, true));
    open.push(&picture(101 * FRAME, false));
    assert_eq!(open.finish(&facts(), 2), Err(NotCopied::OpenGroups(Ticks(102 * FRAME))));
    let mut twice = indexer(&[100]);
    twice.push(&picture(99 * FRAME, false));
    assert_eq!(twice.finish(&facts(), 2), Err(NotCopied::SameTime(Ticks(99 * FRAME))));
    let mut bare = indexer(&[100]);
    bare.push(&AccessUnit {
        data: Bytes::from_static(&[0, 0, 1, 0x65, 1]),
        ..picture(100 * FRAME, true)
    });
    assert_eq!(bare.finish(&facts(), 2), Err(NotCopied::ParameterSets(Ticks(100 * FRAME))));
    assert_eq!(Indexer::default().finish(&facts(), 2), Err(NotCopied::NoKeyframe));
}

#[test]
fn sound_with_a_hole_is_transcoded() {
    let mut holed = indexer(&[100, 100]);
    holed.sounds.remove(100);
    let indexed = holed.finish(&facts(), 2).unwrap();
    assert_eq!(
        indexed.sound_transcoded.as_deref(),
        Some("its sound has a gap or a jump at 2.11200 s")
    );
    let whole = indexer(&[100, 100]).finish(&facts(), 2).unwrap();
    assert_eq!(whole.sound_transcoded, None);
}

#[test]
fn what_the_header_rules_out_needs_no_index() {
    let refused = |change: fn(&mut VideoFacts)| {
        let mut facts = facts();
        facts.video.as_mut().into_iter().for_each(change);
        might_be_copied(&facts).unwrap_err().to_string()
    };
    assert_eq!(refused(|v| v.codec = "hevc".to_owned()), "its video is hevc, not H.264");
    assert_eq!(
        refused(|v| v.pixel_format = Some("yuv420p10le".to_owned())),
        "its pictures are yuv420p10le, not 8-bit 4:2:0"
    );
    assert_eq!(refused(|v| v.rotation = 90), "its pictures must be turned by 90 degrees");
    assert_eq!(refused(|v| v.pixel_aspect = (64, 45)), "its pixels are 64:45, not square");
    assert_eq!(refused(|v| v.field_order = FieldOrder::TopFirst), "its pictures are interlaced");
    assert!(might_be_copied(&facts()).is_ok());
}

proptest! {
    #[test]
    fn every_segment_is_8_s_at_most_and_they_hold_all_pictures(
        groups in prop::collection::vec(1i64..220, 1..60),
    ) {
        let frames: i64 = groups.iter().sum();
        match indexer(&groups).finish(&facts(), 0) {
            Ok(Indexed { cuts, .. }) => {
                let ends = cuts.cuts.iter().skip(1).map(|cut| cut.at).chain([cuts.end()]);
                for (cut, end) in cuts.cuts.iter().zip(ends) {
                    prop_assert!(end - cut.at <= LONGEST);
                    prop_assert_eq!(i64::from(cut.pictures) * FRAME, (end - cut.at).0);
                }
                prop_assert_eq!(cuts.end(), Ticks(frames * FRAME));
            }
            Err(NotCopied::FarApart { .. }) => {
                prop_assert!(groups.iter().any(|group| *group > 200), "{:?}", groups);
            }
            Err(other) => prop_assert!(false, "{}", other),
        }
    }
}

#[test]
fn what_has_sound_alone_for_long_is_not_cut_to_its_picture() {
    let sound = |indexer: &mut Indexer, frames: i64| {
        for n in 0..frames {
            indexer
                .push(&AccessUnit { kind: UnitKind::Audio, ..picture(n * AUDIO_FRAME.0, false) });
        }
    };
    // A picture of the cover, and the album.
    let mut album = Indexer::default();
    album.push(&picture(0, true));
    sound(&mut album, 2_000);
    assert!(matches!(album.finish(&facts(), 0), Err(NotCopied::SoundAfter(_))));
    // Sound that is transcoded is not read: what was probed of it counts.
    let mut short = Indexer::default();
    (0..250).for_each(|n| short.push(&picture(n * FRAME, n % 100 == 0)));
    let after = Ticks::from_secs(50);
    assert_eq!(short.finish(&facts(), 0), Err(NotCopied::SoundAfter(after)));
    let mut late = Indexer::default();
    (250..1_500).for_each(|n| late.push(&picture(n * FRAME, n % 100 == 50)));
    sound(&mut late, 60 * 1_000 / 21);
    assert_eq!(late.finish(&facts(), 0), Err(NotCopied::SoundBefore(Ticks::from_secs(10))));
}
