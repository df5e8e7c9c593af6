//! What can be set, one by one: for whoever shows or changes settings.
//!
//! Owns for each key what may stand there, in a form that a page can draw, and whether
//! it can be changed while the server runs. What a value really may be, the types and
//! `Settings::validate` say. Invariant: each key of [`super::Settings`] is here once, in
//! the order in which people look for them.

/// A setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its section of the file.
    pub section: &'static str,
    /// Its key in that.
    pub key: &'static str,
    /// What it is for, in a sentence.
    pub about: &'static str,
    /// What may stand there.
    pub kind: Kind,
    /// Why it cannot be changed here; `None`: it can.
    pub fixed: Option<&'static str>,
    /// Its value is nobody's business: it is never told.
    pub secret: bool,
}

/// What may stand in a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// True or false.
    Switch,
    /// A whole number.
    Number {
        /// The least.
        least: u64,
        /// The most.
        most: u64,
    },
    /// A length of time with its unit.
    Period {
        /// The least.
        least: &'static str,
        /// The most.
        most: &'static str,
    },
    /// A number of bytes with its unit.
    Size {
        /// The least.
        least: &'static str,
    },
    /// One of these words.
    Choice(&'static [&'static str]),
    /// `auto`, or a whole number.
    AutoOrNumber {
        /// The least.
        least: u64,
        /// The most.
        most: u64,
    },
    /// `source` and heights, best first.
    Renditions,
    /// An address on the web.
    Url,
    /// An address and a port of this machine.
    Address,
    /// A file of the server.
    File,
    /// A folder of the server.
    Folder,
    /// Folders of the server.
    Folders,
    /// Networks, such as `10.0.0.0/8`.
    Networks,
    /// Some text.
    Text,
}

const fn setting(
    section: &'static str,
    key: &'static str,
    kind: Kind,
    about: &'static str,
) -> Setting {
    Setting { section, key, about, kind, fixed: None, secret: false }
}

impl Setting {
    const fn fixed(self, why: &'static str) -> Self {
        Self { fixed: Some(why), ..self }
    }

    /// `section.key`.
    pub fn name(&self) -> String {
        format!("{}.{}", self.section, self.key)
    }
}

const AT_START: &str = "it is decided when the program is started: by a flag, a variable or the \
    settings file";

/// For what a new server takes over from the one before.
const WITH_SOCKETS: &str = "it is decided when the program is started, by a flag, a variable or \
    the settings file; a reload keeps the sockets";

