//! `/as-run`: what really aired.
//!
//! Owns how a stretch is told, in JSON by pages and as CSV in one piece. Invariant: what
//! is told of the past never changes; only the stretch that is on goes on.

use aerial_model::id::{ChannelId, ChannelRef};
use aerial_model::time::{AirTime, Ticks};
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::extract::{At, Json, Query};
use super::page::{Limit, Listing};
use super::problem::{Answer, Problem};
use super::scheduled::find;
use super::wire::{Instant, millis};
use crate::db::{AsRun, AsRunId, AsRunNames, AsRunQuery, Db, DbError};
use crate::schedule::Schedule;

/// Rows of a CSV that are read at once.
const READ_AT_ONCE: u64 = 500;

/// A stretch of an airing during which its channel was on the air. One that was left
/// and taken up again is two.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = AsRun)]
pub struct AsRunView {
    /// For good.
    id: Uuid,
    /// The channel's id.
    channel: Uuid,
    /// Its number, as it was then.
    number: String,
    /// Its name, as it was then.
    name: String,
    /// Nothing was on.
    off_air: bool,
    /// What played.
    #[schema(required = true)]
    media: Option<Uuid>,
    /// Of the film or the episode, as it was then.
    title: String,
    /// The show it is an episode of.
    #[schema(required = true)]
    show: Option<String>,
    /// 0 is specials.
    #[schema(required = true)]
    season: Option<u32>,
    /// Number in the season.
    #[schema(required = true)]
    episode: Option<u32>,
    /// When the airing was to begin.
    planned_start: Instant,
    /// When it was to end.
    planned_end: Instant,
    /// Since when it was on the air.
    from: Instant,
    /// Until when it was; `null`: it is.
    #[schema(required = true)]
    to: Option<Instant>,
    /// The beginning of what was sent to viewers; `null`: nothing was.
    #[schema(required = true)]
    sent_from: Option<Instant>,
    /// The end of it.
    #[schema(required = true)]
    sent_to: Option<Instant>,
    /// `completed`, `cut_short` (somebody ended it early), `left` (nobody watched any
    /// more), `stopped` (the channel was taken off the air), `server_stopped`, or
    /// `backed_up` (it was on when the backup was made that the server was restored
    /// from); `null`: it is on.
    #[schema(required = true, example = "completed")]
    end: Option<&'static str>,
    /// How many watched at once at the most.
    viewers: u32,
    /// How much of it was slate.
    slated_ms: i64,
    /// The last 32 parts of it that were slate, and why.
    slates: Vec<Slate>,
    /// How often a run of FFmpeg failed.
    restarts: u32,
    /// The last 32 of those faults.
    faults: Vec<AsRunFault>,
}

/// A part that was slate.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = AsRunSlate)]
pub struct Slate {
    /// When it began.
    from: Instant,
    /// When it ended.
    to: Instant,
    /// Why it was.
    reason: String,
}

/// A run of FFmpeg that failed.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AsRunFault {
    /// When.
    at: Instant,
    /// As in the history of streams.
    #[schema(example = "corrupt_file")]
    class: String,
    /// In words.
    reason: String,
}

impl From<(AsRun, AsRunNames)> for AsRunView {
    fn from((stretch, names): (AsRun, AsRunNames)) -> Self {
        let slated: Ticks = stretch.slates.iter().map(|slate| slate.to - slate.from).sum();
        let slates = stretch.slates.into_iter().map(|slate| Slate {
            from: slate.from.into(),
            to: slate.to.into(),
            reason: slate.reason,
        });
        let faults = stretch.faults.into_iter().map(|fault| AsRunFault {
            at: fault.at.into(),
            class: fault.class,
            reason: fault.reason,
        });
        Self {
            id: stretch.id.0,
            channel: stretch.channel.0,
            number: names.number,
            name: names.channel,
            off_air: stretch.media.is_none(),
            media: stretch.media.map(|media| media.0),
            title: names.title,
            show: names.show,
            season: names.season,
            episode: names.episode,
            planned_start: stretch.planned.0.into(),
            planned_end: stretch.planned.1.into(),
            from: stretch.from.into(),
            to: stretch.end.map(|_| stretch.to.into()),
            sent_from: stretch.sent.map(|(from, _)| from.into()),
            sent_to: stretch.sent.map(|(_, to)| to.into()),
            end: stretch.end.map(|end| end.name()),
            viewers: stretch.viewers,
            slated_ms: millis(slated),
            slates: slates.collect(),
            restarts: stretch.restarts,
            faults: faults.collect(),
        }
    }
}

