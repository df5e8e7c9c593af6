//! Settings: one struct per concern, from a file, then variables, then flags.
//!
//! Owns what can be set, the defaults, and the words said about a wrong value.
//! Does not read the command line (`cli`). Invariant: [`Settings`] that
//! [`Settings::load`] gave out are valid, and whoever set a wrong value was told
//! where it stands and what is allowed.

mod access;
mod backup;
mod edit;
mod encodes;
pub mod list;
mod units;
mod webhooks;

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use aerial_model::command::Tuning;
use aerial_model::encoder::Choice;
use aerial_model::profile::Rendition;
use serde::de::IntoDeserializer;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use toml::{Table, Value};

pub use access::Access;
pub use backup::Backup;
pub use edit::{Change, EditError, Edits, FileError, Loaded, Origin, Wrong};
pub use encodes::{BadEncodes, Encodes};
pub use units::{BadUnit, ByteSize, Period, Within};
pub use webhooks::{EventKind, HookSecret, HookUrl, Webhook};

/// Variables that begin like settings but are none: the settings file itself.
const NO_SETTINGS: [&str; 1] = [CONFIG_VARIABLE];

/// The variable that names the settings file, like `--config`.
pub const CONFIG_VARIABLE: &str = "AERIAL_CONFIG";

/// The settings file in the data folder, which is read where `--config` names no other.
pub(crate) const DATA_SETTINGS: &str = "settings.toml";

/// What all variables of settings begin with.
const PREFIX: &str = "AERIAL_";

/// All settings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Where the server is found.
    pub server: Server,
    /// Who may do what.
    pub access: Access,
    /// Which media there are.
    pub library: Library,
    /// How channels are sent.
    pub stream: Stream,
    /// Where segments are kept.
    pub store: Store,
    /// What is shown where nothing else can be.
    pub slates: Slates,
    /// How FFmpeg is used.
    pub ffmpeg: Ffmpeg,
    /// How TV apps find the server.
    pub discovery: Discovery,
    /// What is logged.
    pub log: Log,
    /// What is remembered of what aired.
    pub history: History,
    /// The backups that the server makes by itself.
    pub backup: Backup,
    /// Who is told of faults: as many as there are, each under `[[webhooks]]`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub webhooks: Vec<Webhook>,
}

/// `[server]`: where the server is found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// Address and port to listen on; default `127.0.0.1:8400`, so only from
    /// this machine.
    #[serde(deserialize_with = "address")]
    pub listen: SocketAddr,
    /// The address that clients are told, where that is not the one they asked by, such
    /// as `https://tv.example.org/aerial`; default none.
    pub public_url: Option<PublicAddress>,
    /// The folder for the catalogue and the segments; default `./aerial-data`.
    pub data: PathBuf,
    /// How many connections there may be at a time, 16 to 65535; default 4096. The last
    /// quarter is for the local network.
    pub connections: Within<16, 65_535>,
    /// How many of them from one address, 4 to 65535; default 256. This machine and
    /// trusted proxies may have all.
    pub connections_per_address: Within<4, 65_535>,
    /// That the machine's clock is right, though it is over 400 days ahead of when the
    /// server was last heard of, or behind what channels were sent: they take its time
    /// with the next start; default false.
    pub trust_clock: bool,
}

/// `http` or `https`, a host, and a path perhaps; no query.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct PublicAddress(pub String);

impl<'de> Deserialize<'de> for PublicAddress {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let is_address = text.parse::<axum::http::Uri>().is_ok_and(|uri| {
            matches!(uri.scheme_str(), Some("http" | "https"))
                && uri.host().is_some()
                && uri.query().is_none()
        });
        match is_address && !text.contains(['"', '#']) {
            true => Ok(Self(text)),
            false => Err(serde::de::Error::custom(format!(
                "`{text}` is no address such as https://tv.example.org or http://nas:8400/aerial"
            ))),
        }
    }
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8400),
            public_url: None,
            data: PathBuf::from("./aerial-data"),
            connections: Within::of::<4_096>(),
            connections_per_address: Within::of::<256>(),
            trust_clock: false,
        }
    }
}

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

/// `[store]`: where segments are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Store {
    /// How much disk the segments may take, at least 64MiB; default `10GiB`.
    pub limit: ByteSize,
    /// How much of the disk is always left free; default `1GiB`.
    pub free: ByteSize,
}

impl Default for Store {
    fn default() -> Self {
        Self { limit: ByteSize::gib(10), free: ByteSize::gib(1) }
    }
}

