//! What is noted of airings as the engine tells of them, and how it is written.

use aerial_model::fault::Class;
use aerial_model::id::{ItemId, MapId};
use aerial_model::ledger::Cursor;
use aerial_model::lineup::SlotKey;
use aerial_model::segment_map::MapOutline;
use aerial_model::time::FrameRate;
use uuid::Uuid;

use super::*;

const START: AirTime = AirTime::from_unix_millis(1_800_000_000_000);
const CHANNEL: ChannelId = ChannelId(Uuid::from_u128(5));
const SESSION: SessionId = SessionId(1);

fn media(number: u128) -> MediaId {
    MediaId(Uuid::from_u128(number))
}

fn at(seconds: i64) -> AirTime {
    START + Ticks::from_secs(seconds)
}

/// Film after film, each with segments of 4 s (96 s: 24 segments, 8 s: 2). The second
/// number is where one is cut by the next.
fn films(lengths: &[(u64, Option<u32>)]) -> Ledger {
    let mut ledger = Ledger::default();
    let (mut start, mut sequence) = (START, 0);
    for (ordinal, (seconds, cut)) in lengths.iter().enumerate() {
        let map = MapOutline::of_frames(FrameRate::PAL, seconds * 25).unwrap();
        let cursor = Cursor {
            cycle: 0,
            item: ItemId(Uuid::nil()),
            media: media(ordinal as u128),
            key: SlotKey::default(),
        };
        let end = map.segments();
        let row = Row {
            ordinal: ordinal as u64,
            start,
            length: map.end().round_up_to_audio_frame(),
            first_sequence: sequence,
            discontinuity_sequence: 0,
            frame_height: 720,
            signature: None,
            lineup_version: 1,
            content: Content::Media { cursor, map_id: MapId(Uuid::nil()), map, first: 0, end },
        };
        ledger.push(row).unwrap();
        let airs = cut.unwrap_or(end);
        sequence += u64::from(airs);
        let exact = map.uniform().unwrap().cut(airs);
        start += exact.round_up_to_audio_frame();
    }
    ledger
}

fn off_air(rows: u64) -> Ledger {
    let map = MapOutline::of_frames(FrameRate::PAL, 800).unwrap();
    let length = map.end().round_up_to_audio_frame();
    Ledger::read((0..rows).map(|ordinal| Row {
        ordinal,
        start: START + length * ordinal as i64,
        length,
        first_sequence: u64::from(map.segments()) * ordinal,
        discontinuity_sequence: 0,
        frame_height: 720,
        signature: None,
        lineup_version: 1,
        content: Content::OffAir { map, cursor: None },
    }))
    .unwrap()
}

/// On the air from one second to another, as a session says it.
fn watched(notes: &AsRunNotes, ledger: &Ledger, seconds: std::ops::RangeInclusive<i64>) {
    seconds.for_each(|second| notes.on_air((CHANNEL, SESSION), ledger, at(second), 1));
}

/// Media, from, to and end of all that was noted, in the order of beginning.
fn told(notes: &AsRunNotes) -> Vec<(Option<MediaId>, i64, i64, Option<AiredEnd>)> {
    let seconds = |at: AirTime| (at - START).as_millis() / 1_000;
    let mut taken = notes.take(true);
    taken.sort_by_key(|one| one.from);
    taken.iter().map(|one| (one.media, seconds(one.from), seconds(one.to), one.end)).collect()
}

#[test]
fn airings_follow_each_other_and_the_last_is_left() {
    let (notes, ledger) = (AsRunNotes::default(), films(&[(96, None), (96, None)]));
    watched(&notes, &ledger, 10..=120);
    notes.off_air((CHANNEL, SESSION), at(121), AiredEnd::Left);
    assert_eq!(
        told(&notes),
        [
            (Some(media(0)), 10, 96, Some(AiredEnd::Completed)),
            (Some(media(1)), 96, 121, Some(AiredEnd::Left)),
        ]
    );
    assert!(told(&notes).is_empty(), "all is written once");
}

