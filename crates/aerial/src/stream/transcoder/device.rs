//! The device that a worker encodes on, and what follows where it fails.
//!
//! Owns the answer of the transcoder alone; `devices` remembers. Invariant: a
//! segment that a device has begun is completed, in software if need be.

use std::sync::Arc;

use aerial_model::encoder::{DeviceFault, Hardware};
use aerial_model::fault::Class;

use crate::stream::devices::Devices;
use crate::stream::track::{Source, Track};
use crate::stream::worker::Failure;

/// Whether a device began this track and is not to go on with it.
pub(super) fn stands_in(devices: &Devices, track: &Track) -> bool {
    let encoder = track.profile.encoder;
    match &track.source {
        Source::Media(media) => encoder.is_device() && devices.encoder_for(media.map_id) != encoder,
        Source::Slate(_) | Source::Withheld(_) => false,
    }
}

/// The device for a worker of this track; `None`: software.
pub(super) fn of_track(devices: &Devices, track: &Track) -> Option<Arc<Hardware>> {
    let hardware = devices.hardware()?;
    let is_its = hardware.encoder == track.profile.encoder;
    (is_its && !stands_in(devices, track)).then_some(hardware)
}

/// A worker failed. Where it was one of a device, its item goes on in software,
/// whatever the reason: if the file is bad, that fails too, and says so.
pub(super) fn blame(devices: &Devices, track: &Track, failure: &Failure, stderr: &str) {
    let Source::Media(media) = &track.source else { return };
    let of_the_file =
        matches!(failure.class, Class::MissingFile | Class::UnreadableFile | Class::ReplacedFile);
    if track.profile.encoder.is_device() && !of_the_file {
        let fault = DeviceFault::said(stderr);
        let fault = fault.map(|fault| format!("{fault}: ")).unwrap_or_default();
        let reason = format!("{fault}{}", failure.detail);
        devices.failed(media.map_id, &media.title, &reason);
    }
}
