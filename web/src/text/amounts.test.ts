import { expect, test } from "vitest";
import { bitrate, bytes, percent } from "./amounts";

test("sizes are told with a tenth where that matters", () => {
  expect([0, 900, 1_536, 10 * 2 ** 30, 1.25 * 2 ** 40].map(bytes)).toEqual([
    "0 B",
    "900 B",
    "1.5 KiB",
    "10 GiB",
    "1.3 TiB",
  ]);
});

test("networks are told in bits", () => {
  expect([0, 950, 4_200_000, 36_000_000].map(bitrate)).toEqual([
    "0 bit/s",
    "950 bit/s",
    "4.2 Mbit/s",
    "36 Mbit/s",
  ]);
});

test("shares are per cent", () => {
  expect(percent(0.349)).toBe("35\u00a0%");
});
