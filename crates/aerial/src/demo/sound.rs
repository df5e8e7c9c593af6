//! Quiet sounds for the demo clips, as FFmpeg expressions.
//!
//! Owns how a chord becomes an `aevalsrc` expression. Pure. Invariant: no sum of
//! tones passes full scale, and nothing is loud: the clips run for hours.

use std::f64::consts::TAU;
use std::fmt::Write;

/// What the sum of all tones of a channel may reach, of full scale 1.
const LOUDEST: f64 = 0.28;

/// What is heard.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Sound {
    /// No audio stream at all.
    None,
    /// Tones that swell and ebb, each at its own pace, spread over two speakers.
    Chord {
        /// Pitches in hertz, low to high.
        hertz: &'static [f64],
        /// How fast the slowest tone swells, in swells a minute.
        swells_per_minute: f64,
    },
    /// The chord goes round six speakers (5.1).
    Surround {
        /// Pitches in hertz, low to high.
        hertz: &'static [f64],
    },
    /// Brown noise that comes and goes, like the sea.
    Sea,
}

impl Sound {
    /// The part of a filter graph that ends in `[a]`; `None` where there is no sound.
    pub(super) fn graph(self) -> Option<String> {
        match self {
            Self::None => None,
            Self::Chord { hertz, swells_per_minute } => {
                let left = chord(hertz, swells_per_minute, 0.0);
                let right = chord(hertz, swells_per_minute, 2.1);
                Some(format!(
                    "aevalsrc=exprs='{left}|{right}':s=48000:c=stereo,aecho=0.8:0.7:180|310:0.25|0.15[a]"
                ))
            }
            Self::Surround { hertz } => {
                let speakers: Vec<String> = (0..6)
                    .map(|speaker| match speaker {
                        // The fourth of 5.1 is the bass: one low, even tone.
                        3 => format!(
                            "0.12*sin({:.3}*t)",
                            TAU * hertz.first().copied().unwrap_or(55.0) / 2.0
                        ),
                        other => chord(hertz, 6.0, f64::from(other) * TAU / 5.0),
                    })
                    .collect();
                Some(format!("aevalsrc=exprs='{}':s=48000:c=5.1[a]", speakers.join("|")))
            }
            Self::Sea => Some(
                "anoisesrc=c=brown:r=48000:a=0.5:seed=7,lowpass=f=700,tremolo=f=0.12:d=0.75,\
                 aformat=channel_layouts=mono,asplit[l][d];[d]adelay=1400[r];\
                 [l][r]join=inputs=2:channel_layout=stereo[a]"
                    .to_owned(),
            ),
        }
    }
}

/// The sum of the pitches, higher ones softer, each swelling at its own pace.
fn chord(hertz: &[f64], swells_per_minute: f64, phase: f64) -> String {
    let weights: f64 = (0..hertz.len()).map(weight).sum();
    let mut sum = String::new();
    for (index, pitch) in hertz.iter().enumerate() {
        let tone = LOUDEST * weight(index) / weights / 2.0;
        // Paces that never meet again: each a little faster than the one before.
        let pace = TAU * swells_per_minute / 60.0 * 1.17_f64.powi(index as i32);
        let turn = phase + index as f64 * 1.9;
        let plus = if index == 0 { "" } else { "+" };
        // Writing to a string cannot fail.
        let _ =
            write!(sum, "{plus}{tone:.4}*sin({:.3}*t)*(1+sin({pace:.4}*t+{turn:.2}))", TAU * pitch);
    }
    sum
}

fn weight(index: usize) -> f64 {
    1.0 / (1.0 + index as f64 * 0.35)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chord_of_any_size_stays_below_the_limit() {
        for size in 1..12 {
            let weights: f64 = (0..size).map(weight).sum();
            let loudest: f64 =
                (0..size).map(|index| LOUDEST * weight(index) / weights / 2.0 * 2.0).sum();
            assert!(loudest <= LOUDEST + 1e-9);
        }
    }

    #[test]
    fn silence_is_no_stream_and_surround_has_six_voices() {
        assert_eq!(Sound::None.graph(), None);
        let surround = Sound::Surround { hertz: &[110.0, 220.0] }.graph().expect("a sound");
        assert_eq!(surround.matches('|').count(), 5);
    }
}
