//! The Stream Manager.
