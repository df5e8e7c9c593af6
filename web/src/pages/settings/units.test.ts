import { expect, test } from "vitest";
import { parsePeriod, parseSize, parseWhole, showPeriod, showSize } from "./units";

test("lengths of time are read as the server reads them", () => {
  const read = ["500ms", "5s", " 1 m ", "2h", "1d", "1D"].map(parsePeriod);
  expect(read).toEqual([500, 5_000, 60_000, 7_200_000, 86_400_000, 86_400_000]);
  for (const wrong of ["", "5", "s", "-1s", "1.5s", "5 apples", "1m30s", `${"9".repeat(20)}s`]) {
    expect(parsePeriod(wrong), wrong).toBeNull();
  }
});

test("sizes are read as the server reads them", () => {
  const read = ["20GiB", "500MB", "1 kib", "4096", "7B", "1TB"].map(parseSize);
  expect(read).toEqual([20 * 2 ** 30, 500e6, 1024, 4096, 7, 1e12]);
  for (const wrong of ["", "GiB", "1.5GiB", "-1B", "1XB", "99999999999TiB"]) {
    expect(parseSize(wrong), wrong).toBeNull();
  }
});

test("what is shown can be read again", () => {
  expect([30_000, 90_000, 3_600_000, 0].map(showPeriod)).toEqual(["30s", "90s", "1h", "0ms"]);
  expect([10 * 2 ** 30, 1_000, 0].map(showSize)).toEqual(["10GiB", "1000B", "0B"]);
  for (const ms of [1, 999, 61_000, 86_400_000]) expect(parsePeriod(showPeriod(ms))).toBe(ms);
});

test("whole numbers keep within their bounds", () => {
  expect(parseWhole(" 4 ", 1, 64)).toBe(4);
  for (const wrong of ["0", "65", "4.5", "-4", "four", ""]) {
    expect(parseWhole(wrong, 1, 64), wrong).toBeNull();
  }
});
