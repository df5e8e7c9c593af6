//! What the stream routes ask of the Stream Manager: playlists and segments.
//!
//! Owns who is shown what and when a segment is held. Starts nothing by itself:
//! sessions are the manager's. Invariant: what a playlist has promised is held
//! until it can be sent, and never refused (`rules.md`, 21).

use std::net::IpAddr;

use aerial_model::capacity::Encode;
use aerial_model::client::ClientId;
use aerial_model::hls::window::{self, SERVED_FOR};
use aerial_model::hls::{self, Edge, Variant};
use aerial_model::id::{ChannelId, ChannelRef};
use aerial_model::ladder::Ladder;
use aerial_model::ledger::{Airing, Ledger};
use aerial_model::profile::{Profile, Rendition};
use aerial_model::session::Event;
use aerial_model::time::AirTime;

use super::{Manager, nothing_planned};
use crate::clock::monotonic;
use crate::stream::admission::TuneIn;
use crate::stream::body::{self, SegmentBody};
use crate::stream::error::StreamError;
use crate::stream::programme;
use crate::stream::session::{Message, SessionHandle, Waiting};
use crate::stream::store::{Found, SegmentKey};
use crate::stream::timeline::OnAir;
use crate::stream::track;

/// A playlist and whom it was made for.
#[derive(Clone, Debug)]
pub struct Playlist {
    /// Its text.
    pub text: String,
    /// The client, perhaps a new one.
    pub client: ClientId,
}

impl Manager {
    /// The entry point for a new viewer: a master playlist. `base` leads from
    /// its address to `/stream/{channel}/`; `rendition` is what it will be
    /// offered alone.
    pub async fn master(
        &self,
        channel: ChannelRef,
        rendition: Option<Rendition>,
        base: impl Fn(ChannelId) -> String,
    ) -> Result<Playlist, StreamError> {
        let channel = self.channel(channel).await?;
        let ladder = self.0.parts.programme.ladder(&channel);
        let rendition = offered(&channel, &ladder, rendition)?.unwrap_or_else(|| ladder.one());
        // Its worker starts before the next request comes.
        let (client, _) = self.join(&channel, Some(rendition)).await?;
        let variants = self.variants(&channel, &[rendition]).await?;
        let text = hls::master_playlist(&base(channel.id), &client, &variants);
        Ok(Playlist { text, client })
    }

    /// The same with all renditions that the machine carries together, for players
    /// that switch between them.
    pub async fn ladder(
        &self,
        channel: ChannelRef,
        base: impl Fn(ChannelId) -> String,
    ) -> Result<Playlist, StreamError> {
        let channel = self.channel(channel).await?;
        let ladder = self.0.parts.programme.ladder(&channel);
        let heights: Vec<u16> = ladder.rungs().iter().filter_map(|rung| rung.height()).collect();
        let pixels = heights.iter().map(|height| {
            Profile::transcoded(Rendition::Height(*height), channel.frame_height)
                .map_or(u32::MAX, |profile| u32::from(profile.width) * u32::from(profile.height))
        });
        let carried = self.0.parts.admission.occupancy().limit.carried(pixels);
        let listed = ladder.listed(|height| {
            let place = heights.iter().position(|other| *other == height)?;
            carried.as_ref()?.get(place).copied()
        });
        // Which of them the player takes is its to say.
        let only = (listed.len() == 1).then(|| listed[0]);
        let (client, _) = self.join(&channel, only).await?;
        let variants = self.variants(&channel, &listed).await?;
        let text = hls::master_playlist(&base(channel.id), &client, &variants);
        Ok(Playlist { text, client })
    }

