// Something of the server's that a page shows and keeps true. Owns when it is asked
// for: at first, when an event says it changed, when the server is back, when the page
// is seen again; never more than once a second, never twice at once.

import { untrack } from "svelte";
import { type EventType, events } from "./events.svelte";
import { type Problem, problemOf } from "./problem";
import { reach } from "./reach.svelte";

const NOT_BEFORE_MS = 1_000;

export interface ResourceOptions {
  /** Asked for again when one of these happens. `missed` is always among them. */
  on?: readonly EventType[];
  /** Asked for again after so long, while the page is seen. */
  everyMs?: number;
  /** What it is of (an id, a search): when this changes, the old is forgotten and the new asked for. */
  of?: () => unknown;
}

/** `data` as last heard, `problem` where the last asking failed. Both can be there. */
export class Resource<T> {
  data = $state.raw<T | undefined>(undefined);
  problem = $state.raw<Problem | undefined>(undefined);
  loading = $state(true);
  readonly #ask: () => Promise<T>;
  #askedMs = Number.NEGATIVE_INFINITY;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #asking = false;
  #wanted = false;
  /** Counts what it is of; answers about what it was of before are dropped. */
  #about = 0;
  #ended = false;

  constructor(ask: () => Promise<T>) {
    this.#ask = ask;
  }

  /** Nothing to show and no reason why: the first answer is on its way. */
  get isPending(): boolean {
    return this.data === undefined && this.problem === undefined;
  }

  /** Asks (soon, if it was asked for just now). */
  refresh(): void {
    if (this.#ended || this.#timer !== null) return;
    if (this.#asking) {
      this.#wanted = true;
      return;
    }
    const wait = this.#askedMs + NOT_BEFORE_MS - performance.now();
    if (wait <= 0) void this.#now();
    else {
      this.#timer = setTimeout(() => {
        this.#timer = null;
        void this.#now();
      }, wait);
    }
  }

  /** Shows this until the next answer: what a change of ours will have made. */
  set(data: T): void {
    this.data = data;
    this.problem = undefined;
  }

  /** It is of something else now: what is known is forgotten. */
  restart(): void {
    this.#about += 1;
    this.#asking = false;
    this.#ended = false;
    this.data = undefined;
    this.problem = undefined;
    this.refresh();
  }

  /** Asks no more. */
  end(): void {
    this.#ended = true;
    this.#about += 1;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  async #now(): Promise<void> {
    const about = this.#about;
    this.#asking = true;
    this.#wanted = false;
    this.loading = true;
    this.#askedMs = performance.now();
    try {
      const data = await untrack(this.#ask);
      if (about === this.#about) this.set(data);
    } catch (cause) {
      if (about === this.#about) this.problem = problemOf(cause, undefined);
    }
    if (about !== this.#about) return;
    this.#asking = false;
    this.loading = false;
    if (this.#wanted) this.refresh();
  }
}

/** A resource for as long as the component lives that calls this while it is made. */
export function resource<T>(ask: () => Promise<T>, options: ResourceOptions = {}): Resource<T> {
  const made = new Resource(ask);
  $effect(() => {
    const refresh = () => {
      if (!document.hidden) made.refresh();
    };
    const ends = [
      events.on([...(options.on ?? []), "missed"], refresh),
      reach.onBack(refresh),
      () => made.end(),
    ];
    if (options.everyMs !== undefined) {
      const often = Math.max(options.everyMs, NOT_BEFORE_MS);
      const timer = setInterval(() => {
        if (!untrack(() => reach.isAway)) refresh();
      }, often);
      ends.push(() => clearInterval(timer));
    }
    document.addEventListener("visibilitychange", refresh);
    ends.push(() => document.removeEventListener("visibilitychange", refresh));
    return () => {
      for (const end of ends) end();
    };
  });
  $effect(() => {
    options.of?.();
    untrack(() => made.restart());
  });
  return made;
}
