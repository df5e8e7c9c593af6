//! `/channels/export` and `/channels/import`: channels as a file.
//!
//! Owns the file's form, for the API and for `aerial channel` alike. What it names,
//! `library::Shelf` finds again; uploaded logos go along (`picture`); what it changes, the
//! schedule does at once or not at all. Invariant: `import` of what `export` wrote changes
//! nothing.

mod picture;

use std::collections::HashMap;

use aerial_model::channel::{self, What};
use aerial_model::id::{ChannelId, ChannelNumber, ChannelRef, MediaId};
use aerial_model::time::AirTime;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use self::picture::{Pictures, Taken};
use super::channels::{Channel, ChannelEdit, Order, Video};
use super::extract::{Json, Query, read_value};
use super::logos;
use super::problem::{Answer, FieldError, Problem, api_named};
use super::scheduled::{find, takes_effect_at};
use super::wire::Instant;
use crate::db::Db;
use crate::library::{Named, Shelf, Uploads};
use crate::schedule::{Imported, Listed, Schedule, ScheduleError};

/// A list of a dozen channels of 10,000 items each.
pub const IMPORT_LIMIT: usize = 32 * 1024 * 1024;

/// Channels as a file: all that people set, and what they play.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ChannelList {
    /// By number.
    channels: Vec<ListedChannel>,
}

/// A channel of a list. To be read, only `number` must be there, and `name` for a new
/// one; what is not there stays as it is.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ListedChannel {
    /// By which it is known when it is read: the channel that has it is changed.
    number: String,
    /// 1 to 100 characters.
    name: String,
    /// A URL. Of a logo that was uploaded the picture itself, as a `data:` URL, unless the
    /// list has 12 MiB of pictures already.
    #[schema(required = true)]
    logo: Option<String>,
    /// 1 to 100 characters.
    #[schema(required = true)]
    group: Option<String>,
    /// Before this instant it is off the air.
    starts_at: Instant,
    /// After the last item: begin again, or go off the air.
    #[serde(rename = "loop")]
    looping: bool,
    /// In which order its items play.
    order: Order,
    /// Its renditions; empty: what the machine affords.
    ladder: Vec<String>,
    /// How long its session waits for a next viewer; `null`: as the server is set.
    #[schema(required = true)]
    grace_ms: Option<u64>,
    /// Whether its files' video is copied where it can be.
    video: Video,
    /// It is on the air whether anybody watches or not.
    keep_running: bool,
    /// How many days back what aired can be played again; 0: not at all.
    catchup_days: u32,
    /// What it plays.
    items: Vec<ListedItem>,
}

/// An item of a list: a show by its name, a file by its place and its bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ListedItem {
    /// A show.
    #[serde(skip_serializing_if = "Option::is_none")]
    show: Option<String>,
    /// A media of this library; where there is none of that id, the rest is looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    media: Option<Uuid>,
    /// A file: where it is, from its folder on.
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    /// Its size.
    #[serde(skip_serializing_if = "Option::is_none")]
    size_bytes: Option<u64>,
    /// Of its first and last 64 KiB, in hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    hash: Option<String>,
    /// What it is called, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
}

impl ListedItem {
    fn of(what: &What, shelf: &Shelf) -> Self {
        let media = match what {
            What::Show(show) => return Self { show: Some(show.clone()), ..Self::default() },
            What::Media(media) => *media,
        };
        match shelf.name(media) {
            Some(named) => Self {
                path: Some(named.path),
                size_bytes: Some(named.size_bytes),
                hash: named.hash,
                title: Some(named.title),
                ..Self::default()
            },
            None => Self { media: Some(media.0), ..Self::default() },
        }
    }

    /// What it stands for here, or what the library does not have.
    fn found(self, shelf: &Shelf) -> Result<What, String> {
        if let Some(show) = self.show {
            return match shelf.has_show(&show) {
                true => Ok(What::Show(show)),
                false => Err(format!("the show `{show}`")),
            };
        }
        let media = self.media.map(MediaId);
        let path = self.path.unwrap_or_default();
        let named = Named {
            media,
            size_bytes: self.size_bytes.unwrap_or_default(),
            hash: self.hash,
            title: String::new(),
            path,
        };
        shelf.find(&named).map(What::Media).ok_or_else(|| match (named.path.as_str(), media) {
            ("", Some(media)) => format!("the media {media}"),
            (path, _) => format!("`{path}`"),
        })
    }

    fn check(&self) -> Result<(), &'static str> {
        match (self.show.is_some(), self.path.is_some() || self.media.is_some()) {
            (false, false) => Err("has neither `path`, `show` nor `media`"),
            (true, true) => Err("is a show or a file, not both"),
            _ => Ok(()),
        }
    }
}

/// Which channels.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ExportQuery {
    /// A channel's number or id; all channels, unless said.
    #[param(required = false)]
    channel: Option<String>,
}

