//! What a process has open: files, sockets, pipes, by kind.
//!
//! Owns what counts. The catalogue's files do not: a server opens up to four connections
//! to read it, each two files, when several questions first come at once, and keeps them.
//! So they say how busy it once was, not what it left open, and are told by themselves.
//! Invariant: two counts of a server in the same state are the same.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::{Context as _, Result};

/// One that writes and four that read, two files each, and one file that all share.
const MOST_OF_THE_CATALOGUE: usize = 11;

/// What is open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Open {
    kinds: BTreeMap<String, usize>,
    catalogue: usize,
}

impl Open {
    /// Of that process, now.
    pub(crate) fn of(pid: u32) -> Result<Self> {
        let folder = format!("/proc/{pid}/fd");
        let entries = std::fs::read_dir(&folder).with_context(|| folder.clone())?;
        // What was closed meanwhile is not open.
        let targets = entries.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
        Ok(Self::counted(targets.map(|target| target.to_string_lossy().into_owned())))
    }

    fn counted(targets: impl Iterator<Item = String>) -> Self {
        let mut open = Self::default();
        for target in targets {
            if target.contains("/catalogue.sqlite") {
                open.catalogue += 1;
                continue;
            }
            // `socket:[123]` and `pipe:[123]` are others each time.
            let kind = match target.split_once(":[") {
                Some((kind @ ("socket" | "pipe"), _)) => kind.to_owned(),
                _ => target,
            };
            *open.kinds.entry(kind).or_default() += 1;
        }
        open
    }

    /// How many, without the catalogue's.
    pub(crate) fn count(&self) -> usize {
        self.kinds.values().sum()
    }

    /// What is open beyond what was before, and nothing where that is the same or less.
    pub(crate) fn beyond(&self, before: &Self) -> Self {
        let more = self.kinds.iter().filter_map(|(kind, count)| {
            let more = count.saturating_sub(before.kinds.get(kind).copied().unwrap_or(0));
            (more > 0).then(|| (kind.clone(), more))
        });
        Self {
            kinds: more.collect(),
            catalogue: self.catalogue.saturating_sub(MOST_OF_THE_CATALOGUE),
        }
    }

    /// Nothing is.
    pub(crate) fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for Open {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut kinds: Vec<String> =
            self.kinds.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        if self.catalogue > 0 {
            kinds.push(format!("{} of the catalogue", self.catalogue));
        }
        f.write_str(&kinds.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(targets: &[&str]) -> Open {
        Open::counted(targets.iter().map(|target| (*target).to_owned()))
    }

    #[test]
    fn what_is_more_is_told_by_kind_and_another_reader_of_the_catalogue_is_no_more() {
        let before = open(&["socket:[1]", "/d/lock", "/d/catalogue.sqlite"]);
        let same =
            open(&["socket:[9]", "/d/lock", "/d/catalogue.sqlite", "/d/catalogue.sqlite-wal"]);
        assert!(same.beyond(&before).is_nothing());
        assert_eq!(same.count(), 2);
        let more = open(&["socket:[1]", "socket:[2]", "pipe:[3]", "/d/segments/x", "/d/lock"]);
        let beyond = more.beyond(&before);
        assert_eq!(beyond.to_string(), "1 /d/segments/x, 1 pipe, 1 socket");
        assert!(!beyond.is_nothing() && before.beyond(&more).is_nothing());
    }

    #[test]
    fn more_of_the_catalogue_than_its_connections_is_too_much() {
        let many = open(&["/d/catalogue.sqlite"; MOST_OF_THE_CATALOGUE + 2]);
        assert_eq!(many.beyond(&Open::default()).to_string(), "2 of the catalogue");
    }
}
