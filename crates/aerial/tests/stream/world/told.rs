//! What the stream part tells others: of slates and of files, kept for tests to look at.

use std::sync::Mutex;

use aerial::db::SlateRange;
use aerial::stream::findings::{Finding, Findings};
use aerial::stream::slated::SlateLog;
use futures::future::BoxFuture;

/// What would be written down of slates.
#[derive(Debug, Default)]
pub(crate) struct Written(Mutex<Vec<SlateRange>>);

impl Written {
    pub(crate) fn all(&self) -> Vec<SlateRange> {
        self.0.lock().unwrap().clone()
    }
}

impl SlateLog for Written {
    fn store(&self, slate: SlateRange) -> BoxFuture<'_, Result<(), String>> {
        let mut all = self.0.lock().unwrap();
        all.retain(|one| one.sequences.start != slate.sequences.start);
        all.push(slate);
        Box::pin(std::future::ready(Ok(())))
    }
}

/// What the library would hear.
#[derive(Debug, Default)]
pub(crate) struct Heard(Mutex<Vec<Finding>>);

impl Heard {
    pub(crate) fn all(&self) -> Vec<Finding> {
        self.0.lock().unwrap().clone()
    }
}

impl Findings for Heard {
    fn tell(&self, finding: Finding) -> BoxFuture<'_, ()> {
        self.0.lock().unwrap().push(finding);
        Box::pin(std::future::ready(()))
    }
}