/// `[slates]`: what is shown where nothing else can be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Slates {
    /// A picture or clip for channels that are off the air; default: the channel's
    /// name, when it is back, and with what.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub off_air: Option<PathBuf>,
    /// A picture or clip in place of a programme that fails; default: "We'll be right
    /// back". Of a clip the first 4 s are shown over and over, without sound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<PathBuf>,
}

/// `[ffmpeg]`: how FFmpeg is used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ffmpeg {
    /// The `ffmpeg` to use; default: the one in `PATH`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<PathBuf>,
    /// The `ffprobe` to use; default: the one beside `ffmpeg`, else in `PATH`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ffprobe: Option<PathBuf>,
    /// Threads of each decoder and encoder, 1 to 64; default 2.
    pub threads: Within<1, 64>,
    /// How nice FFmpeg is to other programs, 0 to 19; default 5.
    pub niceness: Within<0, 19>,
    /// What encodes: `auto` (the first that works of those that follow), `nvenc`,
    /// `qsv`, `vaapi`, `videotoolbox`, `amf`, `v4l2` or `x264`; default `auto`.
    pub encoder: Choice,
    /// Whether FFmpeg runs in a sandbox (Linux): `auto`, as far as the system has one,
    /// `on`, not without one, or `off`; default `auto`.
    pub sandbox: Sandbox,
}

/// Whether FFmpeg runs in a sandbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sandbox {
    /// As far as the system has one.
    #[default]
    Auto,
    /// Not without one.
    On,
    /// Without.
    Off,
}

impl Default for Ffmpeg {
    fn default() -> Self {
        Self {
            path: None,
            ffprobe: None,
            threads: Within::of::<2>(),
            niceness: Within::of::<5>(),
            encoder: Choice::Auto,
            sandbox: Sandbox::Auto,
        }
    }
}

impl Ffmpeg {
    /// How hard encoders try.
    pub fn tuning(&self) -> Tuning {
        let threads = u8::try_from(self.threads.get()).unwrap_or(u8::MAX);
        Tuning { threads, ..Tuning::default() }
    }
}

/// `[discovery]`: how TV apps find the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Discovery {
    /// Whether those who look for an HDHomeRun tuner on the network are answered, from
    /// where the server can be reached; default true.
    pub hdhomerun: bool,
    /// The UDP port on which they are; default 65001, the one that all of them ask.
    pub port: u16,
    /// Whether searches for UPnP devices (SSDP, UDP 1900) are answered too; default
    /// false.
    pub ssdp: bool,
}

impl Default for Discovery {
    fn default() -> Self {
        Self { hdhomerun: true, port: aerial_model::discovery::PORT, ssdp: false }
    }
}

/// `[log]`: what is logged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// `text` for people or `json` for programs; default `text`.
    pub format: LogFormat,
    /// What is let through, such as `info` or `info,aerial::stream=debug`;
    /// default `info`. The variable `RUST_LOG` wins over it.
    pub filter: String,
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Text, filter: "info".to_owned() }
    }
}

/// `[history]`: what is remembered of what aired.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct History {
    /// For how many days the as-run log goes back, 1 to 3650; default 90.
    pub days: Within<1, 3650>,
}

impl Default for History {
    fn default() -> Self {
        Self { days: Within::of::<90>() }
    }
}

/// How a log line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// For programs, one object a line.
    Json,
}

/// What was given on the command line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// `--config`, or else the variable `AERIAL_CONFIG`.
    pub config: Option<PathBuf>,
    /// `--data`.
    pub data: Option<PathBuf>,
    /// `--media`; if there is any, it replaces the folders of file and variable.
    pub media: Vec<PathBuf>,
    /// `--listen`.
    pub listen: Option<SocketAddr>,
}

/// A setting that is wrong, and where.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The settings file cannot be read.
    #[error("cannot read the settings in {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: std::io::Error,
    },
    /// A line of the file is wrong.
    #[error("{}:{line}: {message}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong and what is allowed.
        message: String,
    },
    /// A variable is wrong.
    #[error("the variable {name}: {message}")]
    Variable {
        /// The variable.
        name: String,
        /// What is wrong and what is allowed.
        message: String,
    },
    /// Each value is possible in itself, but not this one here.
    #[error("{place}: {message}")]
    Value {
        /// File and line, variable, or flag.
        place: String,
        /// What is wrong and what is allowed.
        message: String,
    },
}

