//! What each video is: names and `.nfo` files put together.
//!
//! Owns the choice between them: a video's own `.nfo` wins over its show's, that
//! over names; and what only the neighbours can tell: whether `Area - 51` is an
//! episode, whether two shows share a name. Invariant: the same folder gives
//! the same descriptions, so that a rescan writes nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::identity::Stamp;
use super::names::{self, Name, Sureness};
use super::nfo::{self, Nfo, NfoKind};
use super::walk::{FoundFile, Walked};
use crate::db::{About, MediaKind};

/// From how many videos of one name in a folder a doubtful number is believed:
/// "a folder with two or more videos that bear episode numbers" is a show.
const VIDEOS_OF_A_SHOW: usize = 2;

/// A fault of an `.nfo` file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NfoNote {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub fault: String,
}

/// The descriptions of one folder's videos.
#[derive(Clone, Debug, Default)]
pub struct Described {
    /// One for each video of the walk, in its order.
    pub abouts: Vec<About>,
    /// The `.nfo` files that could not be used, or not wholly.
    pub notes: Vec<NfoNote>,
}

/// Describes folders; remembers what it read, since most of it stays.
#[derive(Debug, Default)]
pub struct Describer {
    names: HashMap<PathBuf, [Option<Name>; 2]>,
    nfos: HashMap<PathBuf, (Stamp, Arc<Read>)>,
}

/// An `.nfo` file as it was read.
#[derive(Debug)]
struct Read {
    records: Vec<Nfo>,
    fault: Option<String>,
}

impl Describer {
    /// Describes the videos that a walk of `root` found; blocks, as it reads files.
    pub fn describe(&mut self, root: &Path, walked: &Walked) -> Described {
        self.forget(root, walked);
        let mut notes = Vec::new();
        for (path, stamp) in &walked.nfos {
            if let Some(fault) = self.read_nfo(path, *stamp).fault.clone() {
                notes.push(NfoNote { path: path.clone(), fault });
            }
        }
        let mut names = self.names(root, &walked.videos);
        tell_apart(&mut names);
        let alone = folders_of_one(&walked.videos);
        let abouts = std::iter::zip(&walked.videos, names)
            .map(|(video, name)| {
                let folder = video.path.parent().unwrap_or(root);
                let own = self.own_nfo(&video.path, alone.contains(folder));
                let show = self.show_nfo(folder, root);
                about(name, own.as_deref(), show.as_deref().and_then(first_show))
            })
            .collect();
        Described { abouts, notes }
    }

    /// Drops what was remembered of files that are gone.
    fn forget(&mut self, root: &Path, walked: &Walked) {
        let there: BTreeSet<&Path> = walked.videos.iter().map(|v| v.path.as_path()).collect();
        self.names.retain(|path, _| !path.starts_with(root) || there.contains(path.as_path()));
        self.nfos.retain(|path, _| !path.starts_with(root) || walked.nfos.contains_key(path));
    }

    fn read_nfo(&mut self, path: &Path, stamp: Stamp) -> Arc<Read> {
        if let Some((_, read)) = self.nfos.get(path).filter(|(known, _)| *known == stamp) {
            return read.clone();
        }
        let contents = nfo::read(path);
        let fault = contents.fault.map(|fault| fault.to_string());
        let read = Arc::new(Read { records: contents.records, fault });
        self.nfos.insert(path.to_owned(), (stamp, read.clone()));
        read
    }

    /// The names, with doubtful numbers only where neighbours bear them too.
    fn names(&mut self, root: &Path, videos: &[FoundFile]) -> Vec<Name> {
        let mut numbered: HashMap<(PathBuf, String), usize> = HashMap::new();
        for video in videos {
            if let Some(key) = show_key(&video.path, &self.name(root, &video.path, Sureness::Weak))
            {
                *numbered.entry(key).or_default() += 1;
            }
        }
        videos
            .iter()
            .map(|video| {
                let name = self.name(root, &video.path, Sureness::Weak);
                let key = show_key(&video.path, &name);
                match key.and_then(|key| numbered.get(&key)) {
                    Some(count) if *count < VIDEOS_OF_A_SHOW => {
                        self.name(root, &video.path, Sureness::Strong)
                    }
                    _ => name,
                }
            })
            .collect()
    }

