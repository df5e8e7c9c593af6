//! Faults: what kind of trouble a worker met, and what is done about it.
//!
//! Owns two tables: from what is known of a failed run to its class, and from the
//! class and the number of failures in a row to the answer. Runs and watches
//! nothing. Invariant: nothing is tried again and again without a pause, and a
//! file is put aside only for what is its own fault.

use std::time::Duration;

/// What kind of trouble it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// The file is not there.
    MissingFile,
    /// It is there, and cannot be read: rights, a failing disk, a lost share.
    UnreadableFile,
    /// Its bytes are not those that the airing's cut points were made from.
    ReplacedFile,
    /// What is in it cannot be decoded, or ends before its time.
    CorruptFile,
    /// The encoder, or the device that it works on.
    Encoder,
    /// No room left to write.
    DiskFull,
    /// FFmpeg ended by a signal, or with an error that says nothing of the file.
    Crash,
    /// No output while it was read.
    Hang,
    /// What came out is not what was asked for.
    Output,
    /// The system did not let FFmpeg run: it is not there, or memory is short.
    Machine,
    /// A fault of Aerial's own.
    Bug,
}

impl Class {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::MissingFile,
        Self::UnreadableFile,
        Self::ReplacedFile,
        Self::CorruptFile,
        Self::Encoder,
        Self::DiskFull,
        Self::Crash,
        Self::Hang,
        Self::Output,
        Self::Machine,
        Self::Bug,
    ];

    /// As API and log name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::MissingFile => "missing_file",
            Self::UnreadableFile => "unreadable_file",
            Self::ReplacedFile => "replaced_file",
            Self::CorruptFile => "corrupt_file",
            Self::Encoder => "encoder",
            Self::DiskFull => "disk_full",
            Self::Crash => "crash",
            Self::Hang => "hang",
            Self::Output => "output",
            Self::Machine => "machine",
            Self::Bug => "bug",
        }
    }
}

/// How the process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// By itself, with this exit code.
    Code(i32),
    /// By a signal that was not ours.
    Signal,
    /// It was ended by us, because nothing came out.
    Hung,
    /// It was ended by us, because of what came out.
    Unusable,
    /// It never began.
    NotStarted,
}

/// What the file's size and time of change say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FileState {
    /// They are as they were found.
    #[default]
    Same,
    /// They are others.
    Replaced,
    /// There is no such file.
    Gone,
    /// The system does not say.
    Unknown,
}

/// What is known of a run that failed.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// How it ended.
    pub ending: Ending,
    /// The last that FFmpeg said.
    pub stderr: &'a str,
    /// The file, looked at after the run.
    pub file: FileState,
}

/// What FFmpeg's words mean; the first that is found counts. Devices come before
/// files, since both can be "not found"; lost shares before corrupt files, since
/// what is not read reads as cut short. Seen with FFmpeg 5.1 but for those marked.
const WORDS: &[(&str, Class)] = &[
    ("No space left on device", Class::DiskFull),
    ("Disk quota exceeded", Class::DiskFull),
    ("Unknown encoder", Class::Encoder),
    ("Error while opening encoder", Class::Encoder),
    ("Error initializing output stream", Class::Encoder),
    ("No VA display found", Class::Encoder),
    ("Device creation failed", Class::Encoder),
    ("Cannot load libcuda", Class::Encoder),
    ("Error initializing an internal MFX session", Class::Encoder),
    ("Could not find a valid device", Class::Encoder),
    // From here to the blank line as FFmpeg's source has them: no such device here.
    ("Cannot load libnvidia-encode", Class::Encoder),
    ("OpenEncodeSessionEx failed", Class::Encoder),
    ("No capable devices found", Class::Encoder),
    ("Failed to initialise VAAPI connection", Class::Encoder),
    ("Device setup failed", Class::Encoder),
    ("Error submitting video frame to the encoder", Class::Encoder),
    ("CUDA_ERROR_", Class::Encoder),
    ("VT session", Class::Encoder),
    ("Device or resource busy", Class::Encoder),
    ("Device busy", Class::Encoder),
    ("Cannot allocate memory", Class::Machine),
    ("Resource temporarily unavailable", Class::Machine),
    ("Too many open files", Class::Machine),
    ("Permission denied", Class::UnreadableFile),
    ("Input/output error", Class::UnreadableFile),
    ("Is a directory", Class::UnreadableFile),
    ("Stale file handle", Class::UnreadableFile),
    ("Transport endpoint is not connected", Class::UnreadableFile),
    ("Host is down", Class::UnreadableFile),
    ("Connection timed out", Class::UnreadableFile),
    ("No such file or directory", Class::MissingFile),
    ("Invalid data found when processing input", Class::CorruptFile),
    ("moov atom not found", Class::CorruptFile),
    ("EBML header parsing failed", Class::CorruptFile),
    ("File ended prematurely", Class::CorruptFile),
    ("partial file", Class::CorruptFile),
    ("error while decoding", Class::CorruptFile),
    ("Could not find codec parameters", Class::CorruptFile),
    ("matches no streams", Class::CorruptFile),
    ("Unknown decoder", Class::CorruptFile),
];

