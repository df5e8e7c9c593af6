// What a lineup would play, asked for as it is edited. Owns when it is asked: once for a
// quick hand, and only the last answer counts. What is asked, the editor says.

import { api, call, large, type NewLineupItem, type Preview, type Problem, reach } from "@/api";
import { problemOf } from "@/api/problem";
import type { Item } from "./items";

/** After the last change, so that a quick hand asks once. */
const AFTER_MS = 350;
/** An evening of short programmes. */
const PROGRAMMES = 80;

/** The lineup as it stands in the editor, and as the server is sent it where it is not saved. */
export interface Question {
  sent: readonly Item[];
  items?: NewLineupItem[];
}

export class LivePreview {
  answer = $state.raw<Preview | null>(null);
  problem = $state.raw<Problem | null>(null);
  asking = $state(false);
  #timer: ReturnType<typeof setTimeout> | null = null;
  #asked = 0;
  #ended = false;

  constructor(
    readonly channel: string,
    /** Null where there is nothing to ask yet. */
    readonly question: () => Question | null,
    readonly refused: (problem: Problem, sent: readonly Item[]) => void,
  ) {}

  /** Asks now: what is on has changed, or the lineup as it is saved. */
  again(): void {
    this.#in(0);
  }

  /** Asks when the hand rests. A large lineup is a large question. */
  soon(): void {
    this.#in(AFTER_MS + (this.question()?.sent.length ?? 0) / 20);
  }

  end(): void {
    this.#ended = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  #in(afterMs: number): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#ask(), afterMs);
  }

  async #ask(): Promise<void> {
    const question = this.question();
    if (question === null || this.#ended || reach.isAway) return;
    this.#asked += 1;
    const asked = this.#asked;
    const { items, sent } = question;
    const body = { limit: PROGRAMMES, ...(items === undefined ? {} : { items }) };
    this.asking = true;
    try {
      const path = { channel: this.channel };
      const answer = await call(api.preview({ ...large, path, body }));
      if (asked !== this.#asked) return;
      this.answer = answer;
      this.problem = null;
    } catch (thrown) {
      if (asked !== this.#asked) return;
      this.problem = problemOf(thrown, undefined);
      this.refused(this.problem, sent);
    } finally {
      if (asked === this.#asked) this.asking = false;
    }
  }
}
