//! The channel as people arrange it: its settings, and in `items` its lineup's.
//!
//! Owns what may be set and what may not, with an error for each field. Does not
//! know what an item airs (`lineup`) or when (`planner`). Invariant: a `Channel`
//! is always valid.

mod items;

pub use self::items::{LineupItem, What, ranked};

use serde::{Deserialize, Serialize};

use crate::id::{ChannelId, ChannelNumber};
use crate::lineup::Order;
use crate::profile::Rendition;
use crate::time::{AirTime, BadInstant, Ticks};

/// Longest name, group or logo, in characters, that guides still show.
pub const NAME_CHARS: usize = 100;

/// Longest logo URL, in bytes: what browsers and proxies take.
const LOGO_BYTES: usize = 2_000;

/// Longest grace period: an hour.
const GRACE_MS: u64 = 3_600_000;

/// The furthest that catch-up may reach back: lineups and airings are kept for as
/// long, and guides of apps do not reach further.
const CATCHUP_DAYS: u32 = 30;

/// Most rungs of a ladder.
const RUNGS: usize = 8;

/// A channel's settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Channel {
    /// For good.
    pub id: ChannelId,
    /// As people type it; can be given to another channel.
    pub number: ChannelNumber,
    /// What it is called.
    pub name: String,
    /// URL of its logo, absolute or from this server's root.
    pub logo: Option<String>,
    /// The heading TV apps list it under.
    pub group: Option<String>,
    /// Before this instant it is off the air.
    pub starts_at: AirTime,
    /// After the last item: begin again, or go off the air.
    pub looping: bool,
    /// In which order its items play.
    pub order: Order,
    /// What its shuffle is derived from; chosen once.
    pub seed: u64,
    /// Its renditions, best first; none: what the machine affords.
    pub ladder: Vec<Rendition>,
    /// How long its session waits for a next client, in milliseconds; `None`: as
    /// the server is set.
    pub grace_ms: Option<u64>,
    /// It is on the air whether anybody watches or not.
    pub keep_running: bool,
    /// How many days back what aired can be played again; 0: not at all.
    pub catchup_days: u32,
    /// When it was made.
    pub created_at: AirTime,
    /// Whether video is copied where it can be.
    pub video: Video,
    /// Since when it is treated so, where that was ever changed: a new stream
    /// began then.
    pub video_since: Option<AirTime>,
}

/// What a channel does with its files' video, for its stream's life (`rules.md`, 12).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Video {
    /// Copy where it can be copied; segments are up to 8 s long.
    #[default]
    Auto,
    /// Transcode all; segments are 4 s long.
    Transcode,
}

impl Video {
    /// As the API and the catalogue name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Transcode => "transcode",
        }
    }

    /// The other one.
    pub fn other(self) -> Self {
        match self {
            Self::Auto => Self::Transcode,
            Self::Transcode => Self::Auto,
        }
    }
}

/// Settings to make or change a channel with; what is `None` stays as it is (or
/// gets its default).
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Edit {
    /// `5` or `5.1`.
    pub number: Option<String>,
    /// 1 to 100 characters.
    pub name: Option<String>,
    /// `Some(None)` takes it away.
    #[serde(deserialize_with = "given")]
    pub logo: Option<Option<String>>,
    /// `Some(None)` takes it away.
    #[serde(deserialize_with = "given")]
    pub group: Option<Option<String>>,
    /// RFC 3339; when the channel was made, unless said.
    pub starts_at: Option<String>,
    /// Default: yes.
    pub looping: Option<bool>,
    /// Default: sequential.
    pub order: Option<Order>,
    /// `source` or heights such as `720p`.
    pub ladder: Option<Vec<String>>,
    /// 0 to an hour, in milliseconds; `Some(None)`: as the server is set, which
    /// is the default.
    #[serde(deserialize_with = "given")]
    pub grace_ms: Option<Option<u64>>,
    /// Default: auto. A change begins a new stream.
    pub video: Option<Video>,
    /// Default: no.
    pub keep_running: Option<bool>,
    /// 0 to 30; default: 0.
    pub catchup_days: Option<u32>,
}

/// Tells `null` from a field that is not there.
fn given<'de, T: Deserialize<'de>, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// What is wrong with one field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// Its path, such as `ladder[1]`.
    pub field: String,
    /// What is wrong and what would be right.
    pub message: String,
}

