//! The manual's pages and the shells' completions, both made of the command line itself.
//!
//! Owns what the pages say beside commands and flags: files, variables, signals and exit
//! codes. Invariant: every command that people see has a page, and every flag is on it.

use std::fs;
use std::io;
use std::path::Path;

use clap::{Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use super::{Cli, template};
use crate::config::list::SETTINGS;

/// The name of the program.
const PROGRAM: &str = "aerial";

/// What is on the foot of each page.
const MANUAL: &str = "Aerial";

/// Files of a server as the packages set it up.
const FILES: &[(&str, &str)] = &[
    ("./aerial-data", "The data folder, unless --data or AERIAL_SERVER_DATA names another."),
    ("/var/lib/aerial", "The data folder of the Debian package and of the systemd unit."),
    ("settings.toml", "In the data folder: the settings, unless --config names another file."),
    ("catalogue.sqlite", "In the data folder: library, channels, what aired and will air."),
    ("/etc/default/aerial", "Variables for the systemd unit."),
];

/// Variables that are no settings, and those that are.
const VARIABLES: &[(&str, &str)] = &[
    ("AERIAL_CONFIG", "The file with the settings, like --config."),
    (
        "AERIAL_SECTION_KEY",
        "Any setting, such as AERIAL_SERVER_LISTEN or AERIAL_STREAM_GRACE; it wins over the file. \
         aerial-settings(1) lists them all.",
    ),
    ("RUST_LOG", "What is logged; it wins over log.filter."),
    ("NO_COLOR", "If it is set, logs have no colours."),
    ("NOTIFY_SOCKET", "Set by systemd, which is told when the server is ready."),
];

/// What the keeper understands.
const SIGNALS: &[(&str, &str)] = &[
    (
        "SIGTERM, SIGINT",
        "End within 10 s, with what is in flight finished; the second time, at once.",
    ),
    (
        "SIGHUP",
        "Start a new server in place of this one, with new settings and a new program if there \
         are any. Whoever watches notices nothing.",
    ),
];

/// How it ends.
const CODES: &[(&str, &str)] =
    &[("0", "All went well."), ("1", "Something failed."), ("2", "Wrong use, or wrong settings.")];

/// What a shell needs to complete commands and flags.
pub fn completions(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), PROGRAM, &mut script);
    script
}

/// Write all pages into a folder, which is made if need be.
///
/// # Errors
/// When it cannot be written to.
pub fn write(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for (name, page) in pages()? {
        fs::write(folder.join(format!("{name}.1")), page)?;
    }
    Ok(())
}

/// Each page with its name.
fn pages() -> io::Result<Vec<(String, Vec<u8>)>> {
    // `aerial help` has no page: it is said once, by the shell.
    let mut program = Cli::command().disable_help_subcommand(true);
    program.build();
    let mut pages = Vec::new();
    collect(&program, &mut pages)?;
    Ok(pages)
}

fn collect(command: &Command, pages: &mut Vec<(String, Vec<u8>)>) -> io::Result<()> {
    if command.is_hide_set() {
        return Ok(());
    }
    let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
    let page = page(command, &name)?;
    pages.push((name, page));
    command.get_subcommands().try_for_each(|command| collect(command, pages))
}

fn page(command: &Command, name: &str) -> io::Result<Vec<u8>> {
    let source = format!("{PROGRAM} {}", env!("CARGO_PKG_VERSION"));
    let man = Man::new(command.clone()).title(name.to_uppercase()).source(source).manual(MANUAL);
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    if command.get_arguments().any(|arg| !arg.is_hide_set()) {
        man.render_options_section(&mut page)?;
    }
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    let mut more = Roff::new();
    match name {
        PROGRAM => {
            list(&mut more, "FILES", FILES.iter().copied());
            list(&mut more, "ENVIRONMENT", VARIABLES.iter().copied());
            list(&mut more, "SIGNALS", SIGNALS.iter().copied());
        }
        "aerial-settings" => {
            let told = |about, kind| format!("{about} {}", template::allowed(kind));
            let all = SETTINGS.iter().map(|one| (one.name(), told(one.about, one.kind)));
            list(&mut more, "SETTINGS", all);
        }
        _ => {}
    }
    list(&mut more, "EXIT STATUS", CODES.iter().copied());
    if name != PROGRAM {
        more.control("SH", ["SEE ALSO"]).text([bold(PROGRAM), roman("(1)")]);
    }
    more.to_writer(&mut page)?;
    Ok(page)
}

