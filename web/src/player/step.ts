// Keeps the picture in step with the channel's clock, so that all screens show the same
// instant. Decides from what was measured what the player is to do; touches no player and
// reads no clock. Invariant: one seek or hold when it begins, then nothing but rates from
// 0.95 to 1.05, until a stall or the viewer puts it far off.

/**
 * The picture is so far behind the channel's time, on every screen alike.
 *
 * Lists reach at least 8 s past the channel's time (10 s where they are read every 8 s),
 * so this leaves 10 s to fetch what comes, and 5 s just before the next list. A newcomer
 * begins at the segment that is on, up to its length late: with less it would have to
 * wait longer until what it skips is made, with more stand longer on its first picture.
 */
export const DELAY_MS = 2_000;

/** So near, the clock's own doubt is greater. */
const NEAR_MS = 30;
/** From here on it follows by rate alone. */
const CLOSE_MS = 120;
/** What two rooms do not notice. */
const IN_STEP_MS = 200;
/** Further off than this, rates would take too long: it is put right once more. */
const FAR_MS = 900;
/** How soon after a seek or hold another one may be. */
const PUT_RIGHT_AGAIN_MS = 8_000;
/** What must be buffered past the place it jumps to. */
const LANDING_MS = 500;
/** With less than this ahead it does not hurry. */
const LEAN_MS = 1_200;
/** So long the first picture waits for what it would jump to; then it moves from where it is. */
const TAKE_AIM_MS = 350;
/** No picture is ever further ahead: then it is the clock that is wrong, and it is let be. */
const HOLD_AT_MOST_MS = 6_000;
/** A viewer who paused no longer than this did not mean to watch later. */
const SHORT_PAUSE_MS = 700;
/** An offset of 0.1 s is made good at the full rate, less at less. */
const RATE_PER_MS = 0.05 / 100;
const RATE_STEP = 0.01;
const MOST = 0.05;
/** How long it takes a player to jump where all is buffered, to begin with. */
const JUMP_TAKES_MS = 60;
const JUMP_TAKES_AT_MOST_MS = 400;

/** What is seen of the player at an instant. */
export interface Seen {
  /** Monotonic. */
  atMs: number;
  /** The channel's time, less the delay; `null` while nobody told it. */
  targetMs: number | null;
  /** The channel's time on the picture; `null` while there is none. */
  pictureMs: number | null;
  /** What is buffered from the picture on without a hole. */
  aheadMs: number;
  /** It could move: neither seeking nor waiting for data. */
  ready: boolean;
  /** The viewer paused it. */
  paused: boolean;
}

/** It looks for its place. */
export interface Joining {
  kind: "joining";
  /** When the first picture was there. */
  sinceMs: number | null;
  jumpTakesMs: number;
}

/** It is where it should be, or nearly. */
export interface Following {
  kind: "following";
  /** When it was put right. */
  sinceMs: number;
  rate: number;
  jumpTakesMs: number;
  /** By a jump whose cost is to be learned. */
  jumped: boolean;
}

/** The viewer paused: it stays behind until told otherwise. */
export interface Behind {
  kind: "behind";
  jumpTakesMs: number;
}

/** Where it stands. */
export type Step = Joining | Following | Behind;

/** What the player is to do. */
export interface Todo {
  playing: boolean;
  rate: number;
  /** Forward by so much, at once. */
  jumpMs: number;
  /** Look again by then, earlier than usual. */
  againInMs: number | null;
}

/** What the badge says. */
export type Told =
  | { kind: "joining" }
  | { kind: "in-step"; offMs: number }
  | { kind: "behind"; byMs: number; paused: boolean };

const PLAY: Todo = { playing: true, rate: 1, jumpMs: 0, againInMs: null };
const STAND: Todo = { ...PLAY, playing: false };

/** A channel was tuned to; what was learned of the player before still holds. */
export function joining(before?: Step): Joining {
  return { kind: "joining", sinceMs: null, jumpTakesMs: before?.jumpTakesMs ?? JUMP_TAKES_MS };
}

/** The viewer wants what is on now. */
export function toLive(step: Step, atMs: number): Joining {
  return { kind: "joining", sinceMs: atMs - TAKE_AIM_MS, jumpTakesMs: step.jumpTakesMs };
}

