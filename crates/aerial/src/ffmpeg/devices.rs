//! Which devices there are that could encode.
//!
//! Owns their names alone; whether one works is tried by the self-test.

use std::path::Path;

/// Where they are, and how their names begin: render nodes (VAAPI, QSV, AMF),
/// NVIDIA's cards, and codecs of single-board computers (V4L2).
const PLACES: [(&str, &str); 3] = [("/dev/dri", "renderD"), ("/dev", "nvidia"), ("/dev", "video")];

/// The devices that are present, in order; none where the system keeps no such
/// list (macOS: there they never change).
pub fn present() -> Vec<String> {
    let mut found: Vec<String> =
        PLACES.iter().flat_map(|(folder, prefix)| named(Path::new(folder), prefix)).collect();
    found.sort();
    found
}

/// The render nodes, in order.
pub fn render_nodes() -> Vec<String> {
    let mut nodes: Vec<String> = named(Path::new("/dev/dri"), "renderD").collect();
    nodes.sort();
    nodes
}

fn named(folder: &Path, prefix: &str) -> impl Iterator<Item = String> + use<> {
    let prefix = prefix.to_owned();
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter(move |entry| entry.file_name().to_string_lossy().starts_with(&prefix))
        .map(|entry| entry.path().to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_named_like_a_device_is_one() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["renderD128", "card0", "by-path"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let found: Vec<String> = named(folder.path(), "renderD").collect();
        assert_eq!(found, [folder.path().join("renderD128").to_string_lossy()]);
        assert_eq!(named(Path::new("/no/such/folder"), "").count(), 0);
    }
}
