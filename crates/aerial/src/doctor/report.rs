//! What was found, and how it is told.
//!
//! Owns the words' marks and the sum. Finds nothing itself. Invariant: who reads the
//! last line knows whether the server could serve.

use std::fmt;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It works.
    Fine,
    /// It works, but not as well as it could.
    Note,
    /// The server cannot serve.
    Fault,
}

/// One thing that was examined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What was found, and what to do about it.
    pub text: String,
}

/// All that was examined.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report(pub Vec<Finding>);

impl Report {
    /// Whether the server could serve here.
    pub fn can_serve(&self) -> bool {
        self.0.iter().all(|finding| finding.severity < Severity::Fault)
    }

    pub(super) fn add(&mut self, severity: Severity, text: impl Into<String>) {
        self.0.push(Finding { severity, text: text.into() });
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Finding { severity, text } in &self.0 {
            let mark = match severity {
                Severity::Fine => "ok   ",
                Severity::Note => "note ",
                Severity::Fault => "FAULT",
            };
            writeln!(f, "  {mark}  {text}")?;
        }
        match self.can_serve() {
            true => write!(f, "\nAerial can serve here."),
            false => write!(f, "\nAerial cannot serve here until the faults are mended."),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_told_line_by_line_with_its_sum() {
        let mut report = Report::default();
        report.add(Severity::Fine, "one");
        report.add(Severity::Note, "two");
        report.add(Severity::Fault, "three");
        insta::assert_snapshot!(report, @r"
          ok     one
          note   two
          FAULT  three

        Aerial cannot serve here until the faults are mended.
        ");
    }
}
