// Where things stand on a session's strip. Owns the step from times to places; draws
// nothing, says nothing and has no clock. Places are per cent of the strip's width, so
// that a strip may be any number of pixels wide, and are counted from an anchor: as time
// goes on nothing changes its place, the whole strip is moved.

/** How it stands with a segment, in the order in which a legend names them. */
export const SEGMENT_STATES = [
  "cached",
  "made",
  "growing",
  "promised",
  "slate",
  "planned",
  "gone",
] as const;

export type SegmentState = (typeof SEGMENT_STATES)[number];

/** A stretch of time, in milliseconds since the epoch. */
export interface Span {
  from: number;
  to: number;
}

/** A strip's measures. */
export interface Measure {
  /** The instant at 0 per cent. */
  anchor: number;
  /** How long the strip is. */
  wholeMs: number;
}

/** Something drawn from `left` on, `width` wide. */
export interface Placed<T> {
  what: T;
  left: number;
  width: number;
}

/** How much of the strip lies in the past: enough to see where a slow viewer is. */
const PAST_SHARE = 0.25;

/** The server tells 60 s back and 90 s ahead; this is the least that still says something. */
const LONGEST_MS = 108_000;
const SHORTEST_MS = 48_000;

/** A segment of 4 s needs so many pixels a second to be seen as one. */
const PIXELS_PER_SECOND = 6;

/** After this a strip is anchored anew, so that places stay small numbers. */
const ANCHORED_FOR_MS = 600_000;

/** The measure of a strip so many pixels wide; the one it has, where that still fits. */
export function measured(now: number, pixels: number, before?: Measure): Measure {
  const fits = (pixels / PIXELS_PER_SECOND) * 1_000;
  const wholeMs = Math.min(LONGEST_MS, Math.max(SHORTEST_MS, Math.round(fits / 12_000) * 12_000));
  const isGood = before?.wholeMs === wholeMs && Math.abs(now - before.anchor) < ANCHORED_FOR_MS;
  return isGood ? before : { anchor: now, wholeMs };
}

/** What can be seen, with now at a quarter of it. */
export function view(now: number, { wholeMs }: Measure): Span {
  const from = now - wholeMs * PAST_SHARE;
  return { from, to: from + wholeMs };
}

/** Where an instant stands. */
export function place(at: number, { anchor, wholeMs }: Measure): number {
  return ((at - anchor) / wholeMs) * 100;
}

/** How far the strip is moved, in per cent of its width, so that now stands at a quarter. */
export function moved(now: number, measure: Measure): number {
  return -place(view(now, measure).from, measure);
}

/** What of `all` is drawn, and where: what can be seen, and what will be within the second. */
export function placed<T extends Span>(
  all: readonly T[],
  now: number,
  measure: Measure,
): Placed<T>[] {
  const { from, to } = view(now, measure);
  const seen = all.filter((one) => one.to > from && one.from < to + SOON_MS);
  return seen.map((what) => {
    const left = place(what.from, measure);
    return { what, left, width: place(what.to, measure) - left };
  });
}

/** A strip is told anew each second; twice that, so that its end never runs dry. */
const SOON_MS = 2_000;

/** Viewers that stand so close that they are one dot. */
export interface Dot<T> {
  left: number;
  viewers: T[];
}

/** Viewers as dots: those within `apart` per cent of one another share one. Who is out of sight stands at the edge. */
export function dots<T extends { at: number }>(
  viewers: readonly T[],
  now: number,
  measure: Measure,
  apart = 1,
): Dot<T>[] {
  const { from, to } = view(now, measure);
  const made: Dot<T>[] = [];
  for (const viewer of [...viewers].sort((a, b) => a.at - b.at)) {
    const left = place(Math.min(to, Math.max(from, viewer.at)), measure);
    const last = made.at(-1);
    if (last !== undefined && left - last.left < apart) last.viewers.push(viewer);
    else made.push({ left, viewers: [viewer] });
  }
  return made;
}

/** A mark of the scale, so many seconds from now. */
export interface Mark {
  left: number;
  seconds: number;
}

/** The scale above the strips, which stands still: every half minute, every quarter where it is short. */
export function scale({ wholeMs }: Measure): Mark[] {
  const step = wholeMs > 60_000 ? 30_000 : 15_000;
  const { from, to } = view(0, { anchor: 0, wholeMs });
  const marks: Mark[] = [];
  for (let at = Math.ceil(from / step) * step + 0; at <= to; at += step) {
    const left = ((at - from) / wholeMs) * 100;
    // At the very edge it would be cut.
    if (left > 3 && left < 97) marks.push({ left, seconds: at / 1_000 });
  }
  return marks;
}

/**
 * A clock that is told the time once a second, over a network that takes now 5 and now
 * 50 ms: it runs steadily, is drawn gently to what it is told, and jumps only where it is
 * wrong by more than the eye forgives.
 */
export class SteadyClock {
  #offset: number | null = null;

  /** It was `at` when the device's clock said `deviceMs`. */
  told(at: number, deviceMs: number): void {
    const offset = at - deviceMs;
    const known = this.#offset;
    const isNear = known !== null && Math.abs(offset - known) < 400;
    this.#offset = isNear ? known + (offset - known) * 0.1 : offset;
  }

  now(deviceMs: number): number {
    return deviceMs + (this.#offset ?? 0);
  }
}
