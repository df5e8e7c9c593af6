//! Probing: which questions to ask ffprobe about a file, and what its answers say.
//!
//! Owns the argument lists of the runs and the reading of their JSON. Does not
//! run anything: a caller runs what [`Probe::arguments`] says and hands the
//! answer to [`Probe::answer`], until the facts are there. Invariant: however
//! odd the answers, the outcome is facts or an error in words, never a panic.
//!
//! What it costs: two runs of ffprobe. The first reads the headers and the first
//! packets, the second the last ten seconds. MPEG-TS and PS are read whole up
//! to 1 GiB (2 CPU-seconds), because their keyframe gaps and jumps in time can be
//! seen in no other way; of larger ones a dozen stretches of 15 s are read, so
//! a jump between two stretches is found only by the worker that meets it. A
//! file cut short, where the end that its header promises is not there, is
//! looked at in 32 places and then read from the last one that held a picture.

mod facts;
mod json;
mod packets;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::media::MediaFacts;
use crate::time::Ticks;
use facts::Overview;
use json::Document;

/// Why a file cannot be put on the air, in words for its owner.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProbeError {
    /// Nothing in it.
    #[error("{} is empty (0 bytes): copy it again", name(.path))]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// ffprobe gave up.
    #[error("{} cannot be read as a video; ffprobe says: {says}", name(.path))]
    Refused {
        /// The file.
        path: PathBuf,
        /// The last line of its stderr.
        says: String,
    },
    /// ffprobe's answer is no JSON.
    #[error("{} was probed, but ffprobe's answer cannot be understood: {says}", name(.path))]
    Garbled {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        says: String,
    },
    /// Only pictures, text, data or unknown codecs.
    #[error("{} holds no picture or sound that FFmpeg can decode ({holds})", name(.path))]
    NothingToPlay {
        /// The file.
        path: PathBuf,
        /// What it holds instead.
        holds: String,
    },
    /// Headers without anything behind them.
    #[error("{} ends before its first frame: it was cut short, copy it again", name(.path))]
    NoFrames {
        /// The file.
        path: PathBuf,
    },
}

fn name(path: &Path) -> String {
    // Quoted, so that a newline in a name cannot break a line of the log.
    format!("{:?}", path.file_name().unwrap_or(path.as_os_str()))
}

/// What one run of ffprobe gave.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// It ended with exit code 0.
    pub success: bool,
    /// Its JSON.
    pub stdout: &'a [u8],
    /// Its complaints.
    pub stderr: &'a [u8],
}

/// What comes after an answer.
#[derive(Debug)]
pub enum Step {
    /// One more run is needed.
    Again(Probe),
    /// All is known.
    Done(Box<MediaFacts>),
}

/// A file being probed.
#[derive(Debug)]
pub struct Probe {
    path: PathBuf,
    size_bytes: u64,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// Headers and the first packets.
    Overview,
    /// The places that tell the end, and for MPEG-TS and PS how to enter.
    Tail(Box<Overview>, Reach),
    /// The header's end is not there: looking where the file stops.
    Search(Box<Overview>, Vec<Ticks>),
    /// From the last place that held something to where the file stops.
    Rest(Box<Overview>, Ticks),
}

/// What the second run reads.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Reach {
    /// Everything.
    Whole,
    /// From here to the end, on the file's clock.
    From(Ticks),
    /// From here to where a file stops that was cut short.
    Rest(Ticks),
    /// Stretches of MPEG-TS or PS beginning here; the last one to the end.
    Places(Vec<Ticks>),
}

/// MPEG-TS and PS up to this size are read whole.
const WHOLE_UP_TO_BYTES: u64 = 1 << 30;

/// How much is read at the end: more than the longest usual keyframe gap.
const TAIL: Ticks = Ticks::from_secs(10);

/// How much of a large MPEG-TS or PS is read at each place: three times the gap
/// between keyframes that broadcasters allow themselves at most.
const STRETCH: Ticks = Ticks::from_secs(15);

/// In how many places a large MPEG-TS or PS is read.
const PLACES: i64 = 12;

/// In how many places a file that was cut short is looked at.
const SEARCH_PLACES: i64 = 32;

impl Probe {
    /// Begins; a file of 0 bytes is refused without asking anybody.
    pub fn new(path: &Path, size_bytes: u64) -> Result<Self, ProbeError> {
        if size_bytes == 0 {
            return Err(ProbeError::Empty { path: path.to_owned() });
        }
        Ok(Self { path: path.to_owned(), size_bytes, stage: Stage::Overview })
    }

    /// The arguments of the ffprobe that must be run now.
    pub fn arguments(&self) -> Vec<OsString> {
        const PACKET: &str = "packet=stream_index,pts,dts,duration,flags";
        let (entries, intervals) = match &self.stage {
            Stage::Overview => (
                format!(
                    "{PACKET}:stream:stream_tags:stream_disposition:stream_side_data\
                     :format:format_tags:chapter:chapter_tags"
                ),
                Some("%+#120".to_owned()),
            ),
            Stage::Tail(_, reach) => (PACKET.to_owned(), reach.intervals()),
            Stage::Search(_, places) => {
                let each: Vec<String> =
                    places.iter().map(|at| format!("{}%+#60", micros(*at))).collect();
                (PACKET.to_owned(), Some(each.join(",")))
            }
            Stage::Rest(_, from) => (PACKET.to_owned(), Reach::Rest(*from).intervals()),
        };
        let mut arguments: Vec<OsString> = ["-v", "error", "-protocol_whitelist", "file,pipe"]
            .into_iter()
            .map(OsString::from)
            .collect();
        arguments.extend(["-show_entries".into(), entries.into()]);
        if let Some(intervals) = intervals {
            arguments.extend(["-read_intervals".into(), intervals.into()]);
        }
        arguments.extend(["-of", "json=compact=1", "-i"].map(OsString::from));
        arguments.push(input(&self.path));
        arguments
    }