/// In which order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AsRunOrder {
    /// The newest first.
    #[default]
    Newest,
    /// The oldest first.
    Oldest,
}

/// How it is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AsRunFormat {
    /// JSON, in pages.
    #[default]
    Json,
    /// CSV, all at once.
    Csv,
}

/// Which stretches.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AsRunParams {
    /// On the air after this instant; unless said, from the first that is remembered.
    #[param(required = false)]
    from: Option<Instant>,
    /// On the air before this instant; unless said, to the last.
    #[param(required = false)]
    to: Option<Instant>,
    /// In which order, `newest` or `oldest` first.
    #[param(inline, required = false)]
    order: AsRunOrder,
    /// `json`, in pages, or `csv`, all at once.
    #[param(inline, required = false)]
    format: AsRunFormat,
    /// How many stretches at most; a CSV has all.
    #[param(value_type = u16, required = false, minimum = 1, maximum = 500, default = 100)]
    limit: Limit,
    /// The `next` of the page before.
    #[param(required = false)]
    cursor: Option<String>,
}

/// What really aired on a channel, stretch by stretch: from when to when it was on the
/// air, what of it was sent, what was slate, what failed. Kept for `history.days`, 90 unless set.
#[utoipa::path(
    get, path = "/channels/{channel}/as-run", operation_id = "channel_as_run", tag = "channels",
    params(
        ("channel" = String, Path, description = "The channel's number or id."),
        AsRunParams,
    ),
    responses(
        (status = 200, content(
            (Listing<AsRunView> = "application/json"), (String = "text/csv"),
        )),
        (status = 404, description = "No such channel.", body = Problem),
    ),
)]
pub(super) async fn of_channel(
    State(schedule): State<Schedule>,
    State(db): State<Db>,
    At(channel): At<ChannelRef>,
    Query(params): Query<AsRunParams>,
) -> Answer<Response> {
    let channel = find(&schedule, channel)?.id;
    told(db, Some(channel), params).await
}

/// What really aired on all channels, also on those that were deleted.
#[utoipa::path(
    get, path = "/as-run", operation_id = "as_run", tag = "channels",
    params(AsRunParams),
    responses((status = 200, content(
        (Listing<AsRunView> = "application/json"), (String = "text/csv"),
    ))),
)]
pub(super) async fn of_all(
    State(db): State<Db>,
    Query(params): Query<AsRunParams>,
) -> Answer<Response> {
    told(db, None, params).await
}

async fn told(db: Db, channel: Option<ChannelId>, params: AsRunParams) -> Answer<Response> {
    let (from, to) = (params.from.map(|from| from.0), params.to.map(|to| to.0));
    if from.zip(to).is_some_and(|(from, to)| to < from) {
        return Err(Problem::field("to", "must not be before `from`"));
    }
    let after = params.cursor.as_deref().map(read_place).transpose()?;
    let oldest_first = params.order == AsRunOrder::Oldest;
    // One more than the page has tells whether there is a next one.
    let limit = params.limit.get() as u64 + 1;
    let query = AsRunQuery { channel, from, to, oldest_first, after, limit };
    if params.format == AsRunFormat::Csv {
        return csv(db, AsRunQuery { limit: READ_AT_ONCE, ..query }).await;
    }
    let found = db.as_run(&query).await?;
    let place = |(stretch, _): &(AsRun, AsRunNames)| write_place(stretch);
    Ok(Json(Listing::cut(found, params.limit, place).map(AsRunView::from)).into_response())
}

