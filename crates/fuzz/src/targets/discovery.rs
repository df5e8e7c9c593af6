//! Datagrams that ask for a tuner: HDHomeRun's frames, and SSDP's searches.

use aerial_model::discovery::{DeviceId, MAX_FRAME_BYTES, Question, Tuner, ssdp::Search};
use uuid::Uuid;

use crate::Target;

pub(crate) const TARGET: Target = Target {
    name: "discovery",
    run,
    seeds,
    words: &[
        "M-SEARCH * HTTP/1.1\r\n",
        "MAN: \"ssdp:discover\"\r\n",
        "ST: ssdp:all\r\n",
        "ST: upnp:rootdevice\r\n",
        "uuid:0198c0de-0000-7000-8000-000000000001",
        "\r\n\r\n",
        "\u{1}\u{4}",
        "\u{2}\u{4}",
        "-\u{4}",
    ],
};

const DEVICE: Uuid = Uuid::from_u128(0x0198_c0de_0000_7000_8000_0000_0000_0001);

fn run(input: &[u8]) {
    let device = DeviceId::of_random(7);
    // As it came, and as the payload of a frame whose length and checksum are right.
    for datagram in [input.to_vec(), framed(input)] {
        let Some(question) = Question::read(&datagram) else { continue };
        assert!(datagram.len() <= MAX_FRAME_BYTES);
        let _ = question.is_for(device);
    }
    if let Some(search) = Search::read(input, DEVICE) {
        let answer = search.answer(DEVICE, "http://192.168.1.2:8400/device.xml");
        // What somebody wrote in a search makes no line of its own in the answer.
        assert_eq!(answer.matches("\r\n").count(), 8, "{answer:?}");
    }
    // What is told of addresses that somebody chose fits a packet, or is not told.
    let text = String::from_utf8_lossy(input);
    let tuner = Tuner { device, tuners: 4, base_url: &text, lineup_url: &text, device_auth: "a" };
    if let Some(answer) = tuner.answer() {
        assert!(answer.len() <= MAX_FRAME_BYTES);
        assert!(Question::read(&answer).is_none(), "an answer is taken for a question");
    }
}

/// A question with this payload.
fn framed(payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0, 2];
    frame.extend((payload.len() as u16).to_be_bytes());
    frame.extend(payload);
    frame.extend(checksum(&frame).to_le_bytes());
    frame
}

/// Ethernet's CRC-32, bit by bit.
fn checksum(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg())
        })
    })
}

fn seeds() -> Vec<Vec<u8>> {
    let payloads: [&[u8]; 4] = [
        &[1, 4, 0, 0, 0, 1, 2, 4, 0xff, 0xff, 0xff, 0xff],
        &[0x2d, 8, 0, 0, 0, 1, 0, 0, 0, 5],
        &[1, 4, 0xff, 0xff, 0xff, 0xff],
        &[1, 0x84, 0, 0, 0, 0, 1],
    ];
    let search = "M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: \"ssdp:discover\"\r\n\
                  MX: 2\r\nST: ssdp:all\r\n\r\n";
    let mut seeds: Vec<Vec<u8>> = payloads.iter().map(|payload| payload.to_vec()).collect();
    seeds.extend(payloads.iter().map(|payload| framed(payload)));
    seeds.push(search.as_bytes().to_vec());
    seeds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_frames_are_such_as_are_understood() {
        assert_eq!(checksum(b"123456789"), 0xcbf4_3926);
        for frame in &seeds()[4..8] {
            assert!(Question::read(frame).is_some(), "{frame:?}");
        }
    }
}
