//! `/settings`: what the server is set to, and changing that.
//!
//! Owns how a setting is told and taken. What may be set, and the file that it is kept
//! in, is `config`'s; the new server that takes it up comes from the keeper. Invariant:
//! what a start would refuse is refused here, by field, and a secret is never told.

use std::fmt;
use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::events::{Change, Events};
use super::extract::Json;
use super::problem::{Answer, FieldError, Kind as ProblemKind, Problem};
use crate::config::list::{Kind, SETTINGS, Setting};
use crate::config::{EditError, Edits, Loaded, Origin, Settings, Wrong};
use crate::ffmpeg::{Ffmpeg, Spawner};
use crate::stream::slate::Slates;

/// What starts the server anew with what was set, unnoticed by viewers. Cheap to clone.
#[derive(Clone)]
pub struct Restart(Option<Arc<dyn Fn() + Send + Sync>>);

impl Restart {
    /// By this.
    pub fn by(ask: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(ask)))
    }

    /// Nothing does: there is no keeper.
    pub fn by_hand() -> Self {
        Self(None)
    }

    fn told(&self) -> Restarts {
        if self.0.is_some() { Restarts::ByItself } else { Restarts::ByHand }
    }
}

impl fmt::Debug for Restart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Restart").field(&self.told()).finish()
    }
}

/// All settings.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Settings)]
pub struct SettingsView {
    /// The file that changes are written to.
    file: String,
    /// Whether a change is taken up by itself.
    restarts: Restarts,
    /// Something was changed that a restart has still to take up.
    pending: bool,
    /// Why the file as it is now would not be taken by a start.
    #[schema(required = true)]
    trouble: Option<String>,
    /// One by one, those of a section together.
    settings: Vec<SettingView>,
}

/// How a change is taken up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Restarts {
    /// The server starts anew by itself; who watches notices nothing.
    ByItself,
    /// Somebody has to start it anew: it runs without its keeper.
    ByHand,
}

/// A setting.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Setting)]
pub struct SettingView {
    /// Its section of the file.
    #[schema(example = "stream")]
    section: &'static str,
    /// Its key in that.
    #[schema(example = "grace")]
    key: &'static str,
    /// What it is for, in a sentence.
    about: &'static str,
    /// What may stand there.
    kind: KindView,
    /// What is in effect; `null`: nothing is set, or it is a secret.
    #[schema(required = true, value_type = Option<SettingValue>)]
    value: Value,
    /// What holds where nobody sets it; `null`: nothing.
    #[schema(required = true, value_type = Option<SettingValue>)]
    default: Value,
    /// What will hold after a restart, where that is something else; left out where it is
    /// the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<SettingValue>)]
    next: Option<Value>,
    /// Who set it.
    set_by: SetBy,
    /// Why it cannot be changed here; `null`: it can.
    #[schema(required = true)]
    fixed: Option<String>,
    /// It is never told.
    secret: bool,
}

/// The value of a setting, as the settings file has it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "it is there to be described")]
pub enum SettingValue {
    /// Text: words, durations and sizes with their unit, paths.
    Text(String),
    /// A whole number.
    Number(i64),
    /// True or false.
    Switch(bool),
    /// A list.
    List(Vec<String>),
}

/// Who set something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum SetBy {
    /// Nobody.
    Default,
    /// The settings file.
    File {
        /// In this line.
        #[schema(required = true)]
        line: Option<usize>,
    },
    /// A variable, which wins over the file.
    Variable {
        /// Its name.
        name: String,
    },
    /// A flag, which wins over both.
    Flag {
        /// Its name.
        name: &'static str,
    },
}

impl From<Origin> for SetBy {
    fn from(origin: Origin) -> Self {
        match origin {
            Origin::Default => Self::Default,
            Origin::File(line) => Self::File { line },
            Origin::Variable(name) => Self::Variable { name },
            Origin::Flag(name) => Self::Flag { name },
        }
    }
}

/// What may stand in a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = SettingKind)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum KindView {
    /// True or false.
    Switch,
    /// A whole number.
    Number {
        /// The least.
        least: u64,
        /// The most.
        most: u64,
    },
    /// A length of time: a whole number and its unit, such as `500ms`, `5s`, `1m`, `2h`.
    Period {
        /// The least.
        least: &'static str,
        /// The most.
        most: &'static str,
    },
    /// A size: a whole number and its unit, such as `500MB` or `20GiB`.
    Size {
        /// The least.
        least: &'static str,
    },
    /// One of some words.
    Choice {
        /// Which.
        of: &'static [&'static str],
    },
    /// `auto`, or a whole number.
    AutoOrNumber {
        /// The least.
        least: u64,
        /// The most.
        most: u64,
    },
    /// A list of `source` and heights such as `720p`.
    Renditions,
    /// An address on the web.
    Url,
    /// An address and a port of the server.
    Address,
    /// A file of the server.
    File,
    /// A folder of the server.
    Folder,
    /// A list of folders of the server.
    Folders,
    /// A list of networks, such as `10.0.0.0/8`.
    Networks,
    /// Some text.
    Text,
}

impl From<Kind> for KindView {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Switch => Self::Switch,
            Kind::Number { least, most } => Self::Number { least, most },
            Kind::Period { least, most } => Self::Period { least, most },
            Kind::Size { least } => Self::Size { least },
            Kind::Choice(of) => Self::Choice { of },
            Kind::AutoOrNumber { least, most } => Self::AutoOrNumber { least, most },
            Kind::Renditions => Self::Renditions,
            Kind::Url => Self::Url,
            Kind::Address => Self::Address,
            Kind::File => Self::File,
            Kind::Folder => Self::Folder,
            Kind::Folders => Self::Folders,
            Kind::Networks => Self::Networks,
            Kind::Text => Self::Text,
        }
    }
}