/// All settings.
pub const SETTINGS: &[Setting] = &[
    setting("server", "listen", Kind::Address, "Address and port to listen on.")
        .fixed(WITH_SOCKETS),
    setting(
        "server",
        "public_url",
        Kind::Url,
        "The address that clients are told, where that is \
        not the one they asked by.",
    ),
    setting(
        "server",
        "connections",
        Kind::Number { least: 16, most: 65_535 },
        "How many connections there may be at a time.",
    ),
    setting(
        "server",
        "connections_per_address",
        Kind::Number { least: 4, most: 65_535 },
        "How many of them one address may have.",
    ),
    setting("server", "data", Kind::Folder, "The folder for the catalogue and the segments.")
        .fixed(AT_START),
    setting(
        "server",
        "trust_clock",
        Kind::Switch,
        "That the machine's clock is right though it is \
        over 400 days ahead of when the server was last heard of.",
    )
    .fixed(AT_START),
    setting(
        "access",
        "watch_only",
        Kind::Switch,
        "Whether the local network may watch without \
        signing in, whatever is set in the app.",
    )
    .fixed("it is set in the app, under access"),
    setting(
        "access",
        "session",
        Kind::Period { least: "5m", most: "400d" },
        "How long somebody \
        stays signed in who does not come back.",
    ),
    setting(
        "access",
        "local_networks",
        Kind::Networks,
        "What is local beside private \
        addresses.",
    )
    .fixed(AT_START),
    setting(
        "access",
        "trusted_proxies",
        Kind::Networks,
        "Reverse proxies that are believed when \
        they tell where a request comes from.",
    )
    .fixed(AT_START),
    setting(
        "access",
        "local_metrics",
        Kind::Switch,
        "Whether the local network may read the \
        metrics without a token.",
    ),
    setting(
        "library",
        "folders",
        Kind::Folders,
        "Folders of media, beside those added in the \
        library.",
    )
    .fixed("folders are added and taken out in the library"),
    setting(
        "library",
        "watch",
        Kind::Switch,
        "Whether folders are watched, so that changes are \
        seen within seconds.",
    ),
    setting(
        "library",
        "rescan",
        Kind::Period { least: "1m", most: "7d" },
        "How often folders are \
        scanned again where changes are not reported.",
    ),
    setting(
        "library",
        "probes",
        Kind::Number { least: 1, most: 64 },
        "How many files are probed \
        at once.",
    ),
    setting(
        "stream",
        "ladder",
        Kind::Renditions,
        "What channels offer that have no ladder of \
        their own. What the machine cannot carry is left out.",
    ),
    setting(
        "stream",
        "height",
        Kind::Number { least: 144, most: 2_160 },
        "The height of the \
        transcoded picture that is sent where one must do; an even number.",
    ),
    setting(
        "stream",
        "encodes",
        Kind::AutoOrNumber { least: 1, most: 1_000 },
        "How much may be \
        encoded at once: what the machine was measured to carry, or so many encodes of the full \
        height.",
    ),
    setting(
        "stream",
        "grace",
        Kind::Period { least: "0s", most: "1h" },
        "How long a channel that \
        has no grace period of its own stays on the air without a viewer.",
    ),
    setting(
        "store",
        "limit",
        Kind::Size { least: "64MiB" },
        "How much disk the segments may take.",
    ),
    setting(
        "store",
        "free",
        Kind::Size { least: "0B" },
        "How much of the disk is always left \
        free.",
    ),
    setting(
        "slates",
        "off_air",
        Kind::File,
        "A picture or clip for channels that are off the \
        air, in place of the channel's name and when it is back.",
    ),
    setting(
        "slates",
        "trouble",
        Kind::File,
        "A picture or clip in place of a programme that \
        fails.",
    ),
    setting(
        "ffmpeg",
        "encoder",
        Kind::Choice(&["auto", "nvenc", "qsv", "vaapi", "videotoolbox", "amf", "v4l2", "x264"]),
        "What encodes; auto: the first that works.",
    ),
    setting(
        "ffmpeg",
        "threads",
        Kind::Number { least: 1, most: 64 },
        "Threads of each decoder and \
        encoder.",
    ),
    setting(
        "ffmpeg",
        "niceness",
        Kind::Number { least: 0, most: 19 },
        "How nice FFmpeg is to \
        other programs.",
    ),
    setting("ffmpeg", "path", Kind::File, "The `ffmpeg` to use, where it is not the one in PATH."),
    setting(
        "ffmpeg",
        "ffprobe",
        Kind::File,
        "The `ffprobe` to use, where it is not the one beside \
        `ffmpeg`.",
    ),
    setting(
        "ffmpeg",
        "sandbox",
        Kind::Choice(&["auto", "on", "off"]),
        "Whether FFmpeg runs in a sandbox (Linux): as far as the system has one, not without \
         one, or without.",
    )
    .fixed(AT_START),
    setting(
        "history",
        "days",
        Kind::Number { least: 1, most: 3_650 },
        "For how many days the as-run log goes back.",
    ),
    setting(
        "backup",
        "every",
        Kind::Period { least: "0s", most: "90d" },
        "How often the server makes a backup by itself, 1h at the least; 0s: never.",
    ),
    setting(
        "backup",
        "keep",
        Kind::Number { least: 1, most: 1_000 },
        "How many of them stay. Those that somebody asked for stay until they are deleted.",
    ),
    setting(
        "backup",
        "folder",
        Kind::Folder,
        "The folder for them, where it is not `backups` in the data folder.",
    ),
    setting(
        "discovery",
        "hdhomerun",
        Kind::Switch,
        "Whether those who look for an HDHomeRun tuner \
        on the network are answered.",
    ),
    setting(
        "discovery",
        "port",
        Kind::Number { least: 1, most: 65_535 },
        "The UDP port on which \
        they are; 65001 is the one that all of them ask.",
    )
    .fixed(WITH_SOCKETS),
    setting(
        "discovery",
        "ssdp",
        Kind::Switch,
        "Whether searches for UPnP devices are answered \
        too.",
    ),
    setting(
        "log",
        "filter",
        Kind::Text,
        "What is logged, such as `info` or \
        `info,aerial::stream=debug`.",
    ),
    setting(
        "log",
        "format",
        Kind::Choice(&["text", "json"]),
        "How a log line is written: for \
        people or for programs.",
    ),
];

/// That of this name.
pub fn find(section: &str, key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.section == section && setting.key == key)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::PathBuf;

    use super::*;
    use crate::config::{PublicAddress, Settings};

    #[test]
    fn each_key_of_the_settings_is_listed_once() {
        // What is not written where it is not set, set.
        let mut all = Settings::default();
        all.access.watch_only = Some(true);
        all.server.public_url = Some(PublicAddress("http://a".to_owned()));
        all.slates.off_air = Some(PathBuf::from("a"));
        all.slates.trouble = Some(PathBuf::from("a"));
        all.ffmpeg.path = Some(PathBuf::from("a"));
        all.ffmpeg.ffprobe = Some(PathBuf::from("a"));
        all.backup.folder = Some(PathBuf::from("a"));
        let table = toml::Table::try_from(&all).unwrap();
        let keys: BTreeSet<String> = table
            .iter()
            .flat_map(|(section, keys)| {
                keys.as_table().unwrap().keys().map(move |key| format!("{section}.{key}"))
            })
            .collect();
        let listed: Vec<String> = SETTINGS.iter().map(Setting::name).collect();
        assert_eq!(listed.iter().cloned().collect::<BTreeSet<_>>(), keys);
        assert_eq!(listed.len(), keys.len());
    }
}