/// Settings that cannot be, with all that is wrong with them.
#[derive(Clone, Debug, Default, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(|e| format!("{}: {}", e.field, e.message)).collect::<Vec<_>>().join("; "))]
pub struct Invalid(pub Vec<FieldError>);

impl Invalid {
    /// Keeps a value; of an error, the message under that field.
    fn keep<T>(&mut self, field: impl Into<String>, value: Result<T, String>) -> Option<T> {
        match value {
            Ok(value) => Some(value),
            Err(message) => {
                self.0.push(FieldError { field: field.into(), message });
                None
            }
        }
    }
}

impl Channel {
    /// Makes a channel. Number and name must be given.
    pub fn create(
        id: ChannelId,
        seed: u64,
        created_at: AirTime,
        edit: &Edit,
    ) -> Result<Self, Invalid> {
        let unset = Self {
            id,
            number: ChannelNumber { major: 1, minor: None },
            name: String::new(),
            logo: None,
            group: None,
            starts_at: created_at,
            looping: true,
            order: Order::default(),
            seed,
            ladder: Vec::new(),
            grace_ms: None,
            keep_running: false,
            catchup_days: 0,
            created_at,
            video: edit.video.unwrap_or_default(),
            video_since: None,
        };
        let mut missing = Invalid::default();
        for (field, is_given) in [("number", edit.number.is_some()), ("name", edit.name.is_some())]
        {
            if !is_given {
                missing.keep::<()>(field, Err("must be given".to_owned()));
            }
        }
        match unset.edited(edit) {
            Ok(channel) if missing.0.is_empty() => Ok(channel),
            Ok(_) => Err(missing),
            Err(invalid) => {
                missing.0.extend(invalid.0);
                Err(missing)
            }
        }
    }

    /// The channel with these changes.
    pub fn edited(&self, edit: &Edit) -> Result<Self, Invalid> {
        let mut channel = self.clone();
        let mut invalid = Invalid::default();
        if let Some(text) = &edit.number {
            let number =
                text.parse().map_err(|error: crate::id::BadChannelNumber| error.to_string());
            invalid.keep("number", number).into_iter().for_each(|number| channel.number = number);
        }
        if let Some(name) = &edit.name {
            invalid.keep("name", line(name)).into_iter().for_each(|name| channel.name = name);
        }
        if let Some(group) = &edit.group {
            let group = group.as_deref().map(line).transpose();
            invalid.keep("group", group).into_iter().for_each(|group| channel.group = group);
        }
        if let Some(given) = &edit.logo {
            let given = given.as_deref().map(logo).transpose();
            invalid.keep("logo", given).into_iter().for_each(|logo| channel.logo = logo);
        }
        if let Some(text) = &edit.starts_at {
            invalid
                .keep("starts_at", instant(text))
                .into_iter()
                .for_each(|at| channel.starts_at = at);
        }
        if let Some(texts) = &edit.ladder {
            channel.ladder = ladder(texts, &mut invalid);
        }
        if let Some(grace_ms) = edit.grace_ms {
            let within = grace_ms.is_none_or(|grace_ms| grace_ms <= GRACE_MS).then_some(grace_ms);
            let grace = within.ok_or_else(|| format!("must be 0 to {GRACE_MS} (an hour)"));
            invalid.keep("grace_ms", grace).into_iter().for_each(|grace| channel.grace_ms = grace);
        }
        if let Some(days) = edit.catchup_days {
            let within = (days <= CATCHUP_DAYS).then_some(days);
            let days = within.ok_or_else(|| format!("must be 0 (off) to {CATCHUP_DAYS} days"));
            let kept = invalid.keep("catchup_days", days);
            kept.into_iter().for_each(|days| channel.catchup_days = days);
        }
        channel.keep_running = edit.keep_running.unwrap_or(channel.keep_running);
        channel.looping = edit.looping.unwrap_or(channel.looping);
        channel.order = edit.order.unwrap_or(channel.order);
        channel.video = edit.video.unwrap_or(channel.video);
        if invalid.0.is_empty() { Ok(channel) } else { Err(invalid) }
    }

