//! Slates as the server makes them.
#![allow(clippy::unwrap_used, reason = "these are the hands of tests")]

use aerial_model::command::{self, SlatePicture};
use aerial_model::mpegts::{Demuxer, VideoCodec};
use aerial_model::segmenter::WORKER_TS_OFFSET;
use aerial_model::segmenter::slate::Slate;
use aerial_model::time::FrameRate;

use crate::support::{FILTERS, PROFILE, TUNING, run_cleanly, tested_ffmpeg};

/// The slate of a rate, as the server makes it.
pub(crate) fn slate_of(rate: FrameRate) -> Slate {
    let arguments = command::slate(&command::Slate {
        profile: &PROFILE,
        rate,
        picture: SlatePicture::Bars,
        text: None,
        tuning: &TUNING,
        filters: FILTERS,
    });
    let mut demuxer = Demuxer::new(WORKER_TS_OFFSET);
    demuxer.push(&run_cleanly(&tested_ffmpeg(), arguments));
    demuxer.finish();
    let units: Vec<_> = std::iter::from_fn(|| demuxer.next_unit()).map(Result::unwrap).collect();
    Slate::from_clip(rate, VideoCodec::H264, &units).unwrap()
}
