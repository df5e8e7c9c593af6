// The guide as far as it was looked at. Owns what is asked for: blocks of channels by
// stretches of time, only those that are seen, one request at a time. What is known stays
// on the screen until something newer has come.

import { SvelteMap } from "svelte/reactivity";
import { api, call, type GuideEntry, type Problem, type Programme } from "@/api";
import { problemOf } from "@/api/problem";
import { type Item, item } from "./cells";

/** How many channels are asked for at once. */
const BLOCK = 16;
/** A stretch is so many columns: a screen and a half. */
export const STRETCH_COLUMNS = 8;
/** How many pieces (a channel's stretch) are kept: 16 channels for a week of half hours. */
const KEPT = 1_000;
/** After a request failed, and between any two. */
const AGAIN_MS = 2_000;
const PAUSE_MS = 60;

interface Piece {
  items: readonly Item[];
  stale: boolean;
  usedMs: number;
}

/** What is looked at: channels (ids, in order) and the time between two instants. */
export interface View {
  channels: readonly string[];
  first: number;
  last: number;
  from: number;
  to: number;
}

/** Reads a stretch of some channels; the real one asks the API. */
export type Read = (channels: readonly string[], from: number, to: number) => Promise<GuideEntry[]>;

export class GuideStore {
  problem = $state.raw<Problem | undefined>(undefined);
  /** Rows by channel; a row changes as a whole. */
  readonly #rows = new SvelteMap<string, readonly Item[]>();
  readonly #pieces = new Map<string, Map<number, Piece>>();
  readonly #read: Read;
  #stretchMs = 0;
  #view: View | null = null;
  #timer: ReturnType<typeof setTimeout> | null = null;
  /** When it goes off. */
  #due = 0;
  #asking = false;
  /** How often something changed: an answer that was asked for before the last time may be old. */
  #changes = 0;
  #ended = false;

  constructor(read: Read = readGuide) {
    this.#read = read;
  }

  /** What is known of a channel, in order, with holes perhaps. */
  row(channel: string): readonly Item[] {
    return this.#rows.get(channel) ?? [];
  }

