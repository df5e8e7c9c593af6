//! Kodi's `.nfo` files: what people, or their media managers, wrote of a video.
//!
//! Owns reading `movie`, `tvshow` and `episodedetails`
//! (<https://kodi.wiki/view/NFO_files>). Does not decide which file describes
//! which video (`describe` does). Invariant: nothing in a file makes this
//! panic, hang or grow: it is bounded in size, and nothing in it is expanded
//! but the five entities of XML and character references.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use quick_xml::Reader;
use quick_xml::events::Event;

use crate::db::Actor;

/// Guides show the first few; some files name every extra.
const MOST_ACTORS: usize = 30;

/// Real ones have a few kilobytes; a show with all its actors, 200.
pub const MAX_BYTES: u64 = 1 << 20;

/// Real ones go four deep.
const MAX_DEPTH: usize = 32;

/// Episodes that one file holds together; Kodi writes one element for each.
const MAX_RECORDS: usize = 100;

/// What an element describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NfoKind {
    /// `<movie>`
    Movie,
    /// `<tvshow>`
    Show,
    /// `<episodedetails>`
    Episode,
}

/// What one element of an `.nfo` file says; empty elements are left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nfo {
    /// What it describes.
    pub kind: NfoKind,
    /// `<title>`, else `<localtitle>` or `<originaltitle>`.
    pub title: Option<String>,
    /// `<showtitle>`
    pub show: Option<String>,
    /// `<season>`; 0 is specials.
    pub season: Option<u32>,
    /// `<episode>`
    pub episode: Option<u32>,
    /// `<year>`, else that of `<premiered>` or `<aired>`.
    pub year: Option<u16>,
    /// `<aired>`, else `<premiered>`.
    pub aired: Option<String>,
    /// `<plot>`, else `<outline>`.
    pub plot: Option<String>,
    /// `<genre>`, each once, lists within one element taken apart.
    pub genres: Vec<String>,
    /// `<mpaa>`, else `<certification>`.
    pub rating: Option<String>,
    /// The `<actor>`s, in its order.
    pub actors: Vec<Actor>,
}

/// What could be read, and what could not.
#[derive(Debug, Default)]
pub struct Contents {
    /// The elements read; several where one file holds several episodes.
    pub records: Vec<Nfo>,
    /// Why the rest was not.
    pub fault: Option<NfoError>,
}

/// Why an `.nfo` file, or the rest of it, was not used.
#[derive(Debug, thiserror::Error)]
pub enum NfoError {
    /// It cannot be opened.
    #[error("cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    /// Too big for what it is.
    #[error("is over 1 MiB, too big for an .nfo file: it is not used")]
    TooBig,
    /// Not XML, or no longer.
    #[error("is not well-formed at byte {at} ({what}): what stands after it is not used")]
    Malformed {
        /// Where.
        at: u64,
        /// In the parser's words.
        what: String,
    },
    /// A document type that declares entities, as in a "billion laughs" bomb.
    #[error("declares entities of its own: for safety it is not used")]
    Entities,
    /// Elements in elements in elements.
    #[error("is nested too deeply: it is not used")]
    TooDeep,
    /// An address of a database's page alone, which Aerial does not fetch.
    #[error("holds only a web address: Aerial reads no web pages, let your media manager write it")]
    OnlyAddress,
    /// Nothing that Kodi would know either.
    #[error("has none of <movie>, <tvshow> and <episodedetails>: it is not used")]
    Unknown,
}

/// Reads the file at `path`; blocks.
pub fn read(path: &Path) -> Contents {
    let mut bytes = Vec::new();
    // A little more than allowed, to see that it is too big.
    let limited =
        File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes));
    match limited {
        Ok(_) => parse(&bytes),
        Err(error) => Contents { fault: Some(error.into()), ..Contents::default() },
    }
}

/// Reads the bytes of a file.
pub fn parse(bytes: &[u8]) -> Contents {
    let mut records = Vec::new();
    let fault = match bytes.len() as u64 > MAX_BYTES {
        true => Some(NfoError::TooBig),
        false => parse_text(&text(bytes), &mut records).err(),
    };
    match fault {
        Some(fault @ (NfoError::Entities | NfoError::TooDeep)) => {
            Contents { records: Vec::new(), fault: Some(fault) }
        }
        fault => Contents { records, fault },
    }
}

