//! Each device on the real FFmpeg: what it says where there is none, as recorded.
//!
//! On a machine with such a device its test passes by encoding on it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so best by a panic")]

use aerial::config::{self, Settings};
use aerial::ffmpeg::encoders::{self, Tried};
use aerial::ffmpeg::selftest::{Chain, Verdict};
use aerial::ffmpeg::{Ffmpeg, Invocation, RunLimits, Spawner};
use aerial_model::encoder::{Choice, DeviceFault, Encoder, Hardware};

fn spawner() -> Spawner {
    Spawner::new(env!("CARGO_BIN_EXE_aerial")).unwrap()
}

fn chain() -> Chain {
    let mut settings = Settings::default();
    settings.stream.height = "360".parse().unwrap();
    Chain::of(&settings)
}

async fn tried(choice: Choice) -> (Ffmpeg, Vec<Tried>) {
    let spawner = spawner();
    let ffmpeg = Ffmpeg::discover(&config::Ffmpeg::default(), &spawner).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let tried = encoders::try_all(&ffmpeg, &spawner, &chain(), choice, folder.path()).await;
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "a file is left");
    (ffmpeg, tried)
}

/// FFmpeg lists many that it cannot use: none of them is taken for one that works,
/// and each says why.
#[tokio::test]
async fn every_encoder_is_tried_and_software_works() {
    let (ffmpeg, tried) = tried(Choice::Auto).await;
    let order: Vec<Encoder> = tried.iter().map(|tried| tried.encoder).collect();
    assert_eq!(order, Encoder::ALL);
    for Tried { encoder, verdict, hardware } in &tried {
        println!("{encoder}: {verdict:?}");
        match verdict {
            Verdict::Works(_) => assert_eq!(hardware.is_some(), encoder.is_device()),
            Verdict::Fails(reason) => {
                assert!(encoder.is_device(), "{reason}");
                // Its options are read by this FFmpeg: it is the device that lacks.
                let known = !ffmpeg.lists_encoder(encoder.ffmpeg_name())
                    || reason.starts_with("the device");
                assert!(known, "{encoder}: {reason}");
            }
        }
    }
}

#[tokio::test]
async fn a_fixed_choice_tries_it_alone_and_software() {
    let (_, tried) = tried(Choice::Fixed(Encoder::Vaapi)).await;
    let order: Vec<Encoder> = tried.iter().map(|tried| tried.encoder).collect();
    assert_eq!(order, [Encoder::Vaapi, Encoder::X264]);
}

/// The twins of the recordings that `stream/device.rs` acts out.
#[tokio::test]
async fn what_is_recorded_is_what_ffmpeg_says() {
    let vaapi = "-init_hw_device vaapi=gpu:/dev/dri/renderD128";
    let cuda = "-init_hw_device cuda=gpu";
    let recordings = [
        ("", "h264_nvenc", include_str!("stream/device/nvenc-no-driver.txt")),
        ("", "h264_v4l2m2m", include_str!("stream/device/v4l2-no-device.txt")),
        ("", "h264_qsv", include_str!("stream/device/qsv-no-session.txt")),
        (vaapi, "h264_vaapi", include_str!("stream/device/vaapi-no-node.txt")),
        (cuda, "h264_nvenc", include_str!("stream/device/cuda-no-driver.txt")),
    ];
    let spawner = spawner();
    let ffmpeg = Ffmpeg::discover(&config::Ffmpeg::default(), &spawner).await.unwrap();
    for (device, encoder, recorded) in recordings {
        assert_eq!(DeviceFault::said(recorded), Some(DeviceFault::Gone), "{recorded}");
        if !ffmpeg.lists_encoder(encoder) {
            continue;
        }
        let line = Invocation::new(&ffmpeg.ffmpeg)
            .args(["-nostdin", "-hide_banner", "-v", "error"])
            .args(device.split_ascii_whitespace())
            .args(["-f", "lavfi", "-i", "testsrc2=s=320x180:r=25:d=0.5"])
            .args(["-c:v", encoder, "-f", "mpegts", "pipe:1"]);
        let limits = RunLimits { time: std::time::Duration::from_secs(10), stdout_bytes: 1 << 20 };
        let output = spawner.run_to_end(line, limits).await.unwrap();
        // Where there is such a device, it says something else or nothing.
        if !output.exit.is_success() {
            assert_eq!(
                DeviceFault::said(&output.stderr),
                Some(DeviceFault::Gone),
                "{}",
                output.stderr
            );
            assert!(output.stdout.is_empty());
        }
    }
}

/// What comes out of a device is looked at: these do all that is asked for, and
/// start green, or leave out the second keyframe.
#[tokio::test]
async fn a_device_that_exits_well_and_gives_a_wrong_picture_is_found_out() {
    let spawner = spawner();
    let real = Ffmpeg::discover(&config::Ffmpeg::default(), &spawner).await.unwrap();
    let green = r#"s/,setsar=1/,lutyuv=y=0:u=0:v=0:enable=lt(n\\,12),setsar=1/"#;
    let faults = [
        ("", None),
        (green, Some("came out green")),
        (r"s/+eq(mod(n,12),0)/*1/;s/expr:eq(n,0).*/expr:eq(n,0)/", Some("keyframes are not where")),
        (r"s/end_pts=18/end_pts=17/", Some("17 pictures of 18")),
    ];
    for (edit, found) in faults {
        let folder = tempfile::tempdir().unwrap();
        let program = stand_in(folder.path(), &real, edit);
        let mut ffmpeg = real.clone();
        ffmpeg.ffmpeg = program;
        let hardware = Hardware { encoder: Encoder::V4l2, node: None, pictures: false };
        let verdict =
            encoders::try_device(&ffmpeg, &spawner, &chain(), &hardware, folder.path()).await;
        match (verdict, found) {
            (Verdict::Works(_), None) => {}
            (Verdict::Fails(reason), Some(found)) => {
                assert!(reason.contains(found), "{edit}: {reason}");
            }
            (verdict, _) => panic!("{edit}: {verdict:?}"),
        }
    }
}

/// The real FFmpeg, which takes a device's encoder for one in software, after an
/// edit of each argument.
fn stand_in(folder: &std::path::Path, real: &Ffmpeg, edit: &str) -> std::path::PathBuf {
    let path = folder.join("ffmpeg");
    let text = format!(
        "#!/bin/bash\ncase \"$*\" in *h264_v4l2m2m*) ;; *) exec {real} \"$@\";; esac\n\
         args=()\nfor arg; do\n  case \"$arg\" in h264_v4l2m2m) arg=libx264;; 100) arg=high;; \
         *) arg=$(printf %s \"$arg\" | sed '{edit}');; esac\n  args+=(\"$arg\")\ndone\n\
         exec {real} \"${{args[@]}}\"\n",
        real = real.ffmpeg.display()
    );
    // Another process writes it: a file that this one has open for writing cannot
    // be run.
    #[allow(clippy::disallowed_methods, reason = "the test makes a program for the server to run")]
    let written = std::process::Command::new("sh")
        .args(["-c", "printf %s \"$2\" >\"$1\" && chmod 755 \"$1\"", "sh"])
        .args([path.as_os_str(), text.as_ref()])
        .status()
        .unwrap();
    assert!(written.success());
    path
}
