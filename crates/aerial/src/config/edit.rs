//! Changing settings: in the settings file, so that the next start finds them.
//!
//! Owns the file's new text, its writing, and where each value of the running server came
//! from. Decides by the same code as a start does (`Settings::unchecked`, `validate`).
//! Invariants: what would not be taken by a start is not written; the file is the old one
//! or the new one, never half; what people wrote beside the settings stays.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value as Json;
use toml_edit::{DocumentMut, Item, Table};

use super::list::{self, Setting};
use super::sources::{Sources, line_of};
use super::{ConfigError, Flags, Settings};

/// The settings of the running server, and where they came from. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Loaded(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: Settings,
    flags: Flags,
    variables: Vec<(OsString, OsString)>,
    sources: Sources,
    file: PathBuf,
    /// One change at a time: each is made to what the one before left.
    turn: tokio::sync::Mutex<()>,
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// The settings file, in this line.
    File(Option<usize>),
    /// This variable, which wins over the file.
    Variable(String),
    /// This flag, which wins over both.
    Flag(&'static str),
}

/// Something that cannot be set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// `section.key`, as far as that is known.
    pub key: String,
    /// What is wrong and what is allowed.
    pub message: String,
}

impl Wrong {
    /// Of that setting.
    pub fn new(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self { key: key.into(), message: message.into() }
    }
}

/// A change that would be taken, and is not written yet.
#[derive(Clone, Debug)]
pub struct Change {
    text: String,
    /// What holds after the next start.
    pub settings: Settings,
}

/// What is to be set, by section and key; `null`: back to the default.
pub type Edits = BTreeMap<String, BTreeMap<String, Json>>;

/// Why the file could not be changed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {what} {}: {source}{}", path.display(), advice(source))]
pub struct FileError {
    what: &'static str,
    path: PathBuf,
    #[source]
    source: io::Error,
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "; let the server write to that file and its folder, or change it by hand"
        }
        _ => "",
    }
}