  /** The time that one stretch takes; another one forgets nothing that fits. */
  setColumn(columnMs: number): void {
    const stretchMs = columnMs * STRETCH_COLUMNS;
    if (stretchMs === this.#stretchMs) return;
    this.#stretchMs = stretchMs;
    this.#pieces.clear();
  }

  /** Says what is looked at now; what is missing of it is asked for. */
  look(view: View): void {
    this.#view = view;
    if (this.#timer === null) this.#soon(0);
    // What was never read does not wait with what is to be read again.
    else if (this.problem === undefined && this.#wanted()?.isNew === true) this.#soon(PAUSE_MS);
  }

  /** Something of this channel (or of any) changed: what is seen is asked for again. */
  stale(channel?: string): void {
    this.#changes += 1;
    const all =
      channel === undefined ? this.#pieces.values() : [this.#pieces.get(channel) ?? new Map()];
    for (const pieces of all) for (const piece of pieces.values()) piece.stale = true;
    this.#soon(AGAIN_MS / 2);
  }

  /** Asks no more. */
  end(): void {
    this.#ended = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  #soon(ms: number): void {
    const at = performance.now() + ms;
    if (this.#ended || this.#asking || (this.#timer !== null && this.#due <= at)) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#due = at;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      void this.#next();
    }, ms);
  }

  async #next(): Promise<void> {
    const wanted = this.#wanted();
    if (wanted === null) return;
    this.#asking = true;
    const { channels, stretch } = wanted;
    const changes = this.#changes;
    const [from, to] = [stretch * this.#stretchMs, (stretch + 1) * this.#stretchMs];
    const stretchMs = this.#stretchMs;
    let wait = PAUSE_MS;
    try {
      const entries = await this.#read(channels, from, to);
      const isOld = changes !== this.#changes;
      if (stretchMs === this.#stretchMs) this.#keep(channels, stretch, entries, isOld);
      this.problem = undefined;
      // While a scan tells of each file, what is known already is not asked for without a pause.
      if (isOld && this.#wanted()?.isNew !== true) wait = AGAIN_MS / 2;
    } catch (thrown) {
      this.problem = problemOf(thrown, undefined);
      wait = AGAIN_MS;
    }
    this.#asking = false;
    this.#soon(wait);
  }

  /** The first block of what is seen that is missing or stale. */
  #wanted(): { channels: string[]; stretch: number; isNew: boolean } | null {
    const view = this.#view;
    if (view === null || this.#stretchMs === 0 || view.channels.length === 0) return null;
    const now = performance.now();
    const stretches = range(
      Math.floor(view.from / this.#stretchMs),
      Math.floor((view.to - 1) / this.#stretchMs),
    );
    // What is not there at all goes before what may be old.
    for (const isNew of [true, false]) {
      const isDue = (piece: Piece | undefined) =>
        isNew ? piece === undefined : piece?.stale === true;
      for (const stretch of stretches) {
        for (let block = view.first - (view.first % BLOCK); block <= view.last; block += BLOCK) {
          const channels = view.channels.slice(block, block + BLOCK);
          const due = channels.filter((channel) => {
            const piece = this.#pieces.get(channel)?.get(stretch);
            if (piece !== undefined) piece.usedMs = now;
            return isDue(piece);
          });
          const seen = view.channels.slice(Math.max(block, view.first), view.last + 1);
          if (due.some((channel) => seen.includes(channel)))
            return { channels: due, stretch, isNew };
        }
      }
    }
    return null;
  }

  #keep(
    channels: readonly string[],
    stretch: number,
    entries: readonly GuideEntry[],
    stale: boolean,
  ): void {
    const found = new Map<string, Item[]>(channels.map((channel) => [channel, []]));
    for (const entry of entries) found.get(entry.channel)?.push(item(entry));
    const [from, to] = [stretch * this.#stretchMs, (stretch + 1) * this.#stretchMs];
    for (const [channel, told] of found) {
      const items = whole(told, from, to);
      const pieces = this.#pieces.get(channel) ?? new Map<number, Piece>();
      pieces.set(stretch, { items, stale, usedMs: performance.now() });
      this.#pieces.set(channel, pieces);
      this.#rows.set(channel, joined(pieces));
    }
    this.#forget();
  }

  /** Keeps the pieces that were used last. */
  #forget(): void {
    const all = [...this.#pieces].flatMap(([channel, pieces]) =>
      [...pieces].map(([stretch, piece]) => ({ channel, stretch, usedMs: piece.usedMs })),
    );
    if (all.length <= KEPT) return;
    all.sort((a, b) => a.usedMs - b.usedMs);
    const changed = new Set<string>();
    for (const { channel, stretch } of all.slice(0, all.length - KEPT / 2)) {
      this.#pieces.get(channel)?.delete(stretch);
      changed.add(channel);
    }
    for (const channel of changed) {
      this.#rows.set(channel, joined(this.#pieces.get(channel) ?? new Map()));
    }
  }
}

/** With nothing on where nothing is told: before the channel was made, or longer ago than is kept. */
function whole(told: readonly Item[], from: number, to: number): Item[] {
  const items: Item[] = [];
  let at = from;
  for (const one of told) {
    if (one.start > at + 1) items.push(nothing(at, one.start));
    items.push(one);
    at = Math.max(at, one.end);
  }
  if (at < to) items.push(nothing(at, to));
  return items;
}

function nothing(start: number, end: number): Item {
  const at = (ms: number) => new Date(ms).toISOString();
  const none = { item: null, media: null, show: null, season: null, episode: null, year: null };
  const programme: Programme = {
    ...none,
    catchup: null,
    committed: false,
    end: at(end),
    media_start_ms: 0,
    off_air: true,
    plot: null,
    start: at(start),
    subtitle: null,
    title: "",
  };
  return { start, end, programme };
}

/** A channel's pieces as one row: what two of them tell is told once. */
function joined(pieces: ReadonlyMap<number, Piece>): Item[] {
  const row: Item[] = [];
  for (const [, piece] of [...pieces].sort(([a], [b]) => a - b)) {
    for (const next of piece.items) {
      const last = row.at(-1);
      if (last !== undefined && next.start <= last.start) continue;
      // Where an edit came between the two, the later word counts.
      if (last !== undefined && next.start < last.end)
        row[row.length - 1] = { ...last, end: next.start };
      row.push(next);
    }
  }
  return row;
}

function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, at) => from + at);
}

async function readGuide(
  channels: readonly string[],
  from: number,
  to: number,
): Promise<GuideEntry[]> {
  const entries: GuideEntry[] = [];
  let cursor: string | null = null;
  do {
    const page: { items: GuideEntry[]; next: string | null } = await call(
      api.guide({
        query: {
          channel: channels.join(","),
          from: new Date(from).toISOString(),
          to: new Date(to).toISOString(),
          limit: 500,
          ...(cursor === null ? {} : { cursor }),
        },
      }),
    );
    entries.push(...page.items);
    cursor = page.next;
  } while (cursor !== null);
  return entries;
}
