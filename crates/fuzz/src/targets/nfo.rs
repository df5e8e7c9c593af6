//! Kodi's `.nfo` files.

use aerial::library::nfo::{self, MAX_BYTES};

use crate::Target;

pub(crate) const TARGET: Target = Target {
    name: "nfo",
    run,
    seeds,
    words: &[
        "<movie>",
        "</movie>",
        "<tvshow>",
        "<episodedetails>",
        "</episodedetails>",
        "<title>",
        "</title>",
        "<actor><name>",
        "</name></actor>",
        "<genre>",
        "<season>",
        "<episode>",
        "<year>",
        "<premiered>",
        "<plot>",
        "<![CDATA[",
        "]]>",
        "<!--",
        "-->",
        "&amp;",
        "&#x10ffff;",
        "&#0;",
        "<!DOCTYPE a [<!ENTITY b \"c\">]>",
        "<?xml version=\"1.0\" encoding=\"UTF-16\"?>",
        "&",
        "<",
        "/>",
    ],
};

/// Real files have at most this much in them that is kept; see the limits in `nfo`.
const MOST_RECORDS: usize = 200;

fn run(input: &[u8]) {
    let contents = nfo::parse(input);
    assert!(contents.records.len() <= MOST_RECORDS, "{} records", contents.records.len());
    assert!(
        contents.fault.is_some() || !contents.records.is_empty(),
        "neither a record nor a reason"
    );
    let kept: usize = contents
        .records
        .iter()
        .map(|record| {
            let texts = [&record.title, &record.show, &record.aired, &record.plot, &record.rating];
            let genres: usize = record.genres.iter().map(String::len).sum();
            texts.into_iter().flatten().map(String::len).sum::<usize>() + genres
        })
        .sum();
    // Latin-1 doubles, UTF-16 may take half as much again; nothing is expanded.
    assert!(kept <= input.len() * 3, "{kept} bytes are made of {}", input.len());
    if input.len() as u64 > MAX_BYTES {
        assert!(contents.records.is_empty());
    }
    if let Some(fault) = contents.fault {
        assert!(!fault.to_string().is_empty());
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let movie = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n<movie>\n  \
        <title>Tom &amp; Jerry</title><originaltitle>T&#246;m</originaltitle>\n  <year>1992</year>\n  \
        <plot><![CDATA[A cat <and> a mouse]]></plot><genre>Comedy / Family</genre>\n  \
        <genre>Animation</genre><mpaa>PG</mpaa><premiered>1992-10-01</premiered>\n  \
        <actor><name>Tom</name><role>Cat</role><order>0</order></actor>\n</movie>\n\
        https://www.example.org/title/1";
    let episodes = "<episodedetails><title>One</title><showtitle>Show</showtitle><season>1</season>\
        <episode>1</episode><aired>2001-02-03</aired></episodedetails>\n\
        <episodedetails><title>Two</title><season>1</season><episode>2</episode></episodedetails>";
    let show = "<tvshow><title>Show</title><season>-1</season><episode>0</episode><year/></tvshow>";
    let bomb = "<!DOCTYPE a [<!ENTITY b \"cc\">]><movie><title>&b;</title></movie>";
    let mut seeds: Vec<Vec<u8>> =
        [movie, episodes, show, bomb, "https://example.org/title/1", "Tom & Jerry <movie>"]
            .iter()
            .map(|text| text.as_bytes().to_vec())
            .collect();
    let wide = "\u{feff}<movie><title>Straße</title></movie>".encode_utf16();
    seeds.push(wide.flat_map(u16::to_le_bytes).collect());
    seeds
}