#[test]
fn a_session_that_ends_late_leaves_the_next_ones_notes_alone() {
    let (notes, ledger) = (AsRunNotes::default(), films(&[(96, None)]));
    watched(&notes, &ledger, 0..=4);
    let next = (CHANNEL, SessionId(2));
    notes.on_air(next, &ledger, at(5), 1);
    notes.off_air((CHANNEL, SESSION), at(6), AiredEnd::Left);
    notes.on_air(next, &ledger, at(7), 1);
    assert_eq!(told(&notes), [(Some(media(0)), 0, 7, None)]);
    notes.off_air(next, at(9), AiredEnd::Left);
    assert_eq!(told(&notes), [(Some(media(0)), 0, 9, Some(AiredEnd::Left))]);
}

#[test]
fn what_is_ended_early_was_cut_short() {
    let (notes, ledger) = (AsRunNotes::default(), films(&[(96, Some(5)), (96, None)]));
    watched(&notes, &ledger, 0..=30);
    let told = told(&notes);
    assert_eq!(told[0], (Some(media(0)), 0, 20, Some(AiredEnd::CutShort)));
    assert_eq!(told[1], (Some(media(1)), 20, 30, None));
}

#[test]
fn an_item_shorter_than_the_look_at_it_is_not_missed() {
    let ledger = films(&[(8, None), (1, None), (1, None), (96, None)]);
    let notes = AsRunNotes::default();
    notes.on_air((CHANNEL, SESSION), &ledger, at(7), 1);
    notes.on_air((CHANNEL, SESSION), &ledger, at(12), 1);
    let told = told(&notes);
    let media: Vec<_> = told.iter().map(|(media, ..)| *media).collect();
    assert_eq!(media, (0..4).map(|n| Some(super::tests::media(n))).collect::<Vec<_>>());
    assert!(told[..3].iter().all(|(.., end)| *end == Some(AiredEnd::Completed)), "{told:?}");
}

#[test]
fn time_off_the_air_is_one_stretch() {
    let (notes, ledger) = (AsRunNotes::default(), off_air(4));
    watched(&notes, &ledger, 0..=100);
    assert_eq!(told(&notes), [(None, 0, 100, None)]);
}

#[test]
fn what_is_sent_of_an_airing_is_noted_also_a_while_after_its_end() {
    let (notes, ledger) = (AsRunNotes::default(), films(&[(96, None), (96, None)]));
    watched(&notes, &ledger, 90..=100);
    let segment = |sequence| ledger.segment(sequence).unwrap();
    notes.sent(CHANNEL, &segment(21));
    notes.sent(CHANNEL, &segment(23));
    notes.sent(CHANNEL, &segment(24));
    let taken = notes.take(true);
    let sent = |taken: &[AsRun], n: u128| {
        let one = taken.iter().find(|one| one.media == Some(media(n))).unwrap();
        one.sent
    };
    assert_eq!(sent(&taken, 0), Some((segment(21).start, segment(23).end())));
    assert_eq!(sent(&taken, 1), Some((segment(24).start, segment(24).end())));
    // Long after, it opens nothing anew.
    watched(&notes, &ledger, 101..=190);
    let ledger = films(&[(96, None), (960, None)]);
    watched(&notes, &ledger, 190..=400);
    notes.take(true);
    notes.sent(CHANNEL, &ledger.segment(3).unwrap());
    assert!(notes.take(true).iter().all(|one| one.media == Some(media(1))));
}

#[test]
fn slates_in_a_row_for_one_reason_are_one() {
    let (notes, ledger) = (AsRunNotes::default(), films(&[(96, None), (96, None)]));
    watched(&notes, &ledger, 0..=1);
    for sequence in [0, 1, 2, 5] {
        notes.slate(CHANNEL, &ledger.segment(sequence).unwrap(), "gone");
    }
    let one = notes.take(false).remove(0);
    let spans: Vec<_> = one.slates.iter().map(|span| (span.from, span.to)).collect();
    assert_eq!(spans, [(at(0), at(12)), (at(20), at(24))]);
    // One that is made ahead of its airing, which then does not air.
    notes.slate(CHANNEL, &ledger.segment(24).unwrap(), "gone");
    notes.off_air((CHANNEL, SESSION), at(2), AiredEnd::Stopped);
    assert_eq!(told(&notes), [(Some(media(0)), 0, 2, Some(AiredEnd::Stopped))]);
}

