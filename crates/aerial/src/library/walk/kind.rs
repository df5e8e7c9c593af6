//! What a file or folder is by its name: a video, an `.nfo`, or nothing for a library.
//!
//! Owns the lists of names. Looks into a file only where its name has two meanings (`.ts`).

use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Containers with pictures that FFmpeg reads, lower case.
const VIDEO_EXTENSIONS: &[&str] = &[
    "264", "265", "3g2", "3gp", "3gp2", "3gpp", "amv", "asf", "avi", "bik", "divx", "dv", "dvr-ms",
    "evo", "f4v", "flv", "gxf", "h264", "h265", "hevc", "ivf", "m1v", "m2p", "m2t", "m2ts", "m2v",
    "m4v", "mj2", "mjpeg", "mjpg", "mk3d", "mkv", "mov", "mp4", "mpe", "mpeg", "mpg", "mpv", "mts",
    "mxf", "nsv", "nut", "nuv", "obu", "ogm", "ogv", "ogx", "qt", "rm", "rmvb", "roq", "svi",
    "tod", "tp", "trp", "ts", "vc1", "vob", "vro", "webm", "wm", "wmv", "wtv", "y4m",
];

/// Folders that file servers and systems keep for themselves, lower case.
const SYSTEM_FOLDERS: &[&str] = &[
    "$recycle.bin",
    "#recycle",
    "#snapshot",
    "@eadir",
    "@recently-snapshot",
    "@recycle",
    "lost+found",
    "system volume information",
];

/// A text file named `.ts` is TypeScript if it is smaller than this.
const MAX_SOURCE_BYTES: u64 = 4 << 20;

/// Whether `path` is named as a video.
pub fn is_video(path: &Path) -> bool {
    extension(path).is_some_and(|e| VIDEO_EXTENSIONS.contains(&e.as_str()))
}

/// Whether `path` is named as an `.nfo`.
pub fn is_nfo(path: &Path) -> bool {
    extension(path).is_some_and(|e| e == "nfo")
}

/// Whether something of this name is left out: hidden, or the system's own.
pub fn is_hidden(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    name.starts_with('.') || SYSTEM_FOLDERS.contains(&name.to_lowercase().as_str())
}

fn extension(path: &Path) -> Option<String> {
    path.extension().and_then(OsStr::to_str).map(str::to_lowercase)
}

/// Whether a `.ts` is TypeScript, which is text, and not a transport stream,
/// which never is.
pub(super) fn is_source_text(path: &Path, size: u64) -> bool {
    if extension(path).as_deref() != Some("ts") || size == 0 || size > MAX_SOURCE_BYTES {
        return false;
    }
    let mut head = Vec::new();
    let read = File::open(path).and_then(|file| file.take(1024).read_to_end(&mut head));
    // The last character may be cut in two.
    let text = match std::str::from_utf8(&head) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none(),
    };
    read.is_ok() && text && !head.iter().any(|b| *b < b'\t')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_container_the_project_names_is_known() {
        for name in [
            "mp4", "mkv", "avi", "mov", "ts", "webm", "mpg", "m4v", "wmv", "m2ts", "flv", "ogv",
            "3gp", "vob", "mxf", "asf", "divx", "mpeg",
        ] {
            assert!(is_video(Path::new(&format!("x.{name}"))), "{name}");
        }
        assert!(VIDEO_EXTENSIONS.iter().all(|e| *e == e.to_lowercase()));
    }
}
