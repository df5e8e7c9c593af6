//! Values that nobody who means well sends.

use serde_json::{Map, Value, json};

use crate::chance::Chance;

/// Texts that are too long, too odd, or mean something to somebody else.
const TEXTS: [&str; 34] = [
    "",
    " ",
    "\0",
    "a\0b",
    "\n\r\t",
    "\u{1b}[31mred",
    "-1",
    "0",
    "00",
    "5.0",
    "5.1.1",
    "1e5",
    "NaN",
    "Infinity",
    "99999999999999999999999999",
    "null",
    "true",
    "[]",
    "{}",
    "..",
    "../../../../nowhere/at/all",
    "%00%ff%",
    "' OR 1=1 --",
    "\"; DROP TABLE channel; --",
    "%_%",
    "*",
    "<script>alert(1)</script>",
    "#EXTM3U\n#EXTINF:-1,x",
    "\u{202e}drawkcab",
    "e\u{301}\u{301}\u{301}\u{301}",
    "\u{fffd}\u{feff}\u{10ffff}",
    "👩‍👩‍👧‍👦🏴󠁧󠁢󠁥󠁮󠁧󠁿",
    "0000-00-00T00:00:00Z",
    "+292277026596-12-04T15:30:07Z",
];

/// Instants that a calendar has, and clocks seldom show.
const INSTANTS: [&str; 10] = [
    "0000-01-01T00:00:00Z",
    "-009999-01-02T01:59:59Z",
    "1969-12-31T23:59:59.999Z",
    "1970-01-01T00:00:00Z",
    "2016-12-31T23:59:60Z",
    "2038-01-19T03:14:08Z",
    "9999-12-30T22:00:00.999999999Z",
    "2026-12-24T18:00:00.000+23:59",
    "2026-12-24T18:00:00",
    "2026-02-30T00:00:00Z",
];

const NUMBERS: [&str; 16] = [
    "-1",
    "0",
    "1",
    "2147483647",
    "2147483648",
    "-2147483649",
    "4294967296",
    "9007199254740993",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "1.5",
    "1e308",
    "-0.0",
];

/// A text that is one of these, or grown.
pub(crate) fn text(chance: &mut Chance) -> String {
    match chance.below(12) {
        0 => "x".repeat(*chance.pick(&[101, 1_000, 5_000])),
        1 => "🎬".repeat(*chance.pick(&[100, 101, 2_000])),
        2 => (*chance.pick(&INSTANTS)).to_owned(),
        3 => (*chance.pick(&NUMBERS)).to_owned(),
        4 => format!("{}{}", chance.pick(&TEXTS), chance.pick(&TEXTS)),
        _ => (*chance.pick(&TEXTS)).to_owned(),
    }
}

/// An instant at the edge of what there is.
pub(crate) fn instant(chance: &mut Chance) -> String {
    (*chance.pick(&INSTANTS)).to_owned()
}

/// A number at the edge of some type.
pub(crate) fn number(chance: &mut Chance) -> Value {
    serde_json::from_str(NUMBERS[chance.below(NUMBERS.len())]).unwrap_or(json!(1e308))
}

/// Anything but what was meant.
pub(crate) fn value(chance: &mut Chance) -> Value {
    match chance.below(12) {
        0 => Value::Null,
        1 => Value::Bool(chance.once_in(2)),
        2..5 => number(chance),
        5..9 => Value::String(text(chance)),
        9 => Value::Array((0..chance.below(5)).map(|_| number(chance)).collect()),
        10 => deep(*chance.pick(&[2, 50, 126])),
        _ => json!({ text(chance): text(chance) }),
    }
}

/// Lists in lists; past 128 JSON's readers give up.
fn deep(levels: usize) -> Value {
    (0..levels).fold(Value::Null, |inner, _| Value::Array(vec![inner]))
}

/// Spoils one place of a value.
pub(crate) fn spoil(whole: &mut Value, chance: &mut Chance) {
    let places = places(whole, "");
    let place = chance.pick(&places).clone();
    let Some(here) = whole.pointer_mut(&place) else { return };
    match (chance.below(8), &mut *here) {
        (0, Value::Object(fields)) => {
            if let Some(name) = fields.keys().nth(chance.below(fields.len())).cloned() {
                fields.remove(&name);
            }
        }
        (1, Value::Object(fields)) => drop(fields.insert(text(chance), value(chance))),
        (2, Value::Object(fields)) => *here = Value::Array(fields.values().cloned().collect()),
        (0 | 1, Value::Array(items)) => {
            let grown = items.iter().cycle().take(items.len() * 300).cloned().collect();
            *here = Value::Array(grown);
        }
        (2, Value::Array(items)) => items.push(value(chance)),
        (3, Value::Array(items)) => items.reverse(),
        (_, here) => *here = value(chance),
    }
}

/// The places of a value, as JSON pointers.
fn places(value: &Value, place: &str) -> Vec<String> {
    let mut all = vec![place.to_owned()];
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let name = name.replace('~', "~0").replace('/', "~1");
                all.extend(places(value, &format!("{place}/{name}")));
            }
        }
        Value::Array(items) => {
            for (n, value) in items.iter().enumerate().take(20) {
                all.extend(places(value, &format!("{place}/{n}")));
            }
        }
        _ => {}
    }
    all
}

/// The bytes of a value, some of them wrong.
pub(crate) fn garbled(value: &Value, chance: &mut Chance) -> Vec<u8> {
    let mut bytes = value.to_string().into_bytes();
    match chance.below(8) {
        0 => bytes.truncate(chance.below(bytes.len())),
        1 => bytes.extend(b" {}"),
        2 => bytes = vec![b'['; 50_000],
        3 => bytes.splice(0..0, *b"\xef\xbb\xbf").for_each(drop),
        4 => bytes = twice(value),
        5 => bytes = String::from_utf8_lossy(&bytes).replace('"', "\"\\ud800").into_bytes(),
        6 => bytes = String::from_utf8_lossy(&bytes).replace([':', ','], ":1e400,").into_bytes(),
        _ => {
            for _ in 0..=chance.below(4) {
                let at = chance.below(bytes.len());
                bytes[at] = chance.next() as u8;
            }
        }
    }
    bytes
}

/// Every field twice.
fn twice(value: &Value) -> Vec<u8> {
    let empty = Map::new();
    let fields = value.as_object().unwrap_or(&empty);
    let text = |(name, value): (&String, &Value)| format!("{}:{value}", Value::from(name.clone()));
    let all: Vec<String> = fields.iter().chain(fields).map(text).collect();
    format!("{{{}}}", all.join(",")).into_bytes()
}
