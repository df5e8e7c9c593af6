//! Which shows a library has, by the names of its files alone.
//!
//! Owns a look ahead of the first scan, which reads every file and may take
//! hours: the names tell in seconds what there will be. Stores nothing.
//! Invariant: the same folders give the same shows, in the same order.

use std::collections::BTreeMap;
use std::path::PathBuf;

use tokio_util::sync::CancellationToken;

use super::describe::Describer;
use super::walk::walk;

/// The shows of which these folders have two or more videos that bear episode
/// numbers, by name; blocks. A folder that cannot be read has none.
pub fn shows(folders: &[PathBuf], cancel: &CancellationToken) -> Vec<String> {
    let mut episodes: BTreeMap<String, usize> = BTreeMap::new();
    let mut describer = Describer::default();
    for folder in folders {
        let Ok(walked) = walk(folder, cancel, |_| {}) else { continue };
        for about in describer.describe(folder, &walked).abouts {
            if let (Some(show), Some(_)) = (about.show, about.episode) {
                *episodes.entry(show).or_default() += 1;
            }
        }
    }
    episodes.into_iter().filter(|(_, videos)| *videos >= 2).map(|(show, _)| show).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_of_the_shows_and_single_episodes_make_none() {
        let folder = tempfile::tempdir().unwrap();
        let files = [
            "Zorro/Zorro S01E01.mkv",
            "Zorro/Zorro S01E02.mkv",
            "Monk/Season 1/Monk S01E01.mkv",
            "Monk/Season 2/Monk S02E01.mkv",
            "Alone/Alone S01E01.mkv",
            "Film (1999).mkv",
        ];
        for file in files {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "x").unwrap();
        }
        let folders = [folder.path().to_owned(), "/no/such/folder".into()];
        assert_eq!(shows(&folders, &CancellationToken::new()), ["Monk", "Zorro"]);
    }
}
