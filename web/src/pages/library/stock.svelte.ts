// The files that fit what is looked for, as far as they were needed. Owns the asking, a
// page after the other, no more than is scrolled to.

import { api, call, type Media, type Problem } from "@/api";
import { problemOf } from "@/api/problem";
import { asked, type Filters } from "./filters";

const PAGE = 200;

export class Stock {
  media = $state.raw<readonly Media[]>([]);
  problem = $state.raw<Problem | null>(null);
  /** The first answer is on its way. */
  pending = $state(true);
  #filters: Filters | null = null;
  #next: string | null = null;
  #asked = 0;
  #need = 0;
  #reading = false;

  /** How many are known; one more stands for those that follow. */
  get count(): number {
    return this.media.length + (this.#next === null ? 0 : 1);
  }

  get isWhole(): boolean {
    return this.#next === null;
  }

  /** Looks for others; what is shown stays until they are here. */
  async look(filters: Filters): Promise<void> {
    this.#filters = filters;
    this.#asked += 1;
    const about = this.#asked;
    this.#need = 0;
    try {
      const page = await this.#page(null);
      if (about !== this.#asked) return;
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
    // What was scrolled far is not read anew for every change.
    if (this.media.length > PAGE) return;
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
    const query = { ...asked(filters), limit: PAGE };
    return call(api.listMedia({ query: cursor === null ? query : { ...query, cursor } }));
  }
}
