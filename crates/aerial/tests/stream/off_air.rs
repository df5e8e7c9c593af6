//! Channels with nothing to play.
