// Whether the picture moves, looked at once a second. Decides when to say so, to ask for
// the next segment once more, and to tune in anew.

/** A picture that stood still for this long is said to have. */
const SAY_MS = 4_000;
/** For this long: ask for the next segment once more. */
const RELOAD_MS = 12_000;
/** For this long: tune in anew. */
const RETUNE_MS = 30_000;

export interface Still {
  readonly lastS: number;
  readonly stillMs: number;
  readonly reloaded: boolean;
}

export type Answer = "nothing" | "say" | "reload" | "retune" | "moves";

/** Nothing was seen yet. */
export const UNSEEN: Still = { lastS: -1, stillMs: 0, reloaded: false };

/** What follows from the picture's time; `stands` where it is meant to stand. */
export function look(
  before: Still,
  { timeS, elapsedMs, stands }: { timeS: number; elapsedMs: number; stands: boolean },
): [Still, Answer] {
  if (stands) return [{ ...before, stillMs: 0, reloaded: false }, "nothing"];
  if (timeS !== before.lastS && timeS > 0) {
    const answer = before.stillMs >= SAY_MS ? "moves" : "nothing";
    return [{ lastS: timeS, stillMs: 0, reloaded: false }, answer];
  }
  const stillMs = before.stillMs + elapsedMs;
  if (stillMs >= RETUNE_MS) return [UNSEEN, "retune"];
  if (stillMs >= RELOAD_MS && !before.reloaded) {
    return [{ ...before, stillMs, reloaded: true }, "reload"];
  }
  const says = stillMs >= SAY_MS && before.stillMs < SAY_MS;
  return [{ ...before, stillMs }, says ? "say" : "nothing"];
}
