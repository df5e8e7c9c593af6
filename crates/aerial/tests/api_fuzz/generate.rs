//! Requests as the document wants them, at its edges, and past them.
//!
//! Owns how a value is made of a schema, with names that the server knows where the
//! field asks for one. Invariant: what is made depends on the chance, and on what the
//! server answered before, alone.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use aerial::config::list::{Kind, SETTINGS};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use crate::chance::Chance;
use crate::conform::uuid;
use crate::document::{Document, Form, Operation, Parameter};
use crate::hostile;
use crate::hostile_support::NAMES;

/// So many names of a kind are remembered.
const REMEMBERED: usize = 40;

/// So many of these are asked for most.
const NEWEST: usize = 6;

/// What is asked.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Path and query, as they are sent.
    pub(crate) target: String,
    pub(crate) content_type: Option<String>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// The target without its query.
    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }
}

/// How a request means to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    /// As the document wants it.
    Well,
    /// The same, at the edges of what it allows.
    Edgy,
    /// Wrong in a place or two.
    Wrong,
}

/// Makes requests.
#[derive(Debug)]
pub(crate) struct Generator<'a> {
    document: &'a Document,
    pub(crate) chance: Chance,
    mood: Mood,
    /// What the server named, by what it is the name of.
    known: BTreeMap<String, Vec<String>>,
    /// A list of channels that the server gave.
    exported: Option<Value>,
    /// Files of the test alone: nothing else is ever scanned, or run.
    paths: Vec<String>,
    files: Vec<Vec<u8>>,
    now: Timestamp,
}

impl<'a> Generator<'a> {
    /// Makes requests to a server whose videos are in that folder, around that time.
    pub(crate) fn new(
        document: &'a Document,
        chance: Chance,
        videos: &Path,
        now: Timestamp,
    ) -> Self {
        let text = |path: PathBuf| path.to_str().unwrap().to_owned();
        let clips = std::fs::read_dir(videos).unwrap().map(|entry| entry.unwrap().path());
        let clips: Vec<PathBuf> = clips.filter(|path| path.is_file()).collect();
        let mut paths = vec![
            text(videos.to_owned()),
            text(videos.join("more")),
            text(videos.join("..").join("videos")),
            text(videos.join("not there")),
            format!("{}//more/", videos.display()),
            "relative".to_owned(),
        ];
        paths.extend(clips.iter().cloned().map(text));
        let files = clips.iter().map(|path| std::fs::read(path).unwrap()).collect();
        let known = BTreeMap::new();
        Self { document, chance, mood: Mood::Well, known, exported: None, paths, files, now }
    }

    /// Learns the names in an answer.
    pub(crate) fn learn(&mut self, operation: &Operation, answer: &Value) {
        if operation.path.ends_with("/export") {
            self.exported = Some(answer.clone());
        }
        let mut nouns = operation.path.rsplit('/').filter(|part| !part.starts_with('{'));
        let noun = match nouns.next().unwrap_or_default() {
            "lineup" | "items" => "item",
            noun => noun.trim_end_matches('s'),
        };
        self.learn_of(noun, answer);
    }

