// What aired, played again from its start: a whole list, which is played as a film is. Owns
// the way in, the way back from trouble, and what is told of it. In step with nobody. Of a
// programme that is still on, what has not aired yet is refused by the server, and asked
// for again until it has.

import { source } from "./make";
import { type Entry, enter } from "./master";
import { AGAIN_MS, refusal, type Trouble } from "./refusal";
import type { Source } from "./source";

/** All that the page needs to know of it. */
export interface ReplayView {
  /** `tuning`: nothing of it was shown yet. */
  picture: "tuning" | "shown" | "ended";
  trouble: Trouble | null;
  paused: boolean;
  /** The browser lets it play without sound only, or only when somebody presses. */
  blocked: "sound" | "all" | null;
  /** Where it is, and how long it is; 0 while that is not known. */
  atMs: number;
  lengthMs: number;
}

/** What it needs of the page. */
export interface ReplayNeeds {
  /** The address of the list. */
  url: string;
  /** What the viewer set. */
  sound: () => { volume: number; muted: boolean };
  changed: (view: ReplayView) => void;
}

const HAVE_FUTURE_DATA = 3;
/** Nothing is made sooner than it airs; so far before that, it surely is. */
const SHORT_OF_NOW_MS = 3_000;
/** Who goes past the end sees it end. */
const SHORT_OF_END_MS = 1_000;

export const TUNING: ReplayView = {
  picture: "tuning",
  trouble: null,
  paused: false,
  blocked: null,
  atMs: 0,
  lengthMs: 0,
};

export class Replay {
  readonly #video: HTMLVideoElement;
  readonly #needs: ReplayNeeds;
  readonly #abort = new AbortController();
  #source: Source | null = null;
  #again: ReturnType<typeof setTimeout> | null = null;
  #view: ReplayView = TUNING;

  constructor(video: HTMLVideoElement, needs: ReplayNeeds) {
    this.#video = video;
    this.#needs = needs;
    const on = (event: string, does: () => void) =>
      video.addEventListener(event, does, { signal: this.#abort.signal });
    on("timeupdate", () => this.#moved());
    on("seeking", () => this.#moved());
    on("durationchange", () => this.#moved());
    on("playing", () => this.#change({ picture: "shown", trouble: null, paused: false }));
    on("pause", () => !video.ended && this.#change({ paused: true }));
    on("play", () => this.#change({ paused: false }));
    on("ended", () => this.#change({ picture: "ended" }));
    this.setSound();
    void this.#enter();
  }

  /** Nothing of it is left. */
  end(): void {
    this.#abort.abort();
    if (this.#again !== null) clearTimeout(this.#again);
    this.#source?.end();
    this.#source = null;
  }

  setPaused(paused: boolean): void {
    if (paused) this.#video.pause();
    else this.#play();
  }

  /**
   * Goes to a place of it, as far as it is there: `airedMs` of it have been on the air. The
   * place it came to.
   */
  seek(toMs: number, airedMs: number): number {
    const last = Math.min(this.#view.lengthMs - SHORT_OF_END_MS, airedMs - SHORT_OF_NOW_MS);
    const ms = Math.max(0, Math.min(toMs, last));
    this.#video.currentTime = ms / 1_000;
    if (this.#view.picture === "ended" && ms < this.#view.lengthMs) {
      this.#change({ picture: "shown" });
      this.#play();
    }
    return ms;
  }

  /** Somebody pressed: the browser lets it play now, with sound. */
  press(): void {
    const { blocked } = this.#view;
    if (blocked === null) return;
    this.#change({ blocked: null });
    this.setSound();
    if (blocked === "all") this.#play();
  }

  setSound(): void {
    const { volume, muted } = this.#needs.sound();
    this.#video.volume = volume;
    this.#video.muted = muted;
    if (!muted && this.#view.blocked === "sound") this.#change({ blocked: null });
  }

  async #enter(): Promise<void> {
    const { signal } = this.#abort;
    const [make, entry] = await Promise.all([source(), enter(this.#needs.url, signal)]);
    if (signal.aborted) return;
    if (entry.kind !== "open") {
      this.#refused(entry);
      return;
    }
    if (make === "none") {
      this.#change({ trouble: { kind: "unsupported" } });
      return;
    }
    if (make === "away") {
      this.#refused({ kind: "away" });
      return;
    }
    // Where it was, when it was begun anew.
    const fromS = this.#view.atMs / 1_000;
    this.#source?.end();
    this.#source = make(
      this.#video,
      entry,
      { quality: null, estimateBits: null },
      {
        changed: () => {},
        fed: () => {},
        missed: () => this.#missed(),
        over: (why) => (why === null ? this.#later(AGAIN_MS) : this.#refused(why)),
      },
    );
    if (fromS > 0) this.#video.currentTime = fromS;
    this.#play();
  }

  #play(): void {
    this.#video.play().catch((fault: unknown) => {
      const refused = fault instanceof DOMException && fault.name === "NotAllowedError";
      if (!refused || this.#abort.signal.aborted) return;
      if (this.#video.muted) {
        this.#change({ blocked: "all" });
        return;
      }
      this.#video.muted = true;
      this.#change({ blocked: "sound" });
      this.#play();
    });
  }

  #refused(entry: Entry): void {
    const refused = refusal(entry, Date.now());
    if (refused === null) return;
    this.#change({ trouble: refused.trouble });
    if (refused.againMs !== null) this.#later(refused.againMs);
  }

  #later(ms: number): void {
    if (this.#again !== null) clearTimeout(this.#again);
    this.#again = setTimeout(() => void this.#enter(), ms);
  }

  #missed(): void {
    if (this.#video.readyState < HAVE_FUTURE_DATA) this.#change({ trouble: { kind: "away" } });
  }

  #moved(): void {
    const { currentTime, duration, readyState } = this.#video;
    // A source that is being put in tells of nothing yet.
    if (!Number.isFinite(duration)) return;
    const trouble = readyState >= HAVE_FUTURE_DATA ? null : this.#view.trouble;
    this.#change({ atMs: currentTime * 1_000, lengthMs: duration * 1_000, trouble });
  }

  #change(change: Partial<ReplayView>): void {
    this.#view = { ...this.#view, ...change };
    this.#needs.changed(this.#view);
  }
}
