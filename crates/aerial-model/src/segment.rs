//! A finished segment and its file form.
