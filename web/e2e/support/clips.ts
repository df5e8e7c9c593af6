// The library of the tests: short clips made by FFmpeg's own sources, kept between runs.

import { execFile } from "node:child_process";
import { existsSync, mkdirSync, renameSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

/** Raise this when a clip below changes. */
const EDITION = 1;

/** Where they are. */
export const CLIPS = join(tmpdir(), `aerial-e2e-clips-${EDITION}`);

interface Clip {
  path: string;
  seconds: number;
  /** Makes the picture tell the clips apart. */
  hue: number;
  /** What cannot be copied must be transcoded. */
  codec?: "h264" | "mpeg4";
}

const LIST: readonly Clip[] = [
  ...[1, 2, 3, 4].map((episode) => ({
    path: `Harbour Lights/Season 1/Harbour Lights S01E0${episode}.mkv`,
    seconds: 20,
    hue: episode * 20,
  })),
  ...[1, 2, 3].map((episode) => ({
    path: `Night Trains/Season 2/Night Trains S02E0${episode}.mp4`,
    seconds: 30,
    hue: 180 + episode * 20,
  })),
  { path: "Films/Evening Light (1998).mp4", seconds: 40, hue: 60 },
  { path: "Films/The Long Field (2011).avi", seconds: 25, hue: 120, codec: "mpeg4" },
];

/** A folder of programmes as long as television's: clips, over and over. */
export const LONG_CLIPS = join(tmpdir(), `aerial-e2e-long-${EDITION}`);
const LONG: readonly { path: string; of: number; times: number }[] = [
  ...[1, 2, 3, 4, 5, 6].map((episode) => ({
    path: `Half Hours/Season 1/Half Hours S01E0${episode}.mkv`,
    of: episode % 4,
    times: 60 + episode * 6,
  })),
  { path: "Films/A Long Evening (2001).mkv", of: 0, times: 280 },
  { path: "Films/Two Rivers (1987).mkv", of: 2, times: 330 },
];

/** How many channels a first scan makes of each: one a show, and one of the films. */
export const CHANNELS_OF: Readonly<Record<string, number>> = { [CLIPS]: 3, [LONG_CLIPS]: 2 };

/** Makes those that are not there yet. */
export async function makeClips(): Promise<void> {
  for (const clip of LIST) await make(clip);
  for (const { path, of, times } of LONG)
    await repeat(join(CLIPS, LIST[of]?.path ?? ""), path, times);
}

async function repeat(clip: string, path: string, times: number): Promise<void> {
  const file = join(LONG_CLIPS, path);
  if (existsSync(file)) return;
  mkdirSync(dirname(file), { recursive: true });
  const unfinished = join(LONG_CLIPS, `unfinished-${process.pid}-${path.split("/").at(-1)}`);
  const again = ["-stream_loop", String(times), "-i", clip, "-c", "copy", unfinished];
  await promisify(execFile)("ffmpeg", [..."-nostdin -v error -y".split(" "), ...again]);
  renameSync(unfinished, file);
}

async function make({ path, seconds, hue, codec = "h264" }: Clip): Promise<void> {
  const file = join(CLIPS, path);
  if (existsSync(file)) return;
  mkdirSync(dirname(file), { recursive: true });
  const video =
    codec === "h264"
      ? "-c:v libx264 -preset ultrafast -profile:v high -pix_fmt yuv420p -g 50"
      : "-c:v mpeg4 -q:v 8";
  const unfinished = join(CLIPS, `unfinished-${process.pid}-${path.split("/").at(-1)}`);
  const source = `testsrc2=s=320x180:r=25:d=${seconds},hue=h=${hue}`;
  const sound = `sine=${220 + hue}:r=48000:d=${seconds}`;
  await promisify(execFile)("ffmpeg", [
    ..."-nostdin -v error -y -f lavfi -i".split(" "),
    source,
    ..."-f lavfi -i".split(" "),
    sound,
    ...video.split(" "),
    ..."-c:a aac -ac 2 -b:a 96k".split(" "),
    unfinished,
  ]);
  // A run that was ended leaves no half of a clip.
  renameSync(unfinished, file);
}
