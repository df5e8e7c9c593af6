// The files that fit what is looked for, as far as they were needed. Owns the asking, a
// page after the other, no more than is scrolled to; how many there are in all is told
// first, so that the list has its length from the start.

import { api, call, type Media, type MediaTotals, type Problem } from "@/api";
import { problemOf } from "@/api/problem";
import { asked, type Filters } from "./filters";

const PAGE = 200;

export class Stock {
  media = $state.raw<readonly Media[]>([]);
  totals = $state.raw<MediaTotals | null>(null);
  problem = $state.raw<Problem | null>(null);
  /** The first answer is on its way. */
  pending = $state(true);
  #filters: Filters | null = null;
  #next: string | null = null;
  #asked = 0;
  #need = 0;
  #reading = false;

  /** How many there are: as told, or as far as they are known. */
  get count(): number {
    const told = this.totals === null ? 0 : wanted(this.totals, this.#filters);
    if (this.#next === null && !this.pending) return this.media.length;
    return Math.max(told, this.media.length + (this.#next === null ? 0 : 1));
  }

  /** Looks for others; what is shown stays until they are here. */
  async look(filters: Filters): Promise<void> {
    this.#filters = filters;
    this.#asked += 1;
    const about = this.#asked;
    this.#need = 0;
    try {
      const [totals, page] = await Promise.all([
        call(api.mediaTotals({ query: asked(filters) })),
        this.#page(null),
      ]);
      if (about !== this.#asked) return;
      this.totals = totals;
      this.media = page.items;
      this.#next = page.next;
      this.problem = null;
    } catch (thrown) {
      if (about === this.#asked) this.problem = problemOf(thrown, undefined);
    } finally {
      if (about === this.#asked) {
        this.pending = false;
        this.#reading = false;
      }
    }
  }

  /** The same again: something changed on the server. */
  async refresh(): Promise<void> {
    if (this.#filters === null) return;
    const need = this.media.length;
    // What was scrolled far is not read anew for every change.
    if (need > PAGE) {
      const totals = await call(api.mediaTotals({ query: asked(this.#filters) })).catch(() => null);
      if (totals !== null) this.totals = totals;
      // What could not be had while the server was away.
      this.need(this.#need);
      return;
    }
    await this.look(this.#filters);
  }

  /** Rows up to this one are seen. */
  need(end: number): void {
    this.#need = Math.max(this.#need, end);
    if (!this.#reading && this.#next !== null && this.media.length < this.#need) void this.#read();
  }

  async #read(): Promise<void> {
    const about = this.#asked;
    this.#reading = true;
    try {
      while (this.#next !== null && this.media.length < this.#need) {
        const page = await this.#page(this.#next);
        if (about !== this.#asked) return;
        const known = new Set(this.media.map(({ id }) => id));
        this.media = [...this.media, ...page.items.filter(({ id }) => !known.has(id))];
        this.#next = page.next;
      }
      this.problem = null;
    } catch (thrown) {
      if (about === this.#asked) this.problem = problemOf(thrown, undefined);
    } finally {
      if (about === this.#asked) this.#reading = false;
    }
  }

  #page(cursor: string | null) {
    const filters = this.#filters as Filters;
    const query = { ...asked(filters), sort: filters.sort, limit: PAGE };
    return call(api.listMedia({ query: cursor === null ? query : { ...query, cursor } }));
  }
}

/** Of totals that are of all states and codecs, those that fit. */
function wanted(totals: MediaTotals, filters: Filters | null): number {
  return filters?.state ? totals[filters.state] : totals.media;
}
