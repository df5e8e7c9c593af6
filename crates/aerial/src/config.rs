//! Settings: one struct per concern, from a file, then variables, then flags.
//!
//! Owns how the layers are put together, and what of the whole is wrong; each section has
//! its own file with what can be set there and the defaults, and `sources` reads each
//! layer. Does not read the command line (`cli`). Invariant: [`Settings`] that
//! [`Settings::load`] gave out are valid, and whoever set a wrong value was told
//! where it stands and what is allowed.

mod access;
mod backup;
mod discovery;
mod edit;
mod encodes;
mod ffmpeg;
mod history;
mod library;
pub mod list;
mod log;
mod rest;
mod server;
mod slates;
mod sources;
mod store;
mod stream;
mod units;
mod webhooks;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use aerial_model::profile::Rendition;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use toml::{Table, Value};

pub use access::Access;
pub use backup::Backup;
pub use discovery::Discovery;
pub use edit::{Change, EditError, Edits, FileError, Loaded, Origin, Wrong};
pub use encodes::{BadEncodes, Encodes};
pub use ffmpeg::{Ffmpeg, Sandbox};
pub use history::History;
pub use library::Library;
pub use log::{Log, LogFormat};
pub(crate) use server::listen_address;
pub use server::{PublicAddress, Server};
pub use slates::Slates;
use sources::{Sources, from_variable};
pub use store::Store;
pub use stream::Stream;
pub use units::{BadUnit, ByteSize, Period, Within};
pub use webhooks::{EventKind, HookSecret, HookUrl, Webhook};

/// Variables that begin like settings but are none: the settings file itself.
const NO_SETTINGS: [&str; 1] = [CONFIG_VARIABLE];

/// The variable that names the settings file, like `--config`.
pub const CONFIG_VARIABLE: &str = "AERIAL_CONFIG";

/// The settings file in the data folder, which is read where `--config` names no other.
pub(crate) const DATA_SETTINGS: &str = "settings.toml";

/// What all variables of settings begin with.
const PREFIX: &str = "AERIAL_";

/// All settings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Where the server is found.
    pub server: Server,
    /// Who may do what.
    pub access: Access,
    /// Which media there are.
    pub library: Library,
    /// How channels are sent.
    pub stream: Stream,
    /// Where segments are kept.
    pub store: Store,
    /// What is shown where nothing else can be.
    pub slates: Slates,
    /// How FFmpeg is used.
    pub ffmpeg: Ffmpeg,
    /// How TV apps find the server.
    pub discovery: Discovery,
    /// What is logged.
    pub log: Log,
    /// What is remembered of what aired.
    pub history: History,
    /// The backups that the server makes by itself.
    pub backup: Backup,
    /// Who is told of faults: as many as there are, each under `[[webhooks]]`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub webhooks: Vec<Webhook>,
}

/// What was given on the command line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// `--config`, or else the variable `AERIAL_CONFIG`.
    pub config: Option<PathBuf>,
    /// `--data`.
    pub data: Option<PathBuf>,
    /// `--media`; if there is any, it replaces the folders of file and variable.
    pub media: Vec<PathBuf>,
    /// `--listen`.
    pub listen: Option<SocketAddr>,
}

/// A setting that is wrong, and where.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The settings file cannot be read.
    #[error("cannot read the settings in {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: std::io::Error,
    },
    /// A line of the file is wrong.
    #[error("{}:{line}: {message}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong and what is allowed.
        message: String,
    },
    /// A variable is wrong.
    #[error("the variable {name}: {message}")]
    Variable {
        /// The variable.
        name: String,
        /// What is wrong and what is allowed.
        message: String,
    },
    /// Each value is possible in itself, but not this one here.
    #[error("{place}: {message}")]
    Value {
        /// File and line, variable, or flag.
        place: String,
        /// What is wrong and what is allowed.
        message: String,
    },
}

