//! The table at the end.

use std::time::Duration;

/// Rows in the order they were measured.
#[derive(Debug, Default)]
pub(crate) struct Report(Vec<[String; 4]>);

impl Report {
    /// A figure, what it was compared with or reached for, and what came of that.
    pub(crate) fn row(
        &mut self,
        what: &str,
        measured: impl Into<String>,
        beside: impl Into<String>,
        verdict: impl Into<String>,
    ) {
        let row = [what.to_owned(), measured.into(), beside.into(), verdict.into()];
        eprintln!("bench: {}", row.join(" | "));
        self.0.push(row);
    }

    pub(crate) fn print(&self) {
        let head = ["measured", "", "beside", ""].map(str::to_owned);
        let width = |n: usize| {
            self.0.iter().chain([&head]).map(|row| row[n].chars().count()).max().unwrap_or(0)
        };
        let widths = [width(0), width(1), width(2)];
        for row in std::iter::once(&head).chain(&self.0) {
            println!(
                "{:<a$}  {:>b$}  {:<c$}  {}",
                row[0],
                row[1],
                row[2],
                row[3],
                a = widths[0],
                b = widths[1],
                c = widths[2]
            );
        }
    }
}

/// Kept or not.
pub(crate) fn verdict(kept: bool) -> &'static str {
    if kept { "ok" } else { "MISSED" }
}

pub(crate) fn millis(time: Duration) -> String {
    format!("{:.0} ms", time.as_secs_f64() * 1e3)
}

/// The middle one; of an even number the mean of the two.
pub(crate) fn median(times: &[Duration]) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    match (sorted.get(sorted.len() / 2), sorted.len() % 2) {
        (None, _) => Duration::ZERO,
        (Some(middle), 1) => *middle,
        (Some(middle), _) => (*middle + sorted[sorted.len() / 2 - 1]) / 2,
    }
}

/// All of them, for the reader to judge the spread by.
pub(crate) fn list(times: &[Duration]) -> String {
    let texts: Vec<String> =
        times.iter().map(|t| format!("{:.0}", t.as_secs_f64() * 1e3)).collect();
    texts.join(" ")
}
