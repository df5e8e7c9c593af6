//! Viewers who come and go.