/// All channels, or one, with all that people set, to be kept or read elsewhere.
#[utoipa::path(
    get, path = "/channels/export", operation_id = "export_channels", tag = "channels",
    params(ExportQuery),
    responses((
        status = 200,
        body = ChannelList,
        headers(("Content-Disposition" = String, description = "A name for the file.")),
    )),
)]
pub(super) async fn export(
    State(schedule): State<Schedule>,
    State(db): State<Db>,
    State(uploads): State<Uploads>,
    Query(query): Query<ExportQuery>,
) -> Answer<impl IntoResponse> {
    let channels = match &query.channel {
        Some(text) => {
            let channel: Option<ChannelRef> = text.parse().ok();
            let channel = channel.ok_or_else(|| Problem::not_found("channel", text))?;
            vec![find(&schedule, channel)?]
        }
        None => schedule.channels(),
    };
    let shelf = Shelf::read(&db).await?;
    let mut pictures = Pictures::new(&uploads);
    let mut list = ChannelList { channels: Vec::with_capacity(channels.len()) };
    for channel in channels {
        let items = schedule.lineup(channel.id).await?;
        let items = items.iter().map(|item| ListedItem::of(&item.what, &shelf)).collect();
        let told = Channel::from(&*channel);
        list.channels.push(ListedChannel {
            number: told.number,
            name: told.name,
            logo: pictures.told(told.logo).await,
            group: told.group,
            starts_at: told.starts_at,
            looping: told.looping,
            order: told.order,
            ladder: told.ladder,
            grace_ms: told.grace_ms,
            video: told.video,
            keep_running: told.keep_running,
            catchup_days: told.catchup_days,
            items,
        });
    }
    let file = [(header::CONTENT_DISPOSITION, "attachment; filename=\"aerial-channels.json\"")];
    Ok((file, Json(list)))
}

/// How a list is read.
#[derive(Clone, Copy, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ImportQuery {
    /// Leave out what the library does not have, instead of changing nothing.
    #[param(required = false, default = false)]
    partly: bool,
    /// Only look what would become of it.
    #[param(required = false, default = false)]
    dry_run: bool,
}

/// A list as it comes: each channel is read by itself, so that all faults are told.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadList {
    channels: Vec<Value>,
}

/// What became of a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = ImportedChannels)]
pub struct ImportView {
    /// Its channels, in its order.
    channels: Vec<ImportedChannel>,
}

/// What became of a channel of a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ImportedChannel {
    /// Its number.
    number: String,
    /// Its id; `null` after a dry run, for one that would be new.
    #[schema(required = true)]
    id: Option<Uuid>,
    /// Whether it was made or changed, or would be.
    done: Done,
    /// When the change can first be seen on the air; `null` for a new one, and where
    /// nothing that airs is altered.
    #[schema(required = true)]
    takes_effect_at: Option<Instant>,
    /// What of it was left out since the library does not have it, in words.
    left_out: Vec<String>,
}

/// What is done with a channel of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ImportDone)]
#[serde(rename_all = "snake_case")]
pub enum Done {
    /// No channel had its number.
    Added,
    /// The channel of its number is as the list says now.
    Changed,
}

/// Reads channels from a file that `export` wrote. A channel whose number is taken is
/// changed, the others are made; all of them, or, where anything is wrong, none.
#[utoipa::path(
    post, path = "/channels/import", operation_id = "import_channels", tag = "channels",
    params(ImportQuery),
    request_body = ChannelList,
    responses(
        (status = 200, body = ImportView),
        (
            status = 422,
            description = "Each channel and item that is wrong, or that the library does not \
                have (`channels[0].items[3]`); nothing was changed.",
            body = Problem,
        ),
    ),
)]
pub(super) async fn import(
    State(schedule): State<Schedule>,
    State(db): State<Db>,
    State(uploads): State<Uploads>,
    Query(query): Query<ImportQuery>,
    Json(list): Json<ReadList>,
) -> Answer<Json<ImportView>> {
    let shelf = Shelf::read(&db).await?;
    let (mut listed, mut left_out) = (Vec::new(), Vec::new());
    let (mut faults, mut pictures) = (Vec::new(), Vec::new());
    let mut seen: HashMap<ChannelNumber, usize> = HashMap::new();
    for (index, mut channel) in list.channels.into_iter().enumerate() {
        let place = format!("channels[{index}]");
        let logo = picture::taken(&mut channel, &uploads).await.unwrap_or_else(|said| {
            faults.push(FieldError::new(format!("{place}.logo"), said));
            Taken::default()
        });
        pictures.extend(logo.picture);
        match read(&schedule, &shelf, &place, channel, query.partly) {
            Ok((one, mut missing)) => {
                missing.extend(logo.lost);
                if let Some(earlier) = seen.insert(one.number, index) {
                    let said = format!("`{}` is the number of channels[{earlier}] too", one.number);
                    faults.push(FieldError::new(format!("{place}.number"), said));
                }
                listed.push(one);
                left_out.push(missing);
            }
            Err(of_channel) => faults.extend(of_channel),
        }
    }
    if !faults.is_empty() {
        return Err(Problem::invalid(faults));
    }
    if query.dry_run {
        let channels =
            listed.iter().zip(left_out).map(|(one, left_out)| would(&schedule, one, left_out));
        return Ok(Json(ImportView { channels: channels.collect() }));
    }
    // None is deleted before its channel names it.
    let _turn = uploads.turn().await;
    for picture in pictures {
        uploads.keep(picture).await?;
    }
    let imported = schedule.import(listed).await;
    logos::keep_named(&uploads, &schedule).await;
    let imported = imported.map_err(|error| {
        let place = format!("channels[{}]", error.index);
        match error.source {
            ScheduleError::Invalid(invalid) => Problem::invalid_within(&place, invalid),
            source => Problem::from(source).within(&place),
        }
    })?;
    let channels = imported.into_iter().zip(left_out).map(|(one, left_out)| done(one, left_out));
    Ok(Json(ImportView { channels: channels.collect() }))
}

