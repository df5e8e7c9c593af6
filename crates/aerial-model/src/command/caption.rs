//! Captions: words on a slate, laid out so that they fit.
//!
//! Owns which words stand where and how large. Does not know the font: widths are
//! estimated, on the wide side. Invariant: no line is wider than the frame allows,
//! whatever the words; what does not fit even small is cut short with an ellipsis.

/// A line of words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaptionLine {
    /// The words.
    pub words: String,
    /// Height of its letters, in pixels.
    pub size: u16,
    /// Its middle, in pixels from the top.
    pub middle: u16,
    /// It is the less important one.
    pub faint: bool,
}

/// Words on a slate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caption {
    /// From the top down.
    pub lines: Vec<CaptionLine>,
}

/// A paragraph to be: its words, its size as a part of the frame's height, and how
/// many lines it may take.
struct Paragraph<'a> {
    words: &'a str,
    per_mille: u32,
    lines: usize,
    faint: bool,
}

/// Words may take this much of the frame's width: TVs cut off the edges.
const WIDTH_PERCENT: u32 = 84;

/// Letters are never smaller: below they cannot be read.
const SMALLEST: u16 = 8;

/// From one line's middle to the next, in hundredths of its size.
const LEADING: u32 = 130;

impl Caption {
    /// A channel that is off the air: its name, when it is back, and with what.
    pub fn off_air(name: &str, back: &str, next: Option<&str>, frame: (u16, u16)) -> Self {
        let next = next.map(|title| format!("Next: {title}"));
        let mut paragraphs = vec![
            Paragraph { words: name, per_mille: 110, lines: 2, faint: false },
            Paragraph { words: back, per_mille: 66, lines: 1, faint: false },
        ];
        if let Some(next) = &next {
            paragraphs.push(Paragraph { words: next, per_mille: 44, lines: 2, faint: true });
        }
        Self::of(&paragraphs, frame)
    }

    /// A programme that fails.
    pub fn trouble(frame: (u16, u16)) -> Self {
        let words = "We'll be right back";
        Self::of(&[Paragraph { words, per_mille: 80, lines: 1, faint: false }], frame)
    }

    /// The paragraphs one above the other, in the middle of the frame.
    fn of(paragraphs: &[Paragraph<'_>], (width, height): (u16, u16)) -> Self {
        let room = u32::from(width) * WIDTH_PERCENT / 100;
        let mut lines: Vec<(String, u16, bool, u32)> = Vec::new();
        for (place, paragraph) in paragraphs.iter().enumerate() {
            let largest = u32::from(height) * paragraph.per_mille / 1_000;
            let largest = u16::try_from(largest).unwrap_or(u16::MAX).max(SMALLEST);
            let (size, words) = fitted(paragraph, largest, room);
            for (line, words) in words.into_iter().enumerate() {
                // Half a line of air between paragraphs.
                let air = if place > 0 && line == 0 { u32::from(size) / 2 } else { 0 };
                lines.push((words, size, paragraph.faint, air));
            }
        }
        let tall = |size: u16, air: u32| u32::from(size) * LEADING / 100 + air;
        let total: u32 = lines.iter().map(|(_, size, _, air)| tall(*size, *air)).sum();
        let mut top = u32::from(height).saturating_sub(total) / 2;
        let lines = lines.into_iter().map(|(words, size, faint, air)| {
            let middle = top + air + u32::from(size) * LEADING / 200;
            top += tall(size, air);
            let middle = u16::try_from(middle).unwrap_or(u16::MAX);
            CaptionLine { words, size, middle, faint }
        });
        Self { lines: lines.collect() }
    }
}

/// The largest size down to half of it at which the words fit, and the lines then.
fn fitted(paragraph: &Paragraph<'_>, largest: u16, room: u32) -> (u16, Vec<String>) {
    let words: String =
        paragraph.words.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let smallest = (largest / 2).max(SMALLEST);
    let mut size = largest;
    loop {
        let lines = wrapped(&words, size, room);
        if lines.len() <= paragraph.lines || size <= smallest {
            return (size, shortened(lines, paragraph.lines, size, room));
        }
        size -= 1;
    }
}

/// Words line by line; one that is wider than a line is broken.
fn wrapped(words: &str, size: u16, room: u32) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in words.split_whitespace() {
        let with_it = lines.last().map(|line| format!("{line} {word}"));
        if let (Some(with_it), Some(line)) = (with_it, lines.last_mut())
            && width(&with_it, size) <= room
        {
            *line = with_it;
            continue;
        }
        lines.push(String::new());
        for letter in word.chars() {
            let line = lines.last_mut().filter(|line| {
                let mut longer = (*line).clone();
                longer.push(letter);
                line.is_empty() || width(&longer, size) <= room
            });
            match line {
                Some(line) => line.push(letter),
                None => lines.push(letter.to_string()),
            }
        }
    }
    lines
}

