//! Which lineup somebody saw: so that an edit of it does not undo, unseen, what
//! somebody else changed meanwhile.
//!
//! Owns the name of a lineup's items as they stand. Invariant: two lineups have
//! the same one if and only if they have the same items in the same order,
//! whatever became of the media.

use aerial_model::channel::{LineupItem, What};
use uuid::Uuid;

/// The name of a lineup's items as they stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revision(pub Uuid);

impl Revision {
    /// Of these items.
    pub fn of(items: &[LineupItem]) -> Self {
        let mut hasher = blake3::Hasher::new();
        for item in items {
            hasher.update(item.id.0.as_bytes());
            // An item may become another without a new id.
            match &item.what {
                What::Media(media) => {
                    hasher.update(&[0]).update(media.0.as_bytes());
                }
                What::Show(name) => {
                    // The length parts the name from what follows it.
                    let length = (name.len() as u64).to_be_bytes();
                    hasher.update(&[1]).update(&length).update(name.as_bytes());
                }
            }
        }
        let mut name = [0; 16];
        hasher.finalize_xof().fill(&mut name);
        Self(Uuid::from_bytes(name))
    }
}

#[cfg(test)]
mod tests {
    use aerial_model::id::{ItemId, MediaId};

    use super::*;

    fn item(id: u128, rank: i64, what: What) -> LineupItem {
        LineupItem { id: ItemId(Uuid::from_u128(id)), rank, what }
    }

    #[test]
    fn items_and_their_order_make_the_name_and_ranks_do_not() {
        let film = |id| item(id, id as i64, What::Media(MediaId(Uuid::from_u128(9))));
        let show = |name: &str| item(5, 5, What::Show(name.to_owned()));
        let both = Revision::of(&[film(1), film(2)]);
        assert_eq!(both, Revision::of(&[film(1), LineupItem { rank: 77, ..film(2) }]));
        assert_ne!(both, Revision::of(&[film(2), film(1)]));
        assert_ne!(both, Revision::of(&[film(1)]));
        assert_ne!(Revision::of(&[show("a")]), Revision::of(&[show("b")]));
        let other = item(1, 1, What::Media(MediaId(Uuid::from_u128(8))));
        assert_ne!(Revision::of(&[film(1)]), Revision::of(&[other]));
    }
}