impl SettingsView {
    fn of(loaded: &Loaded, restart: &Restart) -> Self {
        let (next, trouble) = match loaded.next() {
            Ok(next) => (next, None),
            Err(error) => (loaded.settings().clone(), Some(error.to_string())),
        };
        let (now, later) = (values(loaded.settings()), values(&next));
        let defaults = values(&Settings::default());
        let told = |setting: &Setting| {
            let of = |values: &Value| match setting.secret {
                true => Value::Null,
                false => values[setting.section][setting.key].clone(),
            };
            let value = of(&now);
            SettingView {
                section: setting.section,
                key: setting.key,
                about: setting.about,
                kind: setting.kind.into(),
                next: Some(of(&later)).filter(|next| *next != value),
                value,
                default: of(&defaults),
                set_by: loaded.origin(setting).into(),
                fixed: loaded.fixed(setting),
                secret: setting.secret,
            }
        };
        Self {
            file: loaded.file().to_string_lossy().into_owned(),
            restarts: restart.told(),
            pending: next != *loaded.settings(),
            trouble,
            settings: SETTINGS.iter().map(told).collect(),
        }
    }
}

/// As the file has them.
fn values(settings: &Settings) -> Value {
    // Texts, numbers and lists of them: they can be written.
    serde_json::to_value(settings).unwrap_or_default()
}

/// All settings: what is in effect, what may stand there, and who set it.
#[utoipa::path(
    get, path = "/settings", operation_id = "get_settings", tag = "system",
    responses((status = 200, body = SettingsView)),
)]
pub(super) async fn get(
    State(loaded): State<Loaded>,
    State(restart): State<Restart>,
) -> Json<SettingsView> {
    Json(SettingsView::of(&loaded, &restart))
}

/// What to set, by section and key: `{"stream": {"grace": "45s"}}`. `null` goes back to
/// the default.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = HashMap<String, HashMap<String, Value>>)]
pub struct SettingsEdit(Edits);

/// What came of a change.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SettingsChange {
    /// When it takes effect.
    effect: Effect,
    /// All settings, as they are now: those in effect, and `next`.
    settings: SettingsView,
}

/// When a change of settings takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = SettingsEffect)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// It changes nothing that is in effect.
    None,
    /// The server starts anew in a moment: it answers again after a few seconds, and who
    /// watches notices nothing.
    Restarting,
    /// Once somebody starts the server anew: it runs without its keeper.
    AtNextStart,
}

/// Changes settings: all of them or, where one cannot be, none. They are written to the
/// settings file, where what people wrote beside them stays.
#[utoipa::path(
    patch, path = "/settings", operation_id = "edit_settings", tag = "system",
    request_body = SettingsEdit,
    responses(
        (status = 200, body = SettingsChange),
        (status = 409, description = "The settings file cannot be written.", body = Problem),
        (status = 422, description = "`errors` names each by `section.key`.", body = Problem),
    ),
)]
pub(super) async fn edit(
    State(loaded): State<Loaded>,
    State(restart): State<Restart>,
    State(events): State<Events>,
    State(spawner): State<Spawner>,
    State(slates): State<Slates>,
    Json(SettingsEdit(edits)): Json<SettingsEdit>,
) -> Answer<Json<SettingsChange>> {
    let _turn = loaded.turn().await;
    let change = loaded.change(&edits)?;
    try_out(&edits, &change.settings, &spawner, &slates).await?;
    loaded.write(&change).map_err(EditError::Io)?;
    let effect = match (change.settings == *loaded.settings(), &restart.0) {
        (true, _) => Effect::None,
        (false, None) => Effect::AtNextStart,
        (false, Some(ask)) => {
            // What is being answered is finished first: this too.
            ask();
            Effect::Restarting
        }
    };
    tracing::info!(file = %loaded.file().display(), ?effect, "settings were changed");
    events.tell(Change::Settings { restarts: effect == Effect::Restarting });
    Ok(Json(SettingsChange { effect, settings: SettingsView::of(&loaded, &restart) }))
}

/// What a server could not start with is tried before it is written: nobody could reach
/// the page to mend it.
async fn try_out(
    edits: &Edits,
    settings: &Settings,
    spawner: &Spawner,
    slates: &Slates,
) -> Result<(), EditError> {
    let names = |section: &str, key: &str| {
        edits.get(section).is_some_and(|keys| keys.get(key).is_some_and(|value| !value.is_null()))
    };
    let mut wrong = Vec::new();
    for (key, path) in [("path", &settings.ffmpeg.path), ("ffprobe", &settings.ffmpeg.ffprobe)] {
        if !names("ffmpeg", key) || path.is_none() {
            continue;
        }
        if let Err(error) = Ffmpeg::discover(&settings.ffmpeg, spawner).await {
            wrong.push(Wrong::new(format!("ffmpeg.{key}"), error.to_string()));
        }
    }
    for (key, path) in
        [("off_air", &settings.slates.off_air), ("trouble", &settings.slates.trouble)]
    {
        if let Some(path) = path
            && names("slates", key)
            && let Err(error) = slates.try_picture(path).await
        {
            wrong.push(Wrong::new(format!("slates.{key}"), error));
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(EditError::Wrong(wrong)) }
}

impl From<EditError> for Problem {
    fn from(error: EditError) -> Self {
        let said = error.to_string();
        match error {
            EditError::Wrong(wrong) => {
                let fields = wrong.into_iter().map(|one| FieldError::new(one.key, one.message));
                Self::invalid(fields.collect())
            }
            EditError::File(_) | EditError::Io(_) => Self::new(ProblemKind::Conflict, said),
        }
    }
}