    /// What another channel is made with to be like this one, but for number and name.
    pub fn as_edit(&self) -> Edit {
        Edit {
            number: None,
            name: None,
            logo: Some(self.logo.clone()),
            group: Some(self.group.clone()),
            // A start that nobody chose is the new one's own.
            starts_at: (self.starts_at != self.created_at).then(|| self.starts_at.to_string()),
            looping: Some(self.looping),
            order: Some(self.order),
            ladder: Some(self.ladder.iter().map(ToString::to_string).collect()),
            grace_ms: Some(self.grace_ms),
            video: Some(self.video),
            keep_running: Some(self.keep_running),
            catchup_days: Some(self.catchup_days),
        }
    }

    /// Whether this differs from `other` in what the planner looks at: it then
    /// needs a new lineup version, after a commit from the old one.
    pub fn plans_unlike(&self, other: &Self) -> bool {
        let plan = |c: &Self| (c.starts_at, c.looping, c.order, c.seed, c.video, c.ladder.clone());
        plan(self) != plan(other)
    }

    /// What its stream does with video at that instant: a change takes effect where
    /// what was committed before it ends.
    pub fn video_at(&self, now: AirTime) -> Video {
        if self.video_since.is_some_and(|since| now < since) {
            self.video.other()
        } else {
            self.video
        }
    }

    /// How far back what aired can be played again; `None`: not at all.
    pub fn catchup(&self) -> Option<Ticks> {
        let reach = Ticks::from_secs(i64::from(self.catchup_days) * 24 * 3_600);
        (reach > Ticks::ZERO).then_some(reach)
    }

    /// How long its session waits for a next client; `None`: as the server is set.
    pub fn grace(&self) -> Option<Ticks> {
        self.grace_ms.map(|grace_ms| Ticks::from_millis(grace_ms.min(GRACE_MS) as i64))
    }
}

/// One line of text that a guide can show.
fn line(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("must not be empty".to_owned());
    }
    if text.chars().count() > NAME_CHARS {
        return Err(format!("must be at most {NAME_CHARS} characters long"));
    }
    if text.chars().any(char::is_control) {
        return Err("must not contain line breaks or control characters".to_owned());
    }
    Ok(text.to_owned())
}

fn logo(url: &str) -> Result<String, String> {
    let known = ["http://", "https://", "/"].iter().any(|start| url.starts_with(start));
    if !known || url.len() > LOGO_BYTES || url.chars().any(|c| c.is_control() || c == ' ') {
        return Err(format!(
            "must be a URL that begins with http://, https:// or /, of at most {LOGO_BYTES} bytes"
        ));
    }
    Ok(url.to_owned())
}

fn instant(text: &str) -> Result<AirTime, String> {
    text.parse().map_err(|error: BadInstant| error.to_string())
}