    fn name(&mut self, root: &Path, path: &Path, least: Sureness) -> Name {
        let known = self.names.entry(path.to_owned()).or_default();
        let slot = &mut known[usize::from(least == Sureness::Strong)];
        slot.get_or_insert_with(|| names::read(path, root, least)).clone()
    }

    /// `video.nfo` beside `video.mkv`; `movie.nfo` where the film has a folder
    /// of its own.
    fn own_nfo(&self, video: &Path, alone: bool) -> Option<Arc<Read>> {
        let read = |path: &Path| self.nfos.get(path).map(|(_, read)| read.clone());
        let of_folder = || alone.then(|| read(&video.with_file_name("movie.nfo"))).flatten();
        read(&video.with_extension("nfo")).or_else(of_folder)
    }

    /// The nearest `tvshow.nfo` above.
    fn show_nfo(&self, folder: &Path, root: &Path) -> Option<Arc<Read>> {
        folder
            .ancestors()
            .take_while(|ancestor| ancestor.starts_with(root))
            .find_map(|ancestor| self.nfos.get(&ancestor.join("tvshow.nfo")))
            .map(|(_, read)| read.clone())
    }
}

/// The folder and the show that a numbered video counts for.
fn show_key(path: &Path, name: &Name) -> Option<(PathBuf, String)> {
    let show = name.show.as_ref().filter(|_| name.episodes.is_some() || name.aired.is_some())?;
    Some((path.parent()?.to_owned(), names::letters(show)))
}

/// Folders with a single video.
fn folders_of_one(videos: &[FoundFile]) -> BTreeSet<PathBuf> {
    let mut counts: BTreeMap<&Path, usize> = BTreeMap::new();
    for folder in videos.iter().filter_map(|video| video.path.parent()) {
        *counts.entry(folder).or_default() += 1;
    }
    counts.into_iter().filter(|(_, n)| *n == 1).map(|(folder, _)| folder.to_owned()).collect()
}

/// Two shows of one name and different years get their years into their names.
fn tell_apart(names: &mut [Name]) {
    let mut years: HashMap<String, BTreeSet<u16>> = HashMap::new();
    for name in names.iter() {
        if let (Some(show), Some(year)) = (&name.show, name.year) {
            years.entry(names::letters(show)).or_default().insert(year);
        }
    }
    for name in names {
        if let (Some(show), Some(year)) = (&mut name.show, name.year)
            && years.get(&names::letters(show)).is_some_and(|years| years.len() > 1)
        {
            *show = format!("{show} ({year})");
        }
    }
}

fn first_show(read: &Read) -> Option<&Nfo> {
    read.records.iter().find(|record| record.kind == NfoKind::Show)
}

/// Puts one description together.
fn about(name: Name, own: Option<&Read>, show: Option<&Nfo>) -> About {
    let records = own.map(|read| read.records.as_slice()).unwrap_or_default();
    let episodes: Vec<&Nfo> = records.iter().filter(|r| r.kind == NfoKind::Episode).collect();
    let movie = records.iter().find(|r| r.kind == NfoKind::Movie);
    match (episodes.first(), movie) {
        (None, Some(movie)) => about_movie(name, movie),
        _ if name.show.is_some() || show.is_some() || !episodes.is_empty() => {
            about_episode(name, &episodes, show)
        }
        _ => About {
            kind: if name.year.is_some() { MediaKind::Movie } else { MediaKind::Other },
            title: name.title,
            year: name.year,
            ..About::default()
        },
    }
}

fn about_movie(name: Name, movie: &Nfo) -> About {
    About {
        title: movie.title.clone().unwrap_or(name.title),
        kind: MediaKind::Movie,
        show: None,
        season: None,
        episode: None,
        year: movie.year.or(name.year),
        plot: movie.plot.clone(),
        genres: movie.genres.clone(),
        aired: movie.aired.clone(),
        rating: movie.rating.clone(),
        cast: movie.actors.clone(),
    }
}

