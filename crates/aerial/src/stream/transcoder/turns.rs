//! Who may work now, of all workers and those that are to be started.
//!
//! Owns the translation of demand's decisions into turns and back. The model
//! (`turns`) decides. Invariant: a worker that loses its turn rests at the end of
//! the segment that it makes, never within.

use std::collections::BTreeMap;

use aerial_model::demand::{Decision, TrackKey, Want, WorkerId, WorkerView};
use aerial_model::segmenter::Treatment;
use aerial_model::turns::{self, Contender};

use super::owner::Owner;
use crate::stream::track::{Source, Track};

/// One that works, or would.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Hand {
    Worker(WorkerId),
    Start(TrackKey, u32),
}

/// What pictures are encoded on; `None` where none are.
pub(super) fn device(track: &Track) -> Option<&'static str> {
    let encodes = matches!(track.source, Source::Media(_)) && !track.treatment.copies_video();
    encodes.then(|| track.profile.encoder.name())
}

/// What sound is encoded on beside pictures that are copied. It costs a core six times
/// what copying does: sixty channels whose items begin together would all work at
/// once, and those whose viewers wait be as slow as the rest.
const SOUND: &str = "sound";

/// What turns are taken on; `None` for what is only copied.
fn taken_on(track: &Track) -> Option<&'static str> {
    let is_media = matches!(track.source, Source::Media(_));
    let sound = is_media && track.treatment == Treatment::CopiedVideo;
    device(track).or(sound.then_some(SOUND))
}

impl Owner {
    /// The decisions that may be carried out now. The others are decided again
    /// at the next look, as long as they are needed.
    pub(super) fn take_turns(
        &self,
        mut decisions: Vec<Decision>,
        views: &[WorkerView],
        wants: &[Want],
    ) -> Vec<Decision> {
        let mut granted = Vec::new();
        for contenders in self.contenders(&decisions, views, wants).into_values() {
            granted.extend(turns::grant(self.encoding.turns, &contenders));
        }
        // What is only copied needs no turn.
        let may = |hand: Hand, track| self.device_of(track).is_none() || granted.contains(&hand);
        let track_of = |id| views.iter().find(|view| view.id == id).map(|view| view.track);
        decisions.retain(|decision| match decision {
            Decision::Start { track, segment, .. } => may(Hand::Start(*track, *segment), *track),
            Decision::Extend { worker, .. } => {
                track_of(*worker).is_some_and(|track| may(Hand::Worker(*worker), track))
            }
            Decision::End { .. } => true,
        });
        let works = |view: &&WorkerView| view.position + 1 < view.limit;
        let rests = |view: &&WorkerView| !may(Hand::Worker(view.id), view.track);
        for view in views.iter().filter(works).filter(rests) {
            decisions.push(Decision::Extend { worker: view.id, limit: view.position + 1 });
        }
        decisions
    }

    fn contenders(
        &self,
        decisions: &[Decision],
        views: &[WorkerView],
        wants: &[Want],
    ) -> BTreeMap<&'static str, Vec<Contender<Hand>>> {
        let mut by_device: BTreeMap<_, Vec<Contender<Hand>>> = BTreeMap::new();
        let ends = |id: WorkerId| {
            decisions.iter().any(|d| matches!(d, Decision::End { worker, .. } if *worker == id))
        };
        let woken = |id: WorkerId| {
            decisions.iter().any(|d| matches!(d, Decision::Extend { worker, .. } if *worker == id))
        };
        for view in views.iter().filter(|view| !ends(view.id)) {
            let working = view.position < view.limit;
            if let Some(device) = self.device_of(view.track)
                && let Some(due) = turns::due(view, wants)
                && (working || woken(view.id))
            {
                let id = Hand::Worker(view.id);
                by_device.entry(device).or_default().push(Contender { id, due, working });
            }
        }
        for decision in decisions {
            if let Decision::Start { track, segment, due, .. } = decision
                && let Some(state) = self.tracks.get(track)
                && let Some(device) = taken_on(&state.track)
            {
                // Who has a part of it already waits for the rest.
                let due = if state.is_read(*segment) { Default::default() } else { *due };
                let id = Hand::Start(*track, *segment);
                by_device.entry(device).or_default().push(Contender { id, due, working: false });
            }
        }
        by_device
    }

    fn device_of(&self, track: TrackKey) -> Option<&'static str> {
        self.tracks.get(&track).and_then(|state| taken_on(&state.track))
    }
}
