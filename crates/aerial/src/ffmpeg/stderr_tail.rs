//! What a process wrote to its stderr, the end of it.
//!
//! FFmpeg blocks when its stderr is not read, and a corrupt file of 30 s makes
//! it write 119 KB; so all is read and the last 64 KiB are kept.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// How much is kept: enough for the last words and their causes, and with a
/// hundred workers still only 6.4 MB.
pub(crate) const KEPT_BYTES: usize = 64 * 1024;

/// The last 64 KiB of a process's stderr, shared between the task that reads it
/// and those who want to know.
#[derive(Clone, Debug, Default)]
pub struct StderrTail(Arc<Mutex<Tail>>);

#[derive(Debug, Default)]
struct Tail {
    kept: VecDeque<u8>,
    /// Bytes that no longer fit.
    lost: u64,
}

impl StderrTail {
    /// Add what was just read.
    pub(crate) fn push(&self, bytes: &[u8]) {
        let mut tail = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tail.kept.extend(bytes);
        let over = tail.kept.len().saturating_sub(KEPT_BYTES);
        tail.kept.drain(..over);
        tail.lost += over as u64;
    }

    /// Hardly more will come: it takes no more room than there is text.
    pub(crate) fn settle(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).kept.shrink_to_fit();
    }

    /// The text kept so far. It begins at the start of a line, and bytes that
    /// are no UTF-8 are shown as U+FFFD.
    pub fn text(&self) -> String {
        let tail = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut bytes: Vec<u8> = tail.kept.iter().copied().collect();
        if tail.lost > 0
            && let Some(end_of_line) = bytes.iter().position(|byte| *byte == b'\n')
        {
            bytes.drain(..=end_of_line);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The last line with something on it, which is mostly the reason.
    pub fn last_line(&self) -> Option<String> {
        self.text().lines().rev().map(str::trim).find(|line| !line.is_empty()).map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_kept_while_it_fits() {
        let tail = StderrTail::default();
        tail.push(b"one\ntw");
        tail.push(b"o\n\n");
        assert_eq!(tail.text(), "one\ntwo\n\n");
        assert_eq!(tail.last_line().as_deref(), Some("two"));
    }

    #[test]
    fn of_a_flood_the_end_is_kept_from_the_start_of_a_line() {
        let tail = StderrTail::default();
        for number in 0..20_000 {
            tail.push(format!("line {number}\n").as_bytes());
        }
        let text = tail.text();
        assert!(text.len() <= KEPT_BYTES);
        assert!(text.starts_with("line "));
        assert!(text.ends_with("line 19999\n"));
    }

    #[test]
    fn what_is_over_takes_little_room() {
        let tail = StderrTail::default();
        (0..2_000).for_each(|_| tail.push(b"line\n"));
        tail.settle();
        assert_eq!(tail.0.lock().unwrap().kept.capacity(), 10_000);
        tail.push(b"last\n");
        assert_eq!(tail.last_line().as_deref(), Some("last"));
    }

    #[test]
    fn bytes_that_are_no_text_do_no_harm() {
        let tail = StderrTail::default();
        tail.push(&[0xff, b'a', 0xc3]);
        assert_eq!(tail.text(), "\u{fffd}a\u{fffd}");
    }
}
