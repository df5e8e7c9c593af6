// Programmes as cells of one row. Pure. Invariant: the cells of a row follow one another
// without overlap, and none is narrower than `least`: what is too short is put together
// with its neighbours of the same stretch of time, always in the same way, wherever the
// window begins.

import type { Programme } from "@/api";
import { millis } from "@/text/time";

/** A programme with its times as numbers. `end` of what never ends is infinite. */
export interface Item {
  start: number;
  end: number;
  programme: Programme;
}

/** What is drawn: one programme, several short ones, or a stretch that is not known. */
export interface Cell {
  key: string;
  start: number;
  end: number;
  /** Pixels from the beginning of the canvas. */
  left: number;
  width: number;
  /** None where it is not known yet. */
  items: readonly Item[];
}

/** From pixels to time and back. */
export interface Scale {
  /** The instant at the left edge of the canvas. */
  origin: number;
  /** What a column stands for, and how wide it is. */
  columnMs: number;
  columnPx: number;
}

export function toPx({ origin, columnMs, columnPx }: Scale, instant: number): number {
  return ((instant - origin) / columnMs) * columnPx;
}

export function toMs({ origin, columnMs, columnPx }: Scale, px: number): number {
  return origin + (px / columnPx) * columnMs;
}

/** The programme with its times as numbers. */
export function item(programme: Programme): Item {
  return {
    start: millis(programme.start),
    end: programme.end === null ? Number.POSITIVE_INFINITY : millis(programme.end),
    programme,
  };
}

/**
 * The cells of a row between two instants. `items` are in order; where they leave a hole
 * (not loaded yet) a cell without items stands.
 */
export function cells(
  items: readonly Item[],
  from: number,
  to: number,
  scale: Scale,
  least: number,
): Cell[] {
  const made: Cell[] = [];
  const stretch = scale.columnMs / 2;
  let at = from;
  let right = Number.NEGATIVE_INFINITY;
  const push = (start: number, end: number, held: readonly Item[]) => {
    const left = Math.max(toPx(scale, start), right);
    // What never ends is drawn to the edge of what is looked at.
    const edge = Math.max(toPx(scale, Math.min(end, to)), left + least);
    made.push({
      // What is not known yet at the window's beginning stays the same while that moves.
      key: held.length > 0 ? `${start}` : made.length === 0 ? "?" : `?${start}`,
      start,
      end,
      left,
      width: edge - left,
      items: held,
    });
    right = edge;
    at = end;
  };
  for (let index = 0; index < items.length; ) {
    const first = items[index] as Item;
    if (first.end <= from) {
      index += 1;
      continue;
    }
    if (first.start >= to) break;
    if (first.start > at + 1) push(at, first.start, []);
    const held = together(items, index, scale, stretch, least);
    push(first.start, (held.at(-1) ?? first).end, held);
    index += held.length;
  }
  if (at < to) push(at, to, []);
  return made;
}

/** The item at `index`, with the short ones after it that begin in the same stretch. */
function together(
  items: readonly Item[],
  index: number,
  scale: Scale,
  stretch: number,
  least: number,
): Item[] {
  const isShort = ({ start, end }: Item) =>
    ((end - start) / scale.columnMs) * scale.columnPx < least;
  const held = [items[index] as Item];
  if (!isShort(held[0] as Item)) return held;
  const ofStretch = Math.floor((held[0] as Item).start / stretch);
  for (let next = items[index + 1]; next !== undefined; next = items[index + held.length]) {
    const follows = Math.abs(next.start - (held.at(-1) as Item).end) <= 1;
    if (!follows || !isShort(next) || Math.floor(next.start / stretch) !== ofStretch) break;
    held.push(next);
  }
  return held;
}

/** The cell that an instant lies in. */
export function cellAt(row: readonly Cell[], instant: number): Cell | undefined {
  return row.find((cell) => cell.start <= instant && instant < cell.end) ?? row.at(-1);
}

/** Which programme of a cell is on at an instant; the first, where none is. */
export function itemAt(cell: Cell, instant: number): Item | undefined {
  return cell.items.find(({ start, end }) => start <= instant && instant < end) ?? cell.items[0];
}
