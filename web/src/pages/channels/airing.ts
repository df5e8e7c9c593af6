// What is on a channel at one moment, of what was told a while ago. Owns the choice.

import type { Now, Programme } from "@/api";
import { millis } from "@/text/time";

type Told = Pick<Now, "current" | "next">;

/** Null where what was told has all ended. */
export function airing({ current, next }: Told, nowMs: number): Programme | null {
  return [current, next].find((one) => one !== null && isOn(one, nowMs)) ?? null;
}

function isOn({ start, end }: Programme, nowMs: number): boolean {
  return millis(start) <= nowMs && (end === null || millis(end) > nowMs);
}

/** When the first of what is on ends: then it is asked anew. */
export function changesAt(told: readonly Told[]): number | null {
  const ends = told.flatMap(({ current }) => (current?.end ? [millis(current.end)] : []));
  return ends.length === 0 ? null : Math.min(...ends);
}
