// What comes of two edits of one lineup: ours, not saved yet, and somebody else's, which
// is. Owns how the two are put together, so that neither's additions nor removals get
// lost; where both arranged anew, ours is the order.

import type { Item } from "./items";

/** The ids of the lineup that both began from, in order. */
export type Base = readonly string[];

/** What the other one did, for telling people. */
export interface TheirEdit {
  added: number;
  removed: number;
  arranged: boolean;
}

/** Ids that are in the base and in both lists, in the order of one of them. */
function common(of: readonly Item[], base: ReadonlySet<string>, with_: ReadonlySet<string>) {
  return of.flatMap(({ id }) => (id !== null && base.has(id) && with_.has(id) ? [id] : []));
}

function ids(items: readonly Item[]): Set<string> {
  return new Set(items.flatMap(({ id }) => (id === null ? [] : [id])));
}

function inOrder(some: readonly string[], base: Base): boolean {
  const places = new Map(base.map((id, index) => [id, index]));
  let last = -1;
  return some.every((id) => {
    const place = places.get(id) ?? -1;
    const after = place > last;
    last = place;
    return after;
  });
}

export function theirEdit(base: Base, theirs: readonly Item[]): TheirEdit {
  const known = new Set(base);
  const there = ids(theirs);
  return {
    added: theirs.filter(({ id }) => id === null || !known.has(id)).length,
    removed: base.filter((id) => !there.has(id)).length,
    arranged: !inOrder(common(theirs, known, there), base),
  };
}

/** Both edits in one list. */
export function together(
  base: Base,
  ours: readonly Item[],
  theirs: readonly Item[],
): readonly Item[] {
  const known = new Set(base);
  const [inOurs, inTheirs] = [ids(ours), ids(theirs)];
  const weArranged = !inOrder(common(ours, known, inTheirs), base);
  return weArranged ? grafted(ours, theirs, known, inTheirs) : grafted(theirs, ours, known, inOurs);
}

/**
 * The list `onto`, without what the other one removed, and with what it added: each
 * after the item it follows there.
 */
function grafted(
  onto: readonly Item[],
  other: readonly Item[],
  base: ReadonlySet<string>,
  inOther: ReadonlySet<string>,
): readonly Item[] {
  const isOld = ({ id }: Item) => id !== null && base.has(id);
  const left = onto.filter((item) => !isOld(item) || inOther.has(item.id as string));
  const leftKeys = new Set(left.map(({ id, key }) => id ?? key));
  // What follows each item; "" stands for the beginning.
  const after = new Map<string, Item[]>();
  let follows = "";
  for (const item of other) {
    const name = item.id ?? item.key;
    if (leftKeys.has(name)) follows = name;
    else if (!isOld(item)) {
      const there = after.get(follows);
      if (there === undefined) after.set(follows, [item]);
      else there.push(item);
    }
  }
  return [
    ...(after.get("") ?? []),
    ...left.flatMap((item) => [item, ...(after.get(item.id ?? item.key) ?? [])]),
  ];
}
