// Where things stand on a session's strip. Owns the step from times to places; draws
// nothing, says nothing and has no clock. Places are per cent of the strip's width, so
// that a strip may be any number of pixels wide.

/** What a segment is to the engine. */
export type SegmentState = "cached" | "made" | "growing" | "promised" | "slate";

/** All of them, in the order in which a legend names them. */
export const SEGMENT_STATES: readonly SegmentState[] = [
  "cached",
  "made",
  "growing",
  "promised",
  "slate",
];

/** A stretch of time, in milliseconds since the epoch. */
export interface Span {
  from: number;
  to: number;
}

/** A segment as the strip shows it. */
export interface Segment extends Span {
  sequence: number;
  state: SegmentState;
}

/** Something drawn from `left` on, `width` wide. */
export interface Placed<T> {
  what: T;
  left: number;
  width: number;
}

/** How much of the strip lies in the past: enough to see what a slow viewer watches. */
const PAST_SHARE = 0.25;

/** How long a strip is at most, and the least that still tells something. */
const LONGEST_MS = 120_000;
const SHORTEST_MS = 48_000;

/** A segment of 4 s needs this many pixels to be seen as one. */
const PIXELS_PER_SECOND = 6;

/** The stretch that a strip of so many pixels shows, with now at a quarter of it. */
export function spanAround(now: number, pixels: number): Span {
  const fits = (pixels / PIXELS_PER_SECOND) * 1_000;
  const whole = Math.min(LONGEST_MS, Math.max(SHORTEST_MS, Math.round(fits / 12_000) * 12_000));
  const from = now - whole * PAST_SHARE;
  return { from, to: from + whole };
}

/** Where an instant stands. */
export function place(at: number, span: Span): number {
  return ((at - span.from) / (span.to - span.from)) * 100;
}

/** How far the strip has moved on since it was drawn for `span`: to the left, in per cent. */
export function shift(drawnAt: number, now: number, span: Span): number {
  return ((drawnAt - now) / (span.to - span.from)) * 100;
}

/**
 * What of `all` is to be drawn, and where: whatever touches the span or will within
 * `ahead` milliseconds, so that a strip that moves on has something at its right end.
 */
export function placed<T extends Span>(all: readonly T[], span: Span, ahead = 0): Placed<T>[] {
  const seen = all.filter((one) => one.to > span.from && one.from < span.to + ahead);
  return seen.map((what) => {
    const left = place(what.from, span);
    return { what, left, width: place(what.to, span) - left };
  });
}

/** Beginnings that can be seen. */
export function boundaries<T extends Span>(items: readonly T[], span: Span): Placed<T>[] {
  return placed(items, span).filter(({ what }) => what.from >= span.from);
}

/** Viewers that stand so close that they are one dot. */
export interface Dot<T> {
  left: number;
  viewers: T[];
}

/** Viewers as dots: those within `apart` per cent of one another share one. */
export function dots<T extends { at: number }>(
  viewers: readonly T[],
  span: Span,
  apart = 1,
): Dot<T>[] {
  const made: Dot<T>[] = [];
  for (const viewer of [...viewers].sort((a, b) => a.at - b.at)) {
    const left = Math.min(100, Math.max(0, place(viewer.at, span)));
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

/** The scale below the strips: every half minute, every quarter where it is short. */
export function scale(span: Span, now: number): Mark[] {
  const step = span.to - span.from > 60_000 ? 30_000 : 15_000;
  const marks: Mark[] = [];
  const first = Math.ceil((span.from - now) / step) * step;
  for (let at = first; now + at <= span.to; at += step) {
    marks.push({ left: place(now + at, span), seconds: at / 1_000 });
  }
  return marks;
}

/** How far segments are there without a gap from `now` on, in milliseconds. */
export function ahead(segments: readonly Segment[], now: number): number {
  const sorted = [...segments].sort((a, b) => a.from - b.from);
  let reached = now;
  for (const { from, to, state } of sorted) {
    if (to <= reached) continue;
    // Segments join to the tick; a millisecond is what rounding leaves.
    if (from > reached + 1 || (state !== "cached" && state !== "made")) break;
    reached = to;
  }
  return reached - now;
}
