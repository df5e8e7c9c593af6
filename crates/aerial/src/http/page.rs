//! Lists in pages: `limit`, `cursor`, and `{"items": …, "next": …}`.
//!
//! Owns the shapes. A cursor is opaque and names the last item that was given,
//! so a page goes on at the right place when things come and go meanwhile.

use std::num::NonZeroU16;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::{IntoParams, ToSchema};

/// How many items a page has unless asked otherwise.
const DEFAULT: NonZeroU16 = NonZeroU16::new(100).expect("is not zero");
/// How many items a page has at most.
const MOST: u16 = 500;

/// How many items a page may have: 1 to 500, 100 unless said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit(NonZeroU16);

impl Limit {
    /// As a number.
    pub fn get(self) -> usize {
        usize::from(self.0.get())
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self(DEFAULT)
    }
}

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let number = text.parse::<NonZeroU16>().ok().filter(|limit| limit.get() <= MOST);
        number.map(Self).ok_or_else(|| D::Error::custom(format!("must be 1 to {MOST}")))
    }
}

/// Which part of a list.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// How many items at most.
    #[param(value_type = u16, required = false, minimum = 1, maximum = 500, default = 100)]
    pub limit: Limit,
    /// The `next` of the page before.
    #[param(required = false)]
    pub cursor: Option<String>,
}

/// One page of a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Listing<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// The `cursor` of the page after it; `null` at the end.
    #[schema(required = true)]
    pub next: Option<String>,
}

impl<T> Listing<T> {
    /// The first `limit` of what is left, with a cursor made of the last of them.
    pub fn cut(
        rest: impl IntoIterator<Item = T>,
        limit: Limit,
        cursor: impl Fn(&T) -> String,
    ) -> Self {
        let mut rest = rest.into_iter();
        let items: Vec<T> = rest.by_ref().take(limit.get()).collect();
        let next = rest.next().and_then(|_| items.last()).map(cursor);
        Self { items, next }
    }

    /// The same page, its items told otherwise.
    pub fn map<U>(self, tell: impl FnMut(T) -> U) -> Listing<U> {
        Listing { items: self.items.into_iter().map(tell).collect(), next: self.next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_a_cursor_only_where_something_follows() {
        let limit = Limit(NonZeroU16::new(2).unwrap());
        let page = |all: &[u8]| Listing::cut(all.to_vec(), limit, u8::to_string);
        assert_eq!(page(&[1, 2, 3]).next.as_deref(), Some("2"));
        assert_eq!(page(&[1, 2]).next, None);
        assert_eq!(page(&[]).next, None);
    }
}