#[test]
fn faults_count_also_those_before_the_airing() {
    let (notes, ledger) = (AsRunNotes::default(), films(&[(96, None), (96, None)]));
    watched(&notes, &ledger, 80..=81);
    let fault = |n: u8| AsRunFault {
        at: at(82),
        class: Class::Crash.name().to_owned(),
        reason: format!("fault {n}"),
    };
    notes.fault(CHANNEL, media(0), fault(0));
    notes.fault(CHANNEL, media(1), fault(1));
    notes.fault(CHANNEL, media(7), fault(7));
    for _ in 0..NOTES_KEPT {
        notes.fault(CHANNEL, media(0), fault(2));
    }
    watched(&notes, &ledger, 82..=100);
    let mut taken = notes.take(true);
    taken.sort_by_key(|one| one.from);
    assert_eq!((taken[0].restarts, taken[0].faults.len()), (33, NOTES_KEPT));
    assert_eq!((taken[1].restarts, taken[1].faults[0].reason.as_str()), (1, "fault 1"));
}

#[tokio::test(start_paused = true)]
async fn a_fault_counts_though_its_session_ends_before_anybody_heard_of_it() {
    let (notes, ledger) = (AsRunNotes::default(), films(&[(96, None)]));
    let (log, stop) = (Arc::new(Failing::default()), CancellationToken::new());
    let history = crate::stream::history::History::default();
    let (faults, clock) = (history.faults(), Clock::simulated(START));
    watched(&notes, &ledger, 0..=1);
    history.tell(FaultSeen {
        channels: vec![CHANNEL],
        media: Some(media(0)),
        title: "Film".to_owned(),
        class: Class::Crash,
        reason: "crash".to_owned(),
    });
    notes.off_air((CHANNEL, SESSION), at(2), AiredEnd::Left);
    let writing = tokio::spawn(notes.write(log.clone(), faults, clock, stop.clone()));
    tokio::time::sleep(WRITTEN_EVERY * 2).await;
    let written = log.0.lock().unwrap().1.pop().unwrap();
    assert_eq!((written.restarts, written.faults.len(), written.to), (1, 1, at(2)));
    stop.cancel();
    writing.await.unwrap();
}

#[test]
fn a_log_that_cannot_be_written_costs_bounded_memory() {
    let (notes, ledger) = (AsRunNotes::default(), films(&[(96, None)]));
    for _ in 0..WAITING + 10 {
        watched(&notes, &ledger, 0..=0);
        notes.off_air((CHANNEL, SESSION), at(1), AiredEnd::Left);
    }
    let book = notes.book();
    assert_eq!((book.waiting.len(), book.lost), (WAITING, 10));
}

/// Fails as long as it is told to.
#[derive(Default)]
struct Failing(Mutex<(u32, Vec<AsRun>)>);

impl AsRunLog for Failing {
    fn store(&self, stretches: Vec<AsRun>) -> BoxFuture<'_, Result<(), String>> {
        let mut state = self.0.lock().unwrap();
        let fails = state.0 > 0;
        state.0 = state.0.saturating_sub(1);
        if !fails {
            state.1.extend(stretches);
        }
        let result = if fails { Err("the disk is full".to_owned()) } else { Ok(()) };
        futures::future::ready(result).boxed()
    }
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_written_is_written_later_and_the_end_at_the_end() {
    let (notes, ledger) = (AsRunNotes::default(), films(&[(96, None)]));
    let log = Arc::new(Failing(Mutex::new((2, Vec::new()))));
    let stop = CancellationToken::new();
    let history = crate::stream::history::History::default();
    let clock = Clock::simulated(START);
    let writing =
        tokio::spawn(notes.clone().write(log.clone(), history.faults(), clock, stop.clone()));
    watched(&notes, &ledger, 0..=1);
    tokio::time::sleep(WRITTEN_EVERY * 4).await;
    assert_eq!(log.0.lock().unwrap().1.len(), 1);
    notes.server_stops();
    notes.off_air((CHANNEL, SESSION), at(9), AiredEnd::Stopped);
    stop.cancel();
    writing.await.unwrap();
    let written = log.0.lock().unwrap().1.pop().unwrap();
    assert_eq!((written.to, written.end), (at(9), Some(AiredEnd::ServerStopped)));
}
