//! What is told: an event as a webhook gets it.
//!
//! Owns the shape. Invariant: nothing in it is a path, an address, or of a viewer; what
//! FFmpeg said in full is in the API, for whoever may read that.

use aerial_model::time::AirTime;
use serde::Serialize;
use uuid::Uuid;

use crate::config::EventKind;

/// A channel, as an event names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChannelNamed {
    /// Its id.
    pub id: Uuid,
    /// Its number.
    pub number: String,
    /// Its name.
    pub name: String,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum What {
    /// A worker failed, and another took its place.
    Fault {
        /// What kind of trouble it was.
        class: &'static str,
        /// What it made.
        title: String,
        /// For whom.
        channels: Vec<ChannelNamed>,
    },
    /// A file failed on the air and was put aside.
    PutAside {
        /// Its id.
        media: Uuid,
        /// Its title.
        title: String,
    },
    /// The server before this one did not end as it should.
    Restart,
    /// A channel shows slate in place of a programme.
    Slate {
        /// Which.
        channel: ChannelNamed,
    },
    /// Segments cannot be written to disk, or can again.
    Store {
        /// They cannot.
        failing: bool,
        /// What to do about it.
        advice: Option<&'static str>,
    },
    /// Somebody tries whether this works.
    Test,
}

impl What {
    /// As who is told chooses; `None`: all are told.
    pub fn kind(&self) -> Option<EventKind> {
        match self {
            Self::Fault { .. } => Some(EventKind::Fault),
            Self::PutAside { .. } => Some(EventKind::PutAside),
            Self::Restart => Some(EventKind::Restart),
            Self::Slate { .. } => Some(EventKind::Slate),
            Self::Store { .. } => Some(EventKind::Store),
            Self::Test => None,
        }
    }

    /// In a sentence, for whoever shows it as it is.
    pub fn summary(&self) -> String {
        let on = |channels: &[ChannelNamed]| match channels {
            [] => String::new(),
            all => {
                let all: Vec<_> =
                    all.iter().map(|one| format!("{} {}", one.number, one.name)).collect();
                format!(" on {}", all.join(", "))
            }
        };
        match self {
            Self::Fault { class, title, channels } => {
                format!("FFmpeg failed with “{title}”{} ({class})", on(channels))
            }
            Self::PutAside { title, .. } => {
                format!("“{title}” failed on the air and was put aside")
            }
            Self::Restart => "Aerial broke off, and was started again".to_owned(),
            Self::Slate { channel } => {
                let channel = on(std::slice::from_ref(channel));
                format!("There is slate in place of a programme{channel}")
            }
            Self::Store { failing: true, advice } => {
                let advice = advice.map(|advice| format!(": {advice}")).unwrap_or_default();
                format!("Segments cannot be written to disk{advice}")
            }
            Self::Store { failing: false, .. } => "Segments are written to disk again".to_owned(),
            Self::Test => "Aerial can tell you of faults".to_owned(),
        }
    }
}

/// What is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The same for each try, so that who gets it twice can tell.
    pub id: Uuid,
    /// When it happened.
    pub at: AirTime,
    /// What happened.
    pub what: What,
}

impl Event {
    /// One that happens now.
    pub fn new(what: What, at: AirTime) -> Self {
        Self { id: Uuid::now_v7(), at, what }
    }

    /// As it is sent.
    pub fn body(&self) -> Vec<u8> {
        #[derive(Serialize)]
        struct Body<'a> {
            id: Uuid,
            at: String,
            version: &'static str,
            summary: String,
            #[serde(flatten)]
            what: &'a What,
        }
        let body = Body {
            id: self.id,
            at: self.at.to_string(),
            version: env!("CARGO_PKG_VERSION"),
            summary: self.what.summary(),
            what: &self.what,
        };
        // Strings, numbers and truth values alone: this cannot fail.
        serde_json::to_vec(&body).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_reads_as_it_is_documented() {
        let channel = ChannelNamed {
            id: Uuid::from_u128(1),
            number: "5".to_owned(),
            name: "Films".to_owned(),
        };
        let all = [
            What::Fault {
                class: "hang",
                title: "Film".to_owned(),
                channels: vec![channel.clone()],
            },
            What::PutAside { media: Uuid::from_u128(2), title: "Film".to_owned() },
            What::Restart,
            What::Slate { channel },
            What::Store { failing: true, advice: Some("make room") },
            What::Store { failing: false, advice: None },
            What::Test,
        ];
        let at = AirTime::from_unix_millis(1_798_135_200_000);
        let told = all.map(|what| {
            let body = Event { id: Uuid::from_u128(7), at, what }.body();
            let mut body: serde_json::Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(body["id"], "00000000-0000-0000-0000-000000000007");
            assert_eq!(body["at"], "2026-12-24T18:00:00.000Z");
            for same in ["id", "at", "version"] {
                body.as_object_mut().unwrap().remove(same);
            }
            body
        });
        let channel =
            r#"{"id":"00000000-0000-0000-0000-000000000001","name":"Films","number":"5"}"#;
        let expected = [
            format!(
                r#"{{"channels":[{channel}],"class":"hang","summary":"FFmpeg failed with “Film” on 5 Films (hang)","title":"Film","type":"fault"}}"#
            ),
            r#"{"media":"00000000-0000-0000-0000-000000000002","summary":"“Film” failed on the air and was put aside","title":"Film","type":"put_aside"}"#.to_owned(),
            r#"{"summary":"Aerial broke off, and was started again","type":"restart"}"#.to_owned(),
            format!(
                r#"{{"channel":{channel},"summary":"There is slate in place of a programme on 5 Films","type":"slate"}}"#
            ),
            r#"{"advice":"make room","failing":true,"summary":"Segments cannot be written to disk: make room","type":"store"}"#.to_owned(),
            r#"{"advice":null,"failing":false,"summary":"Segments are written to disk again","type":"store"}"#.to_owned(),
            r#"{"summary":"Aerial can tell you of faults","type":"test"}"#.to_owned(),
        ];
        let expected =
            expected.map(|text| serde_json::from_str::<serde_json::Value>(&text).unwrap());
        assert_eq!(told, expected);
    }
}
