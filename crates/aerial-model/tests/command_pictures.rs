//! What a worker's pictures and sound look and sound like, with the real FFmpeg:
//! shape, black bars, turned pictures, HDR, levels.

#![allow(clippy::unwrap_used, reason = "a test file")]

mod support;

use std::path::{Path, PathBuf};

use aerial_model::command::{Filters, Tuning, WorkerRun, worker};
use aerial_model::media::FieldOrder;
use aerial_model::profile::Profile;
use aerial_model::time::Ticks;
use rstest::rstest;
use support::{FILTERS, TUNING, folder, probe, run, run_cleanly, tested_ffmpeg, words};

const FRAME: Profile = Profile {
    width: 640,
    height: 360,
    video_kbps: 800,
    audio_kbps: 128,
    encoder: aerial_model::encoder::Encoder::X264,
};

/// Makes a file by FFmpeg, then what a worker makes of it.
fn aired(folder: &Path, name: &str, source: &str, filters: Filters) -> PathBuf {
    let path = folder.join(name);
    let line = words(&format!("-v error -y {source}"));
    run_cleanly("ffmpeg", line.into_iter().chain([path.clone().into()]));
    aired_file(&path, filters)
}

/// What a worker makes of a file.
fn aired_file(path: &Path, filters: Filters) -> PathBuf {
    let to = path.with_file_name("made.ts");
    let facts = probe(path).unwrap();
    let arguments = worker(&WorkerRun {
        path,
        facts: &facts,
        map: &facts.uniform_map().unwrap(),
        first_frame: 0,
        first_audio: Ticks::ZERO,
        profile: &FRAME,
        tuning: &Tuning { ..TUNING },
        filters,
        hardware: None,
    });
    let output = run(&tested_ffmpeg(), arguments);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "FFmpeg has nothing to say");
    std::fs::write(&to, output.stdout).unwrap();
    to
}

/// Luma of the tenth frame, 16 columns by 9 rows.
fn luma(file: &Path) -> Vec<Vec<u8>> {
    let mut line = words("-v error -i");
    line.push(file.into());
    line.extend(words(
        "-vf select=eq(n\\,10),scale=16:9:flags=area,format=gray -frames:v 1 -f rawvideo pipe:1",
    ));
    run_cleanly("ffmpeg", line).chunks(16).map(<[u8]>::to_vec).collect()
}

/// Columns and rows of the frame that are not black.
fn lit(luma: &[Vec<u8>]) -> (usize, usize) {
    let column = |x: usize| luma.iter().any(|row| row[x] > 60);
    (
        (0..16).filter(|x| column(*x)).count(),
        luma.iter().filter(|row| row.iter().any(|y| *y > 60)).count(),
    )
}

#[rstest]
#[case::wide("white.mkv", "-vf setsar=1", "640x360", (16, 9))]
#[case::cinema("white.mkv", "-vf setsar=1", "640x240", (16, 7))]
#[case::old_television("white.mkv", "-vf setsar=1", "320x240", (12, 9))]
#[case::anamorphic("white.mkv", "-vf setsar=64/45", "720x576", (16, 9))]
#[case::odd("white.mkv", "-vf setsar=1", "321x181", (16, 9))]
fn a_picture_keeps_its_shape(
    #[case] name: &str,
    #[case] how: &str,
    #[case] size: &str,
    #[case] expected: (usize, usize),
) {
    let folder = folder();
    let source = format!("-f lavfi -i color=white:s={size}:r=25:d=1 {how} -c:v mpeg4 -q:v 2");
    let made = aired(folder.path(), name, &source, FILTERS);
    assert_eq!(lit(&luma(&made)), expected, "{:?}", luma(&made));
}

#[test]
fn a_phone_held_upright_gives_an_upright_picture() {
    let folder = folder();
    let path = folder.path().join("phone.mp4");
    let mut line = words("-v error -y -f lavfi -i color=white:s=640x360:r=25:d=1 -c:v mpeg4");
    line.push(path.clone().into());
    run_cleanly("ffmpeg", line);
    // The track header's matrix: a quarter turn clockwise (ISO 14496-12, 8.3.2).
    let mut bytes = std::fs::read(&path).unwrap();
    let matrix = bytes.windows(4).position(|four| four == b"tkhd").unwrap() + 44;
    let turned: [u32; 9] = [0, 0x1_0000, 0, 0xffff_0000, 0, 0, 360 << 16, 0, 0x4000_0000];
    for (n, value) in turned.into_iter().enumerate() {
        bytes[matrix + n * 4..][..4].copy_from_slice(&value.to_be_bytes());
    }
    std::fs::write(&path, bytes).unwrap();
    assert_eq!(probe(&path).unwrap().video.unwrap().rotation, 90);
    assert_eq!(lit(&luma(&aired_file(&path, FILTERS))), (6, 9));
}

