//! What the demo library consists of.
//!
//! Owns the clips (what they show, how they sound, how they are packed) and the
//! channels that air them. Pure data; `super::make` runs it. Invariant: no two
//! clips are alike in picture, and together they cover the frame rates, sizes,
//! codecs and containers that libraries are made of. Everything is drawn by
//! FFmpeg's own sources: nothing is downloaded.

use std::path::{Path, PathBuf};

use aerial_model::lineup::Order;

use super::sound::Sound;

/// Changes whenever a clip changes, so that a library made before is made anew.
pub(super) const VERSION: u32 = 1;

/// The show that the first channel airs; episodes show how a series is listed.
const SHOW: &str = "Fractals and Automata";
const FILMS: &str = "Colour Field";
const SHORTS: &str = "Short Cuts";

/// One clip of the demo library.
#[derive(Clone, Debug, PartialEq)]
pub struct Clip {
    /// What people call it.
    pub title: &'static str,
    /// Where it goes, under the demo library's folder.
    pub file: PathBuf,
    /// Its length in seconds.
    pub seconds: u32,
    /// Ways to make it, the best first; the next is taken where this FFmpeg lacks
    /// what one needs.
    pub ways: Vec<Way>,
}

/// FFmpeg's arguments between the global options and the output's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way(pub Vec<String>);

/// A channel of the demo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DemoChannel {
    /// Its number.
    pub number: u32,
    /// Its name.
    pub name: &'static str,
    /// In which order it plays.
    pub order: Order,
    /// Its lineup, as paths under the demo library's folder.
    pub files: Vec<PathBuf>,
}

/// The three channels: a series in order, films shuffled, and very short items.
pub fn channels() -> Vec<DemoChannel> {
    let of = |folder: &str| {
        recipes(None)
            .into_iter()
            .map(|clip| clip.file)
            .filter(|file| file.starts_with(folder))
            .collect()
    };
    vec![
        DemoChannel { number: 1, name: "Aerial One", order: Order::Sequential, files: of(SHOW) },
        DemoChannel { number: 2, name: FILMS, order: Order::Shuffle, files: of(FILMS) },
        DemoChannel { number: 3, name: SHORTS, order: Order::Sequential, files: of(SHORTS) },
    ]
}

/// All clips. `font` is a font file for the clock; without one it is drawn by a
/// source that brings its own digits.
pub fn recipes(font: Option<&Path>) -> Vec<Clip> {
    let mut clips = fractals();
    clips.extend(films(font));
    clips.extend(shorts());
    clips
}

fn fractals() -> Vec<Clip> {
    vec![
        episode(1, "Deep Zoom", "mp4", 45).way(
            DEEP_ZOOM,
            Sound::Chord { hertz: &[110.0, 164.8, 220.0, 277.2, 329.6], swells_per_minute: 5.0 },
            &[H264, AAC, &["-movflags", "+faststart"]],
        ),
        episode(2, "Slow Life", "mkv", 40)
            .way(
                SLOW_LIFE,
                Sound::Surround { hertz: &[98.0, 146.8, 196.0, 246.9, 293.7] },
                &[HEVC, &["-c:a", "ac3", "-b:a", "384k"]],
            )
            .way(
                SLOW_LIFE,
                Sound::Surround { hertz: &[98.0, 146.8, 196.0, 246.9, 293.7] },
                &[H264, &["-c:a", "ac3", "-b:a", "384k"]],
            ),
        episode(3, "Carpet", "ts", 36).way(
            CARPET,
            Sound::Chord { hertz: &[130.8, 196.0, 261.6, 392.0], swells_per_minute: 7.0 },
            &[&[
                "-c:v",
                "mpeg2video",
                "-b:v",
                "6M",
                "-maxrate",
                "8M",
                "-bufsize",
                "1835k",
                "-g",
                "12",
                "-bf",
                "2",
                "-c:a",
                "mp2",
                "-b:a",
                "192k",
            ]],
        ),
        episode(4, "Rule Thirty", "avi", 45)
            .way(
                RULE_THIRTY,
                Sound::Chord { hertz: &[146.8, 220.0, 293.7, 370.0], swells_per_minute: 9.0 },
                &[&["-c:v", "mpeg4", "-vtag", "XVID", "-q:v", "4", "-bf", "1", "-g", "120"], MP3],
            )
            .way(
                RULE_THIRTY,
                Sound::Chord { hertz: &[146.8, 220.0, 293.7, 370.0], swells_per_minute: 9.0 },
                &[&["-c:v", "mpeg4", "-vtag", "XVID", "-q:v", "4", "-c:a", "ac3"]],
            ),
        episode(5, "Hall of Mirrors", "mov", 36).way(
            MIRRORS,
            Sound::Chord { hertz: &[123.5, 185.0, 246.9, 311.1, 370.0], swells_per_minute: 6.0 },
            &[H264, &["-c:a", "pcm_s16le"]],
        ),
    ]
}