fn about_episode(name: Name, episodes: &[&Nfo], show: Option<&Nfo>) -> About {
    let joined = |part: fn(&Nfo) -> Option<&String>, between: &str| {
        let parts: Vec<&str> =
            episodes.iter().filter_map(|nfo| part(nfo)).map(String::as_str).collect();
        (!parts.is_empty()).then(|| parts.join(between))
    };
    let first = episodes.first().copied();
    // Shows that number by days are put in order by them: the 31st of January
    // 2024 is episode 131 of season 2024.
    let day = name.aired.filter(|_| name.episodes.is_none());
    let by_day = day.map(|day| (day.year().unsigned_abs(), day.month(), day.day()));
    let number = name.episodes.map(|episodes| episodes.first).or(by_day.map(|(_, month, day)| {
        u32::from(month.unsigned_abs()) * 100 + u32::from(day.unsigned_abs())
    }));
    let episode = first.and_then(|nfo| nfo.episode).or(number);
    // Shows that count without seasons have one.
    let season = first
        .and_then(|nfo| nfo.season)
        .or(name.season)
        .or(by_day.map(|(year, _, _)| u32::from(year)))
        .or(episode.map(|_| 1));
    let genres = first.map(|nfo| nfo.genres.clone()).filter(|genres| !genres.is_empty());
    About {
        title: joined(|nfo| nfo.title.as_ref(), " / ").unwrap_or(name.title),
        show: show
            .and_then(|nfo| nfo.title.clone())
            .or_else(|| first.and_then(|nfo| nfo.show.clone()))
            .or(name.show),
        kind: MediaKind::Episode,
        season,
        episode,
        year: first.and_then(|nfo| nfo.year).or(show.and_then(|nfo| nfo.year)).or(name.year),
        plot: joined(|nfo| nfo.plot.as_ref(), "\n\n"),
        genres: genres.or_else(|| show.map(|nfo| nfo.genres.clone())).unwrap_or_default(),
        aired: first
            .and_then(|nfo| nfo.aired.clone())
            .or_else(|| name.aired.map(|day| day.to_string())),
        rating: [first, show].into_iter().flatten().find_map(|nfo| nfo.rating.clone()),
        cast: [first, show]
            .into_iter()
            .flatten()
            .map(|nfo| nfo.actors.clone())
            .find(|actors| !actors.is_empty())
            .unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::library::walk::walk;
    use tokio_util::sync::CancellationToken;

    fn library(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (name, content) in files {
            let path = root.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        root
    }

    fn described(describer: &mut Describer, root: &Path) -> (Vec<String>, Described) {
        let walked = walk(root, &CancellationToken::new(), |_| {}).unwrap();
        let described = describer.describe(root, &walked);
        let lines = described
            .abouts
            .iter()
            .map(|about| {
                let number = match (about.season, about.episode) {
                    (Some(season), Some(episode)) => format!(" s{season}e{episode}"),
                    (Some(season), None) => format!(" s{season}"),
                    _ => String::new(),
                };
                let year = about.year.map(|year| format!(" ({year})")).unwrap_or_default();
                let show = about.show.as_ref().map(|show| format!("{show}: ")).unwrap_or_default();
                format!("{show}{}{number}{year}", about.title)
            })
            .collect();
        (lines, described)
    }

    fn lines(files: &[(&str, &str)]) -> Vec<String> {
        let root = library(files);
        described(&mut Describer::default(), root.path()).0
    }

    #[test]
    fn an_nfo_wins_over_names_and_a_shows_over_what_an_episode_says_of_it() {
        let files = [
            (
                "Show/tvshow.nfo",
                "<tvshow><title>The Show</title><year>2001</year><genre>Crime</genre><mpaa>TV-14</mpaa></tvshow>",
            ),
            ("Show/Season 1/a - S01E01.mkv", ""),
            (
                "Show/Season 1/a - S01E01.nfo",
                "<episodedetails><title>First</title><showtitle>Other</showtitle><season>1</season><episode>1</episode><plot>It begins.</plot><aired>2001-05-06</aired></episodedetails>",
            ),
            ("Show/Season 1/a - S01E02.mkv", ""),
            ("film/x.mkv", ""),
            ("film/movie.nfo", "<movie><title>The Film</title><year>1999</year></movie>"),
            ("two/x.mkv", ""),
            ("two/y.mkv", ""),
            ("two/movie.nfo", "<movie><title>Whose?</title></movie>"),
        ];
        let root = library(&files);
        let (lines, described) = described(&mut Describer::default(), root.path());
        assert_eq!(
            lines,
            [
                "The Film (1999)",
                "The Show: First s1e1 (2001)",
                "The Show: Episode 2 s1e2 (2001)",
                "x",
                "y",
            ]
        );
        let first = &described.abouts[1];
        assert_eq!((first.kind, first.plot.as_deref()), (MediaKind::Episode, Some("It begins.")));
        assert_eq!(
            (first.genres.as_slice(), first.rating.as_deref()),
            (&["Crime".to_owned()][..], Some("TV-14"))
        );
        assert_eq!(first.aired.as_deref(), Some("2001-05-06"));
        assert_eq!(described.abouts[0].kind, MediaKind::Movie);
        assert!(described.notes.is_empty());
    }

    #[test]
    fn several_episodes_in_one_file_share_their_description() {
        assert_eq!(
            lines(&[
                ("Show S01E01-E02.mkv", ""),
                (
                    "Show S01E01-E02.nfo",
                    "<episodedetails><title>One</title><episode>1</episode></episodedetails><episodedetails><title>Two</title><episode>2</episode></episodedetails>"
                ),
            ]),
            ["Show: One / Two s1e1"]
        );
    }

    #[test]
    fn doubtful_numbers_need_company() {
        assert_eq!(lines(&[("Films/Area - 51.mkv", "")]), ["Area - 51"]);
        assert_eq!(
            lines(&[("[G] Area - 51.mkv", ""), ("[G] Area - 52.mkv", "")]),
            ["Area: Episode 51 s1e51", "Area: Episode 52 s1e52"]
        );
        assert_eq!(lines(&[("Show S01E01.mkv", "")]), ["Show: Episode 1 s1e1"]);
    }

    #[test]
    fn shows_that_number_by_days_are_in_their_order() {
        assert_eq!(
            lines(&[("Daily 2023.12.31.Zed.mkv", ""), ("Daily 2024.01.31.Abe.mkv", "")]),
            ["Daily: Zed s2023e1231", "Daily: Abe s2024e131"]
        );
    }

    #[test]
    fn shows_of_one_name_are_told_apart_by_their_years() {
        assert_eq!(
            lines(&[("Show (1978)/Show S01E01.mkv", ""), ("Show (2004)/Show S01E01.mkv", "")]),
            ["Show (1978): Episode 1 s1e1 (1978)", "Show (2004): Episode 1 s1e1 (2004)"]
        );
    }

    #[test]
    fn a_faulty_nfo_is_noted_and_the_name_stands() {
        let root = library(&[
            ("Heat (1995).mkv", ""),
            ("Heat (1995).nfo", "https://www.example.org/title/1"),
        ]);
        let (lines, described) = described(&mut Describer::default(), root.path());
        assert_eq!(lines, ["Heat (1995)"]);
        assert_eq!(described.notes.len(), 1);
        assert!(described.notes[0].fault.contains("web address"));
    }

    #[test]
    fn a_changed_nfo_is_read_again_and_a_removed_one_forgotten() {
        let root = library(&[("a.mkv", ""), ("a.nfo", "<movie><title>One</title></movie>")]);
        let mut describer = Describer::default();
        assert_eq!(described(&mut describer, root.path()).0, ["One"]);
        std::fs::write(root.path().join("a.nfo"), "<movie><title>Second</title></movie>").unwrap();
        assert_eq!(described(&mut describer, root.path()).0, ["Second"]);
        std::fs::remove_file(root.path().join("a.nfo")).unwrap();
        assert_eq!(described(&mut describer, root.path()).0, ["a"]);
    }
}
