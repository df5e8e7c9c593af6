// The browser's own HLS as a source, where there is no other (phones of Apple's without
// managed media sources). It is given one rendition; what it does with it is its own.

import type { Dated } from "./date";
import { type Entry, renditionOf, renditions } from "./master";
import { placeOf, type Rung, type Wanted } from "./quality";
import type { Source, SourceEvents, Track } from "./source";

/** What Safari's video element has beyond others. */
interface Own {
  getStartDate?: () => Date;
  audioTracks?: ArrayLike<{ label: string; language: string; enabled: boolean }>;
}

export class NativeSource implements Source {
  readonly #video: HTMLVideoElement & Own;
  readonly #urls: string[];
  readonly rungs: readonly Rung[];
  readonly estimateBits = null;
  readonly #over: () => void;
  readonly #changed: () => void;
  #place = 0;

  constructor(
    video: HTMLVideoElement,
    entry: Entry & { kind: "open" },
    quality: Wanted,
    events: SourceEvents,
  ) {
    this.#video = video;
    this.#urls = renditions(entry.text, entry.url);
    this.rungs = described(entry.text, this.#urls);
    this.#over = () => events.over(null);
    this.#changed = () => {
      events.changed();
      events.fed();
    };
    video.addEventListener("error", this.#over);
    video.addEventListener("loadedmetadata", this.#changed);
    this.choose(quality);
  }

  segments(): readonly Dated[] {
    return [];
  }

  dateNow(): number | null {
    const zero = this.#video.getStartDate?.().getTime() ?? Number.NaN;
    return Number.isFinite(zero) ? zero + this.#video.currentTime * 1_000 : null;
  }

  get shown(): Rung | null {
    return this.rungs[this.#place] ?? null;
  }

  choose(wanted: Wanted): void {
    this.#place = Math.max(0, placeOf(this.rungs, wanted));
    const url = this.#urls[this.#place];
    if (url !== undefined && this.#video.src !== url) this.#video.src = url;
  }

  get audio(): readonly Track[] {
    return Array.from(this.#video.audioTracks ?? [], ({ label, language, enabled }, id) => ({
      id,
      name: label,
      language,
      chosen: enabled,
    }));
  }

  get subtitles(): readonly Track[] {
    return [...this.#video.textTracks].map(({ label, language, mode }, id) => ({
      id,
      name: label,
      language,
      chosen: mode === "showing",
    }));
  }

  chooseAudio(id: number): void {
    for (const [at, track] of Array.from(this.#video.audioTracks ?? []).entries()) {
      track.enabled = at === id;
    }
  }

  chooseSubtitles(id: number | null): void {
    for (const [at, track] of [...this.#video.textTracks].entries()) {
      track.mode = at === id ? "showing" : "disabled";
    }
  }

  setBehind(): void {
    // It never pulls anybody back.
  }

  reload(): void {
    // It asks by itself.
  }

  end(): void {
    this.#video.removeEventListener("error", this.#over);
    this.#video.removeEventListener("loadedmetadata", this.#changed);
    this.#video.removeAttribute("src");
    this.#video.load();
  }
}

/** The rungs, by the lines before their addresses. */
function described(master: string, urls: readonly string[]): Rung[] {
  const lines = master.split("\n").filter((line) => line.startsWith("#EXT-X-STREAM-INF:"));
  return urls.map((url, at) => {
    const line = lines[at] ?? "";
    const [, width, height] = /RESOLUTION=(\d+)x(\d+)/.exec(line) ?? [];
    const [, bits] = /[:,]BANDWIDTH=(\d+)/.exec(line) ?? [];
    return {
      name: renditionOf(url),
      width: Number(width ?? 0),
      height: Number(height ?? 0),
      bitrate: Number(bits ?? 0),
    };
  });
}
