// What a finger on the picture means: a swipe up or down zaps, one to a side opens or
// shuts the small guide, a tap shows or hides what lies over the picture.

export type Gesture = "up" | "down" | "left" | "right" | "tap" | null;

export interface Point {
  x: number;
  y: number;
  atMs: number;
}

/** A finger never stands quite still. */
const TAP_PX = 12;
const TAP_MS = 500;
const SWIPE_PX = 48;
/** Slower than this it was dragged, not swiped. */
const SWIPE_MS = 800;
/** It goes one way if it goes that way so much more than the other. */
const CLEARLY = 1.4;

export function gesture(from: Point, to: Point): Gesture {
  const [x, y, ms] = [to.x - from.x, to.y - from.y, to.atMs - from.atMs];
  const [across, along] = [Math.abs(x), Math.abs(y)];
  if (Math.max(across, along) <= TAP_PX) return ms <= TAP_MS ? "tap" : null;
  if (ms > SWIPE_MS) return null;
  if (along >= SWIPE_PX && along > across * CLEARLY) return y < 0 ? "up" : "down";
  if (across >= SWIPE_PX && across > along * CLEARLY) return x < 0 ? "left" : "right";
  return null;
}
