//! Admission: whether one more tune-in may be encoded for.
//!
//! Owns the places of all sessions, counted by the model (`capacity`), and tells
//! new viewers from those who come back. Ends nobody. Invariant: a place is taken
//! under the same lock under which it was found free, and given back with its
//! session, however that ends.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aerial_model::capacity::{Encode, Full, Limit, Places};
use aerial_model::profile::Rendition;
use tokio::time::Instant;

use super::history::SessionId;
use super::timeline::OnAir;
use crate::clock::monotonic;

/// After the start, viewers of the server before this one come back within so
/// long: a target duration after the keeper's longest wait (30 s), and as long
/// again. They were on the air, so none is refused (`rules.md`, 21).
const COMING_BACK: Duration = Duration::from_secs(60);

/// When one who was refused may ask again: by then a channel that was left just
/// now is off the air (the default grace period).
pub const RETRY_AFTER: Duration = Duration::from_secs(30);

/// What a request means to the machine.
#[derive(Clone, Copy, Debug)]
pub enum TuneIn {
    /// No rendition is wanted yet, or one that has its place.
    Silent,
    /// A viewer that was promised nothing, and what must be encoded for it.
    New(Rendition, Option<Encode>),
    /// One with an id: from this session, an earlier one, or the server before.
    Known(Rendition, Option<Encode>),
    /// It asks for what a playlist has promised.
    Promised(Rendition, Option<Encode>),
}

impl TuneIn {
    fn rendition(self) -> Option<(Rendition, Option<Encode>)> {
        match self {
            Self::Silent => None,
            Self::New(of, encode) | Self::Known(of, encode) | Self::Promised(of, encode) => {
                Some((of, encode))
            }
        }
    }
}

/// The places; clones share them.
#[derive(Clone, Debug)]
pub struct Admission(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// Never held across an await; taken after the Stream Manager's own lock.
    places: Mutex<Places>,
    since: Instant,
}

/// What is taken of the capacity now.
#[derive(Clone, Debug)]
pub struct Occupancy {
    /// The limit.
    pub limit: Limit,
    /// What is encoded, as people call it.
    pub running: Vec<String>,
    /// Of the limit.
    pub taken_percent: u32,
}

impl Admission {
    /// With this limit, and no place taken.
    pub fn new(limit: Limit) -> Self {
        let places = Mutex::new(Places::new(limit));
        Self(Arc::new(Inner { places, since: monotonic() }))
    }

    /// Another limit; nobody is ended for it.
    pub fn set_limit(&self, limit: Limit) {
        self.places().set_limit(limit);
    }

    /// What is taken now.
    pub fn occupancy(&self) -> Occupancy {
        let places = self.places();
        Occupancy {
            limit: places.limit(),
            running: places.running(),
            taken_percent: places.taken_percent(),
        }
    }

    /// Takes a place in a session, which is `open` or is about to begin.
    pub fn enter(
        &self,
        session: SessionId,
        open: bool,
        channel: &OnAir,
        tune_in: TuneIn,
    ) -> Result<(), Full> {
        let Some((rendition, encode)) = tune_in.rendition() else { return Ok(()) };
        let (holder, name, now) = ((session.0, rendition), name(channel), self.0.since.elapsed());
        let on_the_air = match tune_in {
            TuneIn::Promised(..) => true,
            TuneIn::Known(..) => open || now < COMING_BACK,
            TuneIn::New(..) | TuneIn::Silent => false,
        };
        let mut places = self.places();
        if on_the_air {
            places.take(holder, &name, encode, now);
            return Ok(());
        }
        places.admit(holder, &name, encode, now)
    }

    /// Takes a place for who plays something again, if what must be encoded for it fits.
    pub fn admit(
        &self,
        session: SessionId,
        rendition: Rendition,
        name: &str,
        encode: Option<Encode>,
    ) -> Result<Seat, Full> {
        let (holder, now) = ((session.0, rendition), self.0.since.elapsed());
        self.places().admit(holder, name, encode, now)?;
        Ok(Seat { admission: self.clone(), session, name: name.to_owned() })
    }

    /// Whether this rendition of the session has its place.
    pub fn is_held(&self, session: SessionId, rendition: Rendition) -> bool {
        self.places().is_held((session.0, rendition))
    }

    /// The places of a session, which are given back when this is dropped.
    pub fn seat(&self, session: SessionId, channel: &OnAir) -> Seat {
        Seat { admission: self.clone(), session, name: name(channel) }
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        self.0.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn name(channel: &OnAir) -> String {
    format!("{} {}", channel.number, channel.name)
}

/// The places of one session.
#[derive(Debug)]
pub struct Seat {
    admission: Admission,
    session: SessionId,
    name: String,
}

impl Seat {
    /// What is encoded for the session from now on, in each rendition.
    pub fn state(&self, encodes: impl IntoIterator<Item = (Rendition, Option<Encode>)>) {
        let now = self.admission.0.since.elapsed();
        self.admission.places().state(self.session.0, &self.name, encodes, now);
    }

    /// Gives them back now: the session has nothing encoded any more.
    pub fn release(&self) {
        self.admission.places().release(self.session.0);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.release();
    }
}
