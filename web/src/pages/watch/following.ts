// What comes next, in a line.

import type { Programme } from "@/api";
import { t } from "@/text";
import { headline } from "@/text/programme";
import { upcoming } from "@/text/time";

/** `Next in 12 min: Night Trains`. The same show again is told by its episode. */
export function following(next: Programme, now: Programme | null, nowMs: number): string {
  const when = upcoming(next.start, nowMs);
  if (next.off_air) return t.watch.offAirFrom(when);
  const { title, detail } = headline(next);
  const isSame = now !== null && headline(now).title === title && detail !== "";
  return t.watch.next(when, isSame ? detail : title);
}