    /// These renditions as a master playlist describes them: what is on the air, and of
    /// what is copied the rates of all that is committed, since a player is told once.
    async fn variants(
        &self,
        channel: &OnAir,
        renditions: &[Rendition],
    ) -> Result<Vec<Variant>, StreamError> {
        let ledger = self.ledger(channel.id).await?;
        // As its playlists: where a clock stepped back to when nobody watched, what comes
        // after that.
        let next = ledger.segment_at_or_after(self.now_on(channel.id));
        let airing = next.and_then(|segment| ledger.airing_of(segment.sequence));
        let airing = airing.ok_or_else(|| nothing_planned(channel))?;
        let mut variants = Vec::with_capacity(renditions.len());
        for rendition in renditions {
            let track = self.0.parts.programme.track(channel.id, airing, *rendition).await?;
            let mut variant = track.variant(*rendition);
            if *rendition == Rendition::Source {
                let from = ledger.index_at(airing.row.start).unwrap_or_default();
                let coming = &ledger.airings()[from..];
                (variant.bandwidth, variant.average_bandwidth) = rates_of(coming, &track.profile);
            }
            variants.push(variant);
        }
        Ok(variants)
    }

    /// A live media playlist. Without an id, the viewer is known by its address
    /// and program for a while.
    pub async fn playlist(
        &self,
        channel: ChannelRef,
        rendition: Rendition,
        client: Option<ClientId>,
        viewer: (IpAddr, String),
    ) -> Result<Playlist, StreamError> {
        let channel = self.channel(channel).await?;
        self.check_offered(&channel, rendition)?;
        if let (Some(client), Some(since)) = (client, channel.stream_since)
            && client.joined_at() < since
        {
            return Err(StreamError::NewStream(channel.number.to_string()));
        }
        let ledger = self.ledger(channel.id).await?;
        let now = self.now_on(channel.id);
        let target = channel.target_duration();
        let edge = Edge::at(&ledger, target, now).ok_or_else(|| nothing_planned(&channel))?;
        let tune_in = match client {
            None => TuneIn::New,
            Some(_) => TuneIn::Known,
        };
        let tune_in = self.tune_in(channel.id, &ledger, rendition, tune_in).await;
        let client = client.unwrap_or_else(|| {
            self.0.anonymous.get_with((channel.id, viewer.0, viewer.1), || {
                let client = new_client(edge.current, now);
                self.tally().tuning_in(client);
                client
            })
        });
        let seen = Event::Seen { client, rendition: Some(rendition) };
        let session = self.session(&channel, Some(seen), tune_in)?;
        let window = hls::window(&client, edge, now);
        session.promised(window.end);
        let entries = hls::entries(&ledger, window);
        if let Some(last) = entries.last() {
            self.clock().promised(channel.id, last.start + last.length);
        }
        let text = hls::media_playlist(target, rendition, &client, &entries);
        Ok(Playlist { text, client })
    }

    /// One segment, as soon as its first bytes are made. The guard is the
    /// viewer's sign of life while the bytes are sent.
    pub async fn segment(
        &self,
        channel: ChannelRef,
        rendition: Rendition,
        sequence: u64,
        client: Option<ClientId>,
    ) -> Result<(SegmentBody, Option<Waiting>), StreamError> {
        let channel = self.channel(channel).await?;
        self.check_offered(&channel, rendition)?;
        let ledger = self.ledger(channel.id).await?;
        loop {
            let tune_in = self.tune_in(channel.id, &ledger, rendition, TuneIn::Promised).await;
            let asked = client.map(|client| Event::Asked { client, rendition, sequence });
            let session = self.session(&channel, asked, tune_in)?;
            let waiting = client.map(|client| session.waiting(client));
            match self.segment_of(&session, &channel, rendition, sequence).await {
                // It ended as this came in, for want of clients: the next one.
                Err(StreamError::Stopped(_)) if !session.was_stopped() => {}
                body => {
                    let body = body?;
                    self.tally().served_hls(channel.id);
                    if let Some(client) = client {
                        self.tally().tuned_in(client);
                    }
                    return Ok((body, waiting));
                }
            }
        }
    }

