//! The cuts of a media whose video is copied.
//!
//! Owns the list and its stored form. Which keyframes become cuts is `keyframes`'
//! to say. Invariant: cuts rise from zero, and what is stored reads back equal.

use serde::{Deserialize, Serialize};

use crate::time::Ticks;

/// The first byte of the stored form.
const VERSION: u8 = 1;

/// One place where a copied media is cut: an IDR.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cut {
    /// When the IDR is shown, from the first one on.
    pub at: Ticks,
    /// How many pictures there are from here to the next cut.
    pub pictures: u32,
    /// When the first audio frame at or after it is heard (`rules.md`, 11: the
    /// audio threshold); where no audio can be copied, the cut itself.
    pub audio: Ticks,
}

/// The cuts of a file, and what a copying worker must know of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "Vec<u8>", try_from = "Vec<u8>")]
pub struct CutList {
    pub(crate) cuts: Vec<Cut>,
    pub(crate) end: Ticks,
    pub(crate) origin: Ticks,
    pub(crate) reorder: u8,
    /// `reorder` of them for each cut but the first: the times of the last
    /// pictures before it, rising. They are the first decoding times after it.
    pub(crate) before: Vec<Ticks>,
    pub(crate) signature: u64,
    /// Profile, constraints and level, as RFC 6381 names them.
    pub(crate) avc: [u8; 3],
    pub(crate) peak_kbps: u32,
    pub(crate) average_kbps: u32,
}

impl CutList {
    /// Number of segments.
    pub fn segments(&self) -> u32 {
        u32::try_from(self.cuts.len()).unwrap_or(u32::MAX)
    }

    /// Where segment `index` begins; the last one's for any beyond.
    pub fn cut(&self, index: u32) -> &Cut {
        let last = self.cuts.len() - 1;
        &self.cuts[last.min(index as usize)]
    }

    /// Where the last picture ends.
    pub fn end(&self) -> Ticks {
        self.end
    }

    /// The first cut, on the file's own clock: zero of all times here.
    pub fn origin(&self) -> Ticks {
        self.origin
    }

    /// By how many pictures decoding runs ahead of display.
    pub fn reorder(&self) -> usize {
        self.reorder.into()
    }

    /// The times at which the first pictures of segment `index` are decoded,
    /// [`CutList::reorder`] of them: those of the pictures shown before the cut,
    /// for the first a tick apart before the start (`rules.md`, 16).
    pub fn decode_times(&self, index: u32) -> Vec<Ticks> {
        let depth = self.reorder();
        match (index as usize).checked_sub(1) {
            None => (0..depth).map(|n| Ticks(n as i64 - depth as i64)).collect(),
            Some(place) => self.before.iter().skip(place * depth).take(depth).copied().collect(),
        }
    }

    /// Tells codec configurations apart.
    pub fn signature(&self) -> u64 {
        self.signature
    }

    /// As `CODECS` of a master playlist names the video (RFC 6381).
    pub fn codec(&self) -> String {
        let [profile, constraints, level] = self.avc;
        format!("avc1.{profile:02x}{constraints:02x}{level:02x}")
    }

    /// The highest bit rate of any segment, and the average, of the video alone.
    pub fn video_kbps(&self) -> (u32, u32) {
        (self.peak_kbps, self.average_kbps)
    }

    /// The segment that contains `position`, or the nearest.
    pub fn index_at(&self, position: Ticks) -> u32 {
        let after = self.cuts.partition_point(|cut| cut.at <= position);
        u32::try_from(after.saturating_sub(1)).unwrap_or(u32::MAX)
    }

    /// The stored form: numbers of variable length, each cut by its distances.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = vec![VERSION, self.reorder];
        out.extend(self.avc);
        out.extend(self.signature.to_le_bytes());
        for number in
            [self.origin.0, self.end.0, i64::from(self.peak_kbps), i64::from(self.average_kbps)]
        {
            put(&mut out, number);
        }
        put(&mut out, self.cuts.len() as i64);
        let mut last = Ticks::ZERO;
        for (index, cut) in self.cuts.iter().enumerate() {
            put(&mut out, (cut.at - last).0);
            put(&mut out, i64::from(cut.pictures));
            put(&mut out, (cut.audio - cut.at).0);
            if let Some(place) = index.checked_sub(1) {
                let depth = self.reorder();
                let before = self.before.iter().skip(place * depth).take(depth);
                before.for_each(|time| put(&mut out, (cut.at - *time).0));
            }
            last = cut.at;
        }
        out
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// Anything that [`CutList::to_bytes`] did not write.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BadCutList> {
        let mut rest = bytes;
        let list = read(&mut rest).ok_or(BadCutList)?;
        let rising = list.cuts.windows(2).all(|pair| pair[0].at < pair[1].at);
        let whole = rest.is_empty()
            && rising
            && list.cuts.first().is_some_and(|cut| cut.at == Ticks::ZERO)
            && list.cuts.last().is_some_and(|cut| cut.at < list.end);
        whole.then_some(list).ok_or(BadCutList)
    }
}