fn write_place(stretch: &AsRun) -> String {
    format!("{}_{}", stretch.from.0, stretch.id.0)
}

fn read_place(text: &str) -> Answer<(AirTime, AsRunId)> {
    let read = || {
        let (from, id) = text.split_once('_')?;
        Some((AirTime(from.parse().ok()?), AsRunId(id.parse().ok()?)))
    };
    read().ok_or_else(|| Problem::field("cursor", "is of another list"))
}

const COLUMNS: &str = "id,channel,number,name,media,title,show,season,episode,planned_start,\
                       planned_end,from,to,sent_from,sent_to,end,viewers,slated_ms,slates,\
                       restarts,faults\r\n";

/// All of it, read piece by piece as it is sent (RFC 4180).
async fn csv(db: Db, query: AsRunQuery) -> Answer<Response> {
    // The first piece now: what fails then can still be told as a problem.
    let first = db.as_run(&query).await?;
    let rest = futures::stream::try_unfold(
        (db, query, Some(first)),
        |(db, mut query, found)| async move {
            let found = match found {
                Some(found) => found,
                None => db.as_run(&query).await?,
            };
            let Some((last, _)) = found.last() else { return Ok::<_, DbError>(None) };
            query.after = Some((last.from, last.id));
            let lines: String = found.into_iter().map(|one| line(&one.into())).collect();
            Ok(Some((Bytes::from(lines), (db, query, None))))
        },
    );
    let head = futures::stream::iter([Ok(Bytes::from_static(COLUMNS.as_bytes()))]);
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"as-run.csv\""),
    ];
    let body = Body::from_stream(futures::StreamExt::chain(head, rest));
    Ok((headers, body).into_response())
}

fn line(view: &AsRunView) -> String {
    let at = |instant: Option<Instant>| instant.map(|at| at.0.to_string()).unwrap_or_default();
    let number = |number: Option<u32>| number.map(|n| n.to_string()).unwrap_or_default();
    let slates = view.slates.iter().map(|s| format!("{}/{} {}", s.from.0, s.to.0, s.reason));
    let faults = view.faults.iter().map(|f| format!("{} {} {}", f.at.0, f.class, f.reason));
    let cells = [
        view.id.to_string(),
        view.channel.to_string(),
        cell(&view.number),
        cell(&view.name),
        view.media.map(|id| id.to_string()).unwrap_or_default(),
        cell(&view.title),
        cell(view.show.as_deref().unwrap_or_default()),
        number(view.season),
        number(view.episode),
        at(Some(view.planned_start)),
        at(Some(view.planned_end)),
        at(Some(view.from)),
        at(view.to),
        at(view.sent_from),
        at(view.sent_to),
        view.end.unwrap_or_default().to_owned(),
        view.viewers.to_string(),
        view.slated_ms.to_string(),
        cell(&slates.collect::<Vec<_>>().join("; ")),
        view.restarts.to_string(),
        cell(&faults.collect::<Vec<_>>().join("; ")),
    ];
    cells.join(",") + "\r\n"
}

/// Text in a cell. What a spreadsheet would take for a formula gets an apostrophe:
/// titles come from strangers' files.
fn cell(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if formula { format!("'{text}") } else { text.to_owned() };
    match text.contains(['"', ',', '\r', '\n']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_quoted_where_it_must_and_never_a_formula() {
        assert_eq!(cell("Film"), "Film");
        assert_eq!(cell("One, \"Two\"\nThree"), "\"One, \"\"Two\"\"\nThree\"");
        assert_eq!(cell("=cmd|' /C calc'!A0"), "'=cmd|' /C calc'!A0");
    }
}
