//! The file with channels that `aerial channel export` writes and `import` reads.
//!
//! Owns its form, and how what it names is found again: a file of the library by
//! its place in its folder and by its bytes, so that another machine with the
//! same files, or a new catalogue, can use the list. Invariant: `import` of what
//! `export` wrote changes nothing; what the library does not have is named, and
//! unless asked otherwise nothing is changed then.

use std::collections::{HashMap, HashSet, VecDeque};
use std::io::{self, Read, Write};
use std::path::Path;

use axum::http::Method;
use serde_json::{Map, Value, json};

use super::channel::{ChannelError, Result, file_error, text};
use super::desk::{Desk, DeskError, escaped};

/// The fields of a channel that are written: all that people set.
const SETTINGS: [&str; 12] = [
    "number",
    "name",
    "logo",
    "group",
    "starts_at",
    "loop",
    "order",
    "ladder",
    "grace_ms",
    "video",
    "keep_running",
    "catchup_days",
];

/// A file of the library.
struct Known {
    id: String,
    path: String,
    /// From its folder on.
    within: String,
    size_bytes: u64,
    hash: Option<String>,
    title: String,
}

impl Known {
    /// Not its path alone, which says nothing on another machine. The title is
    /// for people who read the list.
    fn written(&self) -> Value {
        json!({
            "path": self.within,
            "size_bytes": self.size_bytes,
            "hash": self.hash,
            "title": self.title,
        })
    }

    fn name(&self) -> &str {
        file_name(&self.path)
    }
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// What the library has.
#[derive(Default)]
struct Shelf {
    media: Vec<Known>,
    shows: HashSet<String>,
    by_id: HashMap<String, usize>,
    by_place: HashMap<String, Vec<usize>>,
    by_bytes: HashMap<(u64, String), Vec<usize>>,
}

impl Shelf {
    async fn read(desk: &Desk) -> Result<Self> {
        let folders = desk.all("/api/v1/folders").await?;
        let folders: HashMap<&str, &str> =
            folders.iter().map(|folder| (text(folder, "id"), text(folder, "path"))).collect();
        let mut shelf = Self::default();
        for media in desk.all("/api/v1/media").await? {
            let path = text(&media, "path");
            let folder = folders.get(text(&media, "folder")).copied().unwrap_or_default();
            let within = path.strip_prefix(folder).map(|path| path.trim_start_matches('/'));
            shelf.shows.extend(media["show"].as_str().map(str::to_owned));
            shelf.add(Known {
                id: text(&media, "id").to_owned(),
                path: path.to_owned(),
                within: within.unwrap_or(path).to_owned(),
                size_bytes: media["size_bytes"].as_u64().unwrap_or_default(),
                hash: media["hash"].as_str().map(str::to_owned),
                title: text(&media, "title").to_owned(),
            });
        }
        Ok(shelf)
    }

    fn add(&mut self, known: Known) {
        let at = self.media.len();
        self.by_id.insert(known.id.clone(), at);
        self.by_place.entry(known.within.clone()).or_default().push(at);
        self.by_place.entry(known.path.clone()).or_default().push(at);
        // Empty files are all alike.
        if let (Some(hash), 1..) = (&known.hash, known.size_bytes) {
            self.by_bytes.entry((known.size_bytes, hash.clone())).or_default().push(at);
        }
        self.media.push(known);
    }

    /// The file that an item of a list names: of those with its bytes the one at
    /// its place, or of its name, or any; else the one at its place, which then
    /// is another version.
    fn find(&self, item: &Value) -> Option<&Known> {
        if let Some(known) = item["media"].as_str().and_then(|id| self.by_id.get(id)) {
            return Some(&self.media[*known]);
        }
        let path = text(item, "path");
        let bytes =
            (item["size_bytes"].as_u64().unwrap_or_default(), text(item, "hash").to_owned());
        let none = Vec::new();
        let here = self.by_place.get(path).unwrap_or(&none);
        let alike = self.by_bytes.get(&bytes).unwrap_or(&none);
        let found = alike
            .iter()
            .find(|at| here.contains(at))
            .or_else(|| alike.iter().find(|at| self.media[**at].name() == file_name(path)))
            .or_else(|| alike.first())
            .or_else(|| here.first())?;
        Some(&self.media[*found])
    }

