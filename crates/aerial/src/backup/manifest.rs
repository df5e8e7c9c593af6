//! What is in a backup: the list that is its first member.
//!
//! Owns the list's form and what may be on it. Invariant: a list that was read names
//! only files that belong into a data folder, each once.

use std::collections::BTreeSet;
use std::path::{Component, Path};

use serde::{Deserialize, Serialize};

use crate::data_dir::{CATALOGUE, KEPT};

/// The list's name in the file.
pub(super) const MANIFEST: &str = "manifest.json";

/// The form of the file that this program writes, and the newest that it reads.
pub(super) const FORMAT: u32 = 1;

/// Longer than any list: of a hundred thousand logos.
pub(super) const MANIFEST_LIMIT: u64 = 16 << 20;

/// What is in a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The form of the file.
    pub aerial_backup: u32,
    /// The version that made it.
    pub version: String,
    /// The steps of the catalogue's schema.
    pub schema: Vec<String>,
    /// When it was made, in milliseconds since the Unix epoch.
    pub made_at_ms: i64,
    /// The data folder that it is of.
    pub data: String,
    /// The settings file, where that was not in the data folder; it is in the backup as
    /// `config.toml`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<String>,
    /// How many channels are in it.
    pub channels: u64,
    /// How many media the catalogue knows.
    pub media: u64,
    /// The files in it.
    pub members: Vec<Member>,
}

/// A file in a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Where it belongs in the data folder.
    pub path: String,
    /// Its size.
    pub size_bytes: u64,
    /// BLAKE3 of all of it, in hexadecimal.
    pub blake3: String,
}

/// What is wrong with a list.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is none.
    NoManifest(String),
    /// It is of a newer form.
    Newer(String, String),
    /// It is damaged.
    Damaged(String),
}

/// What of a list every form of it has.
#[derive(Deserialize)]
struct Form {
    aerial_backup: u32,
    #[serde(default)]
    version: String,
}

impl Manifest {
    /// Reads a list.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Fault> {
        let form: Form = serde_json::from_slice(bytes)
            .map_err(|error| Fault::NoManifest(format!("its {MANIFEST} is none ({error})")))?;
        if form.aerial_backup > FORMAT {
            let said = format!("it is of form {}, this one reads {FORMAT}", form.aerial_backup);
            return Err(Fault::Newer(form.version, said));
        }
        let read: Self = serde_json::from_slice(bytes)
            .map_err(|error| Fault::Damaged(format!("its {MANIFEST} cannot be read ({error})")))?;
        let mut seen = BTreeSet::new();
        for member in &read.members {
            if !belongs(&member.path) {
                let path = member.path.escape_debug();
                return Err(Fault::Damaged(format!("`{path}` belongs into no data folder")));
            }
            if !seen.insert(&member.path) {
                return Err(Fault::Damaged(format!("`{}` is in it twice", member.path)));
            }
        }
        match seen.iter().any(|path| *path == CATALOGUE) {
            true => Ok(read),
            false => Err(Fault::Damaged(format!("it has no {CATALOGUE}"))),
        }
    }

    /// How much all of it is.
    pub fn bytes(&self) -> u64 {
        self.members.iter().map(|member| member.size_bytes).fold(0, u64::saturating_add)
    }
}

/// Whether a file of this name is one that a backup may bring: the catalogue, or what is
/// in [`KEPT`], never a way out of the folder.
fn belongs(path: &str) -> bool {
    let mut parts = path.split('/');
    let plain = parts.all(|part| {
        // As the system reads it: one step down, and none else.
        let mut read = Path::new(part).components();
        matches!((read.next(), read.next()), (Some(Component::Normal(_)), None))
    });
    let kept = KEPT.into_iter().any(|kept| {
        let rest = path.strip_prefix(kept);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    });
    plain && !path.contains('\0') && (path == CATALOGUE || kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_belongs_into_a_data_folder_may_be_brought() {
        for path in ["catalogue.sqlite", "settings.toml", "slates/off_air", "artwork/logos/a.png"] {
            assert!(belongs(path), "{path}");
        }
        for path in [
            "",
            "/catalogue.sqlite",
            "../catalogue.sqlite",
            "slates/../../x",
            "slates/./x",
            "slates//x",
            "slates/",
            "artwork/thumbnail.jpg",
            "key",
            "lock",
            "slatesx/a",
            "slates/a\0b",
            "segments/x",
            "restored/step.json",
        ] {
            assert!(!belongs(path), "{path}");
        }
    }

    fn text(members: &[&str]) -> String {
        let member =
            |path: &&str| serde_json::json!({ "path": path, "size_bytes": 1, "blake3": "" });
        let members: Vec<_> = members.iter().map(member).collect();
        serde_json::json!({
            "aerial_backup": 1, "version": "1.2.3", "schema": [], "made_at_ms": 0, "data": "/d",
            "channels": 1, "media": 2, "members": members,
        })
        .to_string()
    }

    #[test]
    fn a_list_is_read_or_refused_with_what_is_wrong() {
        let read = |text: &str| Manifest::read(text.as_bytes());
        assert_eq!(read(&text(&["catalogue.sqlite", "settings.toml"])).unwrap().bytes(), 2);
        let fault = |text: &str| read(text).unwrap_err();
        assert!(matches!(fault("[]"), Fault::NoManifest(_)));
        assert!(matches!(fault("{}"), Fault::NoManifest(_)));
        let newer = r#"{"aerial_backup": 2, "version": "9.0.0", "other": true}"#;
        assert!(matches!(fault(newer), Fault::Newer(version, _) if version == "9.0.0"));
        for members in [
            &["settings.toml"][..],
            &["catalogue.sqlite", "../x"],
            &["catalogue.sqlite", "catalogue.sqlite"],
        ] {
            assert!(matches!(fault(&text(members)), Fault::Damaged(_)), "{members:?}");
        }
    }
}
