// Plays one channel in one <video>. Owns hls.js (or the browser's own HLS), the
// viewer's id, and every way back from trouble; knows nothing of the page around it.

import Hls, { ErrorTypes, Events, type HlsConfig, type LoadPolicy } from "hls.js";
import { clientOf, leave, streamUrl } from "./api";

/** What the page should say about the picture. */
export type Picture =
  | { kind: "off" }
  | { kind: "tuning" }
  | { kind: "playing" }
  | { kind: "trouble"; words: string };

// With hls.js's defaults a page stays frozen for ever once the server was away for
// 4 s; with these it came back by itself after 20 s.
const ERROR_RETRIES = 60;
const TIMEOUT_RETRIES = 20;
const RETRY_AFTER_MS = 500;
const RETRY_AT_MOST_MS = 2_000;
const PLAYLIST_FIRST_BYTE_MS = 4_000;
const FRAGMENT_FIRST_BYTE_MS = 6_000;
/** The first fragment is still being made when it is asked for. */
const FIRST_FRAGMENT_FIRST_BYTE_MS = 30_000;
const LOAD_MS = 30_000;
const RESTART_AFTER_MS = 1_500;
const LATENCY_LIMIT_SEGMENTS = 12;

/** A picture that stood still for this long is said to have. */
const STILL_SAY_MS = 4_000;
/** For this long: ask for the next segment once more. */
const STILL_RELOAD_MS = 12_000;
/** For this long: tune in anew. */
const STILL_RETUNE_MS = 30_000;

function policy(firstByteMs: number): LoadPolicy {
  return {
    default: {
      maxTimeToFirstByteMs: firstByteMs,
      maxLoadTimeMs: LOAD_MS,
      timeoutRetry: { maxNumRetry: TIMEOUT_RETRIES, retryDelayMs: 0, maxRetryDelayMs: 0 },
      errorRetry: {
        maxNumRetry: ERROR_RETRIES,
        retryDelayMs: RETRY_AFTER_MS,
        maxRetryDelayMs: RETRY_AT_MOST_MS,
        backoff: "linear",
      },
    },
  };
}

/** The patient settings; new for each tuning, since the player changes them. */
export function patience(): Partial<HlsConfig> {
  return {
    progressive: true,
    liveSyncDurationCount: 3,
    liveMaxLatencyDurationCount: LATENCY_LIMIT_SEGMENTS,
    maxBufferHole: 0.3,
    backBufferLength: 30,
    manifestLoadPolicy: policy(PLAYLIST_FIRST_BYTE_MS),
    playlistLoadPolicy: policy(PLAYLIST_FIRST_BYTE_MS),
    fragLoadPolicy: policy(FIRST_FRAGMENT_FIRST_BYTE_MS),
  };
}

/** One television set: a screen that is off or tuned to a channel. */
export class Player {
  readonly #video: HTMLVideoElement;
  readonly #report: (picture: Picture) => void;
  #channel: string | null = null;
  #client: string | null = null;
  #hls: Hls | null = null;
  /** Grows with each tuning, so that an answer to an older one is recognised. */
  #tuning = 0;
  #lastTime = -1;
  #stillMs = 0;
  #reloaded = false;

