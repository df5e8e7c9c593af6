// What there is to play with in this browser: hls.js, its own HLS, or nothing. Owns that
// choice, and that neither is loaded before it is wanted.

import type { Chosen } from "./hls";
import type { Entry } from "./master";
import type { Source, SourceEvents } from "./source";

/** Puts a stream into a video element. */
export type MakeSource = (
  video: HTMLVideoElement,
  entry: Entry & { kind: "open" },
  chosen: Chosen,
  events: SourceEvents,
) => Source;

/** What there is to play with; tried again where it could not be fetched. */
export async function source(): Promise<MakeSource | "none" | "away"> {
  try {
    const { Hls, HlsSource } = await import("./hls");
    if (Hls.isSupported()) return (...made) => new HlsSource(...made);
    if (document.createElement("video").canPlayType("application/vnd.apple.mpegurl") === "") {
      return "none";
    }
    const { NativeSource } = await import("./native");
    return (video, entry, { quality }, events) => new NativeSource(video, entry, quality, events);
  } catch {
    return "away";
  }
}

/** Fetches what plays before anything is asked for. */
export function fetchPlayer(): void {
  void source();
}