/// As text: UTF-8 or UTF-16 by its mark, else what old programs on Windows wrote.
fn text(bytes: &[u8]) -> String {
    let wide = |pairs: &[u8], read: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = pairs.chunks_exact(2).map(|pair| read([pair[0], pair[1]])).collect();
        String::from_utf16_lossy(&units)
    };
    match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        [0xff, 0xfe, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => wide(rest, u16::from_be_bytes),
        _ => match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) => bytes.iter().copied().map(char::from).collect(),
        },
    }
}

fn parse_text(text: &str, records: &mut Vec<Nfo>) -> Result<(), NfoError> {
    let trimmed = text.trim();
    if !trimmed.contains('<') {
        let address = trimmed.starts_with("http://") || trimmed.starts_with("https://");
        return Err(if address { NfoError::OnlyAddress } else { NfoError::Unknown });
    }
    let mut reader = Reader::from_str(text);
    let config = reader.config_mut();
    // `Tom & Jerry` is no XML, and yet what people write.
    config.allow_dangling_amp = true;
    config.expand_empty_elements = true;
    let mut collector = Collector { path: Vec::new(), text: String::new(), current: None };
    loop {
        let at = reader.buffer_position();
        let event = match reader.read_event() {
            Ok(event) => event,
            // After the XML Kodi allows an address.
            Err(_) if collector.path.is_empty() && !records.is_empty() => return Ok(()),
            Err(error) => {
                // What was read of the element is as good as what stands in whole ones.
                collector.finish(records);
                return Err(NfoError::Malformed { at, what: error.to_string() });
            }
        };
        match event {
            Event::Start(tag) => collector.open(tag.local_name().as_ref())?,
            Event::End(_) => collector.close(records),
            Event::Text(text) => collector.say(&text.xml10_content()),
            Event::CData(data) => collector.say(&data.xml10_content()),
            Event::GeneralRef(reference) => match reference.resolve_char_ref() {
                Ok(Some(c)) => collector.say(c.encode_utf8(&mut [0; 4])),
                _ => collector.say(&entity(&reference)),
            },
            Event::DocType(kind) if kind.contains(['[', '&', '%']) => {
                return Err(NfoError::Entities);
            }
            Event::Eof => break,
            _ => {}
        }
    }
    match (records.is_empty(), collector.path.is_empty()) {
        (_, false) => {
            collector.finish(records);
            let what = "it ends in the middle of an element".to_owned();
            Err(NfoError::Malformed { at: text.len() as u64, what })
        }
        (true, true) => Err(NfoError::Unknown),
        (false, true) => Ok(()),
    }
}

/// The five that XML knows; others stay as they are written.
fn entity(name: &str) -> String {
    match name {
        "amp" => "&".to_owned(),
        "lt" => "<".to_owned(),
        "gt" => ">".to_owned(),
        "quot" => "\"".to_owned(),
        "apos" => "'".to_owned(),
        "nbsp" => " ".to_owned(),
        other => format!("&{other};"),
    }
}

/// Gathers the texts of the elements that are of use.
struct Collector {
    /// The names of the open elements, lower case.
    path: Vec<String>,
    text: String,
    current: Option<Draft>,
}

/// A record, before its second choices are taken.
struct Draft {
    nfo: Nfo,
    other_title: Option<String>,
    outline: Option<String>,
    premiered: Option<String>,
    certification: Option<String>,
}

impl Collector {
    fn open(&mut self, name: &str) -> Result<(), NfoError> {
        if self.path.len() >= MAX_DEPTH {
            return Err(NfoError::TooDeep);
        }
        let name = name.to_ascii_lowercase();
        let kind = match name.as_str() {
            "movie" => Some(NfoKind::Movie),
            "tvshow" => Some(NfoKind::Show),
            "episodedetails" => Some(NfoKind::Episode),
            _ => None,
        };
        // Some wrap several episodes in an element of their own.
        if let (Some(kind), true) = (kind, self.current.is_none() && self.path.len() < 2) {
            self.current = Some(Draft::new(kind));
            self.path.clear();
        }
        self.path.push(name);
        self.text.clear();
        Ok(())
    }

    fn say(&mut self, text: &str) {
        if self.current.is_some() {
            self.text.push_str(text);
        }
    }

    fn close(&mut self, records: &mut Vec<Nfo>) {
        let text = std::mem::take(&mut self.text);
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if let Some(draft) = self.current.as_mut().filter(|_| !text.is_empty()) {
            let names: Vec<&str> = self.path.iter().skip(1).map(String::as_str).collect();
            draft.take(&names, text);
        }
        self.path.pop();
        if self.path.is_empty() {
            self.finish(records);
        }
    }

