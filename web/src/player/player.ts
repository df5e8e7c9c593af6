// One television set: a video element that is off or tuned to a channel. Owns tuning in,
// leaving, the way back from trouble, and carrying out what `step` decides; what is on,
// and what the page says, are not its business.

import type { ChannelClock } from "./clock";
import { dateOf } from "./date";
import type { Chosen } from "./hls";
import { source } from "./make";
import { type Entry, enter } from "./master";
import type { Rung, Wanted } from "./quality";
import { AGAIN_MS, refusal, type Trouble } from "./refusal";
import type { Source, SourceEvents, Track } from "./source";
import { DELAY_MS, decide, joining, type Seen, type Step, type Told, toLive, told } from "./step";
import { look, type Still, UNSEEN } from "./still";

/** All that the page needs to know of it. */
export interface View {
  channel: string | null;
  /** `tuning`: nothing of this channel was shown yet. */
  picture: "off" | "tuning" | "shown";
  trouble: Trouble | null;
  told: Told;
  paused: boolean;
  /** The browser lets it play without sound only, or only when somebody presses. */
  blocked: "sound" | "all" | null;
  rungs: readonly Rung[];
  shown: Rung | null;
  audio: readonly Track[];
  subtitles: readonly Track[];
}

/** What a player needs of the page. */
export interface Needs {
  clock: ChannelClock;
  /** The address of a path of the server's. */
  href: (path: string) => string;
  chosen: Chosen;
  /** What the viewer set. */
  sound: () => { volume: number; muted: boolean };
  changed: (view: View) => void;
  /** The first picture of a channel is there, so long after it was asked for. */
  shown?: (channel: string, afterMs: number) => void;
}

const LOOK_MS = 250;
const AIM_MS = 50;
const SECOND_MS = 1_000;

/** What belongs to one tuning; later answers to an older one are recognised by it. */
interface Tuning {
  channel: string;
  sinceMs: number;
  abort: AbortController;
  client: string | null;
  source: Source | null;
}

export class Player {
  readonly #video: HTMLVideoElement;
  readonly #needs: Needs;
  #tuning: Tuning | null = null;
  #step: Step = joining();
  #still: Still = UNSEEN;
  #looked: ReturnType<typeof setTimeout> | null = null;
  #again: ReturnType<typeof setTimeout> | null = null;
  /** What it last told the element to do: any other pause is the viewer's. */
  #plays = false;
  #paused = false;
  #view: View = OFF;
  readonly #ends: (() => void)[] = [];

