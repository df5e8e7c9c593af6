// How loud it is, as this browser remembers it.

import { keep, kept } from "@/app/kept";

const LOUDER = 0.1;

export class Sound {
  volume = $state(kept("volume", 1));
  muted = $state(kept("muted", false));

  /** `changed`: whoever plays is to take it up. */
  constructor(readonly changed: () => void) {}

  setMuted(muted: boolean): void {
    this.muted = muted;
    keep("muted", muted);
    this.changed();
  }

  setVolume(volume: number): void {
    this.volume = Math.min(1, Math.max(0, volume));
    keep("volume", this.volume);
    this.setMuted(this.volume === 0);
  }

  louder(way: 1 | -1): void {
    this.setVolume(Math.round((this.volume + way * LOUDER) * 100) / 100);
  }
}
