//! `[access]`: who may do what.

use std::fmt;

use aerial_model::network::Network;
use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::units::Period;

/// `[access]`: who may do what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Access {
    /// Whether the local network may watch without signing in; default: as it is set in
    /// the app, where it is on at first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub watch_only: Option<bool>,
    /// How long somebody stays signed in who does not come back, 5m to 400d; default
    /// `30d`.
    pub session: Period,
    /// What is local beside private, link-local and unique local addresses, such as
    /// `["100.64.0.0/10"]` for a VPN; default none. In a variable they are separated by
    /// commas.
    #[serde(deserialize_with = "networks", serialize_with = "written")]
    pub local_networks: Vec<Network>,
    /// Reverse proxies that are believed when they tell where a request comes from
    /// (`X-Forwarded-For`, `Forwarded`); default none.
    #[serde(deserialize_with = "networks", serialize_with = "written")]
    pub trusted_proxies: Vec<Network>,
    /// Whether the local network may read `/metrics` without a token; default false.
    pub local_metrics: bool,
}

impl Default for Access {
    fn default() -> Self {
        Self {
            watch_only: None,
            session: Period::secs(30 * 86_400),
            local_networks: Vec::new(),
            trusted_proxies: Vec::new(),
            local_metrics: false,
        }
    }
}

/// A list, or text with commas between the networks, as in a variable.
fn networks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Network>, D::Error> {
    struct Networks;
    impl<'de> Visitor<'de> for Networks {
        type Value = Vec<Network>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of networks, such as [\"10.0.0.0/8\", \"192.168.7.2\"]")
        }
        fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
            let each = text.split(',').map(str::trim).filter(|text| !text.is_empty());
            each.map(|text| text.parse().map_err(E::custom)).collect()
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            let mut networks = Vec::new();
            while let Some(text) = list.next_element::<String>()? {
                networks.push(text.parse().map_err(A::Error::custom)?);
            }
            Ok(networks)
        }
    }
    deserializer.deserialize_any(Networks)
}

fn written<S: Serializer>(networks: &[Network], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(networks.iter().map(ToString::to_string))
}
