//! What happens to a world: events as data.
//!
//! Owns the events and their file form, a line of JSON each. Does not choose
//! them (`generate`) or make them happen (`world`). Invariant: any list of
//! events can be lived, also one of which some were taken away.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

/// How closely the world is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Months of half-hour items, airing by airing.
    Years,
    /// An hour of items of all lengths, segment by segment, with players, workers
    /// and the segment store.
    Windows,
}

/// A fault planted into the world, to see that it is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Plant {
    /// An edit commits only what has begun, not two minutes ahead.
    EditForgetsTwoMinutes,
    /// An edit writes its version over the row committed last.
    EditRewritesTheLastRow,
    /// A restart counts the sequence numbers of new rows from a lower number.
    RestartForgetsNumbers,
    /// An airing is ended early behind what it was promised to.
    SkipCutsWhatWasPromised,
    /// A step of the wall clock is taken behind what was promised.
    ClockStepsBehindPromises,
    /// A session's grace period is a second too short.
    SessionEndsEarly,
    /// A client is forgotten when its connection ends, not when it falls silent.
    ClientsAreForgotten,
    /// The store gives away what is used least, whoever may ask for it.
    EvictorIgnoresPlaylists,
    /// A worker that is being ended does not keep a second one from starting.
    SecondWorkerStarts,
    /// Nobody ends a worker that nobody wants.
    WorkersAreForgotten,
    /// What fails is tried again for ever, and never slate.
    NothingIsSlate,
    /// The guide is told of the plan as it was when the server started.
    GuideIsStale,
}

/// A change of a channel's lineup or settings. Places count modulo what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Edit {
    /// One more item.
    Insert {
        /// Which media of the library.
        media: u8,
        /// Before which place.
        at: u8,
    },
    /// One item less.
    Remove {
        /// Which place.
        at: u8,
    },
    /// What was committed last goes.
    RemoveCurrent,
    /// An item goes elsewhere.
    Move {
        /// From which place.
        from: u8,
        /// To which.
        to: u8,
    },
    /// Shuffled or as arranged.
    Shuffle(bool),
    /// Begin again after the last item.
    Looping(bool),
    /// It starts so many milliseconds from now.
    StartsIn(i64),
    /// All items go.
    Empty,
}

/// What is wrong with a file from some segment on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// FFmpeg ends at this segment, and at the next ones.
    CrashesAt(u32),
    /// FFmpeg gives nothing more at this segment, and the next ones.
    HangsAt(u32),
    /// The file cannot be opened.
    Missing,
}

/// How somebody watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Viewing {
    /// An HLS player, in the high rendition or the low one.
    Hls {
        /// Which.
        high: bool,
    },
    /// The unending MPEG-TS.
    Transport,
}

/// One thing that happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// Time passes.
    Wait {
        /// Milliseconds.
        ms: u64,
    },
    /// Somebody tunes in, or returns, or changes the channel.
    TuneIn {
        /// Who.
        viewer: u32,
        /// To which channel.
        channel: u8,
        /// How.
        viewing: Viewing,
    },
    /// A viewer says that it leaves.
    Leave {
        /// Who.
        viewer: u32,
    },
    /// A viewer is heard no more.
    Vanish {
        /// Who.
        viewer: u32,
    },
    /// A viewer asks for nothing for a while.
    Pause {
        /// Who.
        viewer: u32,
        /// Milliseconds.
        ms: u64,
    },
    /// A channel is changed.
    Edit {
        /// Which.
        channel: u8,
        /// How.
        edit: Edit,
    },
    /// A channel is changed by another process that writes the same catalogue.
    EditElsewhere {
        /// Which.
        channel: u8,
        /// How.
        edit: Edit,
    },
    /// Two processes commit at once; the other is first.
    Race {
        /// Which channel.
        channel: u8,
    },
    /// The airing is ended early.
    SkipAiring {
        /// Which channel's.
        channel: u8,
    },
    /// Somebody stops the session.
    Stop {
        /// Of which channel.
        channel: u8,
    },
    /// The file of a media is replaced by one of another length.
    Replace {
        /// Which.
        media: u8,
        /// Frames that the new one has more, modulo a tenth of what it has.
        more_frames: u32,
    },
    /// A file begins, or ceases, to fail.
    Spoil {
        /// Which media.
        media: u8,
        /// How; `None` mends it.
        fault: Option<Fault>,
    },
    /// Workers make media at this percentage of its own speed.
    Speed {
        /// 100: as fast as it plays.
        percent: u32,
    },
    /// All FFmpeg processes die.
    KillWorkers,
    /// The server dies and is started again.
    Crash {
        /// So many milliseconds later.
        down_ms: u64,
    },
    /// The machine goes off and is started again.
    PowerCut {
        /// So many milliseconds later.
        down_ms: u64,
    },
    /// The wall clock is set.
    StepClock {
        /// Forth or back.
        ms: i64,
    },
    /// What nobody needs any more of the ledger is pruned.
    Housekeep,
}

