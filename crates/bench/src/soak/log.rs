//! What the server said while it was beaten.

use std::path::Path;

use anyhow::{Context as _, Result};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::trouble::Blow;

/// What a machine makes it say that is too slow for all that is asked of it.
const BUSY: [&str; 1] = ["encoding falls behind real time"];

/// What it says at each start, since nobody sets a password here.
const OPEN: &str = "there is no password yet";

/// So much longer than pictures feel a blow it may be found out: a worker that rests is
/// found dead when more is wanted of it.
const FOUND: SignedDuration = SignedDuration::from_secs(120);

/// The warnings and errors of a log.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// What something done on purpose is the reason of.
    pub(super) explained: usize,
    /// That the machine is slow.
    pub(super) busy: usize,
    pub(super) unexplained: Vec<String>,
}

impl Said {
    /// Reads a log of one JSON object a line, of warnings and worse.
    pub(super) fn read(log: &Path, blows: &[Blow]) -> Result<Self> {
        let text = std::fs::read_to_string(log)
            .with_context(|| format!("the server's log {}", log.display()))?;
        let mut said = Self::default();
        text.lines().filter(|line| !line.trim().is_empty()).for_each(|line| said.take(line, blows));
        Ok(said)
    }

    fn take(&mut self, line: &str, blows: &[Blow]) {
        if line.contains(OPEN) {
            return;
        }
        let told: Value = serde_json::from_str(line).unwrap_or_default();
        let at: Option<Timestamp> = told["timestamp"].as_str().and_then(|text| text.parse().ok());
        let is_of = |blow: &Blow| {
            let names = blow.titles.iter().any(|title| line.contains(title.as_str()));
            let says = blow.words.iter().any(|word| line.contains(word));
            let in_time = |at: Timestamp| blow.at <= at && at.duration_since(blow.until) <= FOUND;
            at.is_some_and(in_time) && (names || says)
        };
        if blows.iter().any(is_of) {
            self.explained += 1;
        } else if BUSY.iter().any(|word| line.contains(word)) {
            self.busy += 1;
        } else {
            self.unexplained.push(line.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::soak::trouble::Kind;

    #[test]
    fn a_line_is_explained_by_a_blow_that_it_names_in_its_time() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let titles = vec!["Mortal 6".to_owned()];
        let blow = Blow {
            kind: Kind::Broken,
            at: at(100),
            until: at(200),
            titles,
            words: &["memory alone"],
        };
        let line = |second: i64, rest: &str| format!(r#"{{"timestamp":"{}",{rest}}}"#, at(second));
        let mut said = Said::default();
        for (second, rest) in [
            (150, r#""title":"Mortal 6","message":"worker failed""#),
            (150, r#""message":"segments are served from memory alone""#),
            (150, r#""title":"Mortal 1","message":"worker failed""#),
            (350, r#""title":"Mortal 6","message":"worker failed""#),
            (150, r#""message":"there is no password yet: whoever is here may manage Aerial""#),
            (150, r#""message":"encoding falls behind real time: the next workers try less hard""#),
        ] {
            said.take(&line(second, rest), std::slice::from_ref(&blow));
        }
        said.take("thread 'main' panicked at src/main.rs:1:1:", &[blow]);
        assert_eq!((said.explained, said.busy, said.unexplained.len()), (2, 1, 3), "{said:?}");
    }
}