fn ladder(texts: &[String], invalid: &mut Invalid) -> Vec<Rendition> {
    let mut rungs: Vec<Rendition> = Vec::new();
    for (index, text) in texts.iter().enumerate() {
        let rung = text.parse().map_err(|error: crate::profile::BadRendition| error.to_string());
        let rung = rung.and_then(|rung| match rung {
            Rendition::Height(height) if height % 2 == 1 => {
                Err("must be an even height".to_owned())
            }
            _ if rungs.contains(&rung) => Err(format!("`{rung}` is there twice")),
            _ => Ok(rung),
        });
        rungs.extend(invalid.keep(format!("ladder[{index}]"), rung));
    }
    if texts.len() > RUNGS {
        invalid.keep::<()>("ladder", Err(format!("must have at most {RUNGS} renditions")));
    }
    rungs.sort_by_key(|rung| match rung {
        Rendition::Source => 0,
        Rendition::Height(height) => u16::MAX - height,
    });
    rungs
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use uuid::Uuid;

    const NOW: AirTime = AirTime::from_unix_millis(1_767_225_600_000);

    fn create(edit: &str) -> Result<Channel, Invalid> {
        let edit: Edit = serde_json::from_str(edit).unwrap();
        Channel::create(ChannelId(Uuid::nil()), 7, NOW, &edit)
    }

    #[test]
    fn a_number_and_a_name_make_a_channel() {
        let channel = create(r#"{"number": "5.1", "name": " Films "}"#).unwrap();
        assert_eq!(channel.name, "Films");
        assert_eq!(channel.number.to_string(), "5.1");
        assert_eq!((channel.looping, channel.order), (true, Order::Sequential));
        assert_eq!((channel.starts_at, channel.grace()), (NOW, None));
    }

    #[rstest]
    #[case(r#"{}"#, "number: must be given; name: must be given")]
    #[case(
        r#"{"number": "0", "name": "a"}"#,
        "number: `0` is no channel number: write 1 to 99999, or with a sub-number such as 5.1"
    )]
    #[case(r#"{"number": "1", "name": " \t"}"#, "name: must not be empty")]
    #[case(
        r#"{"number": "1", "name": "a\nb"}"#,
        "name: must not contain line breaks or control characters"
    )]
    #[case(r#"{"number": "1", "name": "a", "group": ""}"#, "group: must not be empty")]
    #[case(
        r#"{"number": "1", "name": "a", "logo": "javascript:x"}"#,
        "logo: must be a URL that begins with http://, https:// or /, of at most 2000 bytes"
    )]
    #[case(
        r#"{"number": "1", "name": "a", "starts_at": "soon"}"#,
        "starts_at: must be a time such as 2026-12-24T18:00:00Z or 2026-12-24T18:00:00+01:00"
    )]
    #[case(
        r#"{"number": "1", "name": "a", "ladder": ["720p", "72p", "720p", "481p"]}"#,
        "ladder[1]: `72p` is no rendition: use `source` or a height such as `720p`; ladder[2]: `720p` is there twice; ladder[3]: must be an even height"
    )]
    #[case(
        r#"{"number": "1", "name": "a", "catchup_days": 31}"#,
        "catchup_days: must be 0 (off) to 30 days"
    )]
    #[case(
        r#"{"number": "1", "name": "a", "grace_ms": 3600001}"#,
        "grace_ms: must be 0 to 3600000 (an hour)"
    )]
    fn what_cannot_be_is_refused_field_by_field(#[case] edit: &str, #[case] message: &str) {
        assert_eq!(create(edit).unwrap_err().to_string(), message);
    }

    #[test]
    fn a_name_has_at_most_a_hundred_characters_of_any_script() {
        let edit = |n| Edit {
            number: Some("1".to_owned()),
            name: Some("\u{1f4fa}".repeat(n)),
            ..Edit::default()
        };
        let create = |n| Channel::create(ChannelId(Uuid::nil()), 7, NOW, &edit(n));
        assert!(create(100).is_ok());
        assert!(create(101).is_err());
    }

    #[test]
    fn an_edit_changes_what_it_names_and_null_takes_away() {
        let channel =
            create(r#"{"number": "1", "name": "a", "group": "b", "logo": "/l.png"}"#).unwrap();
        let edit: Edit = serde_json::from_str(
            r#"{"group": null, "ladder": ["480p", "source", "1080p"], "grace_ms": 0, "keep_running": true, "catchup_days": 7,
                "starts_at": "2026-01-01T01:00:00+01:00", "order": "shuffle", "looping": false}"#,
        )
        .unwrap();
        let edited = channel.edited(&edit).unwrap();
        let ladder = vec![Rendition::Source, Rendition::Height(1_080), Rendition::Height(480)];
        let expected = Channel {
            group: None,
            ladder,
            grace_ms: Some(0),
            keep_running: true,
            catchup_days: 7,
            starts_at: NOW,
            order: Order::Shuffle,
            looping: false,
            ..channel.clone()
        };
        assert_eq!(edited, expected);
        assert!(edited.plans_unlike(&channel));
        assert_eq!(edited.grace(), Some(Ticks::ZERO));
        assert_eq!(edited.catchup(), Some(Ticks::from_secs(7 * 86_400)));
        assert_eq!(channel.catchup(), None);
        let as_the_server: Edit = serde_json::from_str(r#"{"grace_ms": null}"#).unwrap();
        assert_eq!(edited.edited(&as_the_server).unwrap().grace(), None);
        let renamed: Edit = serde_json::from_str(r#"{"name": "c", "number": "2"}"#).unwrap();
        assert!(!channel.edited(&renamed).unwrap().plans_unlike(&channel));
        assert!(serde_json::from_str::<Edit>(r#"{"nmae": "c"}"#).is_err());
    }
}
