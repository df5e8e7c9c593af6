// How far the server's clock is from this device's monotonic one. Owns the samples and
// what is made of them; asks nobody. Invariant: once five samples are known, what is told
// never jumps, but for a step that no network explains.

/** One question for the time, and its answer. `sentMs` and `receivedMs` are monotonic. */
export interface Sample {
  sentMs: number;
  receivedMs: number;
  serverMs: number;
}

/** What is known. */
export interface Offset {
  readonly heard: readonly { offsetMs: number; roundTripMs: number }[];
  /** What was told at `sinceMs`, and what it moves towards. */
  readonly fromMs: number;
  readonly sinceMs: number;
  readonly towardsMs: number;
}

/** So many of the newest are looked at. */
const KEPT = 9;
/** Until so many are known, each answer is taken as it comes. */
const FIRST = 5;
/** Further than this is a step of a clock: a sleeping device, a time that was set. */
const STEP_MS = 500;
/** What is told moves by so much a millisecond: a tenth of what the player may make good. */
const SLEW = 0.005;

/** Hears one more answer. */
export function heard(before: Offset | null, sample: Sample): Offset {
  const { sentMs, receivedMs, serverMs } = sample;
  const one = {
    offsetMs: serverMs - (sentMs + receivedMs) / 2,
    roundTripMs: receivedMs - sentMs,
  };
  if (before === null) return started([one], receivedMs);
  const told = offsetAt(before, receivedMs);
  // An answer that took long may be off by half of that without anything having stepped.
  if (Math.abs(one.offsetMs - told) > STEP_MS + one.roundTripMs / 2) {
    return started([one], receivedMs);
  }
  const all = [...before.heard, one].slice(-KEPT);
  if (all.length <= FIRST) return started(all, receivedMs);
  return { heard: all, fromMs: told, sinceMs: receivedMs, towardsMs: best(all) };
}

/** What to add to the monotonic clock to get the server's. */
export function offsetAt({ fromMs, sinceMs, towardsMs }: Offset, atMs: number): number {
  const most = Math.max(0, atMs - sinceMs) * SLEW;
  return fromMs + Math.min(most, Math.max(-most, towardsMs - fromMs));
}

/** By how much it may be wrong: half of the quickest round trip. */
export function uncertainty({ heard: all }: Offset): number {
  return Math.min(...all.map(({ roundTripMs }) => roundTripMs)) / 2;
}

function started(all: Offset["heard"], sinceMs: number): Offset {
  const offsetMs = best(all);
  return { heard: all, fromMs: offsetMs, sinceMs, towardsMs: offsetMs };
}

/** The median of the quicker half: what waited on its way tells less. */
function best(all: Offset["heard"]): number {
  const quick = [...all]
    .sort((a, b) => a.roundTripMs - b.roundTripMs)
    .slice(0, Math.ceil(all.length / 2))
    .map(({ offsetMs }) => offsetMs)
    .sort((a, b) => a - b);
  const middle = quick.length >> 1;
  const high = quick[middle] ?? 0;
  return quick.length % 2 === 1 ? high : ((quick[middle - 1] ?? high) + high) / 2;
}