/** What was seen, and what follows from it. */
export function decide(step: Step, seen: Seen): [Step, Todo] {
  if (seen.paused) {
    return [{ kind: "behind", jumpTakesMs: step.jumpTakesMs }, STAND];
  }
  switch (step.kind) {
    case "joining":
      return join(step, seen);
    case "following":
      return follow(step, seen);
    case "behind": {
      const off = offBy(seen);
      if (off === null || off > SHORT_PAUSE_MS) return [step, PLAY];
      return follow(following(step, seen.atMs, false), seen);
    }
  }
}

/** What to say of it. */
export function told(step: Step, seen: Seen): Told {
  const off = offBy(seen);
  if (off === null || step.kind === "joining") return { kind: "joining" };
  if (step.kind === "behind" || Math.abs(off) > FAR_MS) {
    return { kind: "behind", byMs: Math.max(0, off), paused: seen.paused };
  }
  return Math.abs(off) > IN_STEP_MS ? { kind: "joining" } : { kind: "in-step", offMs: off };
}

/** By how much the picture is late. */
function offBy({ targetMs, pictureMs }: Seen): number | null {
  return targetMs === null || pictureMs === null ? null : targetMs - pictureMs;
}

function join(step: Joining, seen: Seen): [Step, Todo] {
  if (seen.pictureMs === null || !seen.ready) {
    // What stood still before its place was found goes on as soon as it can.
    return [step, step.sinceMs === null ? STAND : PLAY];
  }
  const sinceMs = step.sinceMs ?? seen.atMs;
  const here: Step = { ...step, sinceMs };
  const waited = seen.atMs - sinceMs >= TAKE_AIM_MS;
  const off = offBy(seen);
  if (off === null) return [here, waited ? PLAY : STAND];
  if (off < -HOLD_AT_MOST_MS) return [here, PLAY];
  if (Math.abs(off) <= CLOSE_MS) return follow(following(step, seen.atMs, false), seen);
  if (off < 0) return [here, { ...STAND, againInMs: -off }];
  const jumpMs = off + step.jumpTakesMs;
  if (seen.aheadMs >= jumpMs + LANDING_MS) {
    return [following(step, seen.atMs, true), { ...PLAY, jumpMs }];
  }
  if (!waited) return [here, { ...STAND, againInMs: 50 }];
  return [here, { ...PLAY, rate: seen.aheadMs > LEAN_MS ? 1 + MOST : 1 }];
}

function follow(step: Following, seen: Seen): [Step, Todo] {
  const off = offBy(seen);
  if (off === null || !seen.ready) return [step, { ...PLAY, rate: step.rate }];
  let here = step;
  if (step.jumped) {
    const jumpTakesMs = Math.min(JUMP_TAKES_AT_MOST_MS, Math.max(0, step.jumpTakesMs + off));
    here = { ...step, jumped: false, jumpTakesMs };
  }
  const isFar = off > FAR_MS || (off < -FAR_MS && off > -HOLD_AT_MOST_MS);
  if (isFar && seen.atMs - here.sinceMs >= PUT_RIGHT_AGAIN_MS) {
    return join(toLive(here, seen.atMs), seen);
  }
  const rate = rateFor(off, here.rate, seen.aheadMs);
  return [
    { ...here, rate },
    { ...PLAY, rate },
  ];
}

/** Once it hurries or dawdles it does so until it is there, so that it does not flutter. */
function rateFor(offMs: number, before: number, aheadMs: number): number {
  const enough = before === 1 ? NEAR_MS : NEAR_MS / 3;
  if (Math.abs(offMs) <= enough) return 1;
  const change = Math.round((offMs * RATE_PER_MS) / RATE_STEP) * RATE_STEP;
  const least = Math.sign(offMs) * RATE_STEP;
  const chosen = Math.abs(change) < RATE_STEP ? least : change;
  if (chosen > 0 && aheadMs < LEAN_MS) return 1;
  return 1 + Math.min(MOST, Math.max(-MOST, chosen));
}

function following(step: Step, sinceMs: number, jumped: boolean): Following {
  return { kind: "following", sinceMs, rate: 1, jumpTakesMs: step.jumpTakesMs, jumped };
}
