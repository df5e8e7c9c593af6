import { expect, test } from "vitest";
import type { Programme } from "./api";
import { clientOf, compareNumbers } from "./api";
import { ServerClock } from "./clock";
import { duration, headline, hueOf, progress, remaining, upcoming } from "./words";

const noon = Date.parse("2026-03-01T12:00:00.000Z");
const film: Programme = {
  start: "2026-03-01T11:30:00.000Z",
  end: "2026-03-01T13:30:00.000Z",
  title: "The Film",
};

test("lengths are said as people say them", () => {
  const said = [400, 45_000, 12 * 60_000, 60 * 60_000, 65 * 60_000].map(duration);
  expect(said).toEqual(["1 s", "45 s", "12 min", "1 h", "1 h 5 min"]);
});

test("a quarter of a film has passed, and the rest is told", () => {
  expect(progress(film, noon)).toBe(0.25);
  expect(progress(film, noon + 1e9)).toBe(1);
  expect(remaining(film, noon)).toBe("1 h 30 min left");
});

test("what comes within the hour is told by its distance", () => {
  const next = { ...film, start: "2026-03-01T12:12:00.000Z" };
  expect(upcoming(next, noon)).toBe("in 12 min");
});

test("an episode goes under its show's name", () => {
  const episode = { ...film, title: "Pilot", show: "The Show", season: 1, episode: 2 };
  expect(headline(episode)).toEqual({ title: "The Show", detail: "S1 E2 · Pilot" });
  expect(headline(film)).toEqual({ title: "The Film", detail: "" });
  expect(headline({ ...film, off_air: true }).title).toBe("Off air");
});

test("hues differ for ids made in the same moment", () => {
  const hues = ["a", "b", "c", "d", "e"].map((end) =>
    hueOf(`01932f7a-1111-7abc-8def-0123456789a${end}`),
  );
  expect(new Set(hues.map((hue) => Math.floor(hue / 10))).size).toBeGreaterThan(3);
});

test("channel numbers sort as numbers", () => {
  expect(["6", "5.10", "5", "12", "5.2"].sort(compareNumbers)).toEqual([
    "5",
    "5.2",
    "5.10",
    "6",
    "12",
  ]);
});

test("the viewer's id is read from a rendition's address", () => {
  expect(clientOf("/stream/1/720p.m3u8?client=abc")).toBe("abc");
  expect(clientOf("/stream/1/720p.m3u8")).toBeNull();
});

test("the server's clock is taken from the middle of question and answer", () => {
  const clock = new ServerClock();
  clock.learn("2026-03-01T12:00:00.000Z", noon - 60_100, noon - 59_900);
  expect(clock.now(noon - 60_000)).toBe(noon);
});
