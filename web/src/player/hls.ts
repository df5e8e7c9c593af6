// hls.js as a source. A module of its own, since hls.js is larger than the rest of the app
// and is loaded when something is watched. Owns every way back from trouble that leads
// through hls.js itself.

import Hls, {
  type ErrorData,
  ErrorDetails,
  ErrorTypes,
  Events,
  type HlsConfig,
  type Level,
} from "hls.js";
import type { Dated } from "./date";
import { measured } from "./growing";
import { type Entry, holding, refused, renditionOf } from "./master";
import { FRAGMENT_FIRST_BYTE_MS, latencyLimit, patience } from "./patience";
import { placeOf, type Rung, startPlace, type Wanted } from "./quality";
import type { Source, SourceEvents, Track } from "./source";

const RESTART_AFTER_MS = 1_500;
/** A picture that cannot be decoded so often within so long is asked for anew. */
const MEDIA_FAULTS = 3;
const MEDIA_FAULTS_WITHIN_MS = 20_000;

export { default as Hls } from "hls.js";

/** What a viewer chose before. */
export interface Chosen {
  quality: Wanted;
  estimateBits: number | null;
}

export class HlsSource implements Source {
  readonly #hls: Hls;
  readonly #events: SourceEvents;
  #rungs: Rung[] = [];
  #fed = false;
  #ended = false;
  #mediaFaults: number[] = [];

  constructor(
    video: HTMLVideoElement,
    entry: Entry & { kind: "open" },
    { quality, estimateBits }: Chosen,
    events: SourceEvents,
  ) {
    this.#events = events;
    const config: Partial<HlsConfig> = { ...patience(estimateBits), ...measured() };
    const loader = holding(entry, Hls.DefaultConfig.loader);
    if (loader !== undefined) config.pLoader = loader;
    const hls = new Hls(config);
    this.#hls = hls;
    hls.on(Events.MANIFEST_PARSED, (_, { levels }) => {
      this.#rungs = levels.map(rungOf);
      const wanted = placeOf(this.#rungs, quality);
      if (wanted >= 0) hls.loadLevel = wanted;
      else hls.startLevel = startPlace(this.#rungs, estimateBits);
      events.changed();
    });
    for (const event of CHANGES) hls.on(event, () => events.changed());
    hls.on(Events.FRAG_BUFFERED, () => this.#wasFed());
    hls.on(Events.BUFFER_APPENDED, () => events.fed());
    hls.on(Events.ERROR, (_, data) => this.#failed(data));
    hls.loadSource(entry.url);
    hls.attachMedia(video);
  }

  segments(): readonly Dated[] {
    return this.#hls.latestLevelDetails?.fragments ?? [];
  }

  get rungs(): readonly Rung[] {
    return this.#rungs;
  }

  get shown(): Rung | null {
    return this.#rungs[this.#hls.currentLevel] ?? null;
  }

  choose(wanted: Wanted): void {
    const place = placeOf(this.#rungs, wanted);
    // What is buffered is shown to its end: all renditions are cut at the same instants.
    this.#hls.nextLevel = place;
  }

  get audio(): readonly Track[] {
    return this.#hls.audioTracks.map(({ name, lang }, id) => ({
      id,
      name,
      language: lang ?? null,
      chosen: id === this.#hls.audioTrack,
    }));
  }

  get subtitles(): readonly Track[] {
    return this.#hls.subtitleTracks.map(({ name, lang }, id) => ({
      id,
      name,
      language: lang ?? null,
      chosen: this.#hls.subtitleDisplay && id === this.#hls.subtitleTrack,
    }));
  }

  chooseAudio(id: number): void {
    this.#hls.audioTrack = id;
  }

  chooseSubtitles(id: number | null): void {
    this.#hls.subtitleDisplay = id !== null;
    this.#hls.subtitleTrack = id ?? -1;
  }

  get estimateBits(): number | null {
    const bits = this.#hls.bandwidthEstimate;
    return this.#fed && Number.isFinite(bits) ? bits : null;
  }

  setBehind(onPurpose: boolean): void {
    this.#hls.config.liveMaxLatencyDurationCount = latencyLimit(onPurpose);
  }

  reload(): void {
    this.#hls.startLoad();
  }

  end(): void {
    this.#ended = true;
    this.#hls.destroy();
  }

  #wasFed(): void {
    this.#fed = true;
    this.#hls.config.fragLoadPolicy.default.maxTimeToFirstByteMs = FRAGMENT_FIRST_BYTE_MS;
    this.#events.fed();
  }

  #failed(data: ErrorData): void {
    if (data.type === ErrorTypes.NETWORK_ERROR && this.#refused(data)) return;
    if (!data.fatal) return;
    if (data.type === ErrorTypes.MEDIA_ERROR) {
      this.#unplayable();
      return;
    }
    window.setTimeout(() => {
      if (this.#ended) return;
      if (this.#hls.levels.length === 0) this.#events.over(null);
      else this.#hls.startLoad();
    }, RESTART_AFTER_MS);
  }

  /** Whether the server's answer ends this stream. */
  #refused({ details, response, networkDetails }: ErrorData): boolean {
    const status = response?.code ?? 0;
    if (LISTS.has(details) && status >= 400) {
      const why = refused(status, headersOf(networkDetails), "");
      // Gone: it no longer knows this viewer (a long sleep), or began another stream. Any
      // other refusal is of a tune-in; whoever has a picture has a place.
      const over = why.kind === "gone" || (why.kind !== "away" && !this.#fed);
      if (over) this.#events.over(why.kind === "gone" ? null : why);
      if (over) return true;
    }
    if (status === 0 || status >= 500) this.#events.missed();
    return false;
  }

  #unplayable(): void {
    const now = performance.now();
    const recent = this.#mediaFaults.filter((at) => now - at < MEDIA_FAULTS_WITHIN_MS);
    this.#mediaFaults = [...recent, now];
    if (this.#mediaFaults.length > MEDIA_FAULTS) this.#events.over(null);
    else this.#hls.recoverMediaError();
  }
}

const LISTS = new Set<string>([
  ErrorDetails.LEVEL_LOAD_ERROR,
  ErrorDetails.LEVEL_EMPTY_ERROR,
  ErrorDetails.MANIFEST_LOAD_ERROR,
]);

const CHANGES = [
  Events.LEVEL_SWITCHED,
  Events.AUDIO_TRACKS_UPDATED,
  Events.AUDIO_TRACK_SWITCHED,
  Events.SUBTITLE_TRACKS_UPDATED,
  Events.SUBTITLE_TRACK_SWITCH,
] as const;

function rungOf({ url, width, height, bitrate }: Level): Rung {
  return { name: renditionOf(url[0] ?? ""), width, height, bitrate };
}

/** hls.js asks by XMLHttpRequest or by fetch, and hands on either. */
function headersOf(details: unknown): Pick<Headers, "get"> {
  if (details instanceof XMLHttpRequest) {
    return { get: (name) => details.getResponseHeader(name) };
  }
  return details instanceof Response ? details.headers : new Headers();
}