/// A section of words with what they mean.
fn list<Word: Into<String>, Meaning: Into<String>>(
    page: &mut Roff,
    heading: &str,
    words: impl IntoIterator<Item = (Word, Meaning)>,
) {
    page.control("SH", [heading]);
    for (word, meaning) in words {
        page.control("TP", []).text([bold(word)]).text([roman(meaning)]);
    }
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;

    /// Every command that people see, with its name.
    fn commands() -> Vec<(String, Command)> {
        fn walk(command: &Command, all: &mut Vec<(String, Command)>) {
            if !command.is_hide_set() && command.get_name() != "help" {
                let name = command.get_display_name().unwrap_or_else(|| command.get_name());
                all.push((name.to_owned(), command.clone()));
                command.get_subcommands().for_each(|one| walk(one, all));
            }
        }
        let (mut program, mut all) = (Cli::command(), Vec::new());
        program.build();
        walk(&program, &mut all);
        all
    }

    /// The long flags of a command that people see.
    fn flags(command: &Command) -> Vec<String> {
        let seen = command.get_arguments().filter(|arg| !arg.is_hide_set());
        seen.filter_map(|arg| arg.get_long().map(str::to_owned)).collect()
    }

    /// What a reader sees of marks for single signs.
    fn read(page: &[u8]) -> String {
        String::from_utf8_lossy(page).replace("\\-", "-").replace("\\*(Aq", "'")
    }

    #[test]
    fn every_command_has_a_page_with_all_its_flags_and_arguments() {
        let pages = pages().unwrap();
        let commands = commands();
        let names = |all: Vec<&String>| all.into_iter().cloned().collect::<Vec<_>>();
        assert_eq!(
            names(pages.iter().map(|(name, _)| name).collect()),
            names(commands.iter().map(|(name, _)| name).collect())
        );
        assert!(pages.len() > 10, "{}", pages.len());
        for ((name, page), (_, command)) in pages.iter().zip(&commands) {
            let text = read(page);
            for flag in flags(command) {
                assert!(text.contains(&format!("--{flag}")), "{name}: --{flag}\n{text}");
            }
            for argument in command.get_positionals() {
                let value = argument.get_value_names().unwrap_or_default()[0].as_str();
                assert!(text.contains(value), "{name}: {value}\n{text}");
            }
            let about = command.get_about().unwrap().to_string();
            assert!(text.contains(&about), "{name}: {about}\n{text}");
        }
    }

    #[test]
    fn the_pages_tell_of_files_variables_signals_and_every_setting() {
        let pages = pages().unwrap();
        let page = |name: &str| {
            let (_, page) = pages.iter().find(|(one, _)| one == name).unwrap();
            read(page)
        };
        for word in ["/var/lib/aerial", "AERIAL_CONFIG", "SIGHUP", "EXIT STATUS"] {
            assert!(page("aerial").contains(word), "{word}");
        }
        for setting in SETTINGS {
            let line = format!("\\fB{}\\fR", setting.name());
            assert!(page("aerial-settings").contains(&line), "{line}");
        }
    }

    #[test]
    fn every_shell_completes_every_command_and_flag() {
        for shell in Shell::value_variants() {
            let script = String::from_utf8(completions(*shell)).unwrap();
            for (_, command) in commands() {
                assert!(script.contains(command.get_name()), "{shell}: {}", command.get_name());
                for flag in flags(&command) {
                    let written = match shell {
                        Shell::Fish => format!("-l {flag}"),
                        _ => format!("--{flag}"),
                    };
                    assert!(script.contains(&written), "{shell}: {written}");
                }
            }
        }
    }

    #[test]
    fn pages_are_written_into_a_folder_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("man/man1");
        write(&folder).unwrap();
        assert_eq!(fs::read_dir(&folder).unwrap().count(), pages().unwrap().len());
        assert!(folder.join("aerial-channel-import.1").is_file());
    }
}
