// The items of a lineup that is being edited, and what can be done with them. Owns the
// edits, each a new list in place of the old one; knows nothing of the page or the
// server's answers but what an item is. An item keeps its key while it is moved.

/** One item, as the editor shows and keeps it. */
export interface Item {
  /** Names it in this editor: the server's id, or one of the editor's own. */
  readonly key: string;
  /** The server's id; null where it is not saved yet. */
  readonly id: string | null;
  readonly media: string | null;
  readonly show: string | null;
  readonly title: string;
  /** What it is a part of, for people: `Harbour · S1 E4`. */
  readonly part: string;
  readonly length_ms: number | null;
  /** Of a show. */
  readonly episodes: number | null;
  readonly state: "ok" | "unplayable" | "missing";
}

/** What an item stands for, before it has a place. */
export type What = Omit<Item, "key" | "id">;

/** An item as the server takes it. */
export type Wanted = { id?: string; media?: string; show?: string };

/** New items for these. `key` gives each a name that no other item has. */
export function made(whats: readonly What[], key: () => string): Item[] {
  return whats.map((what) => ({ ...what, key: key(), id: null }));
}

/** Puts items before place `at`, counted from 0. */
export function inserted(
  items: readonly Item[],
  at: number,
  added: readonly Item[],
): readonly Item[] {
  if (added.length === 0) return items;
  const place = Math.max(0, Math.min(at, items.length));
  return [...items.slice(0, place), ...added, ...items.slice(place)];
}

export function removed(items: readonly Item[], keys: ReadonlySet<string>): readonly Item[] {
  const left = items.filter(({ key }) => !keys.has(key));
  return left.length === items.length ? items : left;
}

/**
 * Moves items, in the order they stand in, to before what is now at place `at`. The
 * same list where nothing moves.
 */
export function moved(
  items: readonly Item[],
  keys: ReadonlySet<string>,
  at: number,
): readonly Item[] {
  const before = items.slice(0, at).filter(({ key }) => !keys.has(key));
  const after = items.slice(at).filter(({ key }) => !keys.has(key));
  const block = items.filter(({ key }) => keys.has(key));
  const arranged = [...before, ...block, ...after];
  return arranged.every((item, index) => item === items[index]) ? items : arranged;
}

/** Moves items one place up (-1) or down (1) as a block. */
export function stepped(
  items: readonly Item[],
  keys: ReadonlySet<string>,
  by: -1 | 1,
): readonly Item[] {
  const places = items.flatMap(({ key }, index) => (keys.has(key) ? [index] : []));
  const first = places[0];
  const last = places.at(-1);
  if (first === undefined || last === undefined) return items;
  return moved(items, keys, by < 0 ? Math.max(0, first - 1) : Math.min(items.length, last + 2));
}

/** Puts copies of items after the last of them, and tells the copies. */
export function duplicated(
  items: readonly Item[],
  keys: ReadonlySet<string>,
  key: () => string,
): { items: readonly Item[]; copies: Item[] } {
  const chosen = items.filter((item) => keys.has(item.key));
  const after = items.reduce((end, item, index) => (keys.has(item.key) ? index + 1 : end), 0);
  const copies = made(chosen, key);
  return { items: inserted(items, after, copies), copies };
}

/**
 * Mixes those items among the places they stand in; all, where fewer than two are
 * named. `random` gives numbers from 0 to under 1.
 */
export function shuffled(
  items: readonly Item[],
  keys: ReadonlySet<string>,
  random: () => number,
): readonly Item[] {
  const named = items.flatMap((item, index) => (keys.has(item.key) ? [index] : []));
  const places = named.length < 2 ? items.map((_, index) => index) : named;
  const mixed = places.map((place) => items[place] as Item);
  for (let last = mixed.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    [mixed[last], mixed[other]] = [mixed[other] as Item, mixed[last] as Item];
  }
  const arranged = [...items];
  places.forEach((place, index) => {
    arranged[place] = mixed[index] as Item;
  });
  return arranged;
}

/** How long it all plays once, and how many items have no length to count. */
export function total(items: readonly Item[]): { length_ms: number; unknown: number } {
  let length_ms = 0;
  let unknown = 0;
  for (const item of items) {
    if (item.length_ms === null || item.state !== "ok") unknown++;
    else length_ms += item.length_ms;
  }
  return { length_ms, unknown };
}

/**
 * What the server is sent. An id that the saved lineup has no more, such as that of an
 * item whose removal was saved and then undone, would be refused: it is sent as new.
 */
export function wanted(items: readonly Item[], saved: ReadonlySet<string>): Wanted[] {
  return items.map(({ id, media, show }) => ({
    ...(id !== null && saved.has(id) ? { id } : {}),
    ...(media !== null ? { media } : {}),
    ...(show !== null ? { show } : {}),
  }));
}

/** Whether two lists would be saved as the same. */
export function same(one: readonly Item[], other: readonly Item[]): boolean {
  if (one === other) return true;
  return (
    one.length === other.length &&
    one.every((item, index) => {
      const twin = other[index] as Item;
      if (item.id !== null || twin.id !== null) return item.id === twin.id;
      return item.media === twin.media && item.show === twin.show;
    })
  );
}

/** Whether two lists play the same in the same order, whatever ids their items have. */
export function alike(one: readonly Item[], other: readonly Item[]): boolean {
  return (
    one.length === other.length &&
    one.every((item, index) => {
      const twin = other[index] as Item;
      return item.media === twin.media && item.show === twin.show;
    })
  );
}

/**
 * The list as the server answers after a save: what was sent keeps its keys, so that
 * what is chosen stays so.
 */
export function rekeyed(answered: readonly Item[], sent: readonly Item[]): readonly Item[] {
  if (!alike(answered, sent)) return answered;
  return answered.map((item, index) => ({ ...item, key: (sent[index] as Item).key }));
}