#[rstest]
#[case::with_zscale(FILTERS)]
#[case::without(Filters { zscale: false, ..FILTERS })]
fn hdr_is_as_bright_as_an_ordinary_picture(#[case] filters: Filters) {
    let folder = folder();
    // PQ: black, 100 cd/m2 (a lit face), 1000 cd/m2 (a lamp), in 10-bit limited range.
    let source = "-f lavfi -i color=black:s=640x360:r=25:d=1 -vf format=yuv420p10le,\
        geq=lum='if(lt(X\\,213)\\,64\\,if(lt(X\\,427)\\,509\\,723))':cb=512:cr=512 \
        -c:v libx265 -preset ultrafast -x265-params \
        log-level=error:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc:range=limited";
    let made = aired(folder.path(), "hdr.mkv", source, filters);
    let row = &luma(&made)[4];
    let (black, face, lamp) = (row[1], row[8], row[14]);
    assert!(black < 30, "{row:?}");
    assert!((100..=215).contains(&face), "{row:?}");
    assert!(lamp > face && lamp >= 180, "{row:?}");
}

#[test]
fn an_interlaced_recording_has_whole_pictures() {
    let folder = folder();
    // Bars that move between two fields comb where lines are woven together.
    let source = "-f lavfi -i testsrc2=s=640x360:r=50:d=2 -vf interlace=scan=tff \
        -c:v mpeg2video -flags +ilme+ildct -q:v 2";
    let made = aired(folder.path(), "film.ts", source, FILTERS);
    let facts = probe(&folder.path().join("film.ts")).unwrap();
    assert_eq!(facts.video.unwrap().field_order, FieldOrder::TopFirst);
    let mut line = words("-v info -i");
    line.push(made.into());
    line.extend(words("-vf idet -f null -"));
    let said = String::from_utf8_lossy(&run("ffmpeg", line).stderr).into_owned();
    let multi = said.lines().rev().find(|line| line.contains("Multi frame")).unwrap().to_owned();
    let count = |name: &str| -> u32 {
        let rest = multi.split_once(name).unwrap().1.trim_start();
        rest.split_whitespace().next().unwrap().parse().unwrap()
    };
    // Of the source it says that all 50 are interlaced.
    assert!(count("Progressive:") >= 35, "{multi}");
}

#[rstest]
#[case::mono("-ac 1", -18.0)]
#[case::stereo("-af pan=stereo|c0=c0|c1=c0", -18.0)]
// One speaker of six alone: the centre, 3 dB down on either side.
#[case::centre("-af pan=5.1|FC=c0", -21.0)]
#[case::left("-af pan=5.1|FL=c0", -18.0)]
fn sound_keeps_its_level(#[case] how: &str, #[case] decibels: f64) {
    let folder = folder();
    let source = format!("-f lavfi -i sine=f=1000:r=48000:d=4 {how} -c:a flac");
    let made = aired(folder.path(), "tone.mkv", &source, FILTERS);
    let peak = peak(&made);
    assert!((peak - decibels).abs() < 1.2, "{peak} dB, not {decibels}");
}

#[test]
fn six_loud_channels_are_limited_not_clipped() {
    let folder = folder();
    let source = "-f lavfi -i aevalsrc=0.95*sin(2*PI*1000*t):s=48000:d=4 \
        -af pan=5.1|FL=c0|FR=c0|FC=c0|LFE=c0|BL=c0|BR=c0 -c:a flac";
    let made = aired(folder.path(), "loud.mkv", source, FILTERS);
    let peak = peak(&made);
    assert!((-1.5..0.2).contains(&peak), "{peak} dB");
}

/// The loudest sample in dB of full scale, away from the fades.
fn peak(file: &Path) -> f64 {
    let mut line = words("-v info -i");
    line.push(file.into());
    line.extend(words("-af atrim=start=11:end=13,volumedetect -vn -copyts -f null -"));
    let said = String::from_utf8_lossy(&run("ffmpeg", line).stderr).into_owned();
    let (_, rest) = said.split_once("max_volume: ").unwrap_or_else(|| panic!("{said}"));
    rest.split_whitespace().next().unwrap().parse().unwrap()
}
