//! Where each value of the settings came from: file and line, or variable.
//!
//! Owns the reading of each by itself, so that whoever set a wrong value is told where it
//! stands. What the layers make together is the business of [`Settings`].

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::{ConfigError, DATA_SETTINGS, Flags, PREFIX, Settings};

/// Where each value came from, to tell who set a wrong one.
#[derive(Clone, Debug, Default)]
pub(super) struct Sources {
    pub(super) file: Option<(PathBuf, String)>,
    /// Key and variable.
    pub(super) variables: Vec<(String, String)>,
}

impl Sources {
    /// The file as a table, with all that is wrong with it in itself told by line.
    pub(super) fn read_file(&mut self, path: &Path) -> Result<Table, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
        self.parse(path, &text)
    }

    /// The file of the data folder, if there is one. Where that folder is, flags and
    /// variables alone say.
    pub(super) fn read_data_file(
        &mut self,
        flags: &Flags,
        variables: &[(OsString, OsString)],
    ) -> Result<Table, ConfigError> {
        let mut before = Sources::default();
        let known =
            Settings::unchecked(Table::new(), &mut before, flags, variables.iter().cloned())?;
        let path = known.server.data.join(DATA_SETTINGS);
        if !path.exists() {
            return Ok(Table::new());
        }
        let table = self.read_file(&path)?;
        if table.get("server").is_some_and(|server| server.get("data").is_some()) {
            let text = self.file.as_ref().map(|(_, text)| text.as_str()).unwrap_or_default();
            let line = line_of(text, "server.data").unwrap_or(1);
            let message = "server.data cannot be set in the data folder itself: use --data, \
                AERIAL_SERVER_DATA, or a file given with --config"
                .to_owned();
            return Err(ConfigError::File { path, line, message });
        }
        Ok(table)
    }

    pub(super) fn parse(&mut self, path: &Path, text: &str) -> Result<Table, ConfigError> {
        let wrong = |error: toml::de::Error| ConfigError::File {
            path: path.to_owned(),
            line: error.span().map_or(1, |span| line_at(text, span.start)),
            message: error.message().trim().to_owned(),
        };
        toml::from_str::<Settings>(text).map_err(wrong)?;
        let table = toml::from_str(text).map_err(wrong)?;
        self.file = Some((path.to_owned(), text.to_owned()));
        Ok(table)
    }

    pub(super) fn place_of(&self, key: &str, flags: &Flags) -> String {
        let flag = match key {
            "server.listen" => flags.listen.is_some().then_some("--listen"),
            _ => None,
        };
        let variable = self.variables.iter().rev().find(|(set, _)| set == key);
        match (flag, variable, &self.file) {
            (Some(flag), _, _) => flag.to_owned(),
            (None, Some((_, name)), _) => format!("the variable {name}"),
            (None, None, Some((path, text))) => match line_of(text, key) {
                Some(line) => format!("{}:{line}: {key}", path.display()),
                None => format!("{}: {key}", path.display()),
            },
            (None, None, None) => key.to_owned(),
        }
    }
}

/// The line, from 1, that holds this byte.
fn line_at(text: &str, byte: usize) -> usize {
    text.bytes().take(byte).filter(|byte| *byte == b'\n').count() + 1
}

/// The line, from 1, on which `section.key` is set.
pub(super) fn line_of(text: &str, key: &str) -> Option<usize> {
    let (section, key) = key.split_once('.')?;
    let table = toml::de::DeTable::parse(text).ok()?;
    let (_, section) = table.get_ref().iter().find(|(name, _)| name.get_ref() == section)?;
    let section = section.get_ref().as_table()?;
    let (key, _) = section.iter().find(|(name, _)| name.get_ref() == key)?;
    Some(line_at(text, key.span().start))
}

/// `AERIAL_STREAM_GRACE=5s` as section, key and a value that was tried.
pub(super) fn from_variable(
    name: &str,
    text: &str,
) -> Result<(String, String, Value), ConfigError> {
    let wrong = |message: String| ConfigError::Variable { name: name.to_owned(), message };
    let rest = name.trim_start_matches(PREFIX).to_ascii_lowercase();
    let (section, key) = rest.split_once('_').unwrap_or((rest.as_str(), ""));
    // A number or truth value where the setting wants one, else the text as it is.
    let literal = text.parse::<i64>().map(Value::Integer).ok();
    let literal = literal.or_else(|| text.parse::<bool>().map(Value::Boolean).ok());
    let as_text = Value::String(text.to_owned());
    let mut first_error = None;
    for value in literal.into_iter().chain([as_text]) {
        let inner = Table::from_iter([(key.to_owned(), value.clone())]);
        let table = Table::from_iter([(section.to_owned(), Value::Table(inner))]);
        match table.try_into::<Settings>() {
            Ok(_) => return Ok((section.to_owned(), key.to_owned(), value)),
            Err(error) => {
                first_error.get_or_insert(error.message().trim().to_owned());
            }
        }
    }
    Err(wrong(first_error.unwrap_or_default()))
}
