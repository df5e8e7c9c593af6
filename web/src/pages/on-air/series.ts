// What a small chart shows: the last minutes of one figure. Owns the samples, bounded in
// number, and the step from them to a line. Draws nothing.

/** A figure at an instant; `null` where it could not be had, which is a gap. */
export interface Sample {
  /** Milliseconds since the epoch. */
  at: number;
  value: number | null;
}

/** The last samples of one figure. */
export class Series {
  readonly #keepMs: number;
  readonly #most: number;
  #samples: Sample[] = [];

  /** Keeps `keepMs` of them, and never more than `most`. */
  constructor(keepMs: number, most = 600) {
    this.#keepMs = keepMs;
    this.#most = most;
  }

  /** Takes a sample; one that is not newer than the last is of an answer that came late. */
  push(at: number, value: number | null): void {
    const last = this.#samples.at(-1);
    if (last !== undefined && at <= last.at) return;
    this.#samples.push({ at, value });
    const oldest = at - this.#keepMs;
    // One older sample stays, so that the line reaches the left edge.
    while (this.#samples.length > this.#most || (this.#samples[1]?.at ?? oldest) < oldest) {
      this.#samples.shift();
    }
  }

  get samples(): readonly Sample[] {
    return this.#samples;
  }

  /** The newest figure. */
  get latest(): number | null {
    return this.#samples.at(-1)?.value ?? null;
  }

  /** The greatest that is kept. */
  get peak(): number {
    return this.#samples.reduce((most, { value }) => Math.max(most, value ?? 0), 0);
  }
}

/** A round figure at or above `value`, for the top of a chart: 1, 2 or 5 and noughts. */
export function ceiling(value: number, least = 1): number {
  const wanted = Math.max(value, least);
  const power = 10 ** Math.floor(Math.log10(wanted));
  for (const step of [1, 2, 5, 10]) {
    // A part in a million: 0.1 + 0.2 must not ask for the next step.
    if (step * power >= wanted * (1 - 1e-6)) return step * power;
  }
  return 10 * power;
}

/** A chart's measures: what it shows, and how large it is drawn. */
export interface Frame {
  from: number;
  to: number;
  top: number;
  width: number;
  height: number;
}

/** Longer than this without a sample is a gap: where nobody looks the server takes one each
    half minute. */
const GAP_MS = 65_000;

/** The line as SVG path data, and the same closed at the foot, for the area below it. */
export function path(
  samples: readonly Sample[],
  frame: Frame,
  gapMs = GAP_MS,
): { line: string; area: string } {
  let line = "";
  let area = "";
  for (const stretch of stretches(samples, gapMs)) {
    const points = stretch.map(({ at, value }) => `${x(at, frame)} ${y(value, frame)}`);
    const [first, last] = [stretch[0], stretch.at(-1)];
    if (first === undefined || last === undefined) continue;
    line += `M${points.join("L")}`;
    area += `M${x(first.at, frame)} ${frame.height}L${points.join("L")}`;
    area += `L${x(last.at, frame)} ${frame.height}Z`;
  }
  return { line, area };
}

/** Runs of samples without a gap. */
function stretches(samples: readonly Sample[], gapMs: number): { at: number; value: number }[][] {
  const all: { at: number; value: number }[][] = [];
  let run: { at: number; value: number }[] = [];
  for (const { at, value } of samples) {
    const last = run.at(-1);
    if (value === null || (last !== undefined && at - last.at > gapMs)) {
      all.push(run);
      run = [];
    }
    if (value !== null) run.push({ at, value });
  }
  all.push(run);
  return all.filter((stretch) => stretch.length > 0);
}

function x(at: number, { from, to, width }: Frame): number {
  return rounded(((at - from) / (to - from)) * width);
}

function y(value: number, { top, height }: Frame): number {
  return rounded(height - Math.min(1, Math.max(0, value / top)) * height);
}

/** A hundredth of a pixel is enough, and keeps the page small. */
function rounded(pixels: number): number {
  return Math.round(pixels * 100) / 100;
}
