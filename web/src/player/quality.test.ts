import { expect, test } from "vitest";
import { ordered, placeOf, startPlace } from "./quality";

// As hls.js has them: by rate.
const LADDER = [
  { name: "360p", width: 640, height: 360, bitrate: 900_000 },
  { name: "720p", width: 1280, height: 720, bitrate: 3_000_000 },
  { name: "source", width: 1920, height: 1080, bitrate: 6_000_000 },
  { name: "1080p", width: 1920, height: 1080, bitrate: 6_500_000 },
];

test("the best is first, and the file itself before its like", () => {
  expect(ordered(LADDER).map(({ name }) => name)).toEqual(["source", "1080p", "720p", "360p"]);
});

test("a rung is found by its name, or the next one below", () => {
  expect(placeOf(LADDER, "720p")).toBe(1);
  expect(placeOf(LADDER, null)).toBe(-1);
  expect(placeOf(LADDER, "480p")).toBe(0);
  expect(placeOf(LADDER, "240p")).toBe(0);
  expect(placeOf(LADDER.slice(0, 2), "1080p")).toBe(1);
  // A channel that cannot be copied has no `source`.
  expect(placeOf(LADDER.slice(0, 2), "source")).toBe(-1);
  expect(placeOf([], "720p")).toBe(-1);
});

test("it begins with the best that the line carries, and the best of all where that is unknown", () => {
  expect(startPlace(LADDER, null)).toBe(2);
  expect(startPlace(LADDER, 4_000_000)).toBe(1);
  expect(startPlace(LADDER, 100_000)).toBe(0);
  expect(startPlace([], null)).toBe(-1);
});
