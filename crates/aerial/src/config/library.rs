//! `[library]`: which media there are.

use std::path::PathBuf;

use serde::de::IntoDeserializer;
use serde::{Deserialize, Serialize};

use super::units::{Period, Within};

/// `[library]`: which media there are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Library {
    /// Folders of media, beside those added in the app; default none. In a
    /// variable they are separated by `:`.
    #[serde(deserialize_with = "folders")]
    pub folders: Vec<PathBuf>,
    /// How often folders are scanned again where changes are not reported: on the
    /// network, or where `watch` is false; 1m to 7d, default `1h`.
    pub rescan: Period,
    /// How many files are probed at once, 1 to 64; default 2.
    pub probes: Within<1, 64>,
    /// Whether folders are watched, so that changes are seen within seconds;
    /// default true.
    pub watch: bool,
}

impl Default for Library {
    fn default() -> Self {
        let probes = Within::of::<2>();
        Self { folders: Vec::new(), rescan: Period::secs(3_600), probes, watch: true }
    }
}

/// A list of folders, or one string with `:` between them.
fn folders<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<PathBuf>, D::Error> {
    struct Folders;
    impl<'de> serde::de::Visitor<'de> for Folders {
        type Value = Vec<PathBuf>;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a list of folders, such as [\"/films\", \"/shows\"]")
        }
        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
            Ok(text.split(':').filter(|path| !path.is_empty()).map(PathBuf::from).collect())
        }
        fn visit_seq<A: serde::de::SeqAccess<'de>>(
            self,
            mut list: A,
        ) -> Result<Self::Value, A::Error> {
            let mut folders = Vec::new();
            while let Some(folder) = list.next_element::<String>()? {
                folders.push(PathBuf::deserialize(folder.into_deserializer())?);
            }
            Ok(folders)
        }
    }
    deserializer.deserialize_any(Folders)
}
