//! The ladder: which renditions a channel offers.
//!
//! Owns the choice among the rungs that are set. Does not know what a rendition's
//! bytes are (`profile`). Invariant: there always is one, and the same channel and
//! lineup always offer the same.

use crate::lineup::Slot;
use crate::profile::Rendition;

/// Of what the machine carries, all that is offered at once beside `source` where
/// nothing was measured.
const UNMEASURED: usize = 1;

/// How alike the videos of a lineup are, as players would see them copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Looks {
    /// None of them can be copied.
    #[default]
    Transcoded,
    /// All can be copied, and are configured alike.
    Alike,
    /// Some can be copied, or they are configured differently.
    Mixed,
}

impl Looks {
    /// Of these slots.
    pub fn of(slots: &[Slot]) -> Self {
        let mut signatures = slots.iter().map(|slot| slot.map.signature());
        let Some(first) = signatures.next() else { return Self::Transcoded };
        match (first, signatures.all(|signature| signature == first)) {
            (None, true) => Self::Transcoded,
            (Some(_), true) => Self::Alike,
            (_, false) => Self::Mixed,
        }
    }

    /// Something of it can be copied.
    pub fn copies(self) -> bool {
        self != Self::Transcoded
    }
}

/// What a channel offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ladder {
    /// Best first.
    rungs: Vec<Rendition>,
    /// Taller than the channel's frame: the same as its tallest.
    too_tall: Vec<Rendition>,
    /// What is encoded where one rendition must do.
    standard: Rendition,
    looks: Looks,
}

impl Ladder {
    /// Of these rungs, those that a channel offers whose frame is that high and whose
    /// videos look like this. `standard` is the height that the machine affords.
    pub fn of(rungs: &[Rendition], frame_height: u16, looks: Looks, standard: u16) -> Self {
        let copies = looks.copies();
        let mut offered: Vec<Rendition> = rungs
            .iter()
            .copied()
            .filter(|rung| match rung {
                Rendition::Source => copies,
                Rendition::Height(height) => *height <= frame_height,
            })
            .collect();
        // A frame between two rungs is its own.
        let tallest = |offered: &[Rendition]| offered.iter().find_map(|rung| rung.height());
        if tallest(&offered).is_none() && (offered.is_empty() || copies) {
            offered.push(Rendition::Height(frame_height.min(standard)));
        }
        let heights = || offered.iter().filter_map(|rung| rung.height());
        let within = heights().find(|height| *height <= standard);
        let standard =
            within.or_else(|| heights().next_back()).unwrap_or(frame_height.min(standard));
        let is_too_tall = |rung: &Rendition| rung.height().is_some_and(|h| h > frame_height);
        let too_tall = rungs.iter().copied().filter(is_too_tall).collect();
        Self { rungs: offered, too_tall, standard: Rendition::Height(standard), looks }
    }

    /// All that is offered, best first.
    pub fn rungs(&self) -> &[Rendition] {
        &self.rungs
    }

    /// Whether it can be asked for: what is offered, and what would be if the
    /// channel's pictures were taller (they may be tomorrow).
    pub fn has(&self, rendition: Rendition) -> bool {
        self.rungs.contains(&rendition) || self.too_tall.contains(&rendition)
    }

    /// What whoever can take one rendition gets (`rules.md`, 18).
    pub fn one(&self) -> Rendition {
        if self.has(Rendition::Source) { Rendition::Source } else { self.standard }
    }

    /// The same for an unending stream, whose readers do not all take another codec
    /// configuration in the middle.
    pub fn one_unending(&self) -> Rendition {
        if self.looks == Looks::Alike { self.one() } else { self.standard }
    }

    /// What is encoded of an item that `source` cannot copy.
    pub fn standing_in(&self) -> Rendition {
        self.standard
    }

    /// What a master playlist lists: players may fetch all of it at once, so no more
    /// than the machine carries together. `affords` is asked of each height in
    /// turn, best first; without an answer, `source` and one more.
    pub fn listed(&self, mut affords: impl FnMut(u16) -> Option<bool>) -> Vec<Rendition> {
        let mut unmeasured = 0;
        let mut listed: Vec<Rendition> = self
            .rungs
            .iter()
            .copied()
            .filter(|rung| {
                let Rendition::Height(height) = *rung else { return true };
                affords(height).unwrap_or_else(|| {
                    let taken = *rung == self.standard || height < self.standard_height();
                    unmeasured += usize::from(taken);
                    taken && unmeasured <= UNMEASURED
                })
            })
            .collect();
        if listed.is_empty() {
            listed.push(self.one());
        }
        listed
    }

    fn standard_height(&self) -> u16 {
        self.standard.height().unwrap_or(u16::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rungs(texts: &[&str]) -> Vec<Rendition> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }
    fn usual() -> Vec<Rendition> {
        rungs(&["source", "1080p", "720p", "480p", "360p"])
    }
    fn of(frame: u16, looks: Looks) -> Ladder {
        Ladder::of(&usual(), frame, looks, 720)
    }

    #[test]
    fn rungs_above_the_tallest_source_are_not_offered() {
        assert_eq!(of(1_080, Looks::Transcoded).rungs(), rungs(&["1080p", "720p", "480p", "360p"]));
        assert_eq!(of(576, Looks::Alike).rungs(), rungs(&["source", "480p", "360p"]));
        assert_eq!(of(240, Looks::Transcoded).rungs(), rungs(&["240p"]));
    }

    #[test]
    fn whoever_takes_one_rendition_gets_the_copy_else_what_the_machine_affords() {
        assert_eq!(of(1_080, Looks::Mixed).one(), Rendition::Source);
        assert_eq!(of(1_080, Looks::Transcoded).one(), Rendition::Height(720));
        assert_eq!(of(1_080, Looks::Mixed).one_unending(), Rendition::Height(720));
        assert_eq!(of(1_080, Looks::Alike).one_unending(), Rendition::Source);
        assert_eq!(of(1_080, Looks::Mixed).standing_in(), Rendition::Height(720));
        let tall = Ladder::of(&rungs(&["1080p"]), 1_080, Looks::Transcoded, 720);
        assert_eq!(tall.one(), Rendition::Height(1_080));
        let copied = Ladder::of(&rungs(&["source"]), 1_080, Looks::Mixed, 720);
        assert_eq!(
            (copied.one(), copied.standing_in()),
            (Rendition::Source, Rendition::Height(720))
        );
    }

    #[test]
    fn a_master_lists_what_the_machine_carries_together() {
        let ladder = of(1_080, Looks::Mixed);
        assert_eq!(ladder.listed(|_| None), rungs(&["source", "720p"]));
        assert_eq!(ladder.listed(|_| Some(true)), usual());
        assert_eq!(ladder.listed(|height| Some(height < 500)), rungs(&["source", "480p", "360p"]));
        assert_eq!(of(1_080, Looks::Transcoded).listed(|_| Some(false)), rungs(&["720p"]));
    }
}
