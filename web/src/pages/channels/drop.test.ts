import { expect, it } from "vitest";
import { isDrag, place, speed } from "./drop";

const seen = { top: 100, height: 400, scrolled: 1_000 };

it("lands where the nearest gap between two rows is", () => {
  expect(place(100, seen, 50, 1_000)).toBe(20);
  expect(place(124, seen, 50, 1_000)).toBe(20);
  expect(place(126, seen, 50, 1_000)).toBe(21);
});

it("never lands outside the list", () => {
  expect(place(-500, { ...seen, scrolled: 0 }, 50, 1_000)).toBe(0);
  expect(place(9_000, seen, 50, 1_000)).toBe(28);
  expect(place(480, seen, 50, 22)).toBe(22);
});

it("scrolls faster the nearer the edge is, and not in the middle", () => {
  expect(speed(300, seen)).toBe(0);
  expect(speed(140, seen)).toBeLessThan(0);
  expect(speed(105, seen)).toBeLessThan(speed(140, seen));
  expect(speed(-50, seen)).toBe(-1_400);
  expect(speed(900, seen)).toBe(1_400);
});

it("takes a press that strays a little for a click", () => {
  expect(isDrag({ x: 0, y: 0 }, { x: 3, y: 3 })).toBe(false);
  expect(isDrag({ x: 0, y: 0 }, { x: 0, y: 9 })).toBe(true);
});
