import { expect, test } from "vitest";
import { dateOf, timeOf } from "./date";

const NOON = Date.UTC(2026, 0, 1, 12);
/** The second one's date is a few milliseconds off what the lengths add up to: an airing
 * lasts whole audio frames. */
const LIST = [
  { start: 100, duration: 4, programDateTime: NOON },
  { start: 104, duration: 4, programDateTime: NOON + 4_013 },
  { start: 108, duration: 4, programDateTime: NOON + 8_013 },
];

test("a segment's own date counts, not the sum of what came before", () => {
  expect(dateOf(LIST, 100)).toBe(NOON);
  expect(dateOf(LIST, 103.5)).toBe(NOON + 3_500);
  expect(dateOf(LIST, 104)).toBe(NOON + 4_013);
  expect(dateOf(LIST, 105)).toBe(NOON + 5_013);
});

test("there and back again", () => {
  for (const at of [100, 101.25, 104, 107.9, 111]) {
    expect(timeOf(LIST, dateOf(LIST, at) ?? 0)).toBeCloseTo(at, 6);
  }
});

test("just outside of the list it still tells, far from it it does not", () => {
  expect(dateOf(LIST, 113)).toBe(NOON + 13_013);
  expect(dateOf(LIST, 99)).toBe(NOON - 1_000);
  expect(dateOf(LIST, 140)).toBeNull();
  expect(timeOf(LIST, NOON + 60_000)).toBeNull();
  expect(dateOf([], 100)).toBeNull();
  expect(dateOf([{ start: 100, duration: 4, programDateTime: null }], 101)).toBeNull();
});
