//! Bytes that chance makes of others.
//!
//! Knows nothing of what the bytes mean, but for words that a target names. Invariant:
//! the same seed and corpus make the same inputs.

/// No input grows over this: what is larger says no more, and takes longer.
const MOST_BYTES: usize = 1 << 18;

/// Bytes at which something turns over.
const EDGES: [u8; 8] = [0, 1, 0x47, 0x7f, 0x80, 0xff, b'0', b'"'];

/// Numbers at which something turns over, as text.
const NUMBERS: [&str; 12] = [
    "0",
    "-1",
    "1",
    "65536",
    "2147483648",
    "4294967296",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551616",
    "1e308",
    "0.000001",
    "99999999999999999999999999999999999999999",
];

/// Makes inputs.
#[derive(Clone, Debug)]
pub struct Mutator {
    state: u64,
    words: &'static [&'static str],
}

impl Mutator {
    /// With these words at hand.
    pub fn new(seed: u64, words: &'static [&'static str]) -> Self {
        Self { state: seed, words }
    }

    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, count: usize) -> usize {
        (self.next() % count.max(1) as u64) as usize
    }

    /// An input like one of these, changed in a few places.
    pub fn made_of(&mut self, corpus: &[Vec<u8>]) -> Vec<u8> {
        let mut input = match corpus.len() {
            0 => Vec::new(),
            some => corpus[self.below(some)].clone(),
        };
        for _ in 0..=self.below(6) {
            self.change(&mut input, corpus);
        }
        input.truncate(MOST_BYTES);
        input
    }

    /// A stretch of so many bytes, short ones more often.
    fn stretch(&mut self, length: usize) -> std::ops::Range<usize> {
        let from = self.below(length);
        let most = if self.below(3) == 0 { length - from } else { (length - from).min(16) };
        from..from + self.below(most + 1)
    }

    fn change(&mut self, input: &mut Vec<u8>, corpus: &[Vec<u8>]) {
        if input.is_empty() {
            let bytes = self.below(64);
            input.extend((0..bytes).map(|_| self.next() as u8));
            return;
        }
        let at = self.below(input.len());
        match self.below(12) {
            0 => input[at] ^= 1 << self.below(8),
            1 => input[at] = EDGES[self.below(EDGES.len())],
            2 => input[at] = self.next() as u8,
            3 => {
                let stretch = self.stretch(input.len());
                input.drain(stretch);
            }
            4 => {
                let stretch = self.stretch(input.len());
                let copy = input[stretch].to_vec();
                input.splice(at..at, copy);
            }
            5 => self.repeat(input),
            6 | 7 if !self.words.is_empty() => {
                let word = self.words[self.below(self.words.len())].bytes();
                let over = if self.below(2) == 0 { at } else { (at + word.len()).min(input.len()) };
                input.splice(at..over, word);
            }
            8 => self.number(input),
            9 if !corpus.is_empty() => {
                let other = &corpus[self.below(corpus.len())];
                let stretch = self.stretch(other.len().max(1));
                input.splice(at..at, other.get(stretch).unwrap_or_default().to_vec());
            }
            10 => input.truncate(at),
            _ => {
                let bytes = self.below(8);
                let odd: Vec<u8> = (0..bytes).map(|_| self.next() as u8).collect();
                input.splice(at..at, odd);
            }
        }
    }

    /// The same again and again: what nests, nests deep.
    fn repeat(&mut self, input: &mut Vec<u8>) {
        let stretch = self.stretch(input.len());
        let (end, copy) = (stretch.end, input[stretch].to_vec());
        let times = [2, 10, 200, 5_000][self.below(4)];
        let most = MOST_BYTES / copy.len().max(1);
        input.splice(end..end, copy.repeat(times.min(most)));
    }

    /// Puts another number in place of one that is there.
    fn number(&mut self, input: &mut Vec<u8>) {
        let starts: Vec<usize> = (0..input.len())
            .filter(|at| {
                input[*at].is_ascii_digit() && (*at == 0 || !input[at - 1].is_ascii_digit())
            })
            .collect();
        if starts.is_empty() {
            return;
        }
        let from = starts[self.below(starts.len())];
        let digits = input[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let number = NUMBERS[self.below(NUMBERS.len())].bytes();
        input.splice(from..from + digits, number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_and_another_one_others() {
        let corpus = vec![b"{\"a\": 12}".to_vec(), b"<b/>".to_vec()];
        let made = |seed| -> Vec<Vec<u8>> {
            let mut mutator = Mutator::new(seed, &["null"]);
            (0..500).map(|_| mutator.made_of(&corpus)).collect()
        };
        assert_eq!(made(1), made(1));
        assert_ne!(made(1), made(2));
        assert!(made(1).iter().all(|input| input.len() <= MOST_BYTES));
        let other = made(1).into_iter().filter(|input| !corpus.contains(input)).count();
        assert!(other > 400, "{other}");
    }
}
