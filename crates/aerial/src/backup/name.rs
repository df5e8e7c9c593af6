//! The names of backups in the folder where they are kept.
//!
//! Invariant: a name tells when the backup was made and on whose account; whatever has
//! another name is not ours.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use aerial_model::time::AirTime;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

const BEFORE: &str = "aerial-";
const AFTER: &str = ".tar.gz";
/// What stands after the moment, for all but those that were made by themselves.
const MARKS: [(Why, &str); 2] = [(Why::ByHand, "-by-hand"), (Why::Upgrade, "-before-upgrade")];
/// As `20261128T153000Z`.
const MOMENT: &str = "%Y%m%dT%H%M%SZ";

/// On whose account a backup was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// It was time for one; when there are enough newer ones, it goes.
    Schedule,
    /// A newer Aerial was about to change the catalogue's schema; the last few stay.
    Upgrade,
    /// Somebody asked for it; it stays until somebody deletes it.
    ByHand,
}

/// A backup's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackupName {
    /// When it was made, to the second.
    pub at: AirTime,
    /// On whose account.
    pub why: Why,
}

impl BackupName {
    /// The name of one that is made now.
    pub fn new(now: AirTime, why: Why) -> Self {
        Self { at: AirTime::from_unix_millis(now.unix_millis().div_euclid(1_000) * 1_000), why }
    }
}

/// By age.
impl Ord for BackupName {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at.0, self.why).cmp(&(other.at.0, other.why))
    }
}
impl PartialOrd for BackupName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// An instant as it stands in names of files: `20261128T153000Z`.
pub(super) fn moment(at: AirTime) -> String {
    let at = jiff::Timestamp::from_millisecond(at.unix_millis()).unwrap_or_default();
    at.strftime(MOMENT).to_string()
}

impl fmt::Display for BackupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = MARKS.iter().find(|(why, _)| *why == self.why).map_or("", |(_, mark)| mark);
        write!(f, "{BEFORE}{}{mark}{AFTER}", moment(self.at))
    }
}

impl FromStr for BackupName {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WRONG: &str = "is no name of a backup";
        let within = text.strip_prefix(BEFORE).and_then(|rest| rest.strip_suffix(AFTER));
        let within = within.ok_or(WRONG)?;
        let marked = MARKS.iter().find_map(|(why, mark)| Some((within.strip_suffix(mark)?, *why)));
        let (moment, why) = marked.unwrap_or((within, Why::Schedule));
        let at = DateTime::strptime(MOMENT, moment).map_err(|_| WRONG)?;
        let at = at.to_zoned(TimeZone::UTC).map_err(|_| WRONG)?.timestamp();
        let name = Self { at: AirTime::from_unix_millis(at.as_millisecond()), why };
        // One spelling alone: a name becomes a path.
        if name.to_string() == text { Ok(name) } else { Err(WRONG) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_when_and_why_and_is_read_again() {
        let now = AirTime::from_unix_millis(1_795_880_000_750);
        for (why, text) in [
            (Why::Schedule, "aerial-20261128T153320Z.tar.gz"),
            (Why::ByHand, "aerial-20261128T153320Z-by-hand.tar.gz"),
            (Why::Upgrade, "aerial-20261128T153320Z-before-upgrade.tar.gz"),
        ] {
            let name = BackupName::new(now, why);
            assert_eq!(name.to_string(), text);
            assert_eq!(text.parse(), Ok(name));
        }
    }

    #[test]
    fn what_is_not_ours_is_no_name() {
        for text in [
            "",
            "aerial-.tar.gz",
            "aerial-20261128T153320Z.tar.gz.part",
            "aerial-20261128T153320Z.tar",
            "aerial-20261328T153320Z.tar.gz",
            "aerial-2026-11-28.tar.gz",
            "../aerial-20261128T153320Z.tar.gz",
            "aerial-+20261128T153320Z.tar.gz",
            "aerial- 20261128T153320Z.tar.gz",
            "aerial-20261128T153320Z-by-hand-by-hand.tar.gz",
        ] {
            assert!(text.parse::<BackupName>().is_err(), "{text}");
        }
    }
}
