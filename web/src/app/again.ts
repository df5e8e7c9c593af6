// What can be watched from its start: of what is on, and of what was. Pure; whether it is
// still there, the server decides when it is asked for.

import type { Channel, Programme } from "@/api";

const DAY_MS = 86_400_000;

/** The page that plays it again, a path of the app; `null` where the channel does not let it be. */
export function againPath(
  channel: Pick<Channel, "number" | "catchup_days">,
  programme: Pick<Programme, "start" | "media" | "off_air">,
  nowMs: number,
): string | null {
  const startMs = Date.parse(programme.start);
  const reachMs = channel.catchup_days * DAY_MS;
  if (programme.off_air || programme.media === null) return null;
  if (startMs > nowMs || nowMs - startMs > reachMs) return null;
  return `/watch/${encodeURIComponent(channel.number)}?from=${encodeURIComponent(programme.start)}`;
}

/** The list of what aired from then to the programme's end, a path of the server's. */
export function againList(channel: string, from: string): string {
  return `/stream/${encodeURIComponent(channel)}/catchup.m3u8?from=${encodeURIComponent(from)}`;
}
