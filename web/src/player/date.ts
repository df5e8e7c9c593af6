// Which instant of the channel is on the screen. Owns the way between the video element's
// time and the channel's, by the dates that playlists give; knows no hls.js but the shape
// of its fragments.

/** A segment as the player knows it. Times in seconds, the date in milliseconds. */
export interface Dated {
  start: number;
  duration: number;
  programDateTime: number | null;
}

/** A picture may stand a little before or after what is listed. */
const SLACK_S = 2;

/** The channel's time at the player's time `at`; `null` where no list tells. */
export function dateOf(segments: readonly Dated[], at: number): number | null {
  const found = nearest(segments, (one) => distance(at, one.start, one.start + one.duration));
  if (found === null || found.away > SLACK_S) return null;
  return (found.one.programDateTime ?? 0) + (at - found.one.start) * 1_000;
}

/** The player's time at the channel's time `date`. */
export function timeOf(segments: readonly Dated[], date: number): number | null {
  const found = nearest(segments, ({ programDateTime, duration }) => {
    const begin = programDateTime ?? 0;
    return distance(date, begin, begin + duration * 1_000) / 1_000;
  });
  if (found === null || found.away > SLACK_S) return null;
  return found.one.start + (date - (found.one.programDateTime ?? 0)) / 1_000;
}

function distance(at: number, begin: number, end: number): number {
  if (at < begin) return begin - at;
  // The next one begins there.
  return at < end ? 0 : at - end + Number.EPSILON;
}

function nearest(
  segments: readonly Dated[],
  away: (one: Dated) => number,
): { one: Dated; away: number } | null {
  let best: { one: Dated; away: number } | null = null;
  for (const one of segments) {
    if (one.programDateTime === null) continue;
    const distance = away(one);
    if (best === null || distance < best.away) best = { one, away: distance };
  }
  return best;
}
