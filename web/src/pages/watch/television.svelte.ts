// The one television set of the page, as Svelte sees it: what the player tells, the sound,
// and what this browser remembers of both.

import { api, call } from "@/api";
import { href } from "@/app/base";
import { keep, kept } from "@/app/kept";
import { ChannelClock } from "@/player/clock";
import { Player, type View } from "@/player/player";
import type { Wanted } from "@/player/quality";
import { Sound } from "./sound.svelte";

export class Television {
  view = $state.raw<View | null>(null);
  readonly sound = new Sound(() => this.#player?.setSound());
  quality = $state<Wanted>(kept<Wanted>("quality", null));
  /** So long the first picture of a channel took. */
  zapMs = $state<number | null>(null);
  readonly clock = new ChannelClock(channelTime);
  #player: Player | null = null;

  /** Plugs it in; the answer unplugs it. */
  attach(video: HTMLVideoElement): () => void {
    const chosen = { quality: this.quality, estimateBits: kept<number | null>("line", null) };
    const player = new Player(video, {
      clock: this.clock,
      href,
      chosen,
      sound: () => this.sound,
      changed: (view) => {
        this.view = view;
      },
      shown: (_, afterMs) => {
        this.zapMs = afterMs;
      },
    });
    this.#player = player;
    this.view = player.view;
    return () => {
      this.#rememberLine();
      player.end();
      this.#player = null;
    };
  }

  tune(channel: string): void {
    this.#rememberLine();
    this.zapMs = null;
    this.#player?.tune(channel);
  }

  off(): void {
    this.#player?.off();
  }

  setPaused(paused: boolean): void {
    this.#player?.setPaused(paused);
  }

  goLive(): void {
    this.#player?.goLive();
  }

  /** Somebody touched something: what the browser held back may go. */
  press(): void {
    this.#player?.press();
  }

  choose(quality: Wanted): void {
    this.quality = quality;
    keep("quality", quality);
    this.#player?.choose(quality);
  }

  chooseAudio(id: number): void {
    this.#player?.chooseAudio(id);
  }

  chooseSubtitles(id: number | null): void {
    this.#player?.chooseSubtitles(id);
  }

  #rememberLine(): void {
    const bits = this.#player?.estimateBits;
    if (bits != null) keep("line", Math.round(bits));
  }
}

async function channelTime(channel: string) {
  const { at, channel: own } = await call(api.getClock({ query: { channel } }));
  const serverMs = Date.parse(at);
  return { serverMs, channelMs: own == null ? serverMs : Date.parse(own.at) };
}
