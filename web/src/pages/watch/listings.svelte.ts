// What is on, for the picture's page: the channel that is watched, those that are zapped
// past, and all of them when the small guide is open. Owns what was heard and when it is
// asked for again; never twice at once, never a channel more than once a second.

import { SvelteMap } from "svelte/reactivity";
import { all, api, type Channel, call, clock, type Now, type Resource, resource } from "@/api";
import { compareNumbers } from "@/text/programme";
import { endsMs, type Present, presentAt, presentsOf } from "./present";

const NOT_BEFORE_MS = 1_000;
/** What is told beside the times (faults of what comes next) changes by itself. */
const OLD_MS = 30_000;
/** As much of the guide as tells what is on and what follows for most. */
const GUIDE_MS = 5 * 60_000;
const GUIDE_EVERY_MS = 20_000;

export class Listings {
  readonly channels: Resource<Channel[]>;
  readonly #heard = new SvelteMap<string, Now>();
  readonly #asked = new Map<string, number>();
  /** Whose answers are on their way. */
  readonly #asking = new Set<string>();
  /** Of which something changed since they were asked for, and which wait for their second. */
  readonly #changed = new Set<string>();
  readonly #later = new Set<string>();
  #guideMs = Number.NEGATIVE_INFINITY;

  /** While a component is made. */
  constructor() {
    this.channels = resource(
      async () => (await all(api.listChannels)).sort((a, b) => compareNumbers(a.number, b.number)),
      { on: ["channel"] },
    );
  }

  get list(): readonly Channel[] {
    return this.channels.data ?? [];
  }

  /** What it shows now, as far as is known; run again each second where it is read. */
  present(channel: string): Present | null {
    const heard = this.#heard.get(channel);
    return heard === undefined ? null : presentAt(heard, clock.ticking);
  }

  /** The answer behind that. */
  heard(channel: string): Now | null {
    return this.#heard.get(channel) ?? null;
  }

  /** Asks for it unless it is known well enough. */
  ask(channel: string): void {
    const heard = this.#heard.get(channel);
    const sinceMs = this.#sinceMs(channel);
    const isOver = heard === undefined || endsMs(heard) <= clock.ms || heard.next === null;
    const isOld = isOver || sinceMs >= OLD_MS || this.#changed.has(channel);
    if (this.#asking.has(channel) || sinceMs < NOT_BEFORE_MS || !isOld) return;
    this.#asked.set(channel, performance.now());
    this.#asking.add(channel);
    this.#changed.delete(channel);
    call(api.now({ path: { channel } }))
      .then(
        (now) => this.#heard.set(channel, now),
        () => {
          // What was known stays; who watches is told of an absent server by the player.
        },
      )
      .finally(() => {
        this.#asking.delete(channel);
        if (this.#changed.has(channel)) this.#soon(channel);
      });
  }

  /** Something that airs was changed. What nobody has looked at is asked for when somebody does. */
  forget(channel: string): void {
    if (!this.#asked.has(channel) && !this.#heard.has(channel)) return;
    this.#changed.add(channel);
    this.#soon(channel);
  }

  /** Asks now, or once its second is over. */
  #soon(channel: string): void {
    if (this.#later.has(channel)) return;
    const waitMs = NOT_BEFORE_MS - this.#sinceMs(channel);
    if (waitMs <= 0) {
      this.ask(channel);
      return;
    }
    this.#later.add(channel);
    setTimeout(() => {
      this.#later.delete(channel);
      if (this.#changed.has(channel)) this.#soon(channel);
    }, waitMs);
  }

  #sinceMs(channel: string): number {
    return performance.now() - (this.#asked.get(channel) ?? Number.NEGATIVE_INFINITY);
  }

  /** Asks for all channels, for the small guide. */
  askAll(): void {
    const nowMs = performance.now();
    if (nowMs - this.#guideMs < GUIDE_EVERY_MS) return;
    this.#guideMs = nowMs;
    const at = clock.ms;
    const to = new Date(at + GUIDE_MS).toISOString();
    all(api.guide, { from: new Date(at).toISOString(), to }).then(
      (entries) => {
        for (const [channel, now] of presentsOf(entries, clock.ms)) {
          const known = this.#heard.get(channel);
          const better = known !== undefined && endsMs(known) > clock.ms && known.next !== null;
          if (!better) this.#heard.set(channel, now);
        }
      },
      () => {
        this.#guideMs = Number.NEGATIVE_INFINITY;
      },
    );
  }
}