impl Settings {
    /// Read the file, then the variables, then the flags, and check the result.
    ///
    /// # Errors
    /// The first wrong setting, with its place and what is allowed.
    pub fn load(
        flags: &Flags,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, ConfigError> {
        Ok(Self::load_with_origins(flags, variables)?.settings().clone())
    }

    /// The same, with where each value came from, so that they can be changed.
    ///
    /// # Errors
    /// The same.
    pub fn load_with_origins(
        flags: &Flags,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Loaded, ConfigError> {
        let variables: Vec<(OsString, OsString)> = variables.into_iter().collect();
        let mut sources = Sources::default();
        let table = match &flags.config {
            Some(path) => sources.read_file(path)?,
            None => sources.read_data_file(flags, &variables)?,
        };
        let settings = Self::unchecked(table, &mut sources, flags, variables.iter().cloned())?;
        match settings.validate() {
            Ok(()) => Ok(Loaded::new(settings, flags, variables, sources)),
            Err((key, message)) => {
                Err(ConfigError::Value { place: sources.place_of(key, flags), message })
            }
        }
    }

    /// What these layers make together; what only the whole shows is not looked at.
    fn unchecked(
        mut table: Table,
        sources: &mut Sources,
        flags: &Flags,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, ConfigError> {
        for (name, value) in variables {
            let (Some(name), value) = (name.to_str(), value.to_string_lossy()) else { continue };
            if !name.starts_with(PREFIX) || NO_SETTINGS.contains(&name) {
                continue;
            }
            let (section, key, value) = from_variable(name, &value)?;
            sources.variables.push((format!("{section}.{key}"), name.to_owned()));
            let section = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(section) = section {
                section.insert(key, value);
            }
        }
        // Each layer was checked by itself, so this cannot fail for a reason
        // that has not been told better above.
        let mut settings: Self =
            table.try_into().map_err(|error: toml::de::Error| ConfigError::Value {
                place: "settings".to_owned(),
                message: error.message().trim().to_owned(),
            })?;
        settings.take_flags(flags);
        Ok(settings)
    }

    fn take_flags(&mut self, flags: &Flags) {
        if let Some(data) = &flags.data {
            self.server.data.clone_from(data);
        }
        if let Some(listen) = flags.listen {
            self.server.listen = listen;
        }
        if !flags.media.is_empty() {
            self.library.folders.clone_from(&flags.media);
        }
    }

    /// The one check of what types cannot say. The error is the key and what is
    /// wrong with its value.
    fn validate(&self) -> Result<(), (&'static str, String)> {
        let (rescan, grace) = (self.library.rescan, self.stream.grace);
        if rescan < Period::secs(60) || rescan > Period::secs(604_800) {
            return Err(("library.rescan", format!("{rescan} is not from 1m to 7d")));
        }
        if grace > Period::secs(3_600) {
            return Err(("stream.grace", format!("{grace} is over 1h")));
        }
        if self.stream.height.get() % 2 == 1 {
            let height = self.stream.height.get();
            return Err(("stream.height", format!("{height} is odd: H.264 needs an even height")));
        }
        let odd = |rung: &&Rendition| rung.height().is_some_and(|height| height % 2 == 1);
        if let Some(rung) = self.stream.ladder.iter().find(odd) {
            return Err(("stream.ladder", format!("`{rung}` is odd: H.264 needs an even height")));
        }
        let session = self.access.session;
        if session < Period::secs(300) || session > Period::secs(400 * 86_400) {
            return Err(("access.session", format!("{session} is not from 5m to 400d")));
        }
        self.backup.validate()?;
        let limit = self.store.limit;
        if limit < ByteSize(64 << 20) {
            return Err(("store.limit", format!("{limit} is too small: at least 64MiB")));
        }
        if self.webhooks.len() > webhooks::MOST {
            let (count, most) = (self.webhooks.len(), webhooks::MOST);
            return Err(("webhooks", format!("{count} are too many: at most {most}")));
        }
        let slates = &self.slates;
        for (key, path) in
            [("slates.off_air", &slates.off_air), ("slates.trouble", &slates.trouble)]
        {
            if let Some(path) = path
                && !path.is_file()
            {
                let message = format!(
                    "there is no file {}: give the path of a picture or a clip",
                    path.display()
                );
                return Err((key, message));
            }
        }
        if let Err(error) = self.log.filter.parse::<tracing_subscriber::filter::Targets>() {
            let message = format!(
                "`{}` is no log filter ({error}): write off, error, warn, info, debug or trace, \
                 also for one part, such as `info,aerial::stream=debug`",
                self.log.filter
            );
            return Err(("log.filter", message));
        }
        Ok(())
    }
}

/// Where each value came from, to tell who set a wrong one.
#[derive(Clone, Debug, Default)]
struct Sources {
    file: Option<(PathBuf, String)>,
    /// Key and variable.
    variables: Vec<(String, String)>,
}

impl Sources {
    /// The file as a table, with all that is wrong with it in itself told by line.
    fn read_file(&mut self, path: &Path) -> Result<Table, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
        self.parse(path, &text)
    }

    /// The file of the data folder, if there is one. Where that folder is, flags and
    /// variables alone say.
    fn read_data_file(
        &mut self,
        flags: &Flags,
        variables: &[(OsString, OsString)],
    ) -> Result<Table, ConfigError> {
        let mut before = Sources::default();
        let known =
            Settings::unchecked(Table::new(), &mut before, flags, variables.iter().cloned())?;
        let path = known.server.data.join(DATA_SETTINGS);
        if !path.exists() {
            return Ok(Table::new());
        }
        let table = self.read_file(&path)?;
        if table.get("server").is_some_and(|server| server.get("data").is_some()) {
            let text = self.file.as_ref().map(|(_, text)| text.as_str()).unwrap_or_default();
            let line = line_of(text, "server.data").unwrap_or(1);
            let message = "server.data cannot be set in the data folder itself: use --data, \
                AERIAL_SERVER_DATA, or a file given with --config"
                .to_owned();
            return Err(ConfigError::File { path, line, message });
        }
        Ok(table)
    }

    fn parse(&mut self, path: &Path, text: &str) -> Result<Table, ConfigError> {
        let wrong = |error: toml::de::Error| ConfigError::File {
            path: path.to_owned(),
            line: error.span().map_or(1, |span| line_at(text, span.start)),
            message: error.message().trim().to_owned(),
        };
        toml::from_str::<Settings>(text).map_err(wrong)?;
        let table = toml::from_str(text).map_err(wrong)?;
        self.file = Some((path.to_owned(), text.to_owned()));
        Ok(table)
    }

    fn place_of(&self, key: &str, flags: &Flags) -> String {
        let flag = match key {
            "server.listen" => flags.listen.is_some().then_some("--listen"),
            _ => None,
        };
        let variable = self.variables.iter().rev().find(|(set, _)| set == key);
        match (flag, variable, &self.file) {
            (Some(flag), _, _) => flag.to_owned(),
            (None, Some((_, name)), _) => format!("the variable {name}"),
            (None, None, Some((path, text))) => match line_of(text, key) {
                Some(line) => format!("{}:{line}: {key}", path.display()),
                None => format!("{}: {key}", path.display()),
            },
            (None, None, None) => key.to_owned(),
        }
    }
}

/// The line, from 1, that holds this byte.
fn line_at(text: &str, byte: usize) -> usize {
    text.bytes().take(byte).filter(|byte| *byte == b'\n').count() + 1
}

/// The line, from 1, on which `section.key` is set.
fn line_of(text: &str, key: &str) -> Option<usize> {
    let (section, key) = key.split_once('.')?;
    let table = toml::de::DeTable::parse(text).ok()?;
    let (_, section) = table.get_ref().iter().find(|(name, _)| name.get_ref() == section)?;
    let section = section.get_ref().as_table()?;
    let (key, _) = section.iter().find(|(name, _)| name.get_ref() == key)?;
    Some(line_at(text, key.span().start))
}

/// `AERIAL_STREAM_GRACE=5s` as section, key and a value that was tried.
fn from_variable(name: &str, text: &str) -> Result<(String, String, Value), ConfigError> {
    let wrong = |message: String| ConfigError::Variable { name: name.to_owned(), message };
    let rest = name.trim_start_matches(PREFIX).to_ascii_lowercase();
    let (section, key) = rest.split_once('_').unwrap_or((rest.as_str(), ""));
    // A number or truth value where the setting wants one, else the text as it is.
    let literal = text.parse::<i64>().map(Value::Integer).ok();
    let literal = literal.or_else(|| text.parse::<bool>().map(Value::Boolean).ok());
    let as_text = Value::String(text.to_owned());
    let mut first_error = None;
    for value in literal.into_iter().chain([as_text]) {
        let inner = Table::from_iter([(key.to_owned(), value.clone())]);
        let table = Table::from_iter([(section.to_owned(), Value::Table(inner))]);
        match table.try_into::<Settings>() {
            Ok(_) => return Ok((section.to_owned(), key.to_owned(), value)),
            Err(error) => {
                first_error.get_or_insert(error.message().trim().to_owned());
            }
        }
    }
    Err(wrong(first_error.unwrap_or_default()))
}

/// An address and a port.
fn address<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| {
        serde::de::Error::custom(format_args!(
            "`{text}` is no address and port: write it as 127.0.0.1:8400, or as 0.0.0.0:8400 to \
             be reached from other machines"
        ))
    })
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

#[cfg(test)]
mod tests;