    /// Takes the answer to the run that [`Probe::arguments`] described.
    pub fn answer(self, answer: Answer<'_>) -> Result<Step, ProbeError> {
        let Self { path, size_bytes, stage } = self;
        // A broken file can end a later run badly: what it wrote before counts.
        if let (Stage::Overview, false) = (&stage, answer.success) {
            return Err(ProbeError::Refused { says: last_line(answer.stderr, &path), path });
        }
        let document = match Document::parse(answer.stdout) {
            Ok(document) => document,
            Err(_) if !answer.success => Document::default(),
            Err(error) => return Err(ProbeError::Garbled { says: error.to_string(), path }),
        };
        let again = |stage| Ok(Step::Again(Self { path: path.clone(), size_bytes, stage }));
        match stage {
            Stage::Overview => {
                let overview = Overview::read(document, &path)?;
                let reach = Reach::for_file(&overview, size_bytes);
                again(Stage::Tail(Box::new(overview), reach))
            }
            Stage::Tail(overview, reach) => {
                if overview.has_airing(&document.packets) || reach == Reach::Whole {
                    return overview.finish(&reach, &document.packets, &path);
                }
                match overview.span() {
                    // MPEG-TS and PS: FFmpeg has measured the ends already.
                    _ if overview.container.is_mpeg() => {
                        overview.finish(&reach, &document.packets, &path)
                    }
                    Some((from, to)) if to - from > TAIL * 3 => {
                        let step = (to - from).0 / SEARCH_PLACES;
                        let places = (0..SEARCH_PLACES).map(|n| from + Ticks(step * n)).collect();
                        again(Stage::Search(overview, places))
                    }
                    _ => again(Stage::Tail(overview, Reach::Whole)),
                }
            }
            Stage::Search(overview, places) => {
                let held = overview.last_airing(&document.packets);
                let from = places.into_iter().rev().find(|at| held.is_some_and(|held| *at <= held));
                let from = from.unwrap_or(overview.start_time);
                again(Stage::Rest(overview, from))
            }
            Stage::Rest(overview, from) => {
                overview.finish(&Reach::Rest(from), &document.packets, &path)
            }
        }
    }
}

impl Reach {
    /// Nothing that airs was left out, so a stream that was not seen is not there,
    /// whatever the header says of it.
    fn is_all(&self) -> bool {
        matches!(self, Self::Whole | Self::Rest(_))
    }

    /// Where stretches begin that are not joined to each other.
    fn stretches(&self) -> &[Ticks] {
        match self {
            Self::Places(places) => places,
            Self::Whole | Self::From(_) | Self::Rest(_) => &[],
        }
    }

    fn for_file(overview: &Overview, size_bytes: u64) -> Self {
        let Some((from, to)) = overview.span() else { return Self::Whole };
        if !overview.container.is_mpeg() {
            return Self::From((to - TAIL).max(from));
        }
        if size_bytes <= WHOLE_UP_TO_BYTES || to - from < STRETCH * 2 * PLACES {
            return Self::Whole;
        }
        let step = (to - TAIL - from).0 / (PLACES - 1);
        Self::Places((0..PLACES).map(|n| from + Ticks(step * n)).collect())
    }

    fn intervals(&self) -> Option<String> {
        match self {
            Self::Whole => None,
            Self::From(from) | Self::Rest(from) => Some(format!("{}%", micros(*from))),
            Self::Places(places) => {
                let (last, before) = places.split_last()?;
                let mut all: Vec<String> = before
                    .iter()
                    .map(|at| format!("{}%+{}", micros(*at), STRETCH.0 / 90_000))
                    .collect();
                all.push(format!("{}%", micros(*last)));
                Some(all.join(","))
            }
        }
    }
}

/// A file as FFmpeg and ffprobe take it: `file:` keeps a name with a colon, a
/// leading dash or a percent sign from meaning anything else.
pub fn input(path: &Path) -> OsString {
    let mut name = OsString::from("file:");
    name.push(path);
    name
}

/// Seconds with six decimals, rounded down.
pub(crate) fn micros(at: Ticks) -> String {
    let micros = i128::from(at.0) * 100 / 9;
    let sign = if micros < 0 { "-" } else { "" };
    let micros = micros.unsigned_abs();
    format!("{sign}{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

/// The last line that says something; the file's name is told already.
fn last_line(stderr: &[u8], path: &Path) -> String {
    let text = String::from_utf8_lossy(stderr);
    let text = text.replace(&format!("{}: ", input(path).to_string_lossy()), "");
    let line = text.lines().rev().map(str::trim).find(|line| !line.is_empty());
    line.unwrap_or("nothing").chars().take(200).collect()
}

#[cfg(test)]
mod tests;
