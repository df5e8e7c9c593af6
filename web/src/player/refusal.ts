// What a refused way in comes to: what is said of it, and when it is tried again. Owns that
// for whatever is played; carrying it out is the player's.

import type { Entry } from "./master";

/** Why there is no picture, or none that moves. */
export type Trouble =
  | { kind: "unsupported" }
  | { kind: "away" }
  | { kind: "waiting" }
  | { kind: "signed-out" }
  | { kind: "gone"; words: string }
  | { kind: "failed"; words: string; againAtMs: number }
  | { kind: "full"; words: string; againAtMs: number };

/** Until a server that is away is asked again. */
export const AGAIN_MS = 1_500;
/** The same of one that answered with what it should not. */
const FAILED_AGAIN_MS = 10_000;

export interface Refusal {
  trouble: Trouble;
  /** Until it is tried again; `null`: not by itself. */
  againMs: number | null;
}

/** `null` of a way in that is open. */
export function refusal(entry: Entry, nowMs: number): Refusal | null {
  switch (entry.kind) {
    case "open":
      return null;
    case "away":
      return { trouble: entry, againMs: AGAIN_MS };
    case "full": {
      const { kind, words, againMs } = entry;
      return { trouble: { kind, words, againAtMs: nowMs + againMs }, againMs };
    }
    case "failed":
      return {
        trouble: { ...entry, againAtMs: nowMs + FAILED_AGAIN_MS },
        againMs: FAILED_AGAIN_MS,
      };
    default:
      return { trouble: entry, againMs: null };
  }
}
