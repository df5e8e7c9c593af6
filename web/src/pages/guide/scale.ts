// How much time a column stands for. Channels of short clips need minutes where films
// need half hours: no cell may be too narrow to read, no screen show one programme alone.

import type { Programme } from "@/api";
import { millis } from "@/text/time";

const MINUTE_MS = 60_000;

/** What a column may stand for, the longest first. */
export const SCALES_MS: readonly number[] = [30, 15, 5, 2, 1].map((minutes) => minutes * MINUTE_MS);

/** A usual programme takes at least so much of a column. */
const USUAL_SHARE = 0.6;

/** The scale at which most of these programmes can be read. */
export function fittingScale(
  programmes: readonly Pick<Programme, "start" | "end" | "off_air">[],
): number {
  const lengths = programmes
    .filter((programme) => !programme.off_air && programme.end !== null)
    .map(({ start, end }) => millis(end ?? start) - millis(start))
    .sort((a, b) => a - b);
  const usual = lengths[Math.floor(lengths.length / 2)] ?? SCALES_MS[0] ?? MINUTE_MS;
  const fitting = SCALES_MS.find((column) => usual / column >= USUAL_SHARE);
  return fitting ?? SCALES_MS.at(-1) ?? MINUTE_MS;
}

/** One step closer (-1 is further), or the same at the end. */
export function nextScale(scale: number, step: 1 | -1): number {
  return SCALES_MS[SCALES_MS.indexOf(scale) + step] ?? scale;
}