/// Why there is no change.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// Some of it cannot be.
    #[error("{}", .0.iter().map(|w| format!("{}: {}", w.key, w.message)).collect::<Vec<_>>().join("; "))]
    Wrong(Vec<Wrong>),
    /// The file as it is now would not be taken by a start.
    #[error("{0}; mend the settings file first")]
    File(#[from] ConfigError),
    /// The file cannot be read or written.
    #[error(transparent)]
    Io(#[from] FileError),
}

impl Loaded {
    pub(super) fn new(
        settings: Settings,
        flags: &Flags,
        variables: Vec<(OsString, OsString)>,
        sources: Sources,
    ) -> Self {
        let file = file_of(flags, &settings);
        let (flags, turn) = (flags.clone(), tokio::sync::Mutex::default());
        Self(Arc::new(Inner { settings, flags, variables, sources, file, turn }))
    }

    /// The settings in effect.
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// The file that changes are written to, whether it is there already or not.
    pub fn file(&self) -> &Path {
        &self.0.file
    }

    /// Where the value in effect of a setting came from.
    pub fn origin(&self, setting: &Setting) -> Origin {
        let key = setting.name();
        match self.fixed_outside(&key) {
            Some(outside) => outside,
            None => {
                let text = self.0.sources.file.as_ref().map(|(_, text)| text.as_str());
                match text.filter(|text| is_set(text, setting)) {
                    Some(text) => Origin::File(line_of(text, &key)),
                    None => Origin::Default,
                }
            }
        }
    }

    /// The flag or variable that sets it, whatever is in the file.
    fn fixed_outside(&self, key: &str) -> Option<Origin> {
        let flags = &self.0.flags;
        let flag = match key {
            "server.listen" => flags.listen.is_some().then_some("--listen"),
            "server.data" => flags.data.is_some().then_some("--data"),
            "library.folders" => (!flags.media.is_empty()).then_some("--media"),
            _ => None,
        };
        let variable = self.0.sources.variables.iter().rev().find(|(set, _)| set == key);
        flag.map(Origin::Flag).or_else(|| variable.map(|(_, name)| Origin::Variable(name.clone())))
    }

    /// Why a setting cannot be changed here; `None`: it can.
    pub fn fixed(&self, setting: &Setting) -> Option<String> {
        if let Some(why) = setting.fixed {
            return Some(why.to_owned());
        }
        match self.fixed_outside(&setting.name())? {
            Origin::Variable(name) => Some(format!("the variable {name} sets it; change it there")),
            Origin::Flag(name) => Some(format!("the flag {name} sets it; change it there")),
            Origin::Default | Origin::File(_) => None,
        }
    }

    /// What holds after the next start, as the file is now.
    pub fn next(&self) -> Result<Settings, EditError> {
        Ok(self.change(&Edits::new())?.settings)
    }

    /// The lock under which a change is made and written.
    pub async fn turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.0.turn.lock().await
    }

    /// What these edits make of the file. Writes nothing.
    pub fn change(&self, edits: &Edits) -> Result<Change, EditError> {
        let path = self.file();
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(source) => {
                return Err(FileError { what: "read", path: path.to_owned(), source }.into());
            }
        };
        // With line and word, if it cannot be read.
        Sources::default().parse(path, &text)?;
        let mut document: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| {
            let (path, line, message) = (path.to_owned(), 1, error.message().to_owned());
            ConfigError::File { path, line, message }
        })?;
        let mut wrong = Vec::new();
        for (section, keys) in edits {
            for (key, value) in keys {
                wrong.extend(self.set(&mut document, (section, key), value).err());
            }
        }
        if !wrong.is_empty() {
            return Err(EditError::Wrong(wrong));
        }
        let text = document.to_string();
        let mut sources = Sources::default();
        let table = sources.parse(path, &text)?;
        let (flags, variables) = (&self.0.flags, self.0.variables.iter().cloned());
        let settings = Settings::unchecked(table, &mut sources, flags, variables)?;
        match settings.validate() {
            Ok(()) => Ok(Change { text, settings }),
            Err((key, message)) => Err(EditError::Wrong(vec![Wrong::new(key, message)])),
        }
    }

    fn set(
        &self,
        document: &mut DocumentMut,
        (section, key): (&str, &str),
        value: &Json,
    ) -> Result<(), Wrong> {
        let name = format!("{section}.{key}");
        let setting = list::find(section, key).ok_or_else(|| {
            Wrong::new(&name, "there is no such setting; `GET /settings` lists all")
        })?;
        if let Some(why) = self.fixed(setting) {
            return Err(Wrong::new(name, format!("cannot be changed here: {why}")));
        }
        if value.is_null() {
            if let Some(table) = document.get_mut(section).and_then(Item::as_table_like_mut) {
                table.remove(key);
            }
            return Ok(());
        }
        let value = as_toml(value).ok_or_else(|| {
            Wrong::new(&name, "must be text, a whole number, true or false, or a list of texts")
        })?;
        // By itself, so that what is said is of this value.
        let inner = toml::Table::from_iter([(key.to_owned(), value.clone())]);
        let table = toml::Table::from_iter([(section.to_owned(), toml::Value::Table(inner))]);
        table
            .try_into::<Settings>()
            .map_err(|error: toml::de::Error| Wrong::new(&name, error.message().trim()))?;
        let mut value: toml_edit::Value = value
            .to_string()
            .parse()
            .map_err(|_| Wrong::new(&name, "cannot be written to a file"))?;
        let table = document.entry(section).or_insert_with(|| Item::Table(Table::new()));
        let Some(table) = table.as_table_like_mut() else {
            return Err(Wrong::new(name, "its section of the settings file is no table"));
        };
        match table.get_mut(key).and_then(Item::as_value_mut) {
            Some(old) => {
                // A remark behind it stays there.
                *value.decor_mut() = old.decor().clone();
                *old = value;
            }
            None => {
                table.insert(key, Item::Value(value));
            }
        }
        Ok(())
    }

    /// Writes a change. What the server works with stays as it is until the next start.
    pub fn write(&self, change: &Change) -> Result<(), FileError> {
        // Of a link, the file that it names.
        let path = std::fs::canonicalize(self.file()).unwrap_or_else(|_| self.file().to_owned());
        let failed = |what| {
            let path = path.clone();
            move |source| FileError { what, path, source }
        };
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".new");
        let part = path.with_file_name(name);
        let written = || {
            let mut file = std::fs::File::create(&part)?;
            if let Ok(old) = std::fs::metadata(&path) {
                file.set_permissions(old.permissions())?;
            }
            file.write_all(change.text.as_bytes())?;
            file.sync_all()?;
            std::fs::rename(&part, &path)
        };
        written().map_err(|source| {
            let _never_there = std::fs::remove_file(&part);
            failed("write the settings to")(source)
        })
    }
}

/// The file of `--config`, or the one of the data folder.
pub(super) fn file_of(flags: &Flags, settings: &Settings) -> PathBuf {
    flags.config.clone().unwrap_or_else(|| settings.server.data.join(super::DATA_SETTINGS))
}

fn is_set(text: &str, setting: &Setting) -> bool {
    let table: Option<toml::Table> = toml::from_str(text).ok();
    table.is_some_and(|table| {
        table.get(setting.section).is_some_and(|section| section.get(setting.key).is_some())
    })
}