  constructor(video: HTMLVideoElement, needs: Needs) {
    this.#video = video;
    this.#needs = needs;
    const second = setInterval(() => this.#watch(), SECOND_MS);
    this.#ends.push(() => clearInterval(second));
    this.#on(video, "pause", () => this.#setPausedByBrowser(true));
    this.#on(video, "play", () => this.#setPausedByBrowser(false));
    for (const event of ["seeked", "canplay", "loadeddata"]) {
      this.#on(video, event, () => this.#look());
    }
    this.#on(window, "pagehide", () => this.#leave());
    this.#on(window, "pageshow", (event) => {
      if ((event as PageTransitionEvent).persisted) this.#retune();
    });
  }

  /** Everything, as it is now. */
  get view(): View {
    return this.#view;
  }

  /** What the line carries, for the next time. */
  get estimateBits(): number | null {
    return this.#tuning?.source?.estimateBits ?? null;
  }

  /** Shows a channel, and leaves the one before. */
  tune(channel: string): void {
    this.#clear();
    const tuning: Tuning = {
      channel,
      sinceMs: performance.now(),
      abort: new AbortController(),
      client: null,
      source: null,
    };
    this.#tuning = tuning;
    this.setSound();
    this.#needs.clock.follow(channel);
    this.#change({ ...OFF, channel, picture: "tuning" });
    void this.#enter(tuning);
  }

  /** Turns it off. */
  off(): void {
    this.#clear();
    this.#needs.clock.follow(null);
    this.#change(OFF);
  }

  /** Off, and nothing of it is left. */
  end(): void {
    this.off();
    for (const end of this.#ends.splice(0)) end();
  }

  setPaused(paused: boolean): void {
    if (this.#tuning === null || paused === this.#paused) return;
    this.#paused = paused;
    this.#tuning.source?.setBehind(true);
    this.#change({ paused });
    this.#look();
  }

  /** Back to what is on now. */
  goLive(): void {
    this.#paused = false;
    this.#step = toLive(this.#step, performance.now());
    this.#tuning?.source?.setBehind(false);
    this.#change({ paused: false });
    this.#look();
  }

  /** Somebody pressed: the browser lets it play now, with sound. */
  press(): void {
    const { blocked } = this.#view;
    if (blocked === null) return;
    this.#change({ blocked: null });
    this.#video.muted = this.#needs.sound().muted;
    if (blocked === "all") this.goLive();
  }

  /** The viewer's own volume; a browser that plays without sound alone is not asked again. */
  setSound(): void {
    const { volume, muted } = this.#needs.sound();
    this.#video.volume = volume;
    this.#video.muted = muted;
    if (!muted && this.#view.blocked === "sound") this.#change({ blocked: null });
  }

  choose(quality: Wanted): void {
    this.#needs.chosen.quality = quality;
    this.#tuning?.source?.choose(quality);
    this.#told();
  }

  chooseAudio(id: number): void {
    this.#tuning?.source?.chooseAudio(id);
    this.#told();
  }

  chooseSubtitles(id: number | null): void {
    this.#tuning?.source?.chooseSubtitles(id);
    this.#told();
  }

  async #enter(tuning: Tuning): Promise<void> {
    const url = this.#needs.href(`/stream/${encodeURIComponent(tuning.channel)}/master.m3u8`);
    // Both at once: hls.js is on its way when a channel is first asked for.
    const [kind, entry] = await Promise.all([source(), enter(url, tuning.abort.signal)]);
    if (tuning !== this.#tuning) {
      // It was zapped away from while it was asked: nobody watches it.
      if (entry.kind === "open") this.#sayLeft(tuning.channel, entry.client);
      return;
    }
    if (entry.kind !== "open") {
      this.#refused(entry);
      return;
    }
    tuning.client = entry.client;
    if (kind === "none") {
      this.#leave();
      this.#change({ trouble: { kind: "unsupported" } });
      return;
    }
    if (kind === "away") {
      this.#refused({ kind: "away" });
      return;
    }
    tuning.source = kind(this.#video, entry, this.#needs.chosen, this.#eventsOf(tuning));
    this.#told();
    this.#look();
  }

  #eventsOf(tuning: Tuning): SourceEvents {
    const own = (does: () => void) => () => {
      if (tuning === this.#tuning) does();
    };
    return {
      changed: own(() => this.#told()),
      fed: own(() => this.#look()),
      missed: own(() => this.#missed()),
      over: (why) => {
        if (tuning !== this.#tuning) return;
        if (why === null) this.#later(AGAIN_MS);
        else this.#refused(why);
      },
    };
  }

  #refused(entry: Entry): void {
    const refused = refusal(entry, Date.now());
    if (refused === null) return;
    this.#change({ trouble: refused.trouble });
    if (refused.againMs !== null) this.#later(refused.againMs);
  }

  /** Tunes in anew after a while, unless something else is shown by then. */
  #later(ms: number): void {
    if (this.#again !== null) clearTimeout(this.#again);
    this.#again = setTimeout(() => this.#retune(), ms);
  }

  /** Anew, with what is said of the trouble left standing until there is a picture. */
  #retune(): void {
    const { channel, trouble } = this.#view;
    if (channel === null) return;
    this.tune(channel);
    this.#change({ trouble });
  }

  #missed(): void {
    const stands = this.#view.picture === "tuning" || this.#video.readyState < HAVE_FUTURE_DATA;
    if (stands) this.#change({ trouble: { kind: "away" } });
  }

  #clear(): void {
    this.#leave();
    const tuning = this.#tuning;
    this.#tuning = null;
    tuning?.abort.abort();
    tuning?.source?.end();
    for (const timer of [this.#looked, this.#again]) if (timer !== null) clearTimeout(timer);
    [this.#looked, this.#again] = [null, null];
    [this.#step, this.#still] = [joining(this.#step), UNSEEN];
    [this.#plays, this.#paused] = [false, false];
    this.#video.playbackRate = 1;
    delete this.#video.dataset.dateAtZero;
  }

  #leave(): void {
    const tuning = this.#tuning;
    if (tuning === null) return;
    this.#sayLeft(tuning.channel, tuning.client);
    tuning.client = null;
  }

  #sayLeft(channel: string, client: string | null): void {
    if (client === null) return;
    const path = `/stream/${encodeURIComponent(channel)}/clients/${encodeURIComponent(client)}/leave`;
    navigator.sendBeacon(this.#needs.href(path));
  }

  /** Sees how it does, lets `step` decide, and does that. */
  #look(): void {
    if (this.#looked !== null) clearTimeout(this.#looked);
    this.#looked = null;
    const tuning = this.#tuning;
    if (tuning?.source == null) return;
    const seen = this.#seen(tuning.source);
    const [step, todo] = decide(this.#step, seen);
    if (step.kind !== this.#step.kind) tuning.source.setBehind(step.kind === "behind");
    this.#step = step;
    const video = this.#video;
    if (todo.jumpMs !== 0) video.currentTime += todo.jumpMs / 1_000;
    if (Math.abs(video.playbackRate - todo.rate) > 0.001) video.playbackRate = todo.rate;
    this.#setPlaying(todo.playing && this.#view.blocked !== "all");
    this.#change({ told: told(step, seen) });
    if (seen.pictureMs !== null && this.#view.picture === "tuning") this.#firstPicture(tuning);
    const wait = step.kind === "joining" ? AIM_MS : LOOK_MS;
    const againMs = Math.max(10, Math.min(wait, todo.againInMs ?? wait));
    this.#looked = setTimeout(() => this.#look(), againMs);
  }

  #seen(source: Source): Seen {
    const video = this.#video;
    const atMs = performance.now();
    const now = this.#needs.clock.channelMs(atMs);
    const has = video.readyState >= HAVE_CURRENT_DATA;
    const date = source.dateNow ? source.dateNow() : dateOf(source.segments(), video.currentTime);
    if (date !== null) {
      // For whoever asks the element which instant it shows.
      video.dataset.dateAtZero = String(date - video.currentTime * 1_000);
    }
    return {
      atMs,
      targetMs: now === null ? null : now - DELAY_MS,
      pictureMs: has ? date : null,
      aheadMs: ahead(video) * 1_000,
      ready: video.readyState >= HAVE_FUTURE_DATA && !video.seeking,
      paused: this.#paused || this.#view.blocked === "all",
    };
  }

  #firstPicture(tuning: Tuning): void {
    const say = () => {
      if (tuning !== this.#tuning || this.#view.picture === "shown") return;
      const afterMs = performance.now() - tuning.sinceMs;
      this.#change({ picture: "shown", trouble: null });
      performance.measure("aerial: first picture", { start: tuning.sinceMs, duration: afterMs });
      this.#needs.shown?.(tuning.channel, afterMs);
    };
    // A picture that is decoded is not on the screen yet.
    if (document.hidden || this.#video.requestVideoFrameCallback === undefined) say();
    else requestAnimationFrame(say);
  }

  #setPlaying(plays: boolean): void {
    if (plays === this.#plays && plays === !this.#video.paused) return;
    this.#plays = plays;
    if (!plays) {
      this.#video.pause();
      return;
    }
    const tuning = this.#tuning;
    this.#video.play().catch((fault: unknown) => {
      const refused = fault instanceof DOMException && fault.name === "NotAllowedError";
      if (!refused || tuning !== this.#tuning) return;
      this.#plays = false;
      if (this.#video.muted) {
        this.#change({ blocked: "all" });
        return;
      }
      this.#video.muted = true;
      this.#change({ blocked: "sound" });
      this.#look();
    });
  }

  /** By the browser's own controls, a headset's button, a window of its own. */
  #setPausedByBrowser(paused: boolean): void {
    // What was said before something else was done is told late.
    if (this.#video.paused !== paused || paused !== this.#plays) return;
    if (this.#tuning?.source == null) return;
    this.#plays = !paused;
    this.setPaused(paused);
  }

  /** Once a second: does the picture move? */
  #watch(): void {
    if (this.#tuning === null) return;
    const stands = this.#paused || this.#view.blocked === "all" || document.hidden;
    const waits =
      this.#again !== null ||
      (this.#step.kind === "joining" && !this.#plays && this.#view.picture === "shown");
    const [still, answer] = look(this.#still, {
      timeS: this.#video.currentTime,
      elapsedMs: SECOND_MS,
      stands: stands || waits,
    });
    this.#still = still;
    if (answer === "retune") this.#retune();
    else if (answer === "reload") this.#tuning.source?.reload();
    else if (answer === "say" && this.#view.trouble === null && this.#view.picture === "shown") {
      this.#change({ trouble: { kind: "waiting" } });
    }
    const moves = answer === "moves" || (still.stillMs === 0 && !stands && !waits);
    if (moves && this.#view.trouble !== null && this.#view.picture === "shown") {
      this.#change({ trouble: null });
    }
  }

  /** Rungs and tracks, as the source has them. */
  #told(): void {
    const source = this.#tuning?.source;
    if (source == null) return;
    const { rungs, shown, audio, subtitles } = source;
    this.#change({ rungs, shown, audio, subtitles });
  }

  #change(change: Partial<View>): void {
    this.#view = { ...this.#view, ...change };
    this.#needs.changed(this.#view);
  }

  #on(target: EventTarget, event: string, listener: (event: Event) => void): void {
    target.addEventListener(event, listener);
    this.#ends.push(() => target.removeEventListener(event, listener));
  }
}

const HAVE_CURRENT_DATA = 2;
const HAVE_FUTURE_DATA = 3;

const OFF: View = {
  channel: null,
  picture: "off",
  trouble: null,
  told: { kind: "joining" },
  paused: false,
  blocked: null,
  rungs: [],
  shown: null,
  audio: [],
  subtitles: [],
};

/** Seconds that are buffered from the picture on. */
function ahead(video: HTMLVideoElement): number {
  const HOLE_S = 0.3;
  let end = video.currentTime;
  for (let at = 0; at < video.buffered.length; at += 1) {
    if (video.buffered.start(at) <= end + HOLE_S) end = Math.max(end, video.buffered.end(at));
  }
  return end - video.currentTime;
}
