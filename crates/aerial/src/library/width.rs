//! How wide a picture is asked for: one of a few widths, so that what is kept of each
//! picture is bounded.

/// The widths in pixels: of a list, a tile, a page, and of screens with more to show.
const WIDTHS: [u16; 5] = [64, 128, 256, 480, 960];

/// One of the widths that there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Width(u16);

/// No such width.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be one of 64, 128, 256, 480 and 960")]
pub struct NoWidth;

impl Width {
    /// What is shown unless asked otherwise.
    pub const USUAL: Self = Self(480);

    /// In pixels.
    pub fn pixels(self) -> u16 {
        self.0
    }
}

impl std::str::FromStr for Width {
    type Err = NoWidth;
    fn from_str(text: &str) -> Result<Self, NoWidth> {
        let known = WIDTHS.into_iter().find(|width| width.to_string() == text);
        known.map(Self).ok_or(NoWidth)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_a_few_widths_and_no_others() {
        assert_eq!("480".parse(), Ok(Width::USUAL));
        assert_eq!("64".parse::<Width>().unwrap().pixels(), 64);
        for text in ["", "0", "65", "+64", "064", "64.0", "99999999999", "large"] {
            assert_eq!(text.parse::<Width>(), Err(NoWidth), "{text}");
        }
        let told = NoWidth.to_string();
        assert!(WIDTHS.iter().all(|width| told.contains(&width.to_string())), "{told}");
    }
}
