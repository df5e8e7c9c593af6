// Edits that are not saved yet, kept by the browser: they outlive a reload, a walk
// through the other pages and a server that is away. Owns their place and shape; a
// browser that keeps nothing is told by `false`, never by an exception.

import type { Item } from "./items";

/** A lineup's unsaved edit. */
export interface KeptLineup {
  /** The ids of the saved lineup that it began from. */
  base: string[];
  items: Item[];
  /** When it was kept, in milliseconds since 1970. */
  at: number;
}

/** What a browser offers for keeping. */
export type Keep = Pick<Storage, "getItem" | "setItem" | "removeItem">;

const name = (channel: string) => `aerial.lineup.${channel}`;

export function keep(storage: Keep, channel: string, kept: KeptLineup): boolean {
  // Short rows instead of objects: a lineup of ten thousand items fits.
  const rows = kept.items.map((item) => [
    item.key,
    item.id,
    item.media,
    item.show,
    item.title,
    item.part,
    item.length_ms,
    item.episodes,
    item.state,
  ]);
  try {
    storage.setItem(name(channel), JSON.stringify({ v: 1, ...kept, items: rows }));
    return true;
  } catch {
    return false;
  }
}

export function forget(storage: Keep, channel: string): void {
  try {
    storage.removeItem(name(channel));
  } catch {
    // Where nothing can be kept, nothing is.
  }
}

/** What was kept; null where nothing was, or what cannot be read any more. */
export function recall(storage: Keep, channel: string): KeptLineup | null {
  try {
    const kept: unknown = JSON.parse(storage.getItem(name(channel)) ?? "null");
    if (!isRecord(kept) || kept.v !== 1 || typeof kept.at !== "number") return null;
    if (!Array.isArray(kept.base) || !kept.base.every(isText)) return null;
    if (!Array.isArray(kept.items)) return null;
    const items = kept.items.map(itemOf);
    return items.includes(null) ? null : { base: kept.base, items: items as Item[], at: kept.at };
  } catch {
    return null;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

const isText = (value: unknown): value is string => typeof value === "string";
const textOrNull = (value: unknown) => value === null || isText(value);
const numberOrNull = (value: unknown) => value === null || typeof value === "number";

function itemOf(row: unknown): Item | null {
  if (!Array.isArray(row)) return null;
  const [key, id, media, show, title, part, length_ms, episodes, state] = row as unknown[];
  const fits =
    isText(key) &&
    textOrNull(id) &&
    textOrNull(media) &&
    textOrNull(show) &&
    (media === null) !== (show === null) &&
    isText(title) &&
    isText(part) &&
    numberOrNull(length_ms) &&
    numberOrNull(episodes) &&
    ["ok", "unplayable", "missing"].includes(state as string);
  if (!fits) return null;
  return { key, id, media, show, title, part, length_ms, episodes, state } as Item;
}
