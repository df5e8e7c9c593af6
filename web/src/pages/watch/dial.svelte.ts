// The number that is being typed: what of it stands on the screen, and when it is tuned to.

import type { Channel } from "@/api";
import { back, found, isOpen, type Typed, type } from "./digits";

/** A number that no channel has is seen for so long. */
const NONE_MS = 1_500;

export class Dial {
  typed = $state.raw<Typed | null>(null);
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    readonly channels: () => readonly Channel[],
    readonly tune: (channel: Channel) => void,
  ) {}

  /** The channel of what was typed so far. */
  get channel(): Channel | null {
    return this.typed === null ? null : (found(this.typed, this.channels()) ?? null);
  }

  /** A longer number could be meant. */
  get isOpen(): boolean {
    return this.typed !== null && isOpen(this.typed, this.channels());
  }

  /** Whether the key was for this. */
  key(key: string): boolean {
    const next = type(this.typed, key, performance.now());
    if (next !== null) this.#set(next);
    return next !== null;
  }

  /** The last digit was wrong. */
  takeBack(): void {
    this.#set(this.typed === null ? null : back(this.typed, performance.now()));
  }

  clear(): void {
    this.#set(null);
  }

  #set(typed: Typed | null): void {
    this.typed = typed;
    clearTimeout(this.#timer);
    if (typed === null) return;
    this.#timer = setTimeout(() => this.#due(), typed.dueMs - performance.now());
  }

  #due(): void {
    const { channel } = this;
    if (channel === null) {
      this.#timer = setTimeout(() => this.clear(), NONE_MS);
      return;
    }
    this.clear();
    this.tune(channel);
  }
}
