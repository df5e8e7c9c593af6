import { expect, test } from "vitest";
import { dots, measured, moved, place, placed, SteadyClock, scale, view } from "./strip";

const now = 1_000_000;
const measure = measured(now, 720);

function segment(from: number, sequence = 0) {
  return { sequence, from, to: from + 4_000 };
}

test("now stands at a quarter, whatever the width and however much time has passed", () => {
  for (const pixels of [100, 390, 720, 4_000]) {
    const own = measured(now, pixels);
    for (const later of [0, 700, 300_000]) {
      expect(place(now + later, own) + moved(now + later, own)).toBeCloseTo(25);
    }
  }
});

test("a wide strip shows nearly two minutes, a narrow one less, but never nothing", () => {
  expect(measure.wholeMs).toBe(108_000);
  expect(measured(now, 360).wholeMs).toBe(60_000);
  expect(measured(now, 0).wholeMs).toBe(48_000);
});

test("what is drawn keeps its place until the strip changes its width, or ten minutes have passed", () => {
  expect(measured(now + 1_000, 720, measure)).toBe(measure);
  expect(measured(now + 1_000, 360, measure)).not.toBe(measure);
  expect(measured(now + 600_000, 720, measure).anchor).toBe(now + 600_000);
});

test("segments lie side by side, and only those that are seen are drawn", () => {
  const { from, to } = view(now, measure);
  const drawn = placed(
    [
      segment(from - 4_000, 0),
      segment(from - 3_999, 1),
      segment(now, 2),
      segment(now + 4_000, 3),
      segment(to + 1_999, 4),
      segment(to + 2_000, 5),
    ],
    now,
    measure,
  );
  expect(drawn.map(({ what }) => what.sequence)).toEqual([1, 2, 3, 4]);
  const [, second, third] = drawn;
  expect(second?.left).toBe(0);
  expect((second?.left ?? 0) + (second?.width ?? 0)).toBeCloseTo(third?.left ?? 0);
});

test("viewers who stand together are one dot that names them all", () => {
  const viewers = [
    { id: "a", at: now + 300 },
    { id: "b", at: now },
    { id: "c", at: now - 20_000 },
    { id: "late", at: now - 900_000 },
  ];
  const drawn = dots(viewers, now, measure).map((dot) => [
    Math.round(dot.left + moved(now, measure)),
    dot.viewers.map(({ id }) => id).join(),
  ]);
  expect(drawn).toEqual([
    [0, "late"],
    [6, "c"],
    [25, "b,a"],
  ]);
});

test("the scale counts from now", () => {
  expect(scale(measure).map(({ seconds }) => seconds)).toEqual([0, 30, 60]);
  const narrow = scale(measured(now, 360));
  expect(narrow.map(({ seconds }) => seconds)).toEqual([0, 15, 30]);
  expect(narrow.find(({ seconds }) => seconds === 0)?.left).toBe(25);
});

test("a steady clock shrugs off the network's moods, follows, and jumps where it must", () => {
  const clock = new SteadyClock();
  clock.told(now, 0);
  expect(clock.now(500)).toBe(now + 500);
  clock.told(now + 1_000, 1_100);
  expect(clock.now(1_100)).toBeCloseTo(now + 1_090);
  for (let at = 2; at < 100; at++) clock.told(now + at * 1_000, at * 1_000 + 100);
  expect(clock.now(100_100)).toBeCloseTo(now + 100_000, 0);
  clock.told(now + 500_000, 101_000);
  expect(clock.now(101_000)).toBe(now + 500_000);
});