fn done(Imported { channel, effect }: Imported, left_out: Vec<String>) -> ImportedChannel {
    ImportedChannel {
        number: channel.number.to_string(),
        id: Some(channel.id.0),
        done: if effect.is_some() { Done::Changed } else { Done::Added },
        takes_effect_at: effect.and_then(takes_effect_at),
        left_out,
    }
}

fn would(schedule: &Schedule, listed: &Listed, left_out: Vec<String>) -> ImportedChannel {
    let known = schedule.channel(ChannelRef::Number(listed.number));
    ImportedChannel {
        number: listed.number.to_string(),
        done: if known.is_some() { Done::Changed } else { Done::Added },
        id: known.map(|channel| channel.id.0),
        takes_effect_at: None,
        left_out,
    }
}

/// A channel of a list as the schedule takes it, and what is left out of it; or all that
/// is wrong with it.
fn read(
    schedule: &Schedule,
    shelf: &Shelf,
    place: &str,
    mut channel: Value,
    partly: bool,
) -> Result<(Listed, Vec<String>), Vec<FieldError>> {
    let mut faults = Vec::new();
    let items = channel.as_object_mut().and_then(|fields| fields.remove("items"));
    let (items, left_out) = read_items(shelf, place, items, partly, &mut faults);
    let edit: channel::Edit = match read_value::<ChannelEdit>(channel, place) {
        Ok(edit) => edit.into(),
        Err(fault) => {
            faults.push(fault);
            return Err(faults);
        }
    };
    let number = edit.number.as_deref().map(str::parse::<ChannelNumber>);
    let known = match number {
        None => {
            faults.push(FieldError::new(format!("{place}.number"), "must be given"));
            return Err(faults);
        }
        Some(Ok(number)) => schedule.channel(ChannelRef::Number(number)),
        Some(Err(_)) => None,
    };
    let checked = match &known {
        Some(known) => known.edited(&edit).map(|_| ()),
        // What a new one will get does not matter here.
        None => {
            channel::Channel::create(ChannelId(Uuid::nil()), 0, AirTime::EPOCH, &edit).map(|_| ())
        }
    };
    if let Err(invalid) = checked {
        faults.extend(invalid.0.into_iter().map(|error| api_named(error, place)));
    }
    match number {
        Some(Ok(number)) if faults.is_empty() => Ok((Listed { number, edit, items }, left_out)),
        _ => Err(faults),
    }
}

/// What a channel of a list plays, if it says so, and what of that is left out of it.
fn read_items(
    shelf: &Shelf,
    place: &str,
    items: Option<Value>,
    partly: bool,
    faults: &mut Vec<FieldError>,
) -> (Option<Vec<What>>, Vec<String>) {
    let items = match items {
        None => return (None, Vec::new()),
        Some(Value::Array(items)) => items,
        Some(_) => {
            faults.push(FieldError::new(format!("{place}.items"), "must be a list"));
            Vec::new()
        }
    };
    let (mut whats, mut left_out) = (Vec::with_capacity(items.len()), Vec::new());
    for (index, item) in items.into_iter().enumerate() {
        let place = format!("{place}.items[{index}]");
        let item: ListedItem = match read_value(item, &place) {
            Ok(item) => item,
            Err(fault) => {
                faults.push(fault);
                continue;
            }
        };
        match item.check().map(|()| item.found(shelf)) {
            Ok(Ok(what)) => whats.push(what),
            Ok(Err(missing)) if partly => left_out.push(missing),
            Ok(Err(missing)) => {
                let said = format!("the library does not have {missing}");
                faults.push(FieldError::new(place, said));
            }
            Err(said) => faults.push(FieldError::new(place, said)),
        }
    }
    (Some(whats), left_out)
}
