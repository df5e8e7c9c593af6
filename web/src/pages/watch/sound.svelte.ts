// How loud it is, as this browser remembers it.

import { keep, kept } from "@/app/kept";

const LOUDER = 0.1;
/** Where the sound is turned on, and it was never heard. */
const MIDDLING = 0.5;

export class Sound {
  volume = $state(kept("volume", 1));
  muted = $state(kept("muted", false));
  /** The last volume that could be heard. */
  #audible = this.volume || MIDDLING;

  /** `changed`: whoever plays is to take it up. */
  constructor(readonly changed: () => void) {}

  setMuted(muted: boolean): void {
    // Who turns it on wants to hear it.
    if (!muted && this.volume === 0) {
      this.volume = this.#audible;
      keep("volume", this.volume);
    }
    this.muted = muted;
    keep("muted", muted);
    this.changed();
  }

  setVolume(volume: number): void {
    this.volume = Math.min(1, Math.max(0, volume));
    keep("volume", this.volume);
    if (this.volume > 0) this.#audible = this.volume;
    this.setMuted(this.volume === 0);
  }

  louder(way: 1 | -1): void {
    this.setVolume(Math.round((this.volume + way * LOUDER) * 100) / 100);
  }
}
