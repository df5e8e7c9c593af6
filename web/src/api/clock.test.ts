import { afterEach, beforeEach, expect, test, vi } from "vitest";

const HOUR = 3_600_000;
const NOON = Date.UTC(2026, 10, 28, 12);
let clock: typeof import("./clock.svelte")["clock"];

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ["Date", "performance"], now: NOON });
  vi.resetModules();
  ({ clock } = await import("./clock.svelte"));
});
afterEach(() => vi.useRealTimers());

/** An answer that came at once, whose header says this time. */
function told(atMs: number) {
  const date = new Date(atMs).toUTCString();
  clock.learnFrom(new Response(null, { headers: { date } }), Date.now(), Date.now());
}

test("of two answers the better one counts, until it is old", () => {
  clock.learn(NOON + 5_000, NOON - 10, NOON + 10);
  expect(clock.ms).toBe(NOON + 5_000);
  told(NOON + 5_000);
  expect(clock.ms).toBe(NOON + 5_000);
  expect(clock.errorMs).toBe(10);
  vi.advanceTimersByTime(2 * HOUR);
  expect(clock.errorMs).toBe(10 + 720);
  told(NOON + 2 * HOUR + 5_000);
  expect(clock.errorMs).toBe(500);
});

test("a device whose clock is set back or forth is right again with the next answer", () => {
  told(NOON);
  vi.advanceTimersByTime(1_000);
  for (const setTo of [NOON - HOUR, NOON + HOUR]) {
    vi.setSystemTime(setTo);
    told(NOON + 1_000);
    expect(Math.abs(clock.ms - (NOON + 1_000))).toBeLessThanOrEqual(500);
    expect(clock.errorMs).toBe(500);
  }
});

test("an answer on whose way the clock was set back tells nothing", () => {
  told(NOON);
  clock.learn(NOON, NOON, NOON - HOUR);
  expect(clock.errorMs).toBe(500);
});
