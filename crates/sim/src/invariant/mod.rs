//! What must always hold, each a function by itself.
//!
//! Owns the list of invariants with the rule each stands for. The functions look
//! at what the world shows them and keep nothing. Invariant: a check that fails
//! names itself, and says what it saw.

pub(crate) mod edits;
pub(crate) mod guide;
pub(crate) mod ledger;
pub(crate) mod playlist;
pub(crate) mod session;
pub(crate) mod store;
pub(crate) mod work;

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! invariants {
    ($($name:ident: $words:literal, $rule:literal;)*) => {
        /// Something that must always hold.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Invariant {
            $(#[doc = $words] $name,)*
        }

        impl Invariant {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// In words.
            pub fn words(self) -> &'static str {
                match self { $(Self::$name => $words,)* }
            }

            /// Where it is written down: a rule, or an invariant of the design.
            pub fn rule(self) -> &'static str {
                match self { $(Self::$name => $rule,)* }
            }
        }
    };
}

invariants! {
    CommittedNeverChanges: "a committed airing never changes", "invariant 1";
    RowsMeet: "a row starts where the last ends, in whole audio frames", "rule 17";
    NumbersRunOn: "ordinals and sequence numbers run on from row to row", "rules 1, 2";
    DiscontinuitiesAreFew: "a row adds one discontinuity where the frame changes, a skip no more", "rules 2, 15";
    IdleTimeIsOneRow: "after any time without viewers one skip is committed, and only what is on", "rule 2";
    SkipsTellTheirAirings: "a skip stands for just the airings planned in it", "rule 2";
    EditsSpareTheCommitted: "an edit leaves all before its announced time as it was", "rules 3, 4";
    EditsTakeEffect: "from the announced time on an edit is in effect", "rule 4";
    SkippingKeepsPromises: "an airing is ended early only behind what was promised, and the next follows", "rule 4";
    WritersAgree: "two writers commit the same rows once", "rule 3";
    NamesStay: "a sequence number names the same for as long as it may be served", "invariant 2";
    ListsGoForward: "a client's playlist never goes back", "invariant 2";
    ListsHoldNow: "a playlist begins where its client joined, and lists what is on the air", "rule 19";
    LengthsAreKept: "TARGETDURATION is constant, and no EXTINF rounds above it", "invariant 2";
    DatesAreTrue: "PROGRAM-DATE-TIME and EXTINF say when the ledger airs a segment", "invariant 3";
    ListsArePure: "ledger, client and clock alone make a playlist, before a crash and after it", "invariant 9";
    AllAgree: "guide, now and playlist agree", "invariant 1";
    OneSession: "a channel has at most one session", "design";
    ClientsAreCounted: "a session's clients are those heard of within three target durations", "design";
    GraceIsExact: "a session without clients ends after exactly its grace period", "design";
    OneWorkerMakesIt: "no two workers make one missing segment", "demand";
    WorkersAreWanted: "no worker makes what nobody wants", "invariant 7";
    ParkedWorkersEnd: "a worker that nobody reads ends after a minute", "demand";
    NobodyWaitsLong: "a segment that is asked for is made, or slate, in time", "rule 21";
    PicturesRunOn: "where workers are fast, a picture that runs never stops", "rules 19, 21";
    ItemsBeginOnTime: "an item begins on time, whatever became of the one before", "invariant 6";
    StoreKeepsItsLimit: "the store never holds more than its limit", "invariant 8";
    NamedSegmentsStay: "the store never gives away what a live playlist names", "rule 21";
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.words(), self.rule())
    }
}

/// An invariant that did not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{invariant}: {detail}")]
pub struct Violation {
    /// Which.
    pub invariant: Invariant,
    /// What was seen.
    pub detail: String,
}

/// What a check says.
pub type Held = Result<(), Violation>;

/// Fails where `holds` is false, with what was seen.
pub(crate) fn hold(invariant: Invariant, holds: bool, seen: impl FnOnce() -> String) -> Held {
    if holds { Ok(()) } else { Err(Violation { invariant, detail: seen() }) }
}
