//! Which FFmpeg there is and what it says it can do.
//!
//! Owns the search for the two programs and the reading of their lists. "Listed"
//! is not "works": whether an encoder really encodes is tried by the self-test.
//! Invariant: a [`Ffmpeg`] has both programs, ran once, and lists all that the
//! commands need.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use aerial_model::command::Filters;
use thiserror::Error;

use super::{Invocation, Output, RunError, RunLimits, Spawner};
use crate::config;

/// Printing a list takes 70 ms; on a busy or slow machine a hundred times that.
const LIMITS: RunLimits = RunLimits { time: Duration::from_secs(10), stdout_bytes: 4 << 20 };

/// The filters without which no command works.
const NEEDED_FILTERS: [&str; 16] = [
    "aformat",
    "amix",
    "anullsrc",
    "aresample",
    "asetnsamples",
    "asetpts",
    "atrim",
    "format",
    "fps",
    "overlay",
    "pad",
    "scale",
    "setpts",
    "settb",
    "tpad",
    "trim",
];

/// The filters that some sources or the demo need, and for what.
const WANTED_FILTERS: [(&str, &str); 4] = [
    ("zscale", "HDR pictures are shown too dark"),
    ("tonemap", "HDR pictures are shown too dark"),
    ("bwdif", "interlaced pictures show combs"),
    ("drawtext", "the demo's clips and slates have no text"),
];

/// The encoders without which nothing can be transcoded.
const NEEDED_ENCODERS: [&str; 2] = ["libx264", "aac"];

/// The programs, their version, and what they list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ffmpeg {
    /// `ffmpeg`.
    pub ffmpeg: PathBuf,
    /// `ffprobe`.
    pub ffprobe: PathBuf,
    /// As it calls itself, such as `5.1.9-0+deb12u1`. Part of the store's keys:
    /// another x264 may write another SPS.
    pub version: String,
    filters: BTreeSet<String>,
    encoders: BTreeSet<String>,
}

/// Why there is no FFmpeg to work with.
#[derive(Debug, Error)]
pub enum DiscoverError {
    /// It is not there.
    #[error("there is no {program} {where_looked}; {}", install_advice())]
    Missing {
        /// `ffmpeg` or `ffprobe`.
        program: &'static str,
        /// Where it was looked for.
        where_looked: String,
    },
    /// It cannot be run.
    #[error("{} cannot be used: {reason}", program.display())]
    Broken {
        /// The file.
        program: PathBuf,
        /// What it said.
        reason: String,
    },
    /// It took too long, or could not be started.
    #[error(transparent)]
    Run(#[from] RunError),
    /// It was built without what is needed.
    #[error("{} was built without {}; {}", program.display(), missing.join(", "), install_advice())]
    Lacking {
        /// The file.
        program: PathBuf,
        /// The encoders and filters that it lacks.
        missing: Vec<String>,
    },
}

/// How to get an FFmpeg here.
fn install_advice() -> &'static str {
    if cfg!(target_os = "macos") {
        "install it with `brew install ffmpeg`, or set ffmpeg.path (AERIAL_FFMPEG_PATH)"
    } else {
        "install it with `apt-get install ffmpeg` (Debian, Ubuntu), `dnf swap ffmpeg-free ffmpeg \
         --allowerasing` or `dnf install ffmpeg` (Fedora, with RPM Fusion), `opi codecs` (openSUSE, \
         with Packman) or `pacman -S ffmpeg` (Arch), or set ffmpeg.path (AERIAL_FFMPEG_PATH)"
    }
}

impl Ffmpeg {
    /// Find the programs by the settings or in `PATH`, and ask what they can do.
    ///
    /// # Errors
    /// When there is none that can serve, with what to do about it.
    pub async fn discover(
        settings: &config::Ffmpeg,
        spawner: &Spawner,
    ) -> Result<Self, DiscoverError> {
        let ffmpeg = find("ffmpeg", settings.path.as_deref(), None)?;
        let ffprobe = find("ffprobe", settings.ffprobe.as_deref(), ffmpeg.parent())?;
        let list = async |program: &Path, flag: &str| list(spawner, program, flag).await;
        let version = version_of(&list(&ffmpeg, "-version").await?, "ffmpeg")
            .ok_or_else(|| no_version(&ffmpeg))?;
        version_of(&list(&ffprobe, "-version").await?, "ffprobe")
            .ok_or_else(|| no_version(&ffprobe))?;
        let filters = names(&list(&ffmpeg, "-filters").await?);
        let encoders = names(&list(&ffmpeg, "-encoders").await?);
        let found = Self { ffmpeg, ffprobe, version, filters, encoders };
        match found.missing() {
            missing if missing.is_empty() => Ok(found),
            missing => Err(DiscoverError::Lacking { program: found.ffmpeg, missing }),
        }
    }

