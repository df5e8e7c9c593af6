import { expect, test } from "vitest";
import { qrPath } from "./qr";

/** The dots that a path covers. */
function dots(path: string): Set<string> {
  const all = new Set<string>();
  for (const [, x, y, width] of path.matchAll(/M(\d+) (\d+)h(\d+)v1h-\d+z/g)) {
    for (let n = 0; n < Number(width); n++) all.add(`${Number(x) + n},${y}`);
  }
  return all;
}

test("a code has its three eyes, a quiet border, and grows with the text", () => {
  const { size, path } = qrPath("http://nas:8400/channels.m3u");
  const dark = dots(path);
  for (const [x, y] of [
    [4, 4],
    [size - 5, 4],
    [4, size - 5],
  ]) {
    expect(dark.has(`${x},${y}`)).toBe(true);
  }
  for (const spot of dark) {
    const [x, y] = spot.split(",").map(Number);
    expect(Math.min(x ?? 0, y ?? 0)).toBeGreaterThanOrEqual(4);
    expect(Math.max(x ?? 0, y ?? 0)).toBeLessThan(size - 4);
  }
  expect(qrPath(`http://nas:8400/${"long".repeat(40)}`).size).toBeGreaterThan(size);
});
