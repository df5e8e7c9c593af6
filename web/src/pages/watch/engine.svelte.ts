// What the engine does for the picture on the screen: the strip of its session, and, where
// what is shown is slate, why. Asked for every few seconds while something is watched.

import { untrack } from "svelte";
import { api, call, type Resource, resource, type Strip } from "@/api";
import { DELAY_MS } from "@/player/step";
import { faultAt, isSlate, type Slate } from "./trouble";

const STRIP_MS = 5_000;

export interface Engine {
  strip: Strip;
  slate: Slate | null;
}

/** `channel`: the one whose picture is on the screen, `null` while there is none. */
export function engineOf(
  channel: () => string | null,
  rendition: () => string | null,
): Resource<Engine | null> {
  return resource(
    async () => {
      const of = untrack(channel);
      if (of === null) return null;
      const strip = await call(api.getStrip({ path: { channel: of } }));
      if (!isSlate(strip, untrack(rendition), DELAY_MS)) return { strip, slate: null };
      const session = await call(api.getStream({ path: { channel: of } }));
      return { strip, slate: { class: faultAt(strip), words: session.last_error ?? "" } };
    },
    { everyMs: STRIP_MS, of: channel },
  );
}
