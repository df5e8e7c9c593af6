//! Questions and answers of the tuner's protocol, byte by byte, and whatever else comes.

use proptest::prelude::*;

use super::*;

/// What Jellyfin and Emby send: any type, any id.
const ANYTHING: [u8; 20] = [
    0x00, 0x02, 0x00, 0x0c, 0x01, 0x04, 0xff, 0xff, 0xff, 0xff, 0x02, 0x04, 0xff, 0xff, 0xff, 0xff,
    0x73, 0xcc, 0x7d, 0x8f,
];

fn ours() -> DeviceId {
    "1010CC54".parse().unwrap()
}

fn value(tag: u8, bytes: &[u8]) -> Vec<u8> {
    let mut value = Vec::new();
    push_value(&mut value, tag, bytes).unwrap();
    value
}

/// A question with these values, each with its own length and the frame sealed.
fn question(values: &[(u8, &[u8])]) -> Vec<u8> {
    let payload: Vec<u8> = values.iter().flat_map(|(tag, bytes)| value(*tag, bytes)).collect();
    sealed(QUESTION, &payload).unwrap()
}

fn is_answered(datagram: &[u8]) -> bool {
    Question::read(datagram).is_some_and(|question| question.is_for(ours()))
}

/// The values of a frame, read byte by byte.
fn values(frame: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut values = Vec::new();
    let mut at = 4;
    while at < frame.len() - 4 {
        let tag = frame[at];
        let mut length = usize::from(frame[at + 1]);
        at += 2;
        if length >= 128 {
            length = length - 128 + 128 * usize::from(frame[at]);
            at += 1;
        }
        values.push((tag, frame[at..at + length].to_vec()));
        at += length;
    }
    values
}

/// Whether there is a type, at most one id, each of its size, and nothing cut off.
fn is_whole_question(payload: &[u8]) -> bool {
    let (mut types, mut ids) = (0, 0);
    let mut bytes = payload.iter().map(|byte| usize::from(*byte));
    while let Some(tag) = bytes.next() {
        let Some(mut length) = bytes.next() else { return false };
        if length >= 128 {
            let Some(more) = bytes.next() else { return false };
            length = length - 128 + 128 * more;
        }
        if bytes.by_ref().take(length).count() < length {
            return false;
        }
        match (tag, length) {
            (1, 4) => types += 1,
            (0x2d, length) if length > 0 && length % 4 == 0 => types += 1,
            (2, 4) => ids += 1,
            (1 | 2 | 0x2d, _) => return false,
            _ => {}
        }
    }
    types == 1 && ids <= 1
}

const TUNER: [u8; 4] = [0, 0, 0, 1];
const STORAGE: [u8; 4] = [0, 0, 0, 5];
const OURS: [u8; 4] = [0x10, 0x10, 0xcc, 0x54];

#[test]
fn who_looks_for_tuners_or_anything_is_answered() {
    let any = [0xff; 4];
    for asked in [
        ANYTHING.to_vec(),
        question(&[(DEVICE_TYPE, &TUNER), (DEVICE_ID, &any)]),
        question(&[(DEVICE_TYPE, &TUNER), (DEVICE_ID, &OURS)]),
        question(&[(DEVICE_ID, &OURS), (DEVICE_TYPE, &any)]),
        // Clients since 2022 leave the id out where any will do.
        question(&[(DEVICE_TYPE, &TUNER)]),
        question(&[(DEVICE_TYPES, &[TUNER, STORAGE].concat())]),
        question(&[(DEVICE_TYPES, &[STORAGE, TUNER].concat()), (DEVICE_ID, &OURS)]),
        // What nobody says yet.
        question(&[(DEVICE_TYPE, &TUNER), (0x77, b"and more")]),
    ] {
        assert!(is_answered(&asked), "{asked:02x?}");
    }
}

