//! What is to be measured, and for how long.
//!
//! Owns the command line of the benchmarks; `scripts/bench` passes it on.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

/// The parts, in the order they are measured.
pub(crate) const PARTS: [&str; 12] = [
    "idle", "tune-in", "warm", "players", "load", "copied", "cost", "viewers", "segments",
    "channels", "leak", "kill",
];

/// The one that takes an hour, and is never meant by "all".
pub(crate) const SOAK: &str = "soak";

const USAGE: &str = "usage: aerial-bench PATH/TO/aerial WORK-FOLDER PATH/TO/hls.min.js \
    [--channels N] [--for SECONDS] [--kills N] [--starts N] [--viewers N] [--seed N] [PART]…";

/// The command line.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) aerial: PathBuf,
    pub(crate) folder: PathBuf,
    pub(crate) hls_js: PathBuf,
    /// How many channels are watched at once.
    pub(crate) channels: usize,
    /// For how long.
    pub(crate) watched: Duration,
    /// For how long the soak goes on.
    pub(crate) soak: Duration,
    /// How many viewers come and go in it.
    pub(crate) viewers: usize,
    /// Which chance it has.
    pub(crate) seed: usize,
    /// How often FFmpeg is killed.
    pub(crate) kills: usize,
    /// How often a channel is started and stopped.
    pub(crate) starts: usize,
    parts: Vec<String>,
}

impl Options {
    pub(crate) fn read(mut words: impl Iterator<Item = String>) -> Result<Self> {
        let (Some(aerial), Some(folder), Some(hls_js)) = (words.next(), words.next(), words.next())
        else {
            bail!(USAGE);
        };
        let mut options = Self {
            aerial: aerial.into(),
            folder: folder.into(),
            hls_js: hls_js.into(),
            channels: 60,
            watched: Duration::from_secs(120),
            soak: Duration::from_secs(3_600),
            viewers: 8,
            seed: 1,
            kills: 20,
            starts: 1_000,
            parts: Vec::new(),
        };
        while let Some(word) = words.next() {
            let mut number = || -> Result<usize> {
                let value = words.next().with_context(|| format!("{word} needs a number"))?;
                let number = value.parse().with_context(|| format!("{word} {value}"))?;
                ensure!(number > 0, "{word} {value}: at least 1");
                Ok(number)
            };
            match word.as_str() {
                "--channels" => options.channels = number()?,
                "--for" => {
                    options.watched = Duration::from_secs(number()?.try_into()?);
                    options.soak = options.watched;
                }
                "--viewers" => options.viewers = number()?,
                "--seed" => options.seed = number()?,
                "--kills" => options.kills = number()?,
                "--starts" => options.starts = number()?,
                part if part == SOAK || PARTS.contains(&part) => options.parts.push(word),
                _ => bail!("{word} is no part ({}) and no option\n{USAGE}", PARTS.join(", ")),
            }
        }
        Ok(options)
    }

    /// Whether this part is to be measured.
    pub(crate) fn wants(&self, part: &str) -> bool {
        (self.parts.is_empty() && part != SOAK) || self.parts.iter().any(|wanted| wanted == part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Options> {
        Options::read(line.split(' ').map(str::to_owned))
    }

    #[test]
    fn without_a_part_all_are_wanted() {
        let options = read("aerial work hls.js --kills 100").unwrap();
        assert!(PARTS.iter().all(|part| options.wants(part)) && !options.wants(SOAK));
        assert_eq!((options.kills, options.channels), (100, 60));
    }

    #[test]
    fn a_part_that_is_named_is_wanted_alone() {
        let options = read("aerial work hls.js --for 600 channels").unwrap();
        assert!(options.wants("channels") && !options.wants("kill"));
        assert_eq!(options.watched, Duration::from_secs(600));
    }

    #[test]
    fn what_is_no_part_is_told() {
        assert!(read("aerial work hls.js chanels").unwrap_err().to_string().contains("chanels"));
        assert!(read("aerial work hls.js --kills none").is_err());
        assert!(read("aerial work hls.js --kills").is_err());
    }
}
