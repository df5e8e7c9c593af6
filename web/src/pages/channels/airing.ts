// What is on each channel at one moment, from a stretch of the guide. Owns the sorting.

import type { GuideEntry } from "@/api";
import { millis } from "@/text/time";

export interface OnNow {
  now: GuideEntry | undefined;
  next: GuideEntry | undefined;
}

export function airing(guide: readonly GuideEntry[], nowMs: number): Map<string, OnNow> {
  const found = new Map<string, OnNow>();
  for (const entry of guide) {
    const of = found.get(entry.channel) ?? { now: undefined, next: undefined };
    found.set(entry.channel, of);
    if (millis(entry.start) <= nowMs && (entry.end === null || millis(entry.end) > nowMs))
      of.now = entry;
    else if (millis(entry.start) > nowMs) of.next ??= entry;
  }
  return found;
}

/** When the first of what is on ends. */
export function changesAt(on: ReadonlyMap<string, OnNow>): number | null {
  const ends = [...on.values()].flatMap(({ now }) => (now?.end ? [millis(now.end)] : []));
  return ends.length === 0 ? null : Math.min(...ends);
}
