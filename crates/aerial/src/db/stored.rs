//! How values are written in columns: ids as text, the rest as JSON; and back.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::{Cause, DbError, Result};

/// A path's own bytes: nothing is lost of a name that is no UTF-8.
pub(super) fn path_bytes(path: &Path) -> Vec<u8> {
    path.as_os_str().as_bytes().to_vec()
}

pub(super) fn path(bytes: Vec<u8>) -> PathBuf {
    OsString::from_vec(bytes).into()
}

pub(super) fn parsed<T>(what: &'static str, text: &str) -> Result<T>
where
    T: FromStr<Err: Into<Cause>>,
{
    text.parse().map_err(|source: T::Err| unreadable(what, text, source.into()))
}

pub(super) fn json<T: Serialize>(what: &'static str, value: &T) -> Result<String> {
    serde_json::to_string(value)
        .map_err(|source| DbError::Query { doing: what, source: source.into() })
}

pub(super) fn from_json<T: DeserializeOwned>(what: &'static str, text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|source| unreadable(what, text, source.into()))
}

/// A number that the schema keeps in a wider column than it needs.
pub(super) fn narrowed<T>(what: &'static str, value: i64) -> Result<T>
where
    T: TryFrom<i64, Error: Into<Cause>>,
{
    T::try_from(value)
        .map_err(|source: T::Error| unreadable(what, &value.to_string(), source.into()))
}

pub(super) fn unreadable(what: &'static str, value: &str, source: Cause) -> DbError {
    DbError::Unreadable { what, value: value.chars().take(60).collect(), source }
}
