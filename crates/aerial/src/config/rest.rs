//! What holds where the settings cannot be read: for commands that must work all the same.
//!
//! Owns what flags and variables say without the file. Invariant: no data folder is guessed
//! where a file that cannot be read might name another.

use std::ffi::OsString;
use std::path::PathBuf;

use toml::Table;

use super::sources::Sources;
use super::{Flags, Settings};

/// The variable of `server.data`.
const DATA_VARIABLE: &str = "AERIAL_SERVER_DATA";

impl Settings {
    /// The settings without the file, or, where a variable is what is wrong, by flags alone.
    pub fn without_file(
        flags: &Flags,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Self {
        let known = Self::unchecked(Table::new(), &mut Sources::default(), flags, variables);
        known.ok().filter(|known| known.validate().is_ok()).unwrap_or_else(|| {
            let mut by_flags = Self::default();
            by_flags.take_flags(flags);
            by_flags
        })
    }

    /// The data folder, if it can be told without the file and whatever else is wrong.
    pub fn data_without_file(
        flags: &Flags,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Option<PathBuf> {
        let mut variables = variables.into_iter();
        let variable = || Some(PathBuf::from(variables.find(|(name, _)| name == DATA_VARIABLE)?.1));
        let default = || flags.config.is_none().then(|| Self::default().server.data);
        flags.data.clone().or_else(variable).or_else(default)
    }
}
