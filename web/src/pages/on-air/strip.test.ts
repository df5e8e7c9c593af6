import { expect, test } from "vitest";
import {
  ahead,
  boundaries,
  dots,
  place,
  placed,
  type Segment,
  scale,
  shift,
  spanAround,
} from "./strip";

const now = 1_000_000;
const span = spanAround(now, 720);

function segments(states: Segment["state"][], from = now - 2_000): Segment[] {
  return states.map((state, n) => ({
    sequence: n,
    from: from + n * 4_000,
    to: from + (n + 1) * 4_000,
    state,
  }));
}

test("now stands at a quarter, whatever the width", () => {
  for (const pixels of [100, 390, 720, 4_000]) {
    expect(place(now, spanAround(now, pixels))).toBeCloseTo(25);
  }
});

test("a wide strip shows two minutes, a narrow one less, but never nothing", () => {
  expect(span.to - span.from).toBe(120_000);
  expect(spanAround(now, 360).to - spanAround(now, 360).from).toBe(60_000);
  expect(spanAround(now, 0).to - spanAround(now, 0).from).toBe(48_000);
});

test("segments lie side by side, and only those that are seen are drawn", () => {
  const all = segments(["cached", "made", "growing"]);
  const far = { sequence: 9, from: span.to + 500, to: span.to + 4_500, state: "promised" } as const;
  const drawn = placed([...all, far], span);
  expect(drawn.map(({ what }) => what.sequence)).toEqual([0, 1, 2]);
  expect(drawn[0]?.width).toBeCloseTo(100 / 30);
  expect((drawn[0]?.left ?? 0) + (drawn[0]?.width ?? 0)).toBeCloseTo(drawn[1]?.left ?? 0);
  expect(placed([far], span, 1_000)).toHaveLength(1);
});

test("a strip drawn a second ago has moved to the left by a second", () => {
  expect(shift(now, now + 1_200, span)).toBeCloseTo(-1);
});

test("an item is marked where it begins, if that is in sight", () => {
  const items = [
    { from: now - 60_000, to: now + 10_000, title: "on" },
    { from: now + 10_000, to: now + 900_000, title: "next" },
  ];
  expect(boundaries(items, span).map(({ what }) => what.title)).toEqual(["next"]);
});

test("viewers who stand together are one dot that names them all", () => {
  const viewers = [
    { id: "a", at: now + 300 },
    { id: "b", at: now },
    { id: "c", at: now - 20_000 },
    { id: "late", at: now - 900_000 },
  ];
  const drawn = dots(viewers, span).map((dot) => [
    Math.round(dot.left),
    dot.viewers.map(({ id }) => id).join(),
  ]);
  expect(drawn).toEqual([
    [0, "late"],
    [8, "c"],
    [25, "b,a"],
  ]);
});

test("the scale counts from now", () => {
  expect(scale(span, now).map(({ seconds }) => seconds)).toEqual([-30, 0, 30, 60, 90]);
  const narrow = spanAround(now, 360);
  expect(scale(narrow, now).map(({ seconds }) => seconds)).toEqual([-15, 0, 15, 30, 45]);
});

test("what is there ahead ends at the first segment that is not", () => {
  expect(ahead(segments(["cached", "made", "growing", "made"]), now)).toBe(6_000);
  expect(ahead(segments(["growing"]), now)).toBe(0);
  expect(ahead(segments(["cached"], now + 4_000), now)).toBe(0);
  expect(ahead([], now)).toBe(0);
});