    /// The same, where ids are those of such things.
    pub(crate) fn learn_of(&mut self, whose: &str, answer: &Value) {
        match answer {
            Value::Object(fields) => {
                for (name, value) in fields {
                    let noun = match name.as_str() {
                        "id" => whose,
                        "name" if whose == "backup" => whose,
                        "next" => "cursor",
                        name => name.trim_end_matches('s'),
                    };
                    let is_name = |text: &str| {
                        uuid(text).is_some()
                            || matches!(noun, "backup" | "cursor" | "show" | "client")
                    };
                    match value.as_str() {
                        Some(text) if is_name(text) => self.remember(noun, text),
                        _ => {
                            self.learn_of(if name == "channels" { "channel" } else { whose }, value)
                        }
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.learn_of(whose, item)),
            _ => {}
        }
    }

    fn remember(&mut self, noun: &str, name: &str) {
        let names = self.known.entry(noun.to_owned()).or_default();
        if !names.iter().any(|known| known == name) {
            if names.len() == REMEMBERED {
                names.remove(0);
            }
            names.push(name.to_owned());
        }
    }

    /// A request for this operation.
    pub(crate) fn request(&mut self, operation: &Operation) -> Request {
        self.mood = match self.chance.below(10) {
            0..5 => Mood::Well,
            5..7 => Mood::Edgy,
            _ => Mood::Wrong,
        };
        let mut target = self.path(operation);
        target.push_str(&self.query(operation));
        let (content_type, body) = self.body(operation);
        Request { method: operation.method.clone(), target, content_type, body }
    }

    fn is_wrong(&mut self) -> bool {
        self.mood == Mood::Wrong && self.chance.once_in(2)
    }

    fn path(&mut self, operation: &Operation) -> String {
        let wrong = self.mood == Mood::Wrong && self.chance.once_in(4);
        let parts: Vec<String> = operation
            .path
            .split('/')
            .map(|part| match part.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
                None => part.to_owned(),
                Some(_) if wrong && self.chance.once_in(2) => {
                    (*self.chance.pick(&NAMES)).to_owned()
                }
                Some(name) => {
                    let told = operation.parameters.iter().find(|one| one.name == name);
                    let schema = told.map_or(Value::Null, |one| one.schema.clone());
                    let value = self.value(name, &schema, 0);
                    encoded(&plain(&value))
                }
            })
            .collect();
        parts.join("/")
    }

    fn query(&mut self, operation: &Operation) -> String {
        let mut pairs = Vec::new();
        let in_query = |one: &&Parameter| !one.in_path;
        for parameter in operation.parameters.iter().filter(in_query) {
            if !parameter.required && !self.chance.once_in(3) {
                continue;
            }
            let value = match self.is_wrong() {
                true => hostile::text(&mut self.chance),
                false => plain(&self.value(&parameter.name, &parameter.schema, 0)),
            };
            pairs.push(format!("{}={}", parameter.name, encoded(&value)));
        }
        if self.mood == Mood::Wrong {
            match self.chance.below(12) {
                0 => pairs.push(format!("{}=1", encoded(&hostile::text(&mut self.chance)))),
                1 if !pairs.is_empty() => pairs.push(pairs[0].clone()),
                2 => pairs.push(
                    (*self.chance.pick(&["&&=&", "%zz=%", "a", "=", "limit[]=1"])).to_owned(),
                ),
                _ => {}
            }
        }
        match pairs.is_empty() {
            true => String::new(),
            false => format!("?{}", pairs.join("&")),
        }
    }

    fn body(&mut self, operation: &Operation) -> (Option<String>, Vec<u8>) {
        let Some(body) = &operation.body else { return (None, Vec::new()) };
        if !body.required && self.chance.once_in(3) {
            return (None, Vec::new());
        }
        if body.content_type != "application/json" {
            return self.file(&body.content_type);
        }
        let mut value = match operation.path.as_str() {
            "/api/v1/settings" => self.settings(),
            "/api/v1/channels/import" if self.exported.is_some() && !self.chance.once_in(3) => {
                self.exported.clone().unwrap_or_default()
            }
            _ => self.value("", &body.schema, 0),
        };
        let json = Some("application/json".to_owned());
        if self.mood != Mood::Wrong {
            return (json, value.to_string().into_bytes());
        }
        match self.chance.below(10) {
            // Not a path: nobody knows which it would become.
            0 if operation.path != "/api/v1/folders" => {
                (json, hostile::garbled(&value, &mut self.chance))
            }
            1 => {
                let odd =
                    self.chance.pick(&["text/plain", "application/xml", "multipart/form-data", ""]);
                (
                    Some((*odd).to_owned()).filter(|odd| !odd.is_empty()),
                    value.to_string().into_bytes(),
                )
            }
            _ => {
                for _ in 0..=self.chance.below(2) {
                    hostile::spoil(&mut value, &mut self.chance);
                }
                (json, value.to_string().into_bytes())
            }
        }
    }

    /// A picture, a video, or what pretends to be one.
    fn file(&mut self, content_type: &str) -> (Option<String>, Vec<u8>) {
        let mut bytes: Vec<u8> = match self.chance.below(4) {
            0 => (0..self.chance.below(3_000)).map(|_| self.chance.next() as u8).collect(),
            1 => b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\xff\xff\xff\xff\xff\xff\xff\xff\x08\x06\0\0\0"
                .to_vec(),
            _ => self.chance.pick(&self.files).clone(),
        };
        if self.mood == Mood::Wrong && !bytes.is_empty() {
            bytes.truncate(self.chance.below(bytes.len()));
        }
        let name = match content_type {
            "image/*" => {
                *self.chance.pick(&["image/png", "image/jpeg", "image/svg+xml", "text/html"])
            }
            other => other,
        };
        (Some(name.to_owned()), bytes)
    }

    /// Some of the settings, each with what may stand there, or nearly.
    fn settings(&mut self) -> Value {
        let mut sections = Map::new();
        for _ in 0..=self.chance.below(3) {
            let setting = self.chance.pick(SETTINGS);
            let value = match self.is_wrong() {
                true => hostile::value(&mut self.chance),
                false => self.setting(setting.kind),
            };
            let section = sections.entry(setting.section).or_insert_with(|| json!({}));
            section[setting.key] = value;
        }
        Value::Object(sections)
    }

    fn setting(&mut self, kind: Kind) -> Value {
        if self.chance.once_in(4) {
            return Value::Null;
        }
        let within = |chance: &mut Chance, least: u64, most: u64| {
            let most = most.min(least.saturating_add(1_000_000));
            least.saturating_add(chance.next() % (most - least).max(1))
        };
        match kind {
            Kind::Switch => json!(self.chance.once_in(2)),
            Kind::Number { least, most } => json!(within(&mut self.chance, least, most)),
            Kind::AutoOrNumber { least, most } => match self.chance.once_in(2) {
                true => json!("auto"),
                false => json!(within(&mut self.chance, least, most)),
            },
            Kind::Period { .. } => {
                json!(*self.chance.pick(&["0s", "500ms", "45s", "1m", "2h", "9999h"]))
            }
            Kind::Size { .. } => json!(*self.chance.pick(&["1GiB", "500MB", "20GiB", "0", "1"])),
            Kind::Choice(of) => json!(*self.chance.pick(of)),
            Kind::Renditions => json!(["source", "720p"]),
            Kind::Url => {
                json!(*self.chance.pick(&["http://tv.example.org/", "https://a/b/", "ftp://a"]))
            }
            Kind::Address => json!("127.0.0.1:0"),
            Kind::File | Kind::Folder => json!(self.chance.pick(&self.paths)),
            Kind::Folders => json!([self.chance.pick(&self.paths)]),
            Kind::Networks => json!(["10.0.0.0/8", "::1"]),
            _ => json!(hostile::text(&mut self.chance)),
        }
    }

    /// A value of that schema, for a field of that name.
    fn value(&mut self, name: &str, schema: &Value, depth: usize) -> Value {
        let document = self.document;
        let forms = document.forms(schema);
        let form = self.chance.pick(&forms).clone();
        self.of_form(name, &form, depth)
    }

    fn of_form(&mut self, name: &str, form: &Form<'_>, depth: usize) -> Value {
        if let Some(allowed) = form.iter().find_map(|part| part["enum"].as_array()) {
            return self.chance.pick(allowed).clone();
        }
        let types = form.iter().find_map(|part| match &part["type"] {
            Value::String(one) => Some(vec![one.clone()]),
            Value::Array(several) => {
                Some(several.iter().filter_map(Value::as_str).map(str::to_owned).collect())
            }
            _ => None,
        });
        let Some(types) = types else { return hostile::value(&mut self.chance) };
        let part = form.iter().find(|part| part.get("type").is_some()).unwrap_or(&form[0]);
        match self.chance.pick(&types).as_str() {
            "null" => Value::Null,
            "boolean" => Value::Bool(self.chance.once_in(2)),
            "integer" | "number" => self.number(part),
            "string" => Value::String(self.text(name, part)),
            "array" => {
                let most = if depth > 3 { 1 } else { 4 };
                let name = name.trim_end_matches('s');
                let items = (0..self.chance.below(most))
                    .map(|_| self.value(name, &part["items"], depth + 1));
                Value::Array(items.collect())
            }
            _ => self.object(form, depth),
        }
    }

    fn object(&mut self, form: &Form<'_>, depth: usize) -> Value {
        let mut fields = Map::new();
        for part in form {
            let required: Vec<&str> = part["required"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect();
            for (name, schema) in part["properties"].as_object().into_iter().flatten() {
                if required.contains(&name.as_str()) || self.chance.once_in(2) {
                    fields.insert(name.clone(), self.value(name, schema, depth + 1));
                }
            }
        }
        // An item is one media or one show.
        if fields.contains_key("media") && fields.get("show").is_some_and(Value::is_string) {
            fields.remove(*self.chance.pick(&["media", "show"]));
        }
        Value::Object(fields)
    }

    fn number(&mut self, part: &Value) -> Value {
        let (least, most) = (part["minimum"].as_i64(), part["maximum"].as_i64());
        if self.mood == Mood::Edgy {
            let edges = [least, most, least.map(|n| n - 1), most.map(|n| n + 1)];
            let edges: Vec<i64> = edges.into_iter().flatten().collect();
            return match edges.is_empty() || self.chance.once_in(3) {
                true => hostile::number(&mut self.chance),
                false => json!(self.chance.pick(&edges)),
            };
        }
        json!(self.chance.within(least.unwrap_or(0), most.unwrap_or(50).min(100_000)))
    }

    fn text(&mut self, name: &str, part: &Value) -> String {
        match part["format"].as_str() {
            Some("date-time") => return self.instant(),
            Some("uuid") => return self.name(name),
            _ => {}
        }
        if self.mood == Mood::Edgy && self.chance.once_in(2) && name != "path" {
            return hostile::text(&mut self.chance);
        }
        match name {
            "number" => self.channel_number(),
            "channel" if self.chance.once_in(2) => self.channel_number(),
            "backup" | "channel" | "media" | "item" | "folder" | "token" | "client" | "show"
            | "cursor" => self.name(name),
            "path" => self.chance.pick(&self.paths).clone(),
            "ladder" => {
                (*self.chance.pick(&["source", "1080p", "720p", "480p", "360p"])).to_owned()
            }
            "logo" => "http://127.0.0.1:9/logo.png".to_owned(),
            // Few, so that they are right now and then.
            "password" | "current_password" => {
                (*self.chance.pick(&["correct horse", "battery staple"])).to_owned()
            }
            "format" => (*self.chance.pick(&["json", "csv"])).to_owned(),
            _ => {
                let words = ["Film", "née Über", "The 3rd Man", "東京物語", "a", "News & Weather"];
                (*self.chance.pick(&words)).to_owned()
            }
        }
    }

    fn channel_number(&mut self) -> String {
        match self.chance.once_in(6) {
            true => format!("{}.{}", self.chance.within(1, 9), self.chance.within(1, 9)),
            false => self.chance.within(1, 12).to_string(),
        }
    }

    /// A name that the server gave, mostly.
    fn name(&mut self, name: &str) -> String {
        let noun = noun_of(name);
        match self.known.get(noun) {
            Some(names) if !self.chance.once_in(10) => {
                // The newest mostly, which is still there.
                let newest = names.len() - self.chance.below(names.len()).min(NEWEST);
                names[newest.saturating_sub(1)].clone()
            }
            _ => {
                let high = u128::from(self.chance.next()) << 64;
                uuid::Uuid::from_u128(high | u128::from(self.chance.next())).to_string()
            }
        }
    }

    /// Around now, or at the edge of time.
    fn instant(&mut self) -> String {
        if self.mood == Mood::Edgy {
            return hostile::instant(&mut self.chance);
        }
        let span = *self.chance.pick(&[60, 86_400, 40 * 86_400]);
        let seconds = self.chance.within(-span, span);
        let then = self.now + SignedDuration::from_secs(seconds);
        format!("{then:.3}")
    }
}

/// What a field of that name names.
fn noun_of(name: &str) -> &str {
    match name {
        "id" => "item",
        name => name.trim_end_matches('s'),
    }
}

/// As it stands in a path or a query.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'~' | b'.' => {
                encoded.push(char::from(byte));
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}
