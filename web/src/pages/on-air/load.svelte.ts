// How loaded server and machine were in the last minutes. Owns the samples: the server's
// memory of them at first, then each as it is told.

import { untrack } from "svelte";
import { api, call, events, type LoadSample, type Problem, reach } from "@/api";
import { millis } from "@/text/time";
import { Series } from "./series";

/** As long as the charts show. */
export const SHOWN_MS = 300_000;

/** What each chart is of. */
const FIGURES = {
  cpu: (sample: LoadSample) => sample.machine_cpu_percent,
  memory: ({ server_memory_bytes, ffmpeg_memory_bytes }: LoadSample) =>
    server_memory_bytes === null ? null : server_memory_bytes + (ffmpeg_memory_bytes ?? 0),
  disk: (sample: LoadSample) => sample.store_bytes,
  network: (sample: LoadSample) => sample.sent_bytes_per_second * 8,
  viewers: (sample: LoadSample) => sample.viewers,
} satisfies Record<string, (sample: LoadSample) => number | null>;

export type Figure = keyof typeof FIGURES;
export const FIGURE_NAMES = Object.keys(FIGURES) as Figure[];

export class LoadHistory {
  readonly #series = new Map(FIGURE_NAMES.map((figure) => [figure, new Series(SHOWN_MS)]));
  /** What is told while the server's memory is asked for: it goes after that. */
  #told: LoadSample[] | null = null;
  latest = $state.raw<LoadSample>();
  problem = $state.raw<Problem>();

  series(figure: Figure): Series {
    return this.#series.get(figure) ?? new Series(SHOWN_MS);
  }

  /** Listens until the answer is called. */
  follow(): () => void {
    // What is known already is no reason to begin again.
    untrack(() => void this.#ask());
    const ends = [
      events.on(["load"], (sample) => {
        if (this.#told === null) this.#take(sample);
        else this.#told.push(sample);
      }),
      events.on(["missed"], () => void this.#ask()),
      reach.onBack(() => void this.#ask()),
    ];
    return () => {
      for (const end of ends) end();
    };
  }

  #take(sample: LoadSample): void {
    for (const [figure, of] of Object.entries(FIGURES)) {
      this.series(figure as Figure).push(millis(sample.at), of(sample));
    }
    this.latest = sample;
    this.problem = undefined;
  }

  async #ask(): Promise<void> {
    if (this.#told !== null) return;
    const told: LoadSample[] = [];
    this.#told = told;
    try {
      const since = this.latest?.at;
      const { samples } = await call(api.getLoad(since === undefined ? {} : { query: { since } }));
      for (const sample of samples) this.#take(sample);
    } catch (thrown) {
      this.problem = thrown as Problem;
    } finally {
      this.#told = null;
      for (const sample of told) this.#take(sample);
    }
  }
}