    /// Whether it lists this filter.
    pub fn has_filter(&self, name: &str) -> bool {
        self.filters.contains(name)
    }

    /// The filters that commands can do with and without.
    pub fn filters(&self) -> Filters {
        Filters {
            zscale: self.has_filter("zscale") && self.has_filter("tonemap"),
            drawtext: self.has_filter("drawtext"),
        }
    }

    /// Whether it lists this encoder, which does not mean that it works.
    pub fn lists_encoder(&self, name: &str) -> bool {
        self.encoders.contains(name)
    }

    /// What works worse without a filter that this build lacks.
    pub fn shortcomings(&self) -> Vec<String> {
        let lacking = WANTED_FILTERS.iter().filter(|(filter, _)| !self.has_filter(filter));
        lacking.map(|(filter, effect)| format!("no filter `{filter}`: {effect}")).collect()
    }

    fn missing(&self) -> Vec<String> {
        let filters = NEEDED_FILTERS.iter().filter(|name| !self.has_filter(name));
        let encoders = NEEDED_ENCODERS.iter().filter(|name| !self.lists_encoder(name));
        encoders
            .map(|name| format!("the encoder {name}"))
            .chain(filters.map(|name| format!("the filter {name}")))
            .collect()
    }
}

fn no_version(program: &Path) -> DiscoverError {
    let reason = "it does not print a version as FFmpeg does".to_owned();
    DiscoverError::Broken { program: program.to_owned(), reason }
}

/// The program by its setting, else beside another, else in `PATH`.
fn find(
    program: &'static str,
    setting: Option<&Path>,
    beside: Option<&Path>,
) -> Result<PathBuf, DiscoverError> {
    let missing = |where_looked| DiscoverError::Missing { program, where_looked };
    if let Some(path) = setting {
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        return match absolute.is_file() {
            true => Ok(absolute),
            false => Err(missing(format!("at {}, where the settings say", path.display()))),
        };
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    beside
        .map(Path::to_owned)
        .into_iter()
        .chain(std::env::split_paths(&path))
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
        .ok_or_else(|| missing("in the folders of PATH".to_owned()))
}

/// What the program prints for a flag.
async fn list(spawner: &Spawner, program: &Path, flag: &str) -> Result<String, DiscoverError> {
    let invocation = Invocation::new(program).args(["-hide_banner", "-v", "error", flag]);
    let Output { exit, stdout, stderr } = spawner.run_to_end(invocation, LIMITS).await?;
    if !exit.is_success() {
        let said = stderr.lines().last().map(|line| format!(": {line}")).unwrap_or_default();
        let reason = format!("`{flag}` ended with {exit}{said}");
        return Err(DiscoverError::Broken { program: program.to_owned(), reason });
    }
    Ok(String::from_utf8_lossy(&stdout).into_owned())
}

/// `ffmpeg version 5.1.9-0+deb12u1 Copyright …`
fn version_of(text: &str, program: &str) -> Option<String> {
    let mut words = text.lines().next()?.split_whitespace();
    (words.next()? == program && words.next()? == "version")
        .then(|| words.next())?
        .map(str::to_owned)
}

/// The second column of a list, after the legend.
fn names(list: &str) -> BTreeSet<String> {
    list.lines()
        .filter_map(|line| {
            let mut columns = line.split_whitespace();
            let (_flags, name) = (columns.next()?, columns.next()?);
            (name != "=").then(|| name.to_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_distributions_and_of_git_are_read() {
        let debian = "ffmpeg version 5.1.9-0+deb12u1 Copyright (c) 2000-2026 the FFmpeg developers";
        assert_eq!(version_of(debian, "ffmpeg").as_deref(), Some("5.1.9-0+deb12u1"));
        let git = "ffmpeg version N-113684-g5a7d0b4 Copyright (c) 2000-2024";
        assert_eq!(version_of(git, "ffmpeg").as_deref(), Some("N-113684-g5a7d0b4"));
        assert_eq!(version_of("Usage: other [options]", "ffmpeg"), None);
        assert_eq!(version_of("", "ffmpeg"), None);
    }

    #[test]
    fn names_are_the_second_column_and_the_legend_is_none() {
        let list = "Filters:\n  T.. = Timeline support\n ... abench            A->A       Bench\n\
                    Encoders:\n V..... = Video\n ------\n V....D libx264              H.264";
        assert_eq!(names(list), ["abench", "libx264"].map(str::to_owned).into());
    }

    #[test]
    fn a_program_that_is_not_there_is_told_with_how_to_install_it() {
        let error = find("ffmpeg", Some(Path::new("/no/such/ffmpeg")), None).unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("there is no ffmpeg at /no/such/ffmpeg, where the settings say"));
        assert!(text.contains("install"), "{text}");
    }
}