/// Not the stored form of a list of cuts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a list of cuts; index the file again")]
pub struct BadCutList;

impl From<CutList> for Vec<u8> {
    fn from(list: CutList) -> Self {
        list.to_bytes()
    }
}
impl TryFrom<Vec<u8>> for CutList {
    type Error = BadCutList;
    fn try_from(bytes: Vec<u8>) -> Result<Self, Self::Error> {
        Self::from_bytes(&bytes)
    }
}

fn read(rest: &mut &[u8]) -> Option<CutList> {
    let [VERSION, reorder, profile, constraints, level, tail @ ..] = *rest else { return None };
    let (signature, tail) = tail.split_first_chunk::<8>()?;
    *rest = tail;
    let mut list = CutList {
        cuts: Vec::new(),
        before: Vec::new(),
        reorder: *reorder,
        avc: [*profile, *constraints, *level],
        signature: u64::from_le_bytes(*signature),
        origin: Ticks(take(rest)?),
        end: Ticks(take(rest)?),
        peak_kbps: take(rest)?.try_into().ok()?,
        average_kbps: take(rest)?.try_into().ok()?,
    };
    let cuts = take(rest)?;
    let mut last = Ticks::ZERO;
    for index in 0..cuts {
        let at = Ticks(last.0.checked_add(take(rest)?)?);
        let pictures = take(rest)?.try_into().ok()?;
        let audio = Ticks(at.0.checked_add(take(rest)?)?);
        if index > 0 {
            for _ in 0..*reorder {
                list.before.push(Ticks(at.0.checked_sub(take(rest)?)?));
            }
        }
        list.cuts.push(Cut { at, pictures, audio });
        last = at;
    }
    Some(list)
}

/// Zigzag, then seven bits a byte, the lowest first.
fn put(out: &mut Vec<u8>, number: i64) {
    let mut rest = ((number << 1) ^ (number >> 63)).cast_unsigned();
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

fn take(rest: &mut &[u8]) -> Option<i64> {
    let mut number = 0u64;
    for shift in (0..64).step_by(7) {
        let (byte, tail) = rest.split_first()?;
        *rest = tail;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some((number >> 1).cast_signed() ^ -((number & 1).cast_signed()));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lists() -> impl Strategy<Value = CutList> {
        let cut = (1i64..720_000, 0u32..500, -2_000i64..4_000);
        (prop::collection::vec(cut, 1..40), 0u8..5, any::<u64>(), -90_000i64..90_000).prop_map(
            |(parts, reorder, signature, origin)| {
                let mut at = 0;
                let mut cuts = Vec::new();
                for (length, pictures, audio) in parts {
                    cuts.push(Cut { at: Ticks(at), pictures, audio: Ticks(at + audio) });
                    at += length;
                }
                let before = cuts[1..]
                    .iter()
                    .flat_map(|cut| (0..i64::from(reorder)).map(|n| cut.at - Ticks(3_600 * n)))
                    .collect();
                CutList {
                    cuts,
                    end: Ticks(at),
                    origin: Ticks(origin),
                    reorder,
                    before,
                    signature,
                    avc: [100, 0, 31],
                    peak_kbps: 9_000,
                    average_kbps: 4_000,
                }
            },
        )
    }

    proptest! {
        #[test]
        fn a_list_reads_back_as_stored(list in lists()) {
            prop_assert_eq!(CutList::from_bytes(&list.to_bytes()), Ok(list));
        }

        #[test]
        fn a_damaged_list_is_refused_and_never_panics(list in lists(), cut in any::<prop::sample::Index>()) {
            let bytes = list.to_bytes();
            let kept = cut.index(bytes.len());
            prop_assert_eq!(CutList::from_bytes(&bytes[..kept]), Err(BadCutList));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = CutList::from_bytes(&bytes);
        }
    }
}
