// What is on, as far as it is known here. Owns the asking: the list of channels and
// each channel's present, asked again when it has passed, and whether the server answers.

import { type Channel, type Now, now, channels as readChannels, ServerError } from "./api";
import { ServerClock } from "./clock";

/** How the server is. */
export type Reach = "asking" | "there" | "away";

const LIST_EVERY_MS = 20_000;
const PRESENT_EVERY_MS = 30_000;
const TRY_AGAIN_MS = 2_000;
/** Questions under way at once: hundreds of channels must not crowd out a stream. */
const AT_ONCE = 4;

/** The channels and what they show. */
export class Listings {
  readonly clock = new ServerClock();
  readonly #changed: () => void;
  readonly #presents = new Map<string, { present: Now; askedMs: number }>();
  #channels: Channel[] = [];
  #reach: Reach = "asking";
  #listedMs = Number.NEGATIVE_INFINITY;
  #triedMs = Number.NEGATIVE_INFINITY;
  #busy = false;

  constructor(changed: () => void) {
    this.#changed = changed;
  }

  get channels(): readonly Channel[] {
    return this.#channels;
  }

  get reach(): Reach {
    return this.#reach;
  }

  /** What the channel shows, as last heard. */
  present(channel: string): Now | null {
    return this.#presents.get(channel)?.present ?? null;
  }

  /** Asks for whatever is due; called once a second. */
  async refresh(deviceMs: number = Date.now()): Promise<void> {
    if (this.#busy || document.hidden) return;
    if (this.#reach === "away" && deviceMs - this.#triedMs < TRY_AGAIN_MS) return;
    this.#busy = true;
    this.#triedMs = deviceMs;
    try {
      await this.#list(deviceMs);
      await this.#askPresents(deviceMs);
      this.#reach = "there";
    } catch (fault) {
      if (!(fault instanceof ServerError)) throw fault;
      this.#reach = "away";
    } finally {
      this.#busy = false;
      this.#changed();
    }
  }

  async #list(deviceMs: number): Promise<void> {
    // After an absence everything may have changed.
    if (this.#reach === "there" && deviceMs - this.#listedMs < LIST_EVERY_MS) return;
    this.#channels = await readChannels();
    this.#listedMs = deviceMs;
    const known = new Set(this.#channels.map(({ id }) => id));
    for (const id of this.#presents.keys()) if (!known.has(id)) this.#presents.delete(id);
    this.#changed();
  }

  async #askPresents(deviceMs: number): Promise<void> {
    const due = this.#channels.filter(({ id }) => this.#isDue(id, deviceMs));
    const ask = async () => {
      for (let channel = due.shift(); channel !== undefined; channel = due.shift()) {
        await this.#askPresent(channel.id);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, ask));
  }

  #isDue(channel: string, deviceMs: number): boolean {
    const heard = this.#presents.get(channel);
    if (heard === undefined || deviceMs - heard.askedMs >= PRESENT_EVERY_MS) return true;
    const end = heard.present.current?.end;
    return end !== undefined && Date.parse(end) <= this.clock.now(deviceMs);
  }

  async #askPresent(channel: string): Promise<void> {
    const sentMs = Date.now();
    try {
      const present = await now(channel);
      this.clock.learn(present.at, sentMs, Date.now());
      this.#presents.set(channel, { present, askedMs: sentMs });
    } catch (fault) {
      // One channel's trouble is not the server's absence.
      if (fault instanceof ServerError && fault.status === 0) throw fault;
    }
  }
}