impl Settings {
    /// Read the file, then the variables, then the flags, and check the result.
    ///
    /// # Errors
    /// The first wrong setting, with its place and what is allowed.
    pub fn load(
        flags: &Flags,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, ConfigError> {
        Ok(Self::load_with_origins(flags, variables)?.settings().clone())
    }

    /// The same, with where each value came from, so that they can be changed.
    ///
    /// # Errors
    /// The same.
    pub fn load_with_origins(
        flags: &Flags,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Loaded, ConfigError> {
        let variables: Vec<(OsString, OsString)> = variables.into_iter().collect();
        let mut sources = Sources::default();
        let table = match &flags.config {
            Some(path) => sources.read_file(path)?,
            None => sources.read_data_file(flags, &variables)?,
        };
        let settings = Self::unchecked(table, &mut sources, flags, variables.iter().cloned())?;
        match settings.validate() {
            Ok(()) => Ok(Loaded::new(settings, flags, variables, sources)),
            Err((key, message)) => {
                Err(ConfigError::Value { place: sources.place_of(key, flags), message })
            }
        }
    }

    /// What these layers make together; what only the whole shows is not looked at.
    fn unchecked(
        mut table: Table,
        sources: &mut Sources,
        flags: &Flags,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, ConfigError> {
        for (name, value) in variables {
            let (Some(name), value) = (name.to_str(), value.to_string_lossy()) else { continue };
            if !name.starts_with(PREFIX) || NO_SETTINGS.contains(&name) || is_of_a_service(name) {
                continue;
            }
            let (section, key, value) = from_variable(name, &value)?;
            sources.variables.push((format!("{section}.{key}"), name.to_owned()));
            let section = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(section) = section {
                section.insert(key, value);
            }
        }
        // Each layer was checked by itself, so this cannot fail for a reason
        // that has not been told better above.
        let mut settings: Self =
            table.try_into().map_err(|error: toml::de::Error| ConfigError::Value {
                place: "settings".to_owned(),
                message: error.message().trim().to_owned(),
            })?;
        settings.take_flags(flags);
        Ok(settings)
    }

    fn take_flags(&mut self, flags: &Flags) {
        if let Some(data) = &flags.data {
            self.server.data.clone_from(data);
        }
        if let Some(listen) = flags.listen {
            self.server.listen = listen;
        }
        if !flags.media.is_empty() {
            self.library.folders.clone_from(&flags.media);
        }
    }

    /// The one check of what types cannot say. The error is the key and what is
    /// wrong with its value. It asks no disk: what is away today may be there tomorrow.
    fn validate(&self) -> Result<(), (&'static str, String)> {
        let (rescan, grace) = (self.library.rescan, self.stream.grace);
        if rescan < Period::secs(60) || rescan > Period::secs(604_800) {
            return Err(("library.rescan", format!("{rescan} is not from 1m to 7d")));
        }
        if grace > Period::secs(3_600) {
            return Err(("stream.grace", format!("{grace} is over 1h")));
        }
        if self.stream.height.get() % 2 == 1 {
            let height = self.stream.height.get();
            return Err(("stream.height", format!("{height} is odd: H.264 needs an even height")));
        }
        let odd = |rung: &&Rendition| rung.height().is_some_and(|height| height % 2 == 1);
        if let Some(rung) = self.stream.ladder.iter().find(odd) {
            return Err(("stream.ladder", format!("`{rung}` is odd: H.264 needs an even height")));
        }
        let session = self.access.session;
        if session < Period::secs(300) || session > Period::secs(400 * 86_400) {
            return Err(("access.session", format!("{session} is not from 5m to 400d")));
        }
        self.backup.validate()?;
        let limit = self.store.limit;
        if limit < ByteSize(64 << 20) {
            return Err(("store.limit", format!("{limit} is too small: at least 64MiB")));
        }
        if self.webhooks.len() > webhooks::MOST {
            let (count, most) = (self.webhooks.len(), webhooks::MOST);
            return Err(("webhooks", format!("{count} are too many: at most {most}")));
        }
        if let Err(error) = self.log.filter.parse::<tracing_subscriber::filter::Targets>() {
            let message = format!(
                "`{}` is no log filter ({error}): write off, error, warn, info, debug or trace, \
                 also for one part, such as `info,aerial::stream=debug`",
                self.log.filter
            );
            return Err(("log.filter", message));
        }
        Ok(())
    }
}

/// Whether Kubernetes gives this variable to all that runs beside a Service named `aerial`. No
/// section of the settings is called so.
fn is_of_a_service(name: &str) -> bool {
    let Some(rest) = name.strip_prefix(PREFIX) else { return false };
    rest == "PORT" || rest.starts_with("PORT_") || rest.starts_with("SERVICE_")
}

#[cfg(test)]
mod tests;
