//! What a device's complaints mean.
//!
//! Owns the reading of FFmpeg's words. Which of them were heard from a real
//! FFmpeg, and which are known from its source alone, is in `docs/encoders.md`.

use std::fmt;

/// What is wrong with a device, where FFmpeg says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceFault {
    /// Others use it.
    Busy,
    /// It allows no more encodes at once.
    SessionLimit,
    /// The driver or the device is not there, any more or at all.
    Gone,
}

/// Parts of FFmpeg's words, in lower case.
const SIGNS: [(DeviceFault, &[&str]); 3] = [
    (
        DeviceFault::SessionLimit,
        &["incompatible client key", "no free encoding sessions", "openencodesessionex failed"],
    ),
    (DeviceFault::Busy, &["device or resource busy", "resource temporarily unavailable"]),
    (
        DeviceFault::Gone,
        &[
            "cannot load libcuda",
            "cannot load libnvidia-encode",
            "cannot load nvcuda",
            "no capable devices found",
            "cuda_error_no_device",
            "cuda_error_unknown",
            "no va display found",
            "failed to initialise vaapi connection",
            "error initializing an internal mfx session",
            "device creation failed",
            "could not find a valid device",
            "dll libamfrt64",
            "amfrt64.dll failed to open",
            "cannot create compression session",
            "no such device",
        ],
    ),
];

impl DeviceFault {
    /// What FFmpeg's words say of a device; `None`: nothing, so that the file is as
    /// likely to be the reason.
    pub fn said(stderr: &str) -> Option<Self> {
        let stderr = stderr.to_lowercase();
        SIGNS
            .iter()
            .find(|(_, signs)| signs.iter().any(|sign| stderr.contains(sign)))
            .map(|(fault, _)| *fault)
    }
}

impl fmt::Display for DeviceFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Busy => "the device is busy",
            Self::SessionLimit => "the device allows no more encodes at once",
            Self::Gone => "the device or its driver is not there",
        })
    }
}