    /// A segment from one session and none after it.
    pub(in crate::stream) async fn segment_of(
        &self,
        session: &SessionHandle,
        channel: &OnAir,
        rendition: Rendition,
        sequence: u64,
    ) -> Result<SegmentBody, StreamError> {
        let cached = (channel.id, rendition, sequence);
        if let Some(bytes) = self.0.restamped.get(&cached) {
            session.tell(Message::Event(Event::Delivered));
            return Ok(SegmentBody::Whole(bytes));
        }
        let ledger = self.ledger(channel.id).await?;
        let segment = window::servable(&ledger, sequence, self.now_on(channel.id))
            .ok_or_else(|| no_segment(channel, &ledger, sequence, self.now_on(channel.id)))?;
        session.promised(sequence + 1);
        self.clock().promised(channel.id, segment.end());
        let in_time = self.now_on(channel.id) <= segment.start;
        let airing = ledger
            .airing_of(sequence)
            .ok_or_else(|| no_segment(channel, &ledger, sequence, self.now_on(channel.id)))?;
        let programme = &self.0.parts.programme;
        let mut devices = programme.devices().changes();
        // It is held until it can be sent (`rules.md`, 21): as long as anybody
        // may ask for it.
        let patience = monotonic() + self.clock().until(channel.id, segment.end() + SERVED_FOR);
        let (track, found) = loop {
            // Where a device fails, another track takes its place.
            devices.mark_unchanged();
            let track = programme.track(channel.id, airing, rendition).await?;
            let key = SegmentKey { track: track.key, index: segment.index };
            let slated = &self.0.parts.slated;
            if let Some(slate) = slated.instead(channel.id, &segment, &track).await {
                break (track, Found::Finished(slate));
            }
            let due = self.clock().until(channel.id, segment.start);
            slated.drop_earlier(channel.id, &segment, &track, due);
            if !self.0.parts.store.has(key) {
                session.tell(Message::Urgent { rendition, sequence });
            }
            tokio::select! {
                found = self.0.parts.store.wait(key) => break (track, found),
                Ok(()) = devices.changed() => {}
                () = session.ended() => {
                    return Err(StreamError::Stopped(channel.number.to_string()));
                }
                () = tokio::time::sleep_until(patience) => {
                    return Err(no_segment(channel, &ledger, sequence, self.now_on(channel.id)));
                }
            }
        };
        let why = self.transcoding().trouble(track.key);
        self.0.parts.slated.note(channel.id, &segment, &track, &why).await;
        self.as_run().sent(channel.id, &segment);
        if in_time && self.now_on(channel.id) > segment.start {
            self.tally().late(channel.id);
        }
        session.tell(Message::Event(Event::Delivered));
        let whole = matches!(found, Found::Finished(_));
        let body = SegmentBody::of(found, body::offset(&segment));
        if let SegmentBody::Whole(bytes) = &body
            && whole
        {
            self.0.restamped.insert(cached, bytes.clone());
        }
        Ok(body)
    }

    /// Joins a viewer of the unending MPEG-TS: its id, its first segment, and
    /// the guard that keeps it counted.
    pub async fn join_transport(
        &self,
        channel: ChannelRef,
        rendition: Option<Rendition>,
    ) -> Result<(OnAir, Rendition, ClientId, Waiting), StreamError> {
        let channel = self.channel(channel).await?;
        let ladder = self.0.parts.programme.ladder(&channel);
        let asked = offered(&channel, &ladder, rendition)?;
        let rendition = asked.unwrap_or_else(|| ladder.one_unending());
        let (client, session) = self.join(&channel, Some(rendition)).await?;
        Ok((channel, rendition, client, session.waiting(client)))
    }

    /// When a segment begins; `None` if it is not committed.
    pub async fn segment_start(
        &self,
        channel: ChannelId,
        sequence: u64,
    ) -> Result<Option<AirTime>, StreamError> {
        Ok(self.ledger(channel).await?.segment(sequence).map(|segment| segment.start))
    }

    fn check_offered(&self, channel: &OnAir, rendition: Rendition) -> Result<(), StreamError> {
        let ladder = self.0.parts.programme.ladder(channel);
        offered(channel, &ladder, Some(rendition)).map(|_| ())
    }

