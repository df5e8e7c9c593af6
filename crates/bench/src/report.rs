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

/// Says how busy the machine is, before anything is measured; it refuses nothing.
pub(crate) fn tell_load() {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let last_minute = load.split(' ').next().and_then(|load| load.parse::<f64>().ok());
    eprintln!("bench: {cores} cores, load average {}", load.trim());
    // A quarter of a core at work is what a desktop at rest has.
    if last_minute.is_some_and(|load| load > 0.25 * cores as f64) {
        eprintln!(
            "bench: WARNING: the machine is busy with other things; figures are worse for it"
        );
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

/// The one that so many per cent are not above.
pub(crate) fn percentile(times: &[Duration], percent: usize) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let last = sorted.len().saturating_sub(1);
    sorted.get(last * percent / 100).copied().unwrap_or_default()
}

/// All of them, for the reader to judge the spread by.
pub(crate) fn list(times: &[Duration]) -> String {
    let texts: Vec<String> =
        times.iter().map(|t| format!("{:.0}", t.as_secs_f64() * 1e3)).collect();
    texts.join(" ")
}

/// How many times the other each took that was measured beside it: the middle one.
/// What changes on the machine meanwhile changes both of a pair.
pub(crate) fn paired(ours: &[Duration], theirs: &[Duration]) -> f64 {
    let mut ratios: Vec<f64> = ours.iter().zip(theirs).map(|(a, b)| ratio(*a, *b)).collect();
    ratios.sort_unstable_by(f64::total_cmp);
    let middle = ratios.len() / 2;
    match ratios.len() % 2 {
        1 => ratios[middle],
        _ if ratios.is_empty() => 0.0,
        _ => f64::midpoint(ratios[middle - 1], ratios[middle]),
    }
}

/// `one` in parts of `other`.
pub(crate) fn ratio(one: Duration, other: Duration) -> f64 {
    one.as_secs_f64() / other.as_secs_f64()
}