#[test]
fn who_looks_for_something_else_is_not() {
    for asked in [
        question(&[(DEVICE_TYPE, &STORAGE)]),
        question(&[(DEVICE_TYPES, &STORAGE)]),
        question(&[(DEVICE_TYPE, &TUNER), (DEVICE_ID, &[0x10, 0x10, 0xcc, 0x55])]),
        question(&[(DEVICE_TYPE, &TUNER), (DEVICE_ID, &[0; 4])]),
    ] {
        assert!(Question::read(&asked).is_some(), "{asked:02x?}");
        assert!(!is_answered(&asked), "{asked:02x?}");
    }
}

#[test]
fn a_frame_with_a_right_checksum_around_nonsense_is_no_question() {
    let frame = |payload: &[u8]| sealed(QUESTION, payload).unwrap();
    let other_type = |of| sealed(of, &value(DEVICE_TYPE, &TUNER)).unwrap();
    for nonsense in [
        question(&[]),
        question(&[(DEVICE_ID, &OURS)]),
        question(&[(DEVICE_TYPE, &TUNER[..3])]),
        question(&[(DEVICE_TYPE, &[TUNER, TUNER].concat())]),
        question(&[(DEVICE_TYPE, &TUNER), (DEVICE_TYPE, &TUNER)]),
        question(&[(DEVICE_TYPE, &TUNER), (DEVICE_TYPES, &TUNER)]),
        question(&[(DEVICE_TYPE, &TUNER), (DEVICE_ID, &OURS), (DEVICE_ID, &OURS)]),
        question(&[(DEVICE_TYPE, &TUNER), (DEVICE_ID, b"")]),
        question(&[(DEVICE_TYPES, b"")]),
        question(&[(DEVICE_TYPES, &[0, 0, 0, 1, 0])]),
        // A tag without a length, a length without its end, a value that is too short.
        frame(&[DEVICE_TYPE]),
        frame(&[DEVICE_TYPE, 0x84]),
        frame(&[DEVICE_TYPE, 5, 0, 0, 0, 1]),
        frame(&[DEVICE_TYPE, 4, 0, 0, 0, 1, DEVICE_ID]),
        frame(&[DEVICE_TYPE, 4, 0, 0, 0, 1, 0x77, 0xff, 0xff]),
        other_type(ANSWER),
        other_type(0x0004),
        other_type(0x0200),
    ] {
        assert_eq!(Question::read(&nonsense), None, "{nonsense:02x?}");
    }
}

#[test]
fn a_frame_that_says_another_length_than_it_has_is_no_question() {
    let payload = value(DEVICE_TYPE, &TUNER);
    let says = |length: u16| {
        let mut frame = [QUESTION.to_be_bytes(), length.to_be_bytes()].concat();
        frame.extend(&payload);
        frame.extend(crc32fast::hash(&frame).to_le_bytes());
        Question::read(&frame)
    };
    assert!(says(6).is_some());
    for length in [0, 1, 5, 7, 10, u16::MAX] {
        assert_eq!(says(length), None, "{length}");
    }
}

#[test]
fn a_question_with_anything_before_or_after_it_is_none() {
    for at in 0..ANYTHING.len() {
        assert_eq!(Question::read(&ANYTHING[..at]), None);
        assert_eq!(Question::read(&ANYTHING[at + 1..]), None);
    }
    assert_eq!(Question::read(&[&ANYTHING[..], b"\0"].concat()), None);
    assert_eq!(Question::read(&[b"\0", &ANYTHING[..]].concat()), None);
    let twice = [ANYTHING, ANYTHING].concat();
    assert_eq!(Question::read(&twice), None);
}

