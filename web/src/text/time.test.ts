import { afterEach, expect, test, vi } from "vitest";

const EVENING = new Date(2026, 10, 28, 20, 5, 7).getTime();
const MIDNIGHT = new Date(2026, 10, 28).getTime();

afterEach(() => {
  vi.unstubAllGlobals();
  vi.resetModules();
});

/** The times of a reader who set these languages, the first first. */
async function readBy(...languages: string[]) {
  vi.resetModules();
  vi.stubGlobal("navigator", { languages });
  return import("./time");
}

test("whether noon comes twice a day, the reader's first language says", async () => {
  for (const languages of [["de-DE", "de", "en-US", "en"], ["en-GB"], ["fr"]]) {
    const { timeOfDay, timeWithSeconds, exactly } = await readBy(...languages);
    expect(timeOfDay(EVENING)).toBe("20:05");
    expect(timeOfDay(MIDNIGHT)).toBe("00:00");
    expect(timeWithSeconds(EVENING)).toBe("20:05:07");
    expect(exactly(EVENING)).toMatch(/November.* 20:05:07$/);
  }
  const { timeOfDay, exactly } = await readBy("en-US", "de");
  expect(timeOfDay(EVENING)).toMatch(/^8:05\sPM$/);
  expect(exactly(EVENING)).toMatch(/8:05:07\sPM$/);
});

test("who names no language is told the time all the same", async () => {
  const { timeOfDay } = await readBy();
  expect(timeOfDay(EVENING)).toContain("05");
});
