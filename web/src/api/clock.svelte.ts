// The server's clock. The device's own may be wrong by minutes (televisions, kiosks);
// what is on is decided by the server's. Learned from its answers.

import { createSubscriber } from "svelte/reactivity";

/** The `Date` header counts whole seconds: right to half of one, in the middle. */
const HEADER_ERROR_MS = 500;
/** How much a clock may drift apart from ours, as a part of the time that passed. */
const DRIFT = 0.0001;

let offset = $state(0);
let errorMs = Number.POSITIVE_INFINITY;
/** By the clock that nobody sets. */
let learnedMs = 0;

const everySecond = createSubscriber((update) => {
  const timer = setInterval(update, 1_000);
  return () => clearInterval(timer);
});

export const clock = {
  /** The server's time in milliseconds since the epoch. */
  get ms(): number {
    return Date.now() + offset;
  },

  /** The same; whoever reads it in a template or an effect is run again each second. */
  get ticking(): number {
    everySecond();
    return Date.now() + offset;
  },

  /** How wrong it may be, in milliseconds. */
  get errorMs(): number {
    return errorMs + (performance.now() - learnedMs) * DRIFT;
  },

  /**
   * The server said it was `atMs` between these two instants of ours; kept if it is the
   * best that is known, or what is known cannot be: a clock was set.
   */
  learn(atMs: number, sentMs: number, receivedMs: number, ownErrorMs = 0): void {
    const error = (receivedMs - sentMs) / 2 + ownErrorMs;
    // A clock that was set back meanwhile tells nothing.
    if (!Number.isFinite(atMs) || receivedMs < sentMs) return;
    const heard = atMs - (sentMs + receivedMs) / 2;
    const contradicts = Math.abs(heard - offset) > error + clock.errorMs;
    if (error > clock.errorMs && !contradicts) return;
    offset = heard;
    errorMs = error;
    learnedMs = performance.now();
  },

  /** From the `Date` header of an answer. */
  learnFrom(response: Response, sentMs: number, receivedMs: number): void {
    const date = Date.parse(response.headers.get("date") ?? "");
    clock.learn(date + HEADER_ERROR_MS, sentMs, receivedMs, HEADER_ERROR_MS);
  },
};
