import { describe, expect, test } from "vitest";
import { compareNumbers, headline, hueOf } from "./programme";
import { day, duration, progress, upcoming } from "./time";

const NOON = new Date(2026, 10, 28, 12).getTime();
const HOUR = 3_600_000;

describe("times", () => {
  test("a length is told in at most two units, and never as nothing", () => {
    expect([0, 45_000, 12 * 60_000, 65 * 60_000, 2 * HOUR, 50 * HOUR].map(duration)).toEqual([
      "1 sec",
      "45 sec",
      "12 min",
      "1 hr 5 min",
      "2 hr",
      "2 days 2 hr",
    ]);
  });

  test("what is near is told as a wait, what is far as a time", () => {
    expect(upcoming(NOON + 12 * 60_000, NOON)).toBe("in 12 min");
    expect(upcoming(NOON - 1, NOON)).toBe("now");
    expect(upcoming(NOON + 24 * HOUR, NOON)).toMatch(/^Tomorrow 12:00/);
  });

  test("days are counted by midnights", () => {
    const late = new Date(2026, 10, 28, 23, 59).getTime();
    expect(day(late + 2 * 60_000, late)).toBe("Tomorrow");
    expect(day(NOON, late)).toBe("Today");
  });

  test("progress stays between nothing and all", () => {
    expect(progress(NOON, NOON + HOUR, NOON + HOUR / 4)).toBe(0.25);
    expect(progress(NOON, NOON + HOUR, NOON - 1)).toBe(0);
    expect(progress(NOON, null, NOON + 1)).toBe(0);
  });
});

describe("programmes and channels", () => {
  const film = { title: "Carpet", subtitle: null, show: null, season: null, episode: null };

  test("an episode is told by its show, a film by its title", () => {
    const episode = { ...film, show: "Fractals", season: 1, episode: 3, off_air: false };
    expect(headline(episode)).toEqual({ title: "Fractals", detail: "S1 E3 · Carpet" });
    expect(headline({ ...film, off_air: false })).toEqual({ title: "Carpet", detail: "" });
    expect(headline({ ...film, off_air: true }).title).toBe("Off air");
  });

  test("numbers sort as people count", () => {
    expect(["10", "5.10", "5", "5.2"].sort(compareNumbers)).toEqual(["5", "5.2", "5.10", "10"]);
  });

  test("channels of one second have hues of their own", () => {
    const hues = Array.from({ length: 8 }, (_, at) =>
      hueOf(`01a2221a-3209-733e-9874-2942191abf6${at}`),
    );
    expect(new Set(hues).size).toBe(8);
  });
});