    /// An item as the API takes it, or what the library does not have.
    fn resolved(&self, item: &Value) -> std::result::Result<Value, String> {
        match item["show"].as_str() {
            Some(show) if self.shows.contains(show) => Ok(json!({ "show": show })),
            Some(show) => Err(format!("the show `{show}`")),
            None => self.find(item).map(|known| json!({ "media": known.id })).ok_or_else(|| {
                let name = ["path", "media"].into_iter().find_map(|field| item[field].as_str());
                format!("`{}`", name.unwrap_or_default())
            }),
        }
    }
}

/// All channels with what people set, and their lineups.
pub(super) async fn export(desk: &Desk) -> Result<Value> {
    let shelf = Shelf::read(desk).await?;
    let mut exported = Vec::new();
    for channel in desk.all("/api/v1/channels").await? {
        let mut told: Map<String, Value> =
            SETTINGS.iter().map(|field| ((*field).to_owned(), channel[field].clone())).collect();
        let lineup = format!("/api/v1/channels/{}/lineup", text(&channel, "id"));
        let items = desk.all(&lineup).await?;
        let items = items.iter().map(|item| match item["show"].as_str() {
            Some(show) => json!({ "show": show }),
            None => match shelf.find(&json!({ "media": item["media"] })) {
                Some(known) => known.written(),
                None => json!({ "media": item["media"], "path": item["path"] }),
            },
        });
        told.insert("items".to_owned(), items.collect());
        exported.push(Value::Object(told));
    }
    Ok(json!({ "channels": exported }))
}

/// A channel of a list, with what the library has of it.
struct Ready {
    number: String,
    settings: Map<String, Value>,
    items: Vec<Value>,
    missing: Vec<String>,
}

/// Makes or changes the channels of a list. Where something is missing, nothing
/// is done, or with `partly` all the rest.
pub(super) async fn import(
    desk: &Desk,
    file: &Path,
    partly: bool,
    out: &mut impl Write,
) -> Result<()> {
    let wrong = |reason: String| ChannelError::NotAList { path: file.to_owned(), reason };
    let mut list = String::new();
    let read = match file.as_os_str() == "-" {
        true => io::stdin().read_to_string(&mut list).map(|_| ()),
        false => std::fs::read_to_string(file).map(|text| list = text),
    };
    read.map_err(|source| file_error("read", file, source))?;
    let list: Value = serde_json::from_str(&list).map_err(|error| wrong(error.to_string()))?;
    let channels = list["channels"].as_array();
    let channels = channels.ok_or_else(|| wrong("it has no `channels`".to_owned()))?;
    let shelf = Shelf::read(desk).await?;
    let mut all = Vec::new();
    for (index, channel) in channels.iter().enumerate() {
        let place = format!("channels[{index}]");
        all.push(ready(&shelf, channel).map_err(|fault| wrong(format!("{place}{fault}")))?);
    }
    let missing: Vec<String> = all.iter().flat_map(|ready| ready.missing.clone()).collect();
    if !missing.is_empty() && !partly {
        let mut seen = HashSet::new();
        let named = missing.into_iter().filter(|one| seen.insert(one.clone())).collect();
        return Err(ChannelError::NotThere(named));
    }
    for Ready { number, settings, items, missing } in all {
        let done = put(desk, &number, settings, items).await;
        let done =
            done.map_err(|source| ChannelError::Channel { number: number.clone(), source })?;
        writeln!(out, "{done} {number}")?;
        for left in missing {
            writeln!(out, "  left out: the library does not have {left}")?;
        }
    }
    Ok(())
}

/// Looks through a channel of a list; the error is the place and the fault.
fn ready(shelf: &Shelf, channel: &Value) -> std::result::Result<Ready, String> {
    let number = channel["number"].as_str().ok_or(" has no `number`")?.to_owned();
    let mut settings = channel.as_object().cloned().unwrap_or_default();
    let listed = settings.remove("items").unwrap_or_else(|| json!([]));
    let listed = listed.as_array().ok_or(".items is no list")?;
    let (mut items, mut missing) = (Vec::new(), Vec::new());
    for (index, item) in listed.iter().enumerate() {
        if !["show", "path", "media"].iter().any(|field| item[field].is_string()) {
            return Err(format!(".items[{index}] has neither `path`, `show` nor `media`"));
        }
        match shelf.resolved(item) {
            Ok(item) => items.push(item),
            Err(what) => missing.push(what),
        }
    }
    Ok(Ready { number, settings, items, missing })
}

/// Makes a channel, or gives the one of that number these settings and items.
async fn put(
    desk: &Desk,
    number: &str,
    mut settings: Map<String, Value>,
    items: Vec<Value>,
) -> std::result::Result<&'static str, DeskError> {
    let path = format!("/api/v1/channels/{}", escaped(number));
    let known = desk.ask(Method::GET, &path, None).await?;
    if known.is_not_found() {
        settings.insert("items".to_owned(), items.into());
        let body = Value::Object(settings);
        desk.ask(Method::POST, "/api/v1/channels", Some(&body)).await?.accepted()?;
        return Ok("added");
    }
    known.accepted()?;
    // The lineup first: it is refused where it names what is not there.
    let body = json!({ "items": kept(desk, &path, items).await? });
    desk.ask(Method::PUT, &format!("{path}/lineup"), Some(&body)).await?.accepted()?;
    let body = Value::Object(settings);
    desk.ask(Method::PATCH, &path, Some(&body)).await?.accepted()?;
    Ok("changed")
}

/// Gives items that are in the lineup already their ids, so that what plays now
/// stays what it is.
async fn kept(
    desk: &Desk,
    path: &str,
    mut items: Vec<Value>,
) -> std::result::Result<Vec<Value>, DeskError> {
    let current = desk.all(&format!("{path}/lineup")).await?;
    let mut ids: HashMap<String, VecDeque<Value>> = Default::default();
    let key = |item: &Value| format!("{}\n{}", text(item, "media"), text(item, "show"));
    for item in &current {
        ids.entry(key(item)).or_default().push_back(item["id"].clone());
    }
    for item in &mut items {
        if let Some(id) = ids.get_mut(&key(item)).and_then(VecDeque::pop_front) {
            item["id"] = id;
        }
    }
    Ok(items)
}
