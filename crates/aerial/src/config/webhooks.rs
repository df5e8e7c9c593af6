//! `[[webhooks]]`: who is told of faults.
//!
//! Owns what may stand there. What is sent when is the business of `webhooks`. Invariant:
//! neither an address, which often holds a secret, nor a secret is ever written
//! anywhere, not even by accident: only the address's host is.

use std::fmt;

use axum::http::Uri;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How many there may be.
pub(super) const MOST: usize = 16;

/// The shortest secret that is one: half of what its hash has.
const SECRET_CHARS: usize = 16;

/// Who is told of what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// Where it is sent to: `http` or `https`.
    pub url: HookUrl,
    /// What is told of: `fault`, `put_aside`, `restart`, `slate`, `store`; default all.
    #[serde(default = "all")]
    pub events: Vec<EventKind>,
    /// What the signature in the header `X-Aerial-Signature` is made with, at least 16
    /// letters; default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<HookSecret>,
}

fn all() -> Vec<EventKind> {
    EventKind::ALL.into()
}

/// What is told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// A worker failed.
    Fault,
    /// A file failed on the air and was put aside.
    PutAside,
    /// The server broke off, and was started again.
    Restart,
    /// A channel shows slate in place of a programme.
    Slate,
    /// Segments cannot be written to disk, or can again.
    Store,
}

impl EventKind {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Fault, Self::PutAside, Self::Restart, Self::Slate, Self::Store];
}

/// The address of a webhook.
#[derive(Clone, PartialEq, Eq)]
pub struct HookUrl(Uri);

impl HookUrl {
    /// As it is asked.
    pub fn uri(&self) -> &Uri {
        &self.0
    }

    /// Whether it is asked by `https`, not by `http`.
    pub fn is_https(&self) -> bool {
        self.0.scheme_str() == Some("https")
    }

    /// What may be told of it.
    pub fn host(&self) -> &str {
        self.0.host().unwrap_or_default()
    }
}

impl fmt::Debug for HookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HookUrl({}, …)", self.host())
    }
}

impl Serialize for HookUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}…", self.host()))
    }
}

impl<'de> Deserialize<'de> for HookUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let uri: Option<Uri> = text.parse().ok();
        let is_one = |uri: &Uri| {
            let with_credentials = uri.authority().is_some_and(|a| a.as_str().contains('@'));
            matches!(uri.scheme_str(), Some("http" | "https"))
                && uri.host().is_some_and(|host| !host.is_empty())
                && !with_credentials
        };
        // The address itself is not told: it may hold a secret.
        uri.filter(is_one).map(Self).ok_or_else(|| {
            D::Error::custom(
                "this is no address of a webhook: write it as https://hooks.example.org/path, \
                 without name and password before the host",
            )
        })
    }
}

/// What signatures are made with.
#[derive(Clone, PartialEq, Eq)]
pub struct HookSecret(String);

impl HookSecret {
    /// In clear.
    pub fn bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for HookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HookSecret(…)")
    }
}

impl Serialize for HookSecret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("…")
    }
}

impl<'de> Deserialize<'de> for HookSecret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.chars().count() >= SECRET_CHARS {
            true => Ok(Self(text)),
            false => Err(D::Error::custom(format_args!(
                "a webhook's secret must have at least {SECRET_CHARS} letters"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Webhook, String> {
        toml::from_str(text).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn a_webhook_is_told_of_all_unless_it_says_of_what() {
        let hook = read("url = \"https://a.example/b?c=d\"").unwrap();
        assert_eq!((hook.url.host(), &hook.events[..]), ("a.example", &EventKind::ALL[..]));
        let hook = read("url = \"http://10.0.0.2:9/b\"\nevents = [\"put_aside\"]").unwrap();
        assert_eq!(hook.events, [EventKind::PutAside]);
    }

    #[test]
    fn what_is_wrong_is_told_without_what_may_be_secret() {
        for (text, told) in [
            ("url = \"ftp://a.example/key-1234\"", "no address of a webhook"),
            ("url = \"hooks.example/key-1234\"", "no address of a webhook"),
            ("url = \"https://me:key-1234@a.example/\"", "without name and password"),
            ("url = \"http://a.example\"\nsecret = \"key-1234\"", "at least 16 letters"),
            ("url = \"http://a.example\"\nevents = [\"films\"]", "unknown variant `films`"),
            ("url = \"http://a.example\"\nsceret = \"x\"", "unknown field `sceret`"),
            ("events = []", "missing field `url`"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(told) && !error.contains("key-1234"), "{text}: {error}");
        }
    }

    #[test]
    fn neither_address_nor_secret_is_ever_shown() {
        let hook = read("url = \"https://a.example/key-1234\"\nsecret = \"key-1234-key-1234\"");
        let hook = hook.unwrap();
        let shown = format!("{hook:?} {}", toml::to_string(&hook).unwrap());
        assert!(shown.contains("a.example") && !shown.contains("1234"), "{shown}");
    }
}
