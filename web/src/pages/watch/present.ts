// What a channel shows at an instant, by what was heard of it earlier. Pure.

import type { GuideEntry, Now, Programme } from "@/api";

/** What is on and what follows, as far as it is known. */
export interface Present {
  current: Programme | null;
  next: Programme | null;
  /** What is wrong with `next`. */
  warning: string | null;
}

/** By an answer of `/now`; `null` where it is too old to tell. */
export function presentAt(heard: Now, atMs: number): Present | null {
  const { current, next, next_warning: warning } = heard;
  if (current !== null && isOn(current, atMs)) return { current, next, warning };
  if (next !== null && isOn(next, atMs)) return { current: next, next: null, warning: null };
  return null;
}

function isOn({ start, end }: Programme, atMs: number): boolean {
  return Date.parse(start) <= atMs + SLACK_MS && (end === null || atMs < Date.parse(end));
}

/** The picture is a little behind, and clocks are never quite right. */
const SLACK_MS = 3_000;

/** By entries of the guide, for each channel that they tell of. */
export function presentsOf(entries: readonly GuideEntry[], atMs: number): Map<string, Now> {
  const found = new Map<string, Now>();
  for (const entry of entries) {
    const known = found.get(entry.channel);
    if (known === undefined && isOn(entry, atMs)) {
      found.set(entry.channel, {
        at: new Date(atMs).toISOString(),
        channel: entry.channel,
        current: entry,
        next: null,
        next_warning: null,
        offset_ms: 0,
        remaining_ms: null,
      });
    } else if (known !== undefined && known.next === null) {
      known.next = entry;
    }
  }
  return found;
}

/** When what is known of a channel ends. */
export function endsMs(heard: Now): number {
  const end = heard.current?.end;
  return end === null || end === undefined ? Number.POSITIVE_INFINITY : Date.parse(end);
}