fn films(font: Option<&Path>) -> Vec<Clip> {
    let clock = match font {
        Some(font) => CLOCK.replace("FONT", &escaped(font)),
        None => CLOCK_WITHOUT_FONT.to_owned(),
    };
    let organ = "asplit=2[a][tones];[tones]showcqt=s=960x540:r=25:axis=0:sono_h=300:bar_g=4:sono_g=5:\
                 basefreq=50:endfreq=2400,format=yuv420p[v]";
    let tones = Sound::Chord {
        hertz: &[
            65.4, 98.0, 130.8, 196.0, 261.6, 329.6, 392.0, 523.3, 659.3, 784.0, 1046.5, 1568.0,
        ],
        swells_per_minute: 9.0,
    };
    vec![
        film("Evening Light", "webm", 90)
            .way(
                EVENING,
                Sound::Sea,
                &[&[
                    "-c:v",
                    "libvpx-vp9",
                    "-deadline",
                    "realtime",
                    "-cpu-used",
                    "8",
                    "-row-mt",
                    "1",
                    "-b:v",
                    "700k",
                    "-g",
                    "250",
                    "-c:a",
                    "libopus",
                    "-b:a",
                    "64k",
                ]],
            )
            .way(
                EVENING,
                Sound::Sea,
                &[&[
                    "-c:v",
                    "libvpx",
                    "-deadline",
                    "realtime",
                    "-cpu-used",
                    "16",
                    "-b:v",
                    "900k",
                    "-c:a",
                    "libvorbis",
                ]],
            )
            .way(EVENING, Sound::Sea, &[H264, AAC, &["-f", "matroska"]]),
        film("Silent Planet", "mkv", 60).way(PLANET, Sound::None, &[H264]),
        film("Light Organ", "mp4", 60).drawn_from_sound(organ, tones, &[H264, AAC]),
        film("The Long Minutes", "m4v", 120)
            .way(
                &clock,
                Sound::Chord { hertz: &[87.3, 130.8, 174.6, 220.0], swells_per_minute: 4.0 },
                &[H264, AAC, &["-f", "mp4"]],
            )
            .way(
                CLOCK_WITHOUT_FONT,
                Sound::Chord { hertz: &[87.3, 130.8, 174.6, 220.0], swells_per_minute: 4.0 },
                &[H264, AAC, &["-f", "mp4"]],
            ),
        film("Neon Moss", "mov", 40).way(
            NEON,
            Sound::Chord { hertz: &[164.8, 246.9, 329.6, 415.3], swells_per_minute: 10.0 },
            &[&["-c:v", "mpeg4", "-q:v", "5", "-g", "60"], AAC],
        ),
    ]
}

