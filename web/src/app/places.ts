// Where each page of the history was scrolled to. Owns the names of the history's entries,
// and bringing a page that is gone back to, or loaded anew, to its place: as far as it is
// long enough, for most of it comes from the server, and unless somebody moves it before.

import { tick } from "svelte";

/** What the history holds of an entry. */
export interface Entry {
  entry: string;
}

/** Where the place of a page that is loaded anew is kept: the history takes nothing any more by then. */
const KEPT = "aerial.place";

/** A page that is not long by then is another than it was. */
const WITHIN_MS = 10_000;
const EVERY_MS = 50;
/** Signs that somebody moves the page. */
const MOVES = ["wheel", "touchstart", "pointerdown", "keydown"];

export class Places {
  #entry: string;
  readonly #tops = new Map<string, number>();
  #coming: { to: number; stop: AbortController } | null = null;

  constructor() {
    history.scrollRestoration = "manual";
    this.#entry = entryOf(history.state).entry;
    history.replaceState(this.state, "");
    const top = kept(this.#entry);
    if (top !== null) this.bring(top);
    window.addEventListener("pagehide", () => keep(this.#entry, this.#top));
  }

  /** What the history is to hold of the entry that is shown. */
  get state(): Entry {
    return { entry: this.#entry };
  }

  /** The page is left, or may be: its place is noted. */
  leave(): void {
    this.#tops.set(this.#entry, this.#top);
  }

  /** An entry that is new: what the history is to hold of it. */
  next(): Entry {
    this.#entry = named();
    return this.state;
  }

  /** The history has gone to another entry: how far its page was scrolled. */
  arrive(): number {
    this.#entry = entryOf(history.state).entry;
    return this.#tops.get(this.#entry) ?? 0;
  }

  /** Scrolls the page that is about to be drawn. */
  bring(top: number): void {
    this.#coming?.stop.abort();
    const stop = new AbortController();
    this.#coming = { to: top, stop };
    const { signal } = stop;
    const untilMs = performance.now() + WITHIN_MS;
    let wasThere = false;
    const look = () => {
      if (signal.aborted) return;
      const isLate = performance.now() > untilMs;
      if (!isLate) window.scrollTo(0, top);
      // What is drawn piece by piece may be shorter again.
      const isThere = Math.abs(window.scrollY - top) <= 1;
      if (top === 0 || isLate || (isThere && wasThere)) stop.abort();
      else setTimeout(look, EVERY_MS);
      wasThere = isThere;
    };
    for (const move of MOVES)
      window.addEventListener(move, () => stop.abort(), { signal, capture: true, passive: true });
    void tick().then(look);
  }

  /** Where the page is, or where it still goes. */
  get #top(): number {
    const { to, stop } = this.#coming ?? {};
    return to === undefined || stop?.signal.aborted ? window.scrollY : to;
  }
}

function entryOf(state: unknown): Entry {
  const held = state as Partial<Entry> | null;
  return { entry: typeof held?.entry === "string" ? held.entry : named() };
}

function named(): string {
  return Math.random().toString(36).slice(2);
}

function keep(entry: string, top: number): void {
  try {
    sessionStorage.setItem(KEPT, JSON.stringify({ entry, top }));
  } catch {
    // Without a storage it begins at its top.
  }
}

function kept(entry: string): number | null {
  try {
    const held = JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
    return held?.entry === entry && typeof held.top === "number" ? held.top : null;
  } catch {
    return null;
  }
}
