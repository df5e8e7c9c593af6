//! The order in which people list files: `Part 2` before `Part 10`.
//!
//! Owns the comparison alone. Invariant: a total order, by path components, so
//! that a folder's files stand together.

use std::cmp::Ordering;
use std::path::Path;

/// Compares two paths as people would: numbers by their value, letters without
/// regard to case, and in the end by their bytes so that nothing is equal to
/// anything but itself.
pub fn natural(a: &Path, b: &Path) -> Ordering {
    let mut ours = a.components();
    let mut theirs = b.components();
    loop {
        let order = match (ours.next(), theirs.next()) {
            (None, None) => return a.as_os_str().cmp(b.as_os_str()),
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(x), Some(y)) => {
                natural_text(&x.as_os_str().to_string_lossy(), &y.as_os_str().to_string_lossy())
                    .then_with(|| x.as_os_str().cmp(y.as_os_str()))
            }
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

/// Compares two names as people would.
pub fn natural_text(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a, b);
    loop {
        let (Some(x), Some(y)) = (a.chars().next(), b.chars().next()) else {
            return a.len().cmp(&b.len());
        };
        let order = if x.is_ascii_digit() && y.is_ascii_digit() {
            let (ours, theirs) = (digits(&mut a), digits(&mut b));
            ours.len().cmp(&theirs.len()).then_with(|| ours.cmp(theirs))
        } else {
            a = &a[x.len_utf8()..];
            b = &b[y.len_utf8()..];
            x.to_lowercase().cmp(y.to_lowercase())
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

/// Takes the number that `text` begins with, without its leading zeros.
fn digits<'a>(text: &mut &'a str) -> &'a str {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    *text = rest;
    number.trim_start_matches('0')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_count_by_value_and_case_does_not() {
        let mut names = ["part 10", "Part 2", "part 02b", "B", "a"];
        names.sort_by(|a, b| natural_text(a, b));
        assert_eq!(names, ["a", "B", "Part 2", "part 02b", "part 10"]);
    }

    #[test]
    fn a_folders_files_stand_together() {
        let mut paths = ["a b/1", "a/2", "a/1", "a b/0"].map(Path::new);
        paths.sort_by(|a, b| natural(a, b));
        assert_eq!(paths, ["a/1", "a/2", "a b/0", "a b/1"].map(Path::new));
    }

    proptest! {
        #[test]
        fn it_is_a_total_order(names in prop::collection::vec("[aB01/ ]{0,6}", 3)) {
            let [a, b, c] = [0, 1, 2].map(|n| Path::new(&names[n]));
            prop_assert_eq!(natural(a, b), natural(b, a).reverse());
            if natural(a, b).is_le() && natural(b, c).is_le() {
                prop_assert!(natural(a, c).is_le());
            }
        }
    }
}
