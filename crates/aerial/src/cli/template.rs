//! `aerial settings`: a settings file with everything that can be set.
//!
//! Owns how it is written. What can be set is `config::list`'s, the defaults are
//! [`Settings`]'s. Invariant: with the marks taken off, every line is one that the server
//! takes and that changes nothing.

use std::fmt::Write as _;

use toml::{Table, Value};

use crate::config::list::{Kind, SETTINGS, Setting};
use crate::config::{CONFIG_VARIABLE, Settings};

/// As wide as a line is.
const WIDTH: usize = 90;

/// What has no default: there can be none or many.
const WEBHOOKS: &str = "\
    # Who is told of faults, each under [[webhooks]] of its own with `url`, and `events` and\n\
    # `secret` if you like: docs/operating.md has it all.\n";

/// The file.
///
/// # Errors
/// Never, as long as the defaults can be written as TOML.
pub fn settings() -> Result<String, toml::ser::Error> {
    let defaults = Table::try_from(Settings::default())?;
    let mut text = format!(
        "# Settings of Aerial {}. Each line that is marked with # has its default; take the mark off\n\
         # to set another. The server reads this file as `settings.toml` in its data folder, or from\n\
         # where --config or the variable {CONFIG_VARIABLE} says. Most can be set in the app as well,\n\
         # which writes them to the same file; all of them as variables: AERIAL_SERVER_LISTEN and\n\
         # so on. A wrong value is refused at the start, with its line and what is allowed.\n",
        env!("CARGO_PKG_VERSION"),
    );
    let mut section = "";
    for setting in SETTINGS {
        if setting.section != section {
            section = setting.section;
            // Writing to a text cannot fail, here and below.
            let _ = write!(text, "\n[{section}]\n");
        }
        for line in wrapped(&format!("{} {}", setting.about, allowed(setting.kind))) {
            let _ = writeln!(text, "# {line}");
        }
        let _ = writeln!(text, "{}\n", line(setting, defaults.get(section)));
    }
    text.push_str(WEBHOOKS);
    Ok(text)
}

/// The setting with its default, marked as a comment.
fn line(setting: &Setting, defaults: Option<&Value>) -> String {
    let key = setting.key;
    match defaults.and_then(|section| section.get(key)) {
        Some(value) => format!("#{key} = {value}"),
        None => format!("#{key} ="),
    }
}

/// What may stand there, in words.
pub(super) fn allowed(kind: Kind) -> String {
    match kind {
        Kind::Switch => "true or false.".to_owned(),
        Kind::Number { least, most } => format!("From {least} to {most}."),
        Kind::Period { least, most } => format!("From {least} to {most}."),
        Kind::Size { least } => format!("A size such as 10GiB, at least {least}."),
        Kind::Choice(words) => format!("One of {}.", words.join(", ")),
        Kind::AutoOrNumber { least, most } => format!("\"auto\", or from {least} to {most}."),
        Kind::Renditions => "\"source\" and heights such as \"720p\".".to_owned(),
        Kind::Url => "An address such as https://tv.example.org/aerial.".to_owned(),
        Kind::Address => "An address and a port, such as 0.0.0.0:8400.".to_owned(),
        Kind::File => "The path of a file.".to_owned(),
        Kind::Folder => "The path of a folder.".to_owned(),
        Kind::Folders => "Paths of folders, such as [\"/films\", \"/shows\"].".to_owned(),
        Kind::Networks => "Networks, such as [\"10.0.0.0/8\", \"192.168.7.2\"].".to_owned(),
        Kind::Text => "A text.".to_owned(),
    }
}

fn wrapped(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let Some(last) = lines.last_mut() else { break };
        if last.is_empty() {
            last.push_str(word);
        } else if last.len() + word.len() + 3 > WIDTH {
            lines.push(word.to_owned());
        } else {
            last.push(' ');
            last.push_str(word);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Flags;

    /// The lines of settings, without their marks; those without a default left out.
    fn unmarked(text: &str) -> String {
        let lines = text.lines().filter(|line| !line.starts_with("# ") && !line.ends_with(" ="));
        lines.map(|line| line.trim_start_matches('#')).collect::<Vec<_>>().join("\n")
    }

    fn loaded(text: &str) -> Result<Settings, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings.toml");
        std::fs::write(&path, text).unwrap();
        let flags = Flags { config: Some(path), ..Flags::default() };
        Settings::load(&flags, []).map_err(|error| error.to_string())
    }

    #[test]
    fn as_it_is_and_without_its_marks_it_changes_nothing() {
        let text = settings().unwrap();
        assert_eq!(loaded(&text), Ok(Settings::default()));
        let unmarked = unmarked(&text);
        assert!(unmarked.contains("listen = \"127.0.0.1:8400\""), "{unmarked}");
        assert_eq!(loaded(&unmarked), Ok(Settings::default()));
    }

    #[test]
    fn every_setting_is_in_its_section_with_what_is_allowed() {
        let text = settings().unwrap();
        for setting in SETTINGS {
            let section = text.split(&format!("\n[{}]\n", setting.section)).nth(1).unwrap();
            let section = section.split("\n[").next().unwrap();
            assert!(section.contains(&format!("\n#{} =", setting.key)), "{}", setting.name());
        }
        assert!(
            text.contains("# How many connections there may be at a time. From 16 to 65535.\n")
        );
    }

    #[test]
    fn no_line_is_wider_than_a_terminal_with_room() {
        let text = settings().unwrap();
        let wide: Vec<&str> = text.lines().filter(|line| line.len() > WIDTH + 10).collect();
        assert_eq!(wide, [""; 0]);
    }
}
