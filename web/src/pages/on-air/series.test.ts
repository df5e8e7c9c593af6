import { expect, test } from "vitest";
import { ceiling, path, Series } from "./series";

const frame = { from: 0, to: 10_000, top: 100, width: 200, height: 50 };

test("old samples go, but for one that the line begins with", () => {
  const series = new Series(3_000);
  for (let at = 0; at <= 10_000; at += 1_000) series.push(at, at / 1_000);
  expect(series.samples.map(({ at }) => at)).toEqual([6_000, 7_000, 8_000, 9_000, 10_000]);
  expect(series.latest).toBe(10);
  expect(series.peak).toBe(10);
});

test("their number is bounded, however fast they come", () => {
  const series = new Series(60_000, 5);
  for (let at = 0; at < 1_000; at++) series.push(at, 1);
  expect(series.samples).toHaveLength(5);
});

test("an answer that came late changes nothing", () => {
  const series = new Series(60_000);
  series.push(2_000, 5);
  series.push(1_000, 9);
  series.push(2_000, 9);
  expect(series.samples).toEqual([{ at: 2_000, value: 5 }]);
});

test("a chart's top is a round figure", () => {
  expect([0, 0.3, 1, 1.1, 3, 7, 10, 11, 480].map((value) => ceiling(value))).toEqual([
    1, 1, 1, 2, 5, 10, 10, 20, 500,
  ]);
  expect(ceiling(0.1 + 0.2, 0.01)).toBe(0.5);
  expect(ceiling(3, 100)).toBe(100);
});

test("samples become a line, and an area that stands on the foot", () => {
  const samples = [
    { at: 0, value: 0 },
    { at: 5_000, value: 50 },
    { at: 10_000, value: 400 },
  ];
  expect(path(samples, frame)).toEqual({
    line: "M0 50L100 25L200 0",
    area: "M0 50L0 50L100 25L200 0L200 50Z",
  });
});

test("where nothing was heard the line is broken", () => {
  const samples = [
    { at: 0, value: 10 },
    { at: 1_000, value: 10 },
    { at: 2_000, value: null },
    { at: 3_000, value: 10 },
    { at: 9_000, value: 10 },
  ];
  expect(path(samples, frame, 5_000).line.match(/M/g)).toHaveLength(3);
  expect(path([], frame)).toEqual({ line: "", area: "" });
});
