//! The runs that draw a channel's logo from its name, for channels that have none, and
//! that make an uploaded one smaller.

use std::ffi::OsString;
use std::path::Path;

use super::Line;
use super::slate::escaped;

/// What is made smaller has no more than this: 40 megapixels, 160 MB while it is.
const MOST_PIXELS: u32 = 40_000_000;

/// The arguments of the run that writes a PNG to stdout: letters in white on a ground
/// of that colour (red, green, blue), so many pixels wide and high. Without a font it is
/// the ground alone.
pub fn logo(letters: &str, ground: [u8; 3], font: Option<&Path>, side: u32) -> Vec<OsString> {
    let [red, green, blue] = ground;
    let mut graph = format!("color=c=0x{red:02x}{green:02x}{blue:02x}:s={side}x{side}");
    if let Some(font) = font.filter(|_| !letters.is_empty()) {
        // A few letters fill two thirds of the width, at most as high as one would.
        let wide = u32::try_from(letters.chars().count()).unwrap_or(u32::MAX);
        let size = (side * 9 / 10 / wide).min(side / 2);
        graph += &format!(
            ",drawtext=fontfile={}:text={}:expansion=none:fontcolor=white:fontsize={size}\
             :x=(w-tw)/2:y=(h-th)/2",
            escaped(&font.to_string_lossy()),
            escaped(letters)
        );
    }
    let mut line = Line::default();
    line.words("-nostdin -hide_banner -v error");
    line.pair("-filter_complex", format!("{graph}[v]"));
    line.words("-map [v] -frames:v 1 -c:v png -f image2pipe -");
    line.0
}

/// What stands for a name: the first letters of its first two words.
pub fn letters(name: &str) -> String {
    let words = name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let firsts = words.filter_map(|word| word.chars().next()).take(2);
    firsts.flat_map(char::to_uppercase).take(3).collect()
}

/// The arguments of the run that writes an uploaded logo to stdout as a PNG, at most so
/// many pixels wide and high, whatever its shape; `demuxer` is that of its kind.
pub fn smaller_logo(picture: &Path, demuxer: &str, most: u32) -> Vec<OsString> {
    let mut line = Line::default();
    line.words("-nostdin -hide_banner -v error -protocol_whitelist file,pipe -threads 1");
    line.pair("-max_pixels", MOST_PIXELS.to_string());
    line.pair("-f", demuxer).pair("-i", crate::probe::input(picture));
    let kept = "force_original_aspect_ratio=decrease";
    line.pair("-vf", format!("scale=w='min({most},iw)':h='min({most},ih)':{kept}"));
    line.words("-frames:v 1 -c:v png -f image2pipe -");
    line.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_gives_the_letters_of_its_first_two_words() {
        assert_eq!(letters("Aerial One"), "AO");
        assert_eq!(letters("  the \"Tom & Jerry\" show"), "TT");
        assert_eq!(letters("ärger"), "Ä");
        assert_eq!(letters("🐭🐭"), "");
    }

    #[test]
    fn a_logo_is_drawn_by_this() {
        let line = logo("A:", [0x10, 0x18, 0x2a], Some(Path::new("/f.ttf")), 512);
        let line: Vec<String> = line.into_iter().map(|a| a.into_string().unwrap()).collect();
        insta::assert_snapshot!(line.join(" "), @r"-nostdin -hide_banner -v error -filter_complex color=c=0x10182a:s=512x512,drawtext=fontfile=/f.ttf:text=A\\::expansion=none:fontcolor=white:fontsize=230:x=(w-tw)/2:y=(h-th)/2[v] -map [v] -frames:v 1 -c:v png -f image2pipe -");
        assert!(
            !logo("A", [0; 3], None, 64).iter().any(|a| a.to_string_lossy().contains("drawtext"))
        );
    }
}
