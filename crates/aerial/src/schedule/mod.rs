//! Ledgers and plans of the channels.
