// The order of channels under the thumb: up, down, and the one before. Owns no list.

interface Numbered {
  id: string;
  number: string;
}

/** The next one up (+1) or down (-1), round and round; where none is known, the first. */
export function neighbour<C extends Numbered>(
  channels: readonly C[],
  from: string | null,
  way: 1 | -1,
): C | undefined {
  const at = channels.findIndex(({ id }) => id === from);
  if (at < 0) return way > 0 ? channels[0] : channels.at(-1);
  return channels[(at + way + channels.length) % channels.length];
}

/** The channel of an address: by its number, or its id. */
export function named<C extends Numbered>(channels: readonly C[], name: string): C | undefined {
  return channels.find(({ number, id }) => number === name || id === name);
}

/** The page that shows it, a path of the app. */
export function address({ number }: Pick<Numbered, "number">): string {
  return `/watch/${encodeURIComponent(number)}`;
}

/** What a name of an address meant when it was last looked at. */
export interface Meant {
  name: string;
  id: string;
}

/** The same, for an address that stays: what it meant, whatever number that has by now. */
export function stillNamed<C extends Numbered>(
  channels: readonly C[],
  name: string,
  meant: Meant | null,
): C | undefined {
  const before = meant?.name === name ? channels.find(({ id }) => id === meant.id) : undefined;
  return before ?? named(channels, name);
}

/** What was watched, the newest first. */
export type Watched = readonly string[];

const REMEMBERED = 2;

/** `id` is watched now. */
export function watched(before: Watched, id: string): Watched {
  return [id, ...before.filter((one) => one !== id)].slice(0, REMEMBERED);
}

/** The one before this, if it is still there. */
export function last<C extends Numbered>(
  channels: readonly C[],
  seen: Watched,
  now: string | null,
): C | undefined {
  const id = seen.find((one) => one !== now);
  return channels.find((channel) => channel.id === id);
}
