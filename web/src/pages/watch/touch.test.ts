import { expect, test } from "vitest";
import { gesture } from "./touch";

function moved(x: number, y: number, ms = 200) {
  return gesture({ x: 100, y: 100, atMs: 0 }, { x: 100 + x, y: 100 + y, atMs: ms });
}

test("swipes are told by where they go", () => {
  expect(moved(5, -120)).toBe("up");
  expect(moved(-20, 90)).toBe("down");
  expect(moved(-90, 10)).toBe("left");
  expect(moved(90, -30)).toBe("right");
});

test("a tap is short and hardly moves", () => {
  expect(moved(3, -4, 80)).toBe("tap");
  expect(moved(3, -4, 900)).toBeNull();
});

test("what is slanted, slow or short is nothing", () => {
  expect(moved(70, 70)).toBeNull();
  expect(moved(0, -200, 1_500)).toBeNull();
  expect(moved(0, -30)).toBeNull();
});
