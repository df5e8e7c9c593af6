import { expect, it } from "vitest";
import { drawn, revealing } from "./virtual";

it("draws what is seen and a little around it", () => {
  expect(drawn(0, 500, 50, 10_000)).toEqual({ first: 0, end: 18 });
  expect(drawn(5_000, 500, 50, 10_000)).toEqual({ first: 92, end: 118 });
  expect(drawn(499_500, 500, 50, 10_000)).toEqual({ first: 9_982, end: 10_000 });
  expect(drawn(900, 500, 50, 3)).toEqual({ first: 3, end: 3 });
  expect(drawn(-80, 500, 50, 0)).toEqual({ first: 0, end: 0 });
});

it("scrolls no more than it must", () => {
  expect(revealing(3, 100, 500, 50)).toBe(100);
  expect(revealing(1, 100, 500, 50)).toBe(50);
  expect(revealing(12, 100, 500, 50)).toBe(150);
});
