import { expect, test } from "vitest";
import { nearest } from "./spatial";

function box(name: string, x: number, y: number, width = 100, height = 40) {
  const rect = { left: x, right: x + width, top: y, bottom: y + height } as DOMRect;
  return { name, getBoundingClientRect: () => rect };
}

const a = box("a", 0, 0);
const b = box("b", 120, 0);
const c = box("c", 0, 60);
const d = box("d", 150, 60, 400);
const all = [a, b, c, d];

function go(from: ReturnType<typeof box>, way: readonly [number, number]) {
  return nearest(from.getBoundingClientRect(), way, all, from)?.name;
}

test("what is in line goes before what is nearer", () => {
  expect(go(a, [1, 0])).toBe("b");
  expect(go(a, [0, 1])).toBe("c");
  expect(go(b, [0, 1])).toBe("d");
  expect(go(d, [0, -1])).toBe("b");
});

test("at the edge there is nothing", () => {
  expect(go(a, [0, -1])).toBeUndefined();
  expect(go(d, [1, 0])).toBeUndefined();
});
