// Which channel is watched: by the address, by up and down, by its number, and the one
// before. Owns what was watched last. The picture changes first, the address after it.

import type { Channel } from "@/api";
import { keep, kept } from "@/app/kept";
import { router } from "@/app/router.svelte";
import { Dial } from "./dial.svelte";
import type { Listings } from "./listings.svelte";
import { address, last, neighbour, type Watched, watched } from "./zap";

export interface RemoteNeeds {
  listings: Listings;
  /** The channel of the address. */
  channel: () => Channel | null;
  /** Puts it on the screen. */
  tune: (id: string) => void;
  /** Somebody did something: what lies over the picture is to be seen. */
  wake: () => void;
}

export class Remote {
  readonly dial: Dial;
  readonly #needs: RemoteNeeds;
  #seen: Watched = kept<Watched>("watched", []);

  constructor(needs: RemoteNeeds) {
    this.#needs = needs;
    this.dial = new Dial(
      () => needs.listings.list,
      (channel) => this.go(channel),
    );
  }

  /** Without a channel in the address: the one watched last, or the first. */
  begin(): void {
    const { list } = this.#needs.listings;
    const first = list.find(({ id }) => id === this.#seen[0]) ?? list[0];
    if (first !== undefined) void router.go(address(first), { replace: true });
  }

  /** This one is on the screen now. */
  watch(id: string): void {
    this.#seen = watched(this.#seen, id);
    keep("watched", this.#seen);
    this.#needs.listings.ask(id);
    this.#needs.tune(id);
  }

  go(to: Channel | undefined): void {
    this.dial.clear();
    this.#needs.wake();
    if (to === undefined || to.id === this.#needs.channel()?.id) return;
    this.watch(to.id);
    void router.go(address(to), { replace: true });
  }

  zap(way: 1 | -1): void {
    const { listings } = this.#needs;
    const to = neighbour(listings.list, this.#needs.channel()?.id ?? null, way);
    this.go(to);
    if (to === undefined) return;
    // What the next one shows is known when its card comes up; that starts no session. The
    // address is this one's a moment later.
    const after = neighbour(listings.list, to.id, way);
    if (after !== undefined) listings.ask(after.id);
  }

  /** Back to the channel before. */
  back(): void {
    this.go(last(this.#needs.listings.list, this.#seen, this.#needs.channel()?.id ?? null));
  }
}
