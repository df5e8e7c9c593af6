//! `[stream]`: how channels are sent.

use aerial_model::profile::Rendition;
use serde::{Deserialize, Serialize};

use super::encodes::Encodes;
use super::units::{Period, Within};

/// `[stream]`: how channels are sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Stream {
    /// How long a channel that has no grace period of its own stays on the air
    /// without a viewer, 0s to 1h; default `30s`.
    pub grace: Period,
    /// The height of the transcoded picture that is sent where one must do, an even
    /// number from 144 to 2160; a source that is lower keeps its own; default 720.
    pub height: Within<144, 2160>,
    /// What channels offer that have no ladder of their own: `source` and heights;
    /// default `source`, `1080p`, `720p`, `480p`, `360p`. What the machine cannot
    /// carry, and what is taller than the channel's tallest picture, is left out. In a
    /// variable they are separated by commas.
    #[serde(deserialize_with = "rungs")]
    pub ladder: Vec<Rendition>,
    /// How much may be encoded at once: `"auto"`, what the machine was measured to
    /// carry, or so many encodes of the full height, 1 to 1000; default `"auto"`.
    pub encodes: Encodes,
}

impl Stream {
    /// The ladder, best first, with the height that is sent where one must do.
    pub fn rungs(&self) -> Vec<Rendition> {
        let mut rungs = self.ladder.clone();
        rungs.push(Rendition::Height(self.height.get()));
        rungs.sort_by_key(|rung| rung.height().map_or(0, |height| u16::MAX - height));
        rungs.dedup();
        rungs
    }

    /// The tallest picture that is transcoded.
    pub fn tallest(&self) -> u16 {
        let heights = self.rungs().into_iter().filter_map(Rendition::height);
        heights.max().unwrap_or(self.height.get())
    }
}

impl Default for Stream {
    fn default() -> Self {
        let ladder = [1_080, 720, 480, 360].map(Rendition::Height);
        Self {
            grace: Period::secs(30),
            height: Within::of::<720>(),
            encodes: Encodes::Auto,
            ladder: [Rendition::Source].into_iter().chain(ladder).collect(),
        }
    }
}

/// A list, or text with commas between the rungs, as in a variable.
fn rungs<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<Rendition>, D::Error> {
    struct Rungs;
    impl<'de> serde::de::Visitor<'de> for Rungs {
        type Value = Vec<Rendition>;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a list of renditions, such as [\"source\", \"720p\"]")
        }
        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
            let rungs = text.split(',').map(str::trim).filter(|rung| !rung.is_empty());
            rungs.map(|rung| rung.parse().map_err(E::custom)).collect()
        }
        fn visit_seq<A: serde::de::SeqAccess<'de>>(
            self,
            mut list: A,
        ) -> Result<Self::Value, A::Error> {
            let mut rungs = Vec::new();
            while let Some(rung) = list.next_element::<String>()? {
                rungs.push(rung.parse().map_err(serde::de::Error::custom)?);
            }
            Ok(rungs)
        }
    }
    deserializer.deserialize_any(Rungs)
}
