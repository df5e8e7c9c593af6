//! Names that mean harm in an address, for all tests that put them there.

/// Segments of paths, and values in queries, that lead elsewhere or nowhere; percent-encoded
/// already.
pub(crate) const NAMES: [&str; 26] = [
    "%2e%2e",
    "..",
    ".",
    "%2e",
    "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "%2e%2e%2f%2e%2e%2fkey",
    "%00",
    "%ff",
    "%c3%28",
    "%",
    "%zz",
    "%0a%0d",
    "%20",
    "-1",
    "0",
    "5.0",
    "05",
    "99999999999999999999",
    "5.1.1",
    "1e5",
    "'%20OR%201=1--",
    "%3Cscript%3E",
    "%F0%9F%8E%AC",
    "0198c0de-0000-7000-8000-000000000000",
    "0198C0DE-0000-7000-8000-00000000000G",
    "0-0-0",
];
