// What of the library stands beside the lineup: its shows, or its files by page. Owns the
// search and how much of it is here.

import { api, call, type Media, type Problem, type Show } from "@/api";
import { problemOf } from "@/api/problem";
import { episodeNumber } from "@/text/programme";
import type { What } from "./items";

/** A row: what it is as an item, and what is written under it. */
export interface Stock {
  key: string;
  what: What;
  detail: string;
}

const PAGE = 200;

export class Shelf {
  kind = $state<"shows" | "files">("shows");
  search = $state("");
  rows = $state.raw<readonly Stock[]>([]);
  loading = $state(true);
  problem = $state.raw<Problem | null>(null);
  #next: string | null = null;
  #asked = 0;
  /** Something changed while it was read. */
  #stale = false;

  get isWhole(): boolean {
    return this.#next === null;
  }

  /** Asks anew, for what is searched now, from the beginning. */
  refresh(): Promise<void> {
    return this.#read([]);
  }

  /**
   * The same again: something changed on the server. As much as is here is read, and put
   * in its place at once, so that nobody loses their place or what they chose.
   */
  async again(): Promise<void> {
    if (this.loading) this.#stale = true;
    else await this.#read(this.rows);
  }

  /**
   * Reads as far as these reach: as many, and to the last of them if it is near. Where
   * nothing was found yet, as far as there is anything.
   */
  async #read(held: readonly Stock[]): Promise<void> {
    this.#asked += 1;
    const asked = this.#asked;
    const last = held.at(-1)?.key;
    this.loading = true;
    this.#stale = false;
    try {
      const rows = new Map<string, Stock>();
      const isShort = () =>
        rows.size === 0 ||
        rows.size < held.length ||
        (last !== undefined && !rows.has(last) && rows.size < held.length + PAGE);
      let next: string | null = null;
      do {
        const page = await this.#page(next);
        if (asked !== this.#asked) return;
        for (const row of page.rows) rows.set(row.key, row);
        next = page.next;
      } while (next !== null && isShort());
      this.rows = [...rows.values()];
      this.#next = next;
      this.problem = null;
    } catch (thrown) {
      if (asked === this.#asked) this.problem = problemOf(thrown, undefined);
    } finally {
      if (asked === this.#asked) this.#done();
    }
  }

  async more(): Promise<void> {
    if (this.#next === null || this.loading) return;
    const asked = this.#asked;
    this.loading = true;
    try {
      const known = new Set(this.rows.map(({ key }) => key));
      let added: Stock[] = [];
      while (this.#next !== null && added.length === 0) {
        const { rows, next } = await this.#page(this.#next);
        if (asked !== this.#asked) return;
        added = rows.filter(({ key }) => !known.has(key));
        this.#next = next;
      }
      this.rows = [...this.rows, ...added];
    } catch (thrown) {
      if (asked === this.#asked) this.problem = problemOf(thrown, undefined);
    } finally {
      if (asked === this.#asked) this.#done();
    }
  }

  #done(): void {
    this.loading = false;
    if (this.#stale) void this.again();
  }

  async #page(cursor: string | null): Promise<{ rows: Stock[]; next: string | null }> {
    const after = cursor === null ? {} : { cursor };
    const words = this.search.trim().toLowerCase();
    if (this.kind === "files") {
      const q = words === "" ? {} : { q: this.search.trim() };
      const page = await call(api.listMedia({ query: { limit: PAGE, ...q, ...after } }));
      return { rows: page.items.map(ofMedia), next: page.next };
    }
    // Shows are few, and the server does not search them.
    const page = await call(api.listShows({ query: { limit: 500, ...after } }));
    const found = page.items.filter(({ show }) => show.toLowerCase().includes(words));
    return { rows: found.map(ofShow), next: page.next };
  }
}

function ofMedia(media: Media): Stock {
  const { id, title, length_ms, state, show } = media;
  const part = [show, episodeNumber(media)].filter(Boolean).join(" · ");
  return {
    key: id,
    what: { media: id, show: null, title, part, length_ms, episodes: null, state },
    detail: part === "" ? `${media.year ?? ""}` : part,
  };
}

function ofShow({ show, episodes, length_ms }: Show): Stock {
  return {
    key: `show ${show}`,
    what: { media: null, show, title: show, part: "", length_ms, episodes, state: "ok" },
    detail: "",
  };
}