    pub(super) async fn join(
        &self,
        channel: &OnAir,
        rendition: Option<Rendition>,
    ) -> Result<(ClientId, SessionHandle), StreamError> {
        let ledger = self.ledger(channel.id).await?;
        let now = self.now_on(channel.id);
        let edge = Edge::at(&ledger, channel.target_duration(), now)
            .ok_or_else(|| nothing_planned(channel))?;
        let client = new_client(edge.current, now);
        let tune_in = match rendition {
            Some(rendition) => self.tune_in(channel.id, &ledger, rendition, TuneIn::New).await,
            None => TuneIn::Silent,
        };
        let session = self.session(channel, Some(Event::Seen { client, rendition }), tune_in)?;
        self.tally().tuning_in(client);
        Ok((client, session))
    }

    /// What such a request means to the machine: nothing new, where it has its place.
    async fn tune_in(
        &self,
        channel: ChannelId,
        ledger: &Ledger,
        rendition: Rendition,
        tune_in: fn(Rendition, Option<Encode>) -> TuneIn,
    ) -> TuneIn {
        let session =
            self.sessions().by_channel.get(&channel).filter(|s| s.is_open()).map(|s| s.id);
        match session {
            Some(session) if self.0.parts.admission.is_held(session, rendition) => TuneIn::Silent,
            _ => tune_in(rendition, self.encode(channel, ledger, rendition).await),
        }
    }

    /// What would have to be encoded for a viewer who tunes in now.
    async fn encode(
        &self,
        channel: ChannelId,
        ledger: &Ledger,
        rendition: Rendition,
    ) -> Option<Encode> {
        let (parts, now) = (&self.0.parts, self.now_on(channel));
        let current = ledger.segment_at_or_after(now)?.sequence;
        // A file that cannot be looked up is its session's trouble, not the viewer's.
        let tracks =
            parts.programme.tracks((channel, ledger), rendition, [current; 2], now).await.ok()?;
        programme::encode(ledger, &tracks, now, |key| parts.store.has(key))
    }
}

/// What was asked for, if that is offered.
fn offered(
    channel: &OnAir,
    ladder: &Ladder,
    asked: Option<Rendition>,
) -> Result<Option<Rendition>, StreamError> {
    match asked {
        // A playlist of `source` stays good where its lineup has changed.
        Some(rendition) if !ladder.has(rendition) && rendition != Rendition::Source => {
            let what = format!("channel {}", channel.number);
            Err(StreamError::not_offered(what, rendition, ladder))
        }
        asked => Ok(asked),
    }
}

/// What the segments of these airings take at most and on average where what can be copied
/// is, in bits per second.
fn rates_of(airings: &[Airing], profile: &Profile) -> (u64, u64) {
    let (mut most, mut bits, mut ticks) = (0, 0, 0);
    for (airing, map) in airings.iter().filter_map(|airing| Some((airing, airing.map()?))) {
        let (peak, average) = track::rates(map, map.cut_list().is_some(), profile);
        let length = u128::try_from((airing.end - airing.row.start).0).unwrap_or(0);
        most = most.max(peak);
        bits += u128::from(average) * length;
        ticks += length;
    }
    (most, u64::try_from(bits / ticks.max(1)).unwrap_or(most))
}

fn new_client(current: u64, now: AirTime) -> ClientId {
    // Tells apart who joins within the same millisecond.
    let nonce = uuid::Uuid::new_v4().as_u64_pair().0;
    ClientId::new(current, now, nonce)
}

fn no_segment(channel: &OnAir, ledger: &Ledger, sequence: u64, now: AirTime) -> StreamError {
    let later = match ledger.segment(sequence) {
        Some(segment) => segment.start > now,
        None => ledger.tail().is_none_or(|tail| sequence >= tail.end_sequence()),
    };
    let why = if later { "it was not promised yet" } else { "it left the window" };
    StreamError::NoSegment { channel: channel.number.to_string(), sequence, why }
}
