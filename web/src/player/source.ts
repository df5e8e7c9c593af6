// What a player plays from: hls.js, or the browser's own HLS. Owns the shape that both
// have for the rest of the player.

import type { Dated } from "./date";
import type { Entry } from "./master";
import type { Rung, Wanted } from "./quality";

/** A language of the sound, or of the subtitles. */
export interface Track {
  id: number;
  name: string;
  language: string | null;
  chosen: boolean;
}

/** What a source tells of itself. */
export interface SourceEvents {
  /** Its rungs or tracks changed, or which of them is shown. */
  changed(): void;
  /** Data came in. */
  fed(): void;
  /** The server did not answer; it goes on trying by itself. */
  missed(): void;
  /** It cannot go on: what the server said, or `null` for "tune in anew". */
  over(why: Entry | null): void;
}

/** One stream in one video element, until it is ended. */
export interface Source {
  /** What its list names, with dates. */
  segments(): readonly Dated[];
  /** The channel's time on the screen; where only the browser knows the list. */
  dateNow?(): number | null;
  readonly rungs: readonly Rung[];
  readonly shown: Rung | null;
  choose(wanted: Wanted): void;
  readonly audio: readonly Track[];
  readonly subtitles: readonly Track[];
  chooseAudio(id: number): void;
  /** `null`: none. */
  chooseSubtitles(id: number | null): void;
  /** What the line carries, bits per second. */
  readonly estimateBits: number | null;
  /** A viewer who means to be late is not pulled back to the present. */
  setBehind(onPurpose: boolean): void;
  /** Asks for the next segment once more. */
  reload(): void;
  end(): void;
}