/// A world's beginnings and all that happens in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// Decides library and channels, and chose the events.
    pub seed: u64,
    /// How closely it is looked at.
    pub level: Level,
    /// How many channels there are.
    pub channels: u8,
    /// The fault that is planted.
    pub plant: Option<Plant>,
    /// What happens.
    pub events: Vec<Event>,
}

/// The first line of a history's file.
#[derive(Serialize, Deserialize)]
struct Head {
    seed: u64,
    level: Level,
    channels: u8,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    plant: Option<Plant>,
}

/// A history's file cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("line {line} of the history is not to be understood: {source}")]
pub struct BadHistory {
    /// From 1.
    pub line: usize,
    /// What is wrong with it.
    pub source: serde_json::Error,
}

impl History {
    /// The same with other events.
    #[must_use]
    pub fn with(&self, events: Vec<Event>) -> Self {
        Self { events, ..self.clone() }
    }

    /// Its file: what it begins with, then an event a line.
    pub fn to_lines(&self) -> String {
        let Self { seed, level, channels, plant, .. } = *self;
        let mut text = line(&Head { seed, level, channels, plant });
        for event in &self.events {
            let _ = write!(text, "\n{}", line(event));
        }
        text + "\n"
    }

    /// Reads a history's file; empty lines are passed over.
    ///
    /// # Errors
    /// Names the first line that is none of a history.
    pub fn from_lines(text: &str) -> Result<Self, BadHistory> {
        let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let bad = |line: usize| move |source| BadHistory { line: line + 1, source };
        let (number, head) = lines.next().unwrap_or((0, ""));
        let Head { seed, level, channels, plant } =
            serde_json::from_str(head).map_err(bad(number))?;
        let events = lines
            .map(|(number, line)| serde_json::from_str(line).map_err(bad(number)))
            .collect::<Result<_, _>>()?;
        Ok(Self { seed, level, channels: channels.max(1), plant, events })
    }
}

/// As a line of JSON.
pub fn line(value: &impl Serialize) -> String {
    // Numbers, names and lists alone: nothing that JSON could not say.
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate;

    #[test]
    fn a_history_reads_back_as_written() {
        for level in [Level::Years, Level::Windows] {
            let mut history = generate::history(level, 7, 3, 100 * 3_600_000);
            history.plant = Some(Plant::SessionEndsEarly);
            assert!(history.events.len() > 3);
            assert_eq!(History::from_lines(&history.to_lines()).unwrap(), history);
        }
    }

    #[test]
    fn a_line_that_is_no_event_is_named() {
        let text = "{\"seed\":1,\"level\":\"years\",\"channels\":1}\n\n\"housekeep\"\nnonsense\n";
        assert_eq!(History::from_lines(text).unwrap_err().line, 4);
        assert_eq!(History::from_lines("").unwrap_err().line, 1);
    }
}
