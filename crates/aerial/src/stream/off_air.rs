//! What is said while a channel is off the air.
//!
//! Owns the words: the channel's name, when it is back by the clock on the wall, and
//! with what. How they look is the slate's. Invariant: the words of a committed row
//! stay as they were when it was first shown, as long as it can be asked for.

use aerial_model::time::{AirTime, Ticks};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

/// What follows when a channel is off the air.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ComesBack {
    /// The channel's name.
    pub name: String,
    /// When something airs again, and what, if anything ever does.
    pub next: Option<(AirTime, String)>,
}

/// What an off-air slate says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct OffAirWords {
    /// The channel's name.
    pub name: String,
    /// Such as `Back at 18:00`.
    pub back: String,
    /// What comes next.
    pub next: Option<String>,
}

/// Within this time the hour alone says when; the same hour of tomorrow does not.
const SAME_HOUR: Ticks = Ticks::from_secs(23 * 3_600);

/// Within this time the day of the week says which day.
const SAME_WEEKDAY: Ticks = Ticks::from_secs(6 * 24 * 3_600);

impl OffAirWords {
    /// As people in that time zone read it at `now`.
    pub fn of(comes: ComesBack, now: AirTime, zone: &TimeZone) -> Self {
        let ComesBack { name, next } = comes;
        let Some((at, title)) = next else {
            return Self { name, back: "Off air".to_owned(), next: None };
        };
        let back = match zoned(at, zone) {
            Some(local) if at - now < SAME_HOUR => local.strftime("Back at %H:%M").to_string(),
            Some(local) if at - now < SAME_WEEKDAY => {
                local.strftime("Back on %A, %H:%M").to_string()
            }
            Some(local) => local.strftime("Back on %-d %B %Y").to_string(),
            // Beyond the year 9999.
            None => "Off air".to_owned(),
        };
        Self { name, back, next: Some(title) }
    }

    /// Each of the words, for naming.
    pub(super) fn each(&self) -> impl Iterator<Item = &str> {
        [self.name.as_str(), self.back.as_str(), self.next.as_deref().unwrap_or("\n")].into_iter()
    }
}

fn zoned(at: AirTime, zone: &TimeZone) -> Option<Zoned> {
    // To the minute that is nearest: airings begin on an audio frame.
    let minutes = (at.unix_millis() + 30_000).div_euclid(60_000);
    Timestamp::from_second(minutes * 60).ok().map(|at| at.to_zoned(zone.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-12-24T18:00:00Z, a Thursday.
    const NOW: AirTime = AirTime::from_unix_millis(1_798_135_200_000);

    fn back(seconds: i64, zone: &str) -> String {
        let zone = TimeZone::posix(zone).unwrap();
        let next = Some((NOW + Ticks::from_secs(seconds) + Ticks(1_917), "Alpha".to_owned()));
        OffAirWords::of(ComesBack { name: "Films".to_owned(), next }, NOW, &zone).back
    }

    #[test]
    fn the_return_is_told_by_the_clock_on_the_wall() {
        assert_eq!(back(3_600, "UTC0"), "Back at 19:00");
        assert_eq!(back(3_600, "CET-1CEST,M3.5.0,M10.5.0/3"), "Back at 20:00");
        assert_eq!(back(3_600, "IST-5:30"), "Back at 00:30");
        assert_eq!(back(24 * 3_600, "UTC0"), "Back on Friday, 18:00");
        assert_eq!(back(10 * 24 * 3_600, "UTC0"), "Back on 3 January 2027");
        // Over the end of summer time.
        assert_eq!(back(100 * 24 * 3_600, "CET-1CEST,M3.5.0,M10.5.0/3"), "Back on 3 April 2027");
    }

    #[test]
    fn a_channel_that_does_not_come_back_is_off_air() {
        let comes = ComesBack { name: "Films".to_owned(), next: None };
        let words = OffAirWords::of(comes, NOW, &TimeZone::UTC);
        assert_eq!((words.back.as_str(), words.next), ("Off air", None));
    }
}