  constructor(video: HTMLVideoElement, report: (picture: Picture) => void) {
    this.#video = video;
    this.#report = report;
    video.addEventListener("playing", () => this.#moved());
    video.addEventListener("pause", () => this.#holdLatency(Number.POSITIVE_INFINITY));
    video.addEventListener("play", () => this.#holdLatency(LATENCY_LIMIT_SEGMENTS));
    window.setInterval(() => this.#watch(1_000), 1_000);
    window.addEventListener("pagehide", () => this.#leave());
    window.addEventListener("pageshow", (event) => {
      if (event.persisted && this.#channel !== null) this.tune(this.#channel);
    });
  }

  /** The channel on the screen. */
  get channel(): string | null {
    return this.#channel;
  }

  /** Shows a channel, and leaves the one before. */
  tune(channel: string): void {
    this.#end();
    this.#channel = channel;
    this.#report({ kind: "tuning" });
    const tuning = this.#tuning;
    if (Hls.isSupported()) {
      this.#tuneWithHls(channel);
    } else if (this.#video.canPlayType("application/vnd.apple.mpegurl") !== "") {
      void this.#tuneNatively(channel, tuning);
    } else {
      this.#report({
        kind: "trouble",
        words: "This browser cannot play live streams. Open the channel's address in VLC instead.",
      });
    }
  }

  /** Turns the screen off. */
  off(): void {
    this.#end();
    this.#channel = null;
    this.#report({ kind: "off" });
  }

  #end(): void {
    this.#leave();
    this.#tuning += 1;
    this.#lastTime = -1;
    this.#stillMs = 0;
    this.#reloaded = false;
    this.#hls?.destroy();
    this.#hls = null;
    this.#video.removeAttribute("src");
    this.#video.load();
  }

  #leave(): void {
    if (this.#channel !== null && this.#client !== null) leave(this.#channel, this.#client);
    this.#client = null;
  }

  #tuneWithHls(channel: string): void {
    const hls = new Hls(patience());
    this.#hls = hls;
    hls.on(Events.MANIFEST_PARSED, (_, { levels }) => {
      this.#client = levels[0]?.url[0] === undefined ? null : clientOf(levels[0].url[0]);
      this.#play();
    });
    hls.on(Events.FRAG_BUFFERED, () => {
      const { default: fragments } = hls.config.fragLoadPolicy;
      fragments.maxTimeToFirstByteMs = FRAGMENT_FIRST_BYTE_MS;
    });
    hls.on(Events.ERROR, (_, { type, fatal, response, details }) => {
      const status = response?.code ?? 0;
      if (status === 404 && details.startsWith("manifest")) {
        this.#report({ kind: "trouble", words: "This channel is gone. Choose another." });
        hls.stopLoad();
        return;
      }
      if ((status === 404 || status === 410) && details.startsWith("level")) {
        // The server no longer knows this viewer: a long sleep, most often.
        this.#later(() => this.tune(channel));
        return;
      }
      if (!fatal) return;
      if (type === ErrorTypes.MEDIA_ERROR) {
        hls.recoverMediaError();
        this.#play();
        return;
      }
      this.#report({ kind: "trouble", words: "The server does not answer. Trying again." });
      this.#later(() => {
        if (hls.levels.length === 0) this.tune(channel);
        else hls.startLoad();
      });
    });
    hls.loadSource(streamUrl(channel));
    hls.attachMedia(this.#video);
  }

  /** Reads the master list itself, to know the viewer's id, and hands on what it names. */
  async #tuneNatively(channel: string, tuning: number): Promise<void> {
    const master = new URL(streamUrl(channel), location.href);
    try {
      const text = await (await fetch(master)).text();
      const rendition = text
        .split("\n")
        .find((line) => line.trim() !== "" && !line.startsWith("#"));
      if (tuning !== this.#tuning || rendition === undefined) return;
      const url = new URL(rendition.trim(), master);
      this.#client = clientOf(url.href);
      this.#video.src = url.href;
      this.#video.onerror = () => this.#later(() => this.tune(channel));
      this.#play();
    } catch {
      if (tuning !== this.#tuning) return;
      this.#report({ kind: "trouble", words: "The server does not answer. Trying again." });
      this.#later(() => this.tune(channel));
    }
  }

  #play(): void {
    const tuning = this.#tuning;
    this.#video.play().catch((fault: unknown) => {
      const refused = fault instanceof DOMException && fault.name === "NotAllowedError";
      if (refused && tuning === this.#tuning && !this.#video.muted) {
        this.#video.muted = true;
        this.#play();
      }
    });
  }

  /** Does `what` after a moment, unless the screen shows something else by then. */
  #later(what: () => void): void {
    const tuning = this.#tuning;
    window.setTimeout(() => {
      if (tuning === this.#tuning) what();
    }, RESTART_AFTER_MS);
  }

  /** A viewer who paused on purpose is not pulled back to the present. */
  #holdLatency(segments: number): void {
    if (this.#hls !== null) this.#hls.config.liveMaxLatencyDurationCount = segments;
  }

  #moved(): void {
    this.#stillMs = 0;
    this.#reloaded = false;
    if (this.#channel !== null) this.#report({ kind: "playing" });
  }

  /** Looks once a second whether the picture moves. */
  #watch(elapsedMs: number): void {
    const channel = this.#channel;
    if (channel === null || document.hidden) return;
    if (this.#video.paused && this.#video.readyState >= HTMLMediaElement.HAVE_FUTURE_DATA) return;
    const time = this.#video.currentTime;
    if (time !== this.#lastTime && time > 0) {
      const stood = this.#stillMs >= STILL_SAY_MS;
      this.#lastTime = time;
      if (stood) this.#moved();
      this.#stillMs = 0;
      return;
    }
    this.#stillMs += elapsedMs;
    if (this.#stillMs >= STILL_RETUNE_MS) {
      this.tune(channel);
    } else if (this.#stillMs >= STILL_RELOAD_MS && !this.#reloaded) {
      this.#reloaded = true;
      this.#hls?.startLoad();
    }
    if (this.#stillMs === STILL_SAY_MS && this.#lastTime > 0) {
      this.#report({ kind: "trouble", words: "The picture has stopped. Waiting for the server." });
    }
  }
}
