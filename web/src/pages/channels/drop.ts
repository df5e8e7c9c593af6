// Where something that is dragged over a list would land, and how fast the list scrolls
// under it. Owns the geometry alone; all rows are of one height.

/** The part of a list that is seen, in pixels. */
export interface Seen {
  /** The list's upper edge in the window. */
  top: number;
  /** How much of it is seen. */
  height: number;
  /** How far it is scrolled. */
  scrolled: number;
}

/** The place before which it lands, 0 to `count`; a row's middle parts two places. */
export function place(y: number, seen: Seen, row: number, count: number): number {
  const inside = Math.max(0, Math.min(y - seen.top, seen.height));
  return Math.max(0, Math.min(count, Math.round((inside + seen.scrolled) / row)));
}

/** Within so many pixels of an edge the list scrolls. */
const EDGE = 48;
/** In pixels a second, at the very edge. */
const FASTEST = 1_400;

/** How fast the list scrolls, in pixels a second, up being below 0. */
export function speed(y: number, seen: Seen): number {
  const above = seen.top + EDGE - y;
  const below = y - (seen.top + seen.height - EDGE);
  const into = (depth: number) => Math.min(1, depth / EDGE) ** 2 * FASTEST;
  if (above > 0) return -into(above);
  return below > 0 ? into(below) : 0;
}

/** So far a press may stray and still be a click. */
const STRAY = 6;

export function isDrag(from: { x: number; y: number }, to: { x: number; y: number }): boolean {
  return Math.hypot(to.x - from.x, to.y - from.y) > STRAY;
}