fn shorts() -> Vec<Clip> {
    vec![
        short("Ripples", "webm", 20)
            .way(RIPPLES, Sound::Sea, &[&["-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "1500k", "-g", "150", "-c:a", "libvorbis", "-q:a", "3"]])
            .way(RIPPLES, Sound::Sea, &[H264, AAC, &["-f", "matroska"]]),
        short("Colour Wheel", "mkv", 20)
            .way(WHEEL, Sound::Chord { hertz: &[174.6, 220.0, 261.6, 349.2], swells_per_minute: 12.0 }, &[H264, &["-c:a", "flac"]]),
        short("Figure of Sound", "mp4", 24).drawn_from_sound(
            "asplit=2[a][curve];[curve]volume=9,avectorscope=s=576x576:r=30:m=lissajous_xy:draw=line:zoom=1.3:\
             rc=20:gc=110:bc=220:rf=6:gf=8:bf=3,format=gbrp,gblur=0.6,pad=1024:576:-1:-1,format=yuv420p[v]",
            Sound::Chord { hertz: &[110.0, 165.1, 275.3], swells_per_minute: 11.0 },
            &[H264, AAC],
        ),
        short("Test Card", "ts", 20)
            .way(TEST_CARD, Sound::Chord { hertz: &[220.0, 277.2, 329.6], swells_per_minute: 15.0 }, &[H264, &["-bf", "2"], AAC]),
    ]
}

// Pictures. Each ends in `[v]`. Cellular automata are drawn small and enlarged
// without smoothing, so that cells stay square; the rest is drawn at a size that
// two cores make several times faster than it plays.

/// Into the Mandelbrot set's Seahorse Valley, a factor of 65,000 in 45 s.
const DEEP_ZOOM: &str = "mandelbrot=s=512x288:r=24000/1001:start_scale=2.6:end_scale=0.00004:end_pts=1080:\
    maxiter=1500:inner=black:bailout=20,hue=h=200:s=0.9,scale=1280:720:flags=bicubic,format=yuv420p[v]";

/// Conway's Life; what dies glows for a while.
const SLOW_LIFE: &str = "life=s=160x90:r=12.5:mold=6:ratio=0.14:seed=7:life_color=#fff3d0:death_color=#d8336a:\
    mold_color=#0b1026,fps=25,format=gbrp,scale=640:360:flags=neighbor,gblur=0.6,format=yuv420p[v]";

/// Sierpinski's carpet in colours, 720x576 with wide pixels: 16:9 as on a DVD.
const CARPET: &str = "sierpinski=s=720x576:r=25:type=carpet:seed=9:jump=6,format=gray,format=gbrp,negate[m];\
    gradients=s=180x144:r=25:n=4:c0=#ff5d8f:c1=#ffd166:c2=#06d6a0:c3=#3a86ff:x0=10:y0=10:x1=170:y1=132:speed=0.01,\
    scale=720:576:flags=bilinear,format=gbrp[g];[m][g]blend=all_mode=multiply,setsar=64/45,format=yuv420p[v]";

/// Wolfram's rule 30, 4:3.
const RULE_THIRTY: &str = "cellauto=s=160x120:r=30000/1001:rule=30:seed=4:ratio=0.5:full=1,format=gray,\
    scale=640:480:flags=neighbor,format=gbrp[m];gradients=s=160x120:r=30000/1001:n=4:c0=#2a6fdb:c1=#1fb5a8:\
    c2=#ffe66d:c3=#ff6b6b:x0=10:y0=10:x1=150:y1=110:speed=0.012,scale=640:480:flags=bilinear,format=gbrp[g];\
    [m][g]blend=all_mode=multiply,setsar=1,format=yuv420p[v]";

/// A turning piece of the Mandelbrot set in two mirrors.
const MIRRORS: &str = "mandelbrot=s=300x300:r=30000/1001:start_scale=0.02:end_scale=0.004:end_pts=2600:\
    maxiter=200:inner=mincol,rotate=0.12*t:c=black,crop=240:134,split=2[a][b];[b]hflip[c];[a][c]hstack,\
    split=2[d][e];[e]vflip[f];[d][f]vstack,scale=1280:720:flags=bicubic,setsar=1,format=yuv420p,hue=h=20*t,format=yuv420p[v]";

/// A sunset without a sun.
const EVENING: &str = "gradients=s=320x180:r=25:n=5:c0=#0b1030:c1=#3a1d5c:c2=#b1345f:c3=#f08a4b:c4=#ffd9a0:\
    seed=5:speed=0.004:x0=40:y0=20:x1=280:y1=165,scale=640:360:flags=bilinear,format=yuv420p,noise=c0s=3:c0f=t[v]";

/// Life on a globe, lit from the left.
const PLANET: &str = "life=s=400x200:r=12.5:mold=10:ratio=0.3:seed=3:life_color=#fff7c2:death_color=#3ddc97:\
    mold_color=#1b4f7a,fps=25,format=gbrp,scroll=h=0.002,v360=e:og:h_fov=180:v_fov=180:w=540:h=540:interp=near,\
    format=gbrp[p];nullsrc=s=540x540:r=25:d=0.04,format=gray,geq=lum='255*clip(1.15*sqrt(max(0\\,1-\
    hypot(X-270\\,Y-270)^2/72900))-0.0016*(X-270)*lt(hypot(X-270\\,Y-270)\\,269)\\,0\\,1)',loop=-1:1,format=gbrp[m];\
    [p][m]blend=all_mode=multiply:shortest=1,pad=960:540:-1:-1:color=black,format=yuv420p[v]";

/// The time since it began, to the hundredth, so that a player can be checked by eye.
const CLOCK: &str = "gradients=s=160x90:r=25:n=3:c0=#071a2b:c1=#0f4c5c:c2=#2a1a5e:seed=6:speed=0.005,\
    scale=960:540:flags=bilinear,format=yuv420p,drawbox=x=160:y=360:w=640:h=6:color=white@0.15:t=fill,\
    drawtext=fontfile='FONT':text='%{eif\\:floor(t/60)\\:d}\\:%{eif\\:mod(floor(t)\\,60)\\:d\\:2}':\
    fontsize=150:fontcolor=white:x=270:y=(h-th)/2-20,\
    drawtext=fontfile='FONT':text='.%{eif\\:mod(floor(t*100)\\,100)\\:d\\:2}':\
    fontsize=60:fontcolor=#ffd166:x=640:y=300[v]";

/// The same where no font is found: FFmpeg's own test picture counts the seconds.
const CLOCK_WITHOUT_FONT: &str = "testsrc=s=960x540:r=25,hue=s=0.6,format=yuv420p[v]";

/// An automaton that never rests, blurred until it glows.
const NEON: &str = "life=s=192x108:r=15:rule=B36/S23:mold=3:ratio=0.2:seed=12:life_color=white:death_color=#00e5ff:\
    mold_color=#12002b,format=gbrp,fps=30000/1001,scale=768:432:flags=neighbor,gblur=sigma=2,lagfun=decay=0.9,\
    format=yuv420p[v]";

/// Two stones in a pond.
const RIPPLES: &str = "nullsrc=s=128x72:r=30000/1001,format=gray,geq=lum='127+127*sin(hypot(X-64+28*sin(T*0.7)\\,\
    Y-36+16*cos(T*0.9))/1.6)*sin(hypot(X-64-28*sin(T*0.5)\\,Y-36-16*cos(T*0.6))/1.6)',\
    format=yuv444p,pseudocolor=preset=viridis,\
    scale=480:270:flags=bicubic,format=yuv420p[v]";

/// All hues, turning.
const WHEEL: &str = "gradients=s=320x180:r=25:n=6:t=spiral:c0=#ff595e:c1=#ffca3a:c2=#8ac926:c3=#1982c4:c4=#6a4c93:\
    c5=#ff595e:seed=3:speed=0.02:x0=160:y0=90:x1=320:y1=90,scale=640:360:flags=bicubic,format=yuv420p[v]";

/// What was on when nothing was on, with a bar that shows that it lives.
const TEST_CARD: &str = "smptehdbars=s=1280x720:r=25,drawbox=x='mod(t*64\\,1344)-64':y=416:w=64:h=6:color=white@0.9:\
    t=fill,format=yuv420p[v]";

// Packings, shared by several clips.

const H264: &[&str] = &["-c:v", "libx264", "-preset", "ultrafast", "-crf", "29", "-g", "100"];
const HEVC: &[&str] = &[
    "-c:v",
    "libx265",
    "-preset",
    "ultrafast",
    "-crf",
    "26",
    "-x265-params",
    "log-level=error:keyint=125",
];
const AAC: &[&str] = &["-c:a", "aac", "-b:a", "128k"];
const MP3: &[&str] = &["-c:a", "libmp3lame", "-b:a", "128k"];

fn episode(number: u32, title: &'static str, extension: &str, seconds: u32) -> Clip {
    Clip::new(title, format!("{SHOW}/{SHOW} S01E{number:02} {title}.{extension}"), seconds)
}

fn film(title: &'static str, extension: &str, seconds: u32) -> Clip {
    Clip::new(title, format!("{FILMS}/{title}.{extension}"), seconds)
}

fn short(title: &'static str, extension: &str, seconds: u32) -> Clip {
    Clip::new(title, format!("{SHORTS}/{title}.{extension}"), seconds)
}

impl Clip {
    fn new(title: &'static str, file: String, seconds: u32) -> Self {
        Self { title, file: file.into(), seconds, ways: Vec::new() }
    }

    fn way(self, picture: &str, sound: Sound, packing: &[&[&str]]) -> Self {
        let sound = sound.graph();
        let graph = match &sound {
            Some(sound) => format!("{picture};{sound}"),
            None => picture.to_owned(),
        };
        self.packed(graph, packing)
    }

    /// A picture made of the sound itself: `picture` reads the sound and ends in
    /// both `[a]` and `[v]`.
    fn drawn_from_sound(self, picture: &str, sound: Sound, packing: &[&[&str]]) -> Self {
        let sound = sound.graph().unwrap_or_default();
        let graph = format!("{},{picture}", sound.trim_end_matches("[a]"));
        self.packed(graph, packing)
    }

    /// The graph is an input, not a filter: so FFmpeg cuts the sound into frames of
    /// the size that each encoder wants.
    fn packed(mut self, graph: String, packing: &[&[&str]]) -> Self {
        let graph = graph.replace("[v]", "[out0]").replace("[a]", "[out1]");
        let mut args: Vec<String> = ["-f", "lavfi", "-i"].map(str::to_owned).into();
        args.push(graph);
        args.extend(["-t".to_owned(), self.seconds.to_string()]);
        args.extend(packing.iter().copied().flatten().map(|arg| (*arg).to_owned()));
        args.extend(["-metadata".to_owned(), format!("title={}", self.title)]);
        self.ways.push(Way(args));
        self
    }
}

/// A path as it must be written within a filter's quoted option.
fn escaped(path: &Path) -> String {
    path.to_string_lossy().replace('\\', "/").replace('\'', "'\\\\\\''").replace(':', "\\:")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_library_is_a_dozen_clips_of_20_s_to_3_min_with_names_of_their_own() {
        let clips = recipes(None);
        assert!((12..=16).contains(&clips.len()));
        assert!(
            clips.iter().all(|clip| (20..=180).contains(&clip.seconds) && !clip.ways.is_empty())
        );
        let files: BTreeSet<_> = clips.iter().map(|clip| &clip.file).collect();
        assert_eq!(files.len(), clips.len());
    }

    #[test]
    fn the_clips_cover_rates_containers_and_shapes() {
        let clips = recipes(None);
        let all: String = clips
            .iter()
            .flat_map(|clip| clip.ways[0].0.join(" ").into_bytes())
            .map(char::from)
            .collect();
        for part in [
            "24000/1001",
            "30000/1001",
            "r=25",
            "libx264",
            "libx265",
            "mpeg2video",
            "mpeg4",
            "libvpx-vp9",
            "c=5.1",
            "setsar=64/45",
        ] {
            assert!(all.contains(part), "{part}");
        }
        let extensions: BTreeSet<_> =
            clips.iter().filter_map(|clip| clip.file.extension()?.to_str()).collect();
        for extension in ["mp4", "mkv", "avi", "mov", "ts", "webm", "m4v"] {
            assert!(extensions.contains(extension), "{extension}");
        }
        assert!(clips.iter().any(|clip| !clip.ways[0].0[3].contains("[out1]")), "one is silent");
    }

    #[test]
    fn every_clip_is_on_exactly_one_channel() {
        let channels = channels();
        assert_eq!(channels.len(), 3);
        let aired: Vec<_> = channels.iter().flat_map(|channel| channel.files.clone()).collect();
        let made: Vec<_> = recipes(None).into_iter().map(|clip| clip.file).collect();
        assert_eq!(aired, made);
    }
}
