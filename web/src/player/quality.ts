// Which rendition is shown. Owns the choice between the automatic one and one by name, and
// how renditions are told; the names are the server's.

/** One rung of the ladder, as the master playlist describes it. */
export interface Rung {
  /** `source`, `720p`. */
  name: string;
  width: number;
  height: number;
  /** Bits per second. */
  bitrate: number;
}

/** What the viewer wants: a rung by its name, or `null` for what suits. */
export type Wanted = string | null;

/** The rungs with the best first. `source` goes first among equals: it is the file itself. */
export function ordered<R extends Rung>(rungs: readonly R[]): R[] {
  const source = (rung: Rung) => (rung.name === "source" ? 1 : 0);
  return [...rungs].sort(
    (a, b) => b.height - a.height || source(b) - source(a) || b.bitrate - a.bitrate,
  );
}

/** The place of what is wanted; -1 where it is left to the player. */
export function placeOf(rungs: readonly Rung[], wanted: Wanted): number {
  if (wanted === null) return -1;
  const exact = rungs.findIndex(({ name }) => name === wanted);
  if (exact >= 0) return exact;
  // A channel without it: the best that is no taller, else the lowest.
  const height = Number.parseInt(wanted, 10);
  if (!Number.isFinite(height)) return -1;
  const best = ordered(rungs);
  const chosen = best.find((rung) => rung.height <= height) ?? best.at(-1);
  return chosen === undefined ? -1 : rungs.indexOf(chosen);
}

/** Where to begin when it is left to the player: the best that the line is known to carry. */
export function startPlace(rungs: readonly Rung[], estimateBits: number | null): number {
  const best = ordered(rungs);
  const fits = best.find(({ bitrate }) => estimateBits === null || bitrate <= estimateBits);
  const chosen = fits ?? best.at(-1);
  return chosen === undefined ? -1 : rungs.indexOf(chosen);
}
