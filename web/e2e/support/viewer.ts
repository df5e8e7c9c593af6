// Somebody who watches: asks for a channel's list and its segments as an HLS player does.

import { PATIENCE_MS, until } from "./server";

/** How often a player looks for something new. */
const LOOKS_EVERY_MS = 500;

export class Viewer {
  #ended = false;
  #fetched = new Set<string>();
  #done: Promise<void> = Promise.resolve();
  #error: unknown = null;

  private constructor(readonly list: string) {}

  /** Tunes in, and has got a first segment when this is done. */
  static async tuneIn(server: string, channel: string): Promise<Viewer> {
    const master = `${server}/stream/${channel}.m3u8`;
    const [first] = await lines(master);
    if (first === undefined) throw new Error(`${master} lists nothing`);
    const viewer = new Viewer(new URL(first, master).href);
    viewer.#done = viewer.#watch().catch((error: unknown) => {
      viewer.#error = error;
    });
    await until(
      "a first segment",
      () => {
        if (viewer.#error !== null) throw viewer.#error;
        return viewer.#fetched.size > 0;
      },
      PATIENCE_MS,
    );
    return viewer;
  }

  /** Watches no more, and says so. */
  async end(): Promise<void> {
    this.#ended = true;
    await this.#done;
    const { origin, pathname, searchParams } = new URL(this.list);
    const channel = pathname.split("/").at(-2);
    const leave = `${origin}/stream/${channel}/clients/${searchParams.get("client")}/leave`;
    await fetch(leave, { method: "POST" });
  }

  async #watch(): Promise<void> {
    while (!this.#ended) {
      for (const segment of await lines(this.list)) {
        const address = new URL(segment, this.list).href;
        if (this.#ended) return;
        if (this.#fetched.has(address)) continue;
        const answer = await fetch(address);
        await answer.arrayBuffer();
        if (answer.ok) this.#fetched.add(address);
      }
      await new Promise((next) => setTimeout(next, LOOKS_EVERY_MS));
    }
  }
}

/** What a list names. */
async function lines(address: string): Promise<string[]> {
  const answer = await fetch(address);
  if (!answer.ok) return [];
  return (await answer.text()).split("\n").filter((line) => line !== "" && !line.startsWith("#"));
}