fn as_toml(value: &Json) -> Option<toml::Value> {
    match value {
        Json::Bool(value) => Some((*value).into()),
        Json::Number(number) => number.as_i64().map(toml::Value::Integer),
        Json::String(text) => Some(text.clone().into()),
        Json::Array(items) => {
            let texts = items.iter().map(|item| item.as_str().map(toml::Value::from));
            texts.collect::<Option<Vec<_>>>().map(toml::Value::Array)
        }
        Json::Null | Json::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn loaded(folder: &Path, text: Option<&str>, variables: &[(&str, &str)]) -> Loaded {
        let path = folder.join("aerial.toml");
        if let Some(text) = text {
            std::fs::write(&path, text).unwrap();
        }
        let flags = match text {
            Some(_) => Flags { config: Some(path), ..Flags::default() },
            None => Flags { data: Some(folder.to_owned()), ..Flags::default() },
        };
        let variables = variables.iter().map(|(name, value)| (name.into(), value.into()));
        Settings::load_with_origins(&flags, variables).unwrap()
    }

    fn edits(value: Json) -> Edits {
        serde_json::from_value(value).unwrap()
    }

    fn wrong(loaded: &Loaded, value: Json) -> Vec<(String, String)> {
        match loaded.change(&edits(value)) {
            Err(EditError::Wrong(all)) => all.into_iter().map(|w| (w.key, w.message)).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_people_wrote_beside_the_settings_stays() {
        let folder = tempfile::tempdir().unwrap();
        let text = "# Ours.\n[stream]\n# As short as it goes.\ngrace = \"5s\" # really\n\n[log]\nfilter = \"warn\"\n";
        let loaded = loaded(folder.path(), Some(text), &[]);
        let asked = json!({ "stream": { "grace": "45s", "encodes": 3, "ladder": ["source", "720p"] },
            "log": { "filter": null }, "store": { "limit": "5GiB" } });
        let change = loaded.change(&edits(asked)).unwrap();
        assert_eq!(change.settings.stream.grace, "45s".parse().unwrap());
        loaded.write(&change).unwrap();
        let written = std::fs::read_to_string(loaded.file()).unwrap();
        insta::assert_snapshot!(written, @r##"
        # Ours.
        [stream]
        # As short as it goes.
        grace = "45s" # really
        encodes = 3
        ladder = ["source", "720p"]

        [log]

        [store]
        limit = "5GiB"
        "##);
        assert_eq!(loaded.next().unwrap(), change.settings);
        // In effect is what the server was started with.
        assert_eq!(loaded.settings().stream.grace, "5s".parse().unwrap());
    }

    #[test]
    fn what_would_not_be_taken_is_told_by_its_key_and_not_written() {
        let folder = tempfile::tempdir().unwrap();
        let loaded = loaded(folder.path(), None, &[("AERIAL_STREAM_GRACE", "5s")]);
        let asked = json!({
            "stream": { "grace": "7s", "height": 7, "encodes": 1.5, "hieght": 720 },
            "server": { "listen": "0.0.0.0:80" },
        });
        let told = wrong(&loaded, asked);
        let keys: Vec<&str> = told.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(
            keys,
            ["server.listen", "stream.encodes", "stream.grace", "stream.height", "stream.hieght"]
        );
        assert!(told[2].1.contains("AERIAL_STREAM_GRACE"), "{told:?}");
        assert!(told[3].1.contains("from 144 to 2160"), "{told:?}");
        // What only the whole says.
        let told = wrong(&loaded, json!({ "stream": { "height": 721 } }));
        assert_eq!(told[0].0, "stream.height");
        assert!(!loaded.file().exists());
    }

    #[test]
    fn a_file_of_the_data_folder_is_made_and_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let first = loaded(folder.path(), None, &[]);
        assert_eq!(first.file(), folder.path().join("settings.toml"));
        let grace = list::find("stream", "grace").unwrap();
        assert_eq!(first.origin(grace), Origin::Default);
        let change = first.change(&edits(json!({ "stream": { "grace": "9s" } }))).unwrap();
        first.write(&change).unwrap();
        let next = loaded(folder.path(), None, &[("AERIAL_LOG_FILTER", "warn")]);
        assert_eq!(
            next.settings(),
            &Settings { log: next.settings().log.clone(), ..change.settings }
        );
        assert_eq!(next.origin(grace), Origin::File(Some(2)));
        let filter = list::find("log", "filter").unwrap();
        assert_eq!(next.origin(filter), Origin::Variable("AERIAL_LOG_FILTER".to_owned()));
        let data = list::find("server", "data").unwrap();
        assert_eq!(next.origin(data), Origin::Flag("--data"));
        assert!(next.fixed(filter).is_some() && next.fixed(grace).is_none());
        // It cannot say where it is.
        std::fs::write(next.file(), "[server]\ndata = \"elsewhere\"").unwrap();
        let flags = Flags { data: Some(folder.path().to_owned()), ..Flags::default() };
        let error = Settings::load(&flags, []).unwrap_err().to_string();
        assert!(error.contains("settings.toml") && error.contains("server.data"), "{error}");
    }

    #[test]
    fn a_file_that_was_broken_meanwhile_is_told_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let loaded = loaded(folder.path(), Some("[log]\n"), &[]);
        std::fs::write(loaded.file(), "[log]\nfilter = 5\n").unwrap();
        let error = loaded.change(&Edits::new()).unwrap_err().to_string();
        assert!(error.contains("aerial.toml:2:") && error.contains("mend"), "{error}");
    }
}