/// The first lines, the last of them with an ellipsis if there are more.
fn shortened(mut lines: Vec<String>, most: usize, size: u16, room: u32) -> Vec<String> {
    if lines.len() > most {
        lines.truncate(most);
        if let Some(last) = lines.last_mut() {
            last.push('…');
            while width(last, size) > room && last.chars().count() > 1 {
                let letters = last.chars().count();
                *last = last.chars().take(letters - 2).chain(['…']).collect();
            }
        }
    }
    lines
}

/// How wide these words are at that size, in pixels, at the most. In hundredths of
/// the size as DejaVu Sans has them, the widest of usual fonts.
fn width(words: &str, size: u16) -> u32 {
    let hundredths = |letter: char| match letter {
        'i' | 'j' | 'l' | 'I' | '.' | ',' | ':' | ';' | '\'' | '!' | '|' | ' ' => 36,
        'f' | 'r' | 't' | '(' | ')' | '[' | ']' | '-' | '/' => 42,
        'm' | 'w' | 'M' | 'W' | '@' | '%' | '…' | '—' => 100,
        'A'..='Z' | '&' | '+' | '=' | '<' | '>' => 80,
        letter if letter < '\u{250}' => 65,
        // Greek, Cyrillic, Hebrew, Arabic.
        letter if letter < '\u{800}' => 85,
        _ => 110,
    };
    words.chars().map(hundredths).sum::<u32>() * u32::from(size) / 100
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(caption: &Caption) -> Vec<(&str, u16, u16)> {
        caption.lines.iter().map(|l| (l.words.as_str(), l.size, l.middle)).collect()
    }

    #[test]
    fn name_return_and_next_stand_in_the_middle() {
        let caption = Caption::off_air("Films", "Back at 18:00", Some("Alpha"), (1280, 720));
        assert_eq!(
            shown(&caption),
            [("Films", 79, 290), ("Back at 18:00", 47, 394), ("Next: Alpha", 31, 460)]
        );
        assert!(caption.lines[2].faint && !caption.lines[0].faint);
    }

    #[test]
    fn a_long_name_takes_two_lines_and_grows_smaller() {
        let name = "The Very Long Name Of A Channel That Shows Nothing But Old Westerns";
        let caption = Caption::off_air(name, "Off air", None, (640, 360));
        let words: Vec<&str> = caption.lines.iter().map(|line| line.words.as_str()).collect();
        assert_eq!(words.len(), 3, "{words:?}");
        assert_eq!(words[..2].join(" "), name);
    }

    proptest! {
        #[test]
        fn whatever_the_words_every_line_fits_into_the_frame(
            name in any::<String>(), next in any::<Option<String>>(),
            frame in prop::sample::select(vec![(1_920, 1_080), (1_280, 720), (640, 360), (256, 144)]),
        ) {
            let caption = Caption::off_air(&name, "Back on Wednesday at 18:00", next.as_deref(), frame);
            for line in &caption.lines {
                let fits = width(&line.words, line.size) <= u32::from(frame.0) * WIDTH_PERCENT / 100;
                prop_assert!(fits, "{line:?}");
                let half = line.size * 13 / 20;
                prop_assert!(line.middle >= half && line.middle + half <= frame.1 + 1, "{line:?}");
                prop_assert!(!line.words.chars().any(char::is_control));
            }
        }
    }
}