/// Decoders that are missing: the codec's name stands between the two.
const NO_DECODER: (&str, &str) = ("Decoder (codec ", ") not found");

/// The class of a failure.
pub fn classify(evidence: &Evidence<'_>) -> Class {
    match evidence.file {
        FileState::Gone => return Class::MissingFile,
        FileState::Replaced => return Class::ReplacedFile,
        FileState::Same | FileState::Unknown => {}
    }
    let said = WORDS.iter().find(|(words, _)| evidence.stderr.contains(words));
    let said = said.map(|(_, class)| *class).or_else(|| no_decoder(evidence.stderr));
    match (evidence.ending, said) {
        (Ending::Hung, _) => Class::Hang,
        (Ending::Unusable, _) => Class::Output,
        (Ending::NotStarted, _) => Class::Machine,
        // Killed in the middle of a damaged picture: the picture did not kill it.
        (Ending::Signal, Some(Class::CorruptFile) | None) => Class::Crash,
        (_, Some(class)) => class,
        // Content, and yet the track is not whole: of a file that is cut off FFmpeg
        // makes what there is, and exits with 0.
        (Ending::Code(0), None) => Class::CorruptFile,
        (Ending::Code(_), None) => Class::Crash,
    }
}

fn no_decoder(stderr: &str) -> Option<Class> {
    let (before, after) = NO_DECODER;
    let rest = stderr.split(before).nth(1)?;
    rest.lines().next()?.contains(after).then_some(Class::CorruptFile)
}

/// What is done after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// How long until a worker is tried again; `None`: it is of no use for now,
    /// the track becomes slate, and is tried again with it.
    pub retry_after: Option<Duration>,
    /// Without the device from now on, for this item.
    pub in_software: bool,
    /// What the library is to know.
    pub tell: Option<Tell>,
}

/// What the library is to know of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tell {
    /// It is not where it was.
    Missing,
    /// It is another one.
    Replaced,
    /// It cannot be played: put it aside.
    Bad,
}

/// Pauses after the first, second … failure in a row: none, since the first is mostly
/// a hiccup, then 1, 2, 4 s. Past the last there is no further attempt.
const PAUSES_S: [u64; 4] = [0, 1, 2, 4];

