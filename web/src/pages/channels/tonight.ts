// The preview of a lineup, as people read it. Owns how far "tonight" reaches and where
// the change comes in; the programmes are the server's.

import type { Programme } from "@/api";
import { midnight, millis } from "@/text/time";

/** An evening ends at four in the morning. */
const EVENING_ENDS_MS = 4 * 3_600_000;
const DAY_MS = 24 * 3_600_000;

export interface Shown {
  programme: Programme;
  /** It is on at this moment. */
  isOn: boolean;
  /** It is the first that the change can alter. */
  isFirst: boolean;
}

/** What is on until the evening ends, but at least the next few. */
export function tonight(
  programmes: readonly Programme[],
  effectAt: string,
  nowMs: number,
): Shown[] {
  const today = midnight(nowMs);
  const ends =
    nowMs - today < EVENING_ENDS_MS ? today + EVENING_ENDS_MS : today + DAY_MS + EVENING_ENDS_MS;
  const left = programmes.filter(({ end }) => end === null || millis(end) > nowMs);
  const shown = left.filter(({ start }, index) => index < 4 || millis(start) < ends);
  const first = shown.findIndex((one) => !one.committed && millis(one.start) >= millis(effectAt));
  return shown.map((programme, index) => ({
    programme,
    isOn: millis(programme.start) <= nowMs,
    isFirst: index === first,
  }));
}
