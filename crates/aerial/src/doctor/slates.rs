//! Slates of one's own: whether their files are there.
//!
//! Owns that question. Whether FFmpeg can show them, the server tries when it starts.

use super::report::{Report, Severity};
use crate::config::Slates;
use crate::stream::slate::find_picture;

pub(super) async fn examine_slates(slates: &Slates, report: &mut Report) {
    for (setting, path) in
        [("slates.off_air", &slates.off_air), ("slates.trouble", &slates.trouble)]
    {
        let Some(path) = path else { continue };
        match find_picture(path).await {
            Ok(_) => report.add(Severity::Fine, format!("{setting}: {} is there", path.display())),
            Err(reason) => {
                let text = format!("{setting}: {reason}; Aerial's own slate is shown until then");
                report.add(Severity::Note, text);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_slate_that_is_away_is_told_and_keeps_nobody_from_serving() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let slates = Slates {
            off_air: Some("/nowhere/off.png".into()),
            trouble: Some(file.path().to_owned()),
        };
        let mut report = Report::default();
        examine_slates(&slates, &mut report).await;
        let severities: Vec<Severity> = report.0.iter().map(|one| one.severity).collect();
        assert_eq!(severities, [Severity::Note, Severity::Fine], "{report}");
        assert!(report.0[0].text.contains("there is no file /nowhere/off.png"), "{report}");
    }
}
