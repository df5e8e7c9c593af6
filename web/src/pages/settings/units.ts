// Lengths of time and sizes as settings write them: `5s`, `20GiB`. The same grammar as the
// server's, so that a slip is told while it is typed; the server still has the last word.

const PERIODS: readonly [string, number][] = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1_000],
  ["ms", 1],
];

const SIZES: readonly [string, number][] = [
  ["TiB", 2 ** 40],
  ["GiB", 2 ** 30],
  ["MiB", 2 ** 20],
  ["KiB", 2 ** 10],
  ["B", 1],
  ["TB", 1e12],
  ["GB", 1e9],
  ["MB", 1e6],
  ["kB", 1e3],
  ["", 1],
];

function parse(text: string, units: readonly [string, number][]): number | null {
  const parts = /^(\d+)\s*([a-z]*)$/i.exec(text.trim());
  if (parts === null) return null;
  const unit = (parts[2] ?? "").toLowerCase();
  const found = units.find(([name]) => name.toLowerCase() === unit);
  if (found === undefined) return null;
  const value = Number(parts[1]) * found[1];
  return Number.isSafeInteger(value) ? value : null;
}

function show(value: number, units: readonly [string, number][]): string {
  const [unit, factor] = units.find(([, one]) => value >= one && value % one === 0) ??
    units.at(-1) ?? ["", 1];
  return `${value / factor}${unit}`;
}

/** `30s` in milliseconds; `null` where it is no length of time. */
export function parsePeriod(text: string): number | null {
  return parse(text, PERIODS);
}

/** Milliseconds in the largest unit that leaves no rest. */
export function showPeriod(ms: number): string {
  return show(ms, PERIODS);
}

/** `20GiB` in bytes; `null` where it is no size. */
export function parseSize(text: string): number | null {
  return parse(text, SIZES);
}

/** Bytes in the largest unit that leaves no rest. */
export function showSize(bytes: number): string {
  return show(bytes, SIZES.slice(0, 5));
}

/** A whole number within its bounds; `null` where it is none. */
export function parseWhole(text: string, least: number, most: number): number | null {
  const trimmed = text.trim();
  if (!/^\d+$/.test(trimmed)) return null;
  const number = Number(trimmed);
  return number >= least && number <= most ? number : null;
}
