//! The keeper: holds the sockets.
