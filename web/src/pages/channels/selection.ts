// Which rows of a list are chosen, and which one has the mark. Owns what clicks and keys
// do to them, as lists on a desktop do it. Rows are known by key, so that a choice
// outlives a move.

export interface Selection {
  readonly chosen: ReadonlySet<string>;
  /** The row the keys move from. */
  readonly mark: string | null;
  /** Where a range began. */
  readonly anchor: string | null;
}

/** Keys held while clicking or moving. */
export interface Held {
  shift?: boolean;
  ctrl?: boolean;
}

export const NOTHING: Selection = { chosen: new Set(), mark: null, anchor: null };

export function only(keys: Iterable<string>): Selection {
  const all = [...keys];
  const mark = all.at(-1) ?? null;
  return { chosen: new Set(all), mark, anchor: all[0] ?? null };
}

function range(order: readonly string[], from: string | null, to: string): string[] {
  const end = order.indexOf(to);
  const start = from === null ? end : order.indexOf(from);
  if (start < 0) return [to];
  return order.slice(Math.min(start, end), Math.max(start, end) + 1);
}

/** A click or a tap on a row. */
export function clicked(
  selection: Selection,
  order: readonly string[],
  key: string,
  held: Held = {},
): Selection {
  if (held.shift) {
    const anchor = selection.anchor ?? selection.mark ?? key;
    const between = range(order, anchor, key);
    const chosen = held.ctrl ? new Set([...selection.chosen, ...between]) : new Set(between);
    return { chosen, mark: key, anchor };
  }
  if (held.ctrl) return toggled(selection, key);
  return { chosen: new Set([key]), mark: key, anchor: key };
}

export function toggled(selection: Selection, key: string): Selection {
  const chosen = new Set(selection.chosen);
  if (!chosen.delete(key)) chosen.add(key);
  return { chosen, mark: key, anchor: key };
}

/** The mark goes to a place; with shift it takes rows along, with ctrl it leaves all as it is. */
export function markedAt(
  selection: Selection,
  order: readonly string[],
  place: number,
  held: Held = {},
): Selection {
  const key = order[Math.max(0, Math.min(place, order.length - 1))];
  if (key === undefined) return NOTHING;
  if (held.ctrl && !held.shift) return { ...selection, mark: key };
  return clicked(selection, order, key, held);
}

/** The mark moves by so many rows. */
export function markedBy(
  selection: Selection,
  order: readonly string[],
  by: number,
  held: Held = {},
): Selection {
  const at = selection.mark === null ? -1 : order.indexOf(selection.mark);
  const from = at < 0 ? (by > 0 ? -1 : 0) : at;
  return markedAt(selection, order, from + by, held);
}

export function all(selection: Selection, order: readonly string[]): Selection {
  return {
    chosen: new Set(order),
    mark: selection.mark ?? order[0] ?? null,
    anchor: order[0] ?? null,
  };
}

/**
 * What is left of a choice when rows went away. The mark goes to the row that took its
 * place, else to the last.
 */
export function kept(
  selection: Selection,
  before: readonly string[],
  after: readonly string[],
): Selection {
  const there = new Set(after);
  const chosen = new Set([...selection.chosen].filter((key) => there.has(key)));
  let mark = selection.mark;
  if (mark !== null && !there.has(mark)) {
    const from = before.indexOf(mark);
    mark = before.slice(Math.max(0, from)).find((key) => there.has(key)) ?? after.at(-1) ?? null;
  }
  const anchor = selection.anchor !== null && there.has(selection.anchor) ? selection.anchor : mark;
  return { chosen, mark, anchor };
}
