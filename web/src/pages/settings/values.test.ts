import { expect, test } from "vitest";
import { rung, sent, shown, sortedRungs } from "./values";

const period = { type: "period", least: "0s", most: "1h" } as const;
const size = { type: "size", least: "64MiB" } as const;
const number = { type: "number", least: 1, most: 64 } as const;

test("a field holds text, a switch, or a list", () => {
  expect(shown(number, 2)).toBe("2");
  expect(shown(period, "30s")).toBe("30s");
  expect(shown({ type: "switch" }, true)).toBe(true);
  expect(shown({ type: "renditions" }, ["source"])).toEqual(["source"]);
  expect(shown({ type: "file" }, null)).toBe("");
});

test("what is sent is what the server takes, and nothing is the default", () => {
  expect(sent(number, " 4 ")).toEqual({ value: 4 });
  expect(sent(period, "45s")).toEqual({ value: "45s" });
  expect(sent({ type: "auto_or_number", least: 1, most: 9 }, "auto")).toEqual({ value: "auto" });
  expect(sent({ type: "auto_or_number", least: 1, most: 9 }, "3")).toEqual({ value: 3 });
  expect(sent({ type: "switch" }, false)).toEqual({ value: false });
  expect(sent({ type: "url" }, "  ")).toEqual({ value: null });
});

test("slips are told before the server is asked", () => {
  expect(sent(number, "65")).toEqual({ slip: { is: "number", least: 1, most: 64 } });
  expect(sent(period, "2h")).toEqual({ slip: { is: "period" } });
  expect(sent(period, "soon")).toEqual({ slip: { is: "period" } });
  expect(sent(size, "1MiB")).toEqual({ slip: { is: "size" } });
  expect(sent({ type: "renditions" }, [])).toEqual({ slip: { is: "empty" } });
});

test("rungs are sorted, once each, and are of heights that there can be", () => {
  expect(sortedRungs(["360p", "source", "1080p", "360p"])).toEqual(["source", "1080p", "360p"]);
  expect([" 540 ", "540p", "2160P"].map(rung)).toEqual(["540p", "540p", "2160p"]);
  expect(["143", "721", "4320", "big", ""].map(rung)).toEqual([null, null, null, null, null]);
});