#[test]
fn an_answer_is_what_the_protocol_says_to_the_byte() {
    let tuner = Tuner {
        device: ours(),
        tuners: 4,
        base_url: "http://10.0.0.2:8400",
        lineup_url: "http://10.0.0.2:8400/lineup.json",
        device_auth: "a",
    };
    let frame = tuner.answer().unwrap();
    let (payload, checksum) = frame.split_at(frame.len() - 4);
    assert_eq!(payload[..4], [0, 3, 0, 6 + 6 + 3 + 22 + 34 + 3]);
    assert_eq!(payload[4..19], *b"\x01\x04\0\0\0\x01\x02\x04\x10\x10\xcc\x54\x10\x01\x04");
    assert_eq!(payload[19..41], *b"\x2a\x14http://10.0.0.2:8400");
    assert_eq!(payload[41..75], *b"\x27\x20http://10.0.0.2:8400/lineup.json");
    assert_eq!(payload[75..], *b"\x2b\x01a");
    // CRC-32 as Ethernet has it, bit by bit.
    let mut crc = u32::MAX;
    for byte in payload {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = crc >> 1 ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 };
        }
    }
    assert_eq!(checksum, (!crc).to_le_bytes());
}

#[test]
fn an_answer_that_fits_no_packet_is_not_given() {
    let url = |bytes| "x".repeat(bytes);
    let answer = |base: &str| {
        let (device, lineup_url) = (ours(), "");
        Tuner { device, tuners: 1, base_url: base, lineup_url, device_auth: "" }.answer()
    };
    let rest = 4 + 6 + 6 + 3 + 3 + 2 + 2 + 4;
    assert_eq!(answer(&url(1_460 - rest)).unwrap().len(), 1_460);
    assert_eq!(answer(&url(1_460 - rest + 1)), None);
    assert_eq!(answer(&url(70_000)), None);
}

#[test]
fn a_question_with_any_bit_flipped_is_none() {
    for asked in [ANYTHING.to_vec(), question(&[(DEVICE_TYPES, &[TUNER, STORAGE].concat())])] {
        for bit in 0..asked.len() * 8 {
            let mut flipped = asked.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Question::read(&flipped), None, "bit {bit}");
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_are_taken_for_a_question(bytes in proptest::collection::vec(any::<u8>(), 0..1_600)) {
        prop_assert_eq!(Question::read(&bytes), None);
    }

    /// Behind a right checksum, what an independent reading of the values says.
    #[test]
    fn a_payload_is_read_as_it_is_written(
        bytes in proptest::collection::vec(prop_oneof![0..6u8, Just(DEVICE_TYPES), any::<u8>()], 0..40),
    ) {
        let read = Question::read(&sealed(QUESTION, &bytes).unwrap());
        prop_assert_eq!(read.is_some(), is_whole_question(&bytes));
    }

    /// Some values of the right shape, then cut off in the middle of the last.
    #[test]
    fn a_payload_that_ends_early_is_no_question(
        more in proptest::collection::vec((3..255u8, proptest::collection::vec(any::<u8>(), 0..300)), 0..3),
        short in 1..6usize,
    ) {
        let mut payload = Vec::new();
        for (tag, bytes) in more.iter().filter(|(tag, _)| *tag != DEVICE_TYPES) {
            payload.extend(value(*tag, bytes));
        }
        payload.extend(value(DEVICE_TYPE, &TUNER));
        prop_assert!(is_answered(&sealed(QUESTION, &payload).unwrap()));
        payload.truncate(payload.len() - short);
        prop_assert_eq!(Question::read(&sealed(QUESTION, &payload).unwrap()), None);
    }

    #[test]
    fn an_answer_says_what_it_was_given(
        bits: u32, tuners: u8, base in "[a-z:/.]{0,400}", lineup in "[a-z:/.]{0,400}",
    ) {
        let device = DeviceId::of_random(bits);
        let tuner = Tuner { device, tuners, base_url: &base, lineup_url: &lineup, device_auth: "a" };
        let frame = tuner.answer().unwrap();
        prop_assert_eq!(values(&frame), vec![
            (DEVICE_TYPE, TUNER.to_vec()),
            (DEVICE_ID, device.get().to_be_bytes().to_vec()),
            (TUNER_COUNT, vec![tuners]),
            (BASE_URL, base.into_bytes()),
            (LINEUP_URL, lineup.into_bytes()),
            (DEVICE_AUTH, b"a".to_vec()),
        ]);
        prop_assert_eq!(Question::read(&frame), None);
    }
}