    fn finish(&mut self, records: &mut Vec<Nfo>) {
        if let Some(draft) = self.current.take()
            && records.len() < MAX_RECORDS
        {
            records.push(draft.finish());
        }
    }
}

impl Draft {
    fn new(kind: NfoKind) -> Self {
        let nfo = Nfo {
            kind,
            title: None,
            show: None,
            season: None,
            episode: None,
            year: None,
            aired: None,
            plot: None,
            genres: Vec::new(),
            rating: None,
            actors: Vec::new(),
        };
        Self { nfo, other_title: None, outline: None, premiered: None, certification: None }
    }

    fn take(&mut self, path: &[&str], text: String) {
        let nfo = &mut self.nfo;
        match path {
            ["title"] => nfo.title = Some(text),
            ["localtitle" | "originaltitle"] => self.other_title = Some(text),
            ["showtitle"] => nfo.show = Some(text),
            // Kodi writes -1 where it does not know.
            ["season"] => nfo.season = text.parse().ok(),
            ["episode"] => nfo.episode = text.parse().ok(),
            ["year"] => nfo.year = year(&text),
            ["aired"] => nfo.aired = Some(text),
            ["premiered" | "releasedate"] => self.premiered = Some(text),
            ["plot"] => nfo.plot = Some(text),
            ["outline"] => self.outline = Some(text),
            ["genre"] => {
                for genre in text.split(['/', '|', ',']).map(str::trim) {
                    if !genre.is_empty() && !nfo.genres.iter().any(|known| known == genre) {
                        nfo.genres.push(genre.to_owned());
                    }
                }
            }
            ["mpaa"] => nfo.rating = Some(text),
            ["certification"] => self.certification = Some(text),
            ["actor", "name"] if nfo.actors.len() < MOST_ACTORS => {
                nfo.actors.push(Actor { name: text, role: None });
            }
            ["actor", "role"] => {
                if let Some(actor) = nfo.actors.last_mut().filter(|actor| actor.role.is_none()) {
                    actor.role = Some(text);
                }
            }
            _ => {}
        }
    }

    fn finish(self) -> Nfo {
        let Self { mut nfo, .. } = self;
        nfo.title = nfo.title.or(self.other_title);
        nfo.plot = nfo.plot.or(self.outline);
        nfo.aired = nfo.aired.or(self.premiered);
        nfo.year = nfo.year.or_else(|| nfo.aired.as_deref().and_then(year));
        nfo.rating = nfo.rating.or(self.certification);
        nfo
    }
}

