// The channel's clock, on this device. Owns when the server is asked for it: three times
// at once, then each second until five answers are in, then each minute; and again at once
// after the device slept. What is made of the answers is `offset`'s.

import { heard, type Offset, offsetAt, uncertainty } from "./offset";

/** What the server says the time is: its own, and a channel's, in milliseconds. */
export interface Answer {
  serverMs: number;
  channelMs: number;
}

const AT_ONCE = 3;
const SETTLED = 5;
const SOON_MS = 1_000;
const LATER_MS = 60_000;
/** After a failed question. */
const AGAIN_MS = 2_000;
/** The device's two clocks apart by this: it slept. */
const SLEPT_MS = 2_000;

/** A clock that holds to the server's; the channel's own is so much ahead of that. */
export class ChannelClock {
  #offset: Offset | null = null;
  /** By channel: what it is ahead of the server's time. */
  readonly #leads = new Map<string, number>();
  #channel: string | null = null;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #answers = 0;
  #asking = 0;
  #wallMs = 0;
  #monotonicMs = 0;

  constructor(
    readonly ask: (channel: string) => Promise<Answer>,
    /** Told when the first answer is in. */
    readonly known: () => void = () => {},
  ) {}

  /** Keeps the time of this channel, or of none. */
  follow(channel: string | null): void {
    if (channel === this.#channel) return;
    this.#channel = channel;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (channel === null) return;
    // Its lead is new; the server's time is known still.
    this.#answers = Math.min(this.#answers, SETTLED - 1);
    void this.#question(channel);
  }

  /** The channel's time, or `null` while it is not known. */
  channelMs(atMs: number = performance.now()): number | null {
    const lead = this.#channel === null ? undefined : this.#leads.get(this.#channel);
    return this.#offset === null || lead === undefined
      ? null
      : atMs + offsetAt(this.#offset, atMs) + lead;
  }

  /** By how much it may be wrong. */
  get uncertaintyMs(): number | null {
    return this.#offset === null ? null : uncertainty(this.#offset);
  }

  async #question(channel: string): Promise<void> {
    this.#asking += 1;
    const asking = this.#asking;
    let wait = AGAIN_MS;
    try {
      const sentMs = performance.now();
      const { serverMs, channelMs } = await this.ask(channel);
      const receivedMs = performance.now();
      if (this.#slept(receivedMs)) [this.#offset, this.#answers] = [null, 0];
      else {
        this.#offset = heard(this.#offset, { sentMs, receivedMs, serverMs });
        this.#answers += 1;
        this.#leads.set(channel, channelMs - serverMs);
        if (channel === this.#channel) this.known();
      }
      if (this.#answers < AT_ONCE) wait = 0;
      else wait = this.#answers < SETTLED ? SOON_MS : LATER_MS;
    } catch {
      // The server is away: the clock goes on by itself.
    }
    if (channel !== this.#channel || asking !== this.#asking) return;
    this.#timer = setTimeout(() => void this.#question(channel), wait);
  }

  /** The monotonic clock stands while some devices sleep. */
  #slept(monotonicMs: number): boolean {
    const wallMs = Date.now();
    const apart = wallMs - this.#wallMs - (monotonicMs - this.#monotonicMs);
    const first = this.#wallMs === 0;
    [this.#wallMs, this.#monotonicMs] = [wallMs, monotonicMs];
    return !first && Math.abs(apart) > SLEPT_MS;
  }
}
