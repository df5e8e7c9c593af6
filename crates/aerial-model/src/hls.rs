//! HLS playlists as pure functions.