/// The year that a date begins with; years before film are none (`1601-01-01`
/// stands for "unknown" on Windows).
fn year(date: &str) -> Option<u16> {
    date.get(..4)?.parse().ok().filter(|year| super::marks::YEARS.contains(&u32::from(*year)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn one(text: &str) -> Nfo {
        let contents = parse(text.as_bytes());
        assert!(contents.fault.is_none(), "{:?}", contents.fault);
        contents.records.into_iter().next().unwrap()
    }

    #[test]
    fn a_movie_is_read() {
        let nfo = one(r#"<?xml version="1.0" encoding="UTF-8" standalone="yes" ?>
            <!-- created by a media manager -->
            <movie>
              <title>Tom &amp; Jerry&#39;s Caf&#233;</title><originaltitle>Other</originaltitle>
              <set><name>A set</name></set> <ratings><rating name="x"><value>7</value></rating></ratings>
              <plot><![CDATA[A cat
                 & a mouse.]]></plot>
              <outline>Short.</outline> <mpaa>PG</mpaa> <year>1992</year>
              <genre>Comedy</genre><genre>Family / Comedy</genre>
              <actor><name>Somebody</name><role>Tom</role></actor> <title/>
            </movie>"#);
        assert_eq!(nfo.kind, NfoKind::Movie);
        assert_eq!(nfo.title.as_deref(), Some("Tom & Jerry's Café"));
        assert_eq!(nfo.plot.as_deref(), Some("A cat & a mouse."));
        assert_eq!((nfo.year, nfo.rating.as_deref()), (Some(1992), Some("PG")));
        assert_eq!(nfo.genres, ["Comedy", "Family"]);
        let role = Some("Tom".to_owned());
        assert_eq!(nfo.actors, [Actor { name: "Somebody".to_owned(), role }]);
    }

    #[test]
    fn several_episodes_in_one_file_are_read() {
        let contents = parse(
            b"<episodedetails><title>One</title><season>1</season><episode>1</episode></episodedetails>\n\
              <episodedetails><title>Two</title><season>1</season><episode>2</episode>\
              <aired>2009-04-17</aired></episodedetails>\nhttps://example.org/2",
        );
        let titles: Vec<_> = contents.records.iter().filter_map(|r| r.title.as_deref()).collect();
        assert_eq!(titles, ["One", "Two"]);
        assert_eq!(contents.records[1].year, Some(2009));
        assert!(contents.fault.is_none(), "{:?}", contents.fault);
    }

    #[test]
    fn a_show_is_read_and_unknown_numbers_are_none() {
        let nfo = one("<tvshow><title>Show</title><premiered>2001-02-03</premiered>\
            <season>-1</season><outline>Of it.</outline></tvshow>");
        assert_eq!((nfo.kind, nfo.year, nfo.season), (NfoKind::Show, Some(2001), None));
        assert_eq!(nfo.plot.as_deref(), Some("Of it."));
    }

    #[test]
    fn a_stray_ampersand_is_taken_as_it_was_meant() {
        let nfo = one("<movie><title>Tom & Jerry</title></movie>");
        assert_eq!(nfo.title.as_deref(), Some("Tom & Jerry"));
    }

    #[test]
    fn what_stood_before_a_fault_is_kept() {
        let contents = parse(b"<movie><title>Good</title><plot>cut o");
        assert_eq!(contents.records[0].title.as_deref(), Some("Good"));
        assert!(matches!(contents.fault, Some(NfoError::Malformed { .. })));
        let contents = parse(b"<movie><title>Good</title></wrong></movie>");
        assert_eq!(contents.records[0].title.as_deref(), Some("Good"));
        assert!(contents.fault.is_some());
    }

    #[test]
    fn what_is_no_description_says_so() {
        let fault = |text: &str| parse(text.as_bytes()).fault.unwrap().to_string();
        assert!(fault("https://www.example.org/title/tt0133093/\n").contains("only a web address"));
        assert!(fault("ASCII art of a group").contains("none of <movie>"));
        assert!(fault("").contains("none of <movie>"));
        assert!(fault("<html><body>x</body></html>").contains("none of <movie>"));
    }

    #[test]
    fn entity_bombs_are_refused() {
        let bomb = r#"<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><movie><title>&b;</title></movie>"#;
        let contents = parse(bomb.as_bytes());
        assert!(contents.records.is_empty());
        assert!(matches!(contents.fault, Some(NfoError::Entities)));
        let file = r#"<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><movie><title>&a;</title></movie>"#;
        assert!(parse(file.as_bytes()).records.is_empty());
    }

    #[test]
    fn huge_and_deep_files_are_refused() {
        let huge = vec![b' '; MAX_BYTES as usize + 1];
        assert!(matches!(parse(&huge).fault, Some(NfoError::TooBig)));
        let deep = format!("<movie>{}", "<a>".repeat(100_000));
        assert!(matches!(parse(deep.as_bytes()).fault, Some(NfoError::TooDeep)));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("movie.nfo");
        std::fs::write(&path, huge).unwrap();
        assert!(matches!(read(&path).fault, Some(NfoError::TooBig)));
        assert!(matches!(read(&folder.path().join("none")).fault, Some(NfoError::Unreadable(_))));
    }

    #[test]
    fn other_encodings_are_read() {
        let latin = b"<?xml version=\"1.0\" encoding=\"windows-1252\"?><movie><title>Caf\xe9</title></movie>";
        assert_eq!(parse(latin).records[0].title.as_deref(), Some("Café"));
        let mut wide = vec![0xff, 0xfe];
        wide.extend("<movie><title>é</title></movie>".encode_utf16().flat_map(u16::to_le_bytes));
        assert_eq!(parse(&wide).records[0].title.as_deref(), Some("é"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            text in "(<(movie|title|/title|/movie|!DOCTYPE x|\\?xml|!--|a/|episodedetails)>?|&#?[a-z0-9]{0,4};?|[é<>&a ]){0,40}",
        ) {
            let _ = parse(&bytes);
            let _ = parse(text.as_bytes());
        }
    }
}