/// What is done about a class of faults after so many failures in a row (at
/// least one), without a whole segment between.
pub fn answer(class: Class, failures: u32) -> Answer {
    let pause = |most: usize| {
        let place = failures.saturating_sub(1) as usize;
        PAUSES_S[..most].get(place).copied().map(Duration::from_secs)
    };
    let told = |tell: Tell, from: u32| (failures >= from).then_some(tell);
    let (retry_after, tell) = match class {
        // A share that comes back within a second; else it is not there.
        Class::MissingFile => (pause(1), told(Tell::Missing, 2)),
        // The same bytes fail in the same way: once more, in software, then never.
        Class::CorruptFile => (pause(1), told(Tell::Bad, 2)),
        // These cut points are of no use for other bytes.
        Class::ReplacedFile => (None, told(Tell::Replaced, 1)),
        // What comes and goes by itself.
        Class::UnreadableFile
        | Class::Encoder
        | Class::DiskFull
        | Class::Crash
        | Class::Hang
        | Class::Output
        | Class::Machine
        | Class::Bug => (pause(PAUSES_S.len()), None),
    };
    // Whatever failed twice is tried without the device: drivers fail in many ways.
    let in_software = class == Class::Encoder || failures >= 2;
    Answer { retry_after, in_software, tell }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(ending: Ending, stderr: &str) -> Class {
        classify(&Evidence { ending, stderr, file: FileState::Same })
    }

    /// What FFmpeg 5.1.9 really said, with the exit code it gave.
    #[test]
    fn each_recording_of_a_real_failure_has_its_class() {
        let recordings = include_str!("fault/recordings.txt");
        let mut seen = 0;
        for recording in recordings.split("=== ").skip(1) {
            let (head, stderr) = recording.split_once('\n').unwrap();
            let [name, class, ending] = head.split(' ').collect::<Vec<_>>()[..] else {
                panic!("{head}");
            };
            let ending = match ending {
                "signal" => Ending::Signal,
                code => Ending::Code(code.parse().unwrap()),
            };
            assert_eq!(of(ending, stderr).name(), class, "{name}");
            seen += 1;
        }
        assert!(seen >= 20, "{seen} recordings");
    }

    #[test]
    fn what_the_file_system_says_counts_for_more_than_ffmpegs_words() {
        let invalid = "Invalid data found when processing input";
        for (file, class) in [
            (FileState::Replaced, Class::ReplacedFile),
            (FileState::Gone, Class::MissingFile),
            (FileState::Unknown, Class::CorruptFile),
        ] {
            let evidence = Evidence { ending: Ending::Code(1), stderr: invalid, file };
            assert_eq!(classify(&evidence), class);
        }
    }

    #[test]
    fn whoever_is_killed_crashed_whatever_it_complained_of_before() {
        let damaged = "[h264 @ 0x55] error while decoding MB 3 7\n";
        assert_eq!(of(Ending::Signal, damaged), Class::Crash);
        assert_eq!(of(Ending::Signal, "x: Input/output error\n"), Class::UnreadableFile);
        assert_eq!(of(Ending::Hung, damaged), Class::Hang);
        assert_eq!(of(Ending::NotStarted, "ffmpeg: No such file or directory"), Class::Machine);
        assert_eq!(of(Ending::Code(0), ""), Class::CorruptFile, "content, and cut short");
        assert_eq!(of(Ending::Code(234), "Conversion failed!\n"), Class::Crash);
    }

    fn pauses(class: Class) -> Vec<Option<u64>> {
        let of = |failures| answer(class, failures).retry_after.map(|pause| pause.as_secs());
        (1..=5).map(of).collect()
    }

    #[test]
    fn each_class_has_its_answer() {
        let patient = [Some(0), Some(1), Some(2), Some(4), None];
        for class in [Class::Crash, Class::Hang, Class::Encoder, Class::DiskFull, Class::Machine] {
            assert_eq!(pauses(class), patient, "{class:?}");
            assert_eq!(answer(class, 5).tell, None, "{class:?}");
        }
        for class in [Class::MissingFile, Class::CorruptFile] {
            assert_eq!(pauses(class), [Some(0), None, None, None, None], "{class:?}");
            assert_eq!(answer(class, 1).tell, None, "{class:?}: perhaps it was not the file");
        }
        assert_eq!(answer(Class::CorruptFile, 2).tell, Some(Tell::Bad));
        assert_eq!(answer(Class::MissingFile, 2).tell, Some(Tell::Missing));
        let replaced = answer(Class::ReplacedFile, 1);
        assert_eq!((replaced.retry_after, replaced.tell), (None, Some(Tell::Replaced)));
    }

    #[test]
    fn a_device_that_fails_is_left_at_once_and_everything_else_at_the_second_failure() {
        assert!(answer(Class::Encoder, 1).in_software);
        assert!(!answer(Class::Crash, 1).in_software && answer(Class::Crash, 2).in_software);
        // Before a file is put aside it has failed in software.
        assert!(answer(Class::CorruptFile, 1).retry_after.is_some());
    }
}
