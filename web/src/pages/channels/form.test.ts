import { describe, expect, it } from "vitest";
import type { Channel } from "@/api";
import { asEdit, asNew, blank, byField, checked, checkedPicture, free, local, typed } from "./form";

const channel = {
  number: "5.1",
  name: "Robots",
  group: null,
  order: "shuffle",
  loop: true,
  starts_at: "2026-12-24T18:00:00.000Z",
  ladder: ["720p"],
  video: "auto",
  catchup_days: 7,
  grace_ms: 2_500,
  keep_running: false,
} as unknown as Channel;

describe("a form", () => {
  it("begins with the next free number", () => {
    expect(free([])).toBe("1");
    expect(free(["1", "7.2", "3"])).toBe("8");
  });

  it("sends only what was changed", () => {
    const before = typed(channel);
    expect(asEdit({ ...before }, before)).toEqual({});
    expect(asEdit({ ...before, group: "Kids", grace: "", ladder: [] }, before)).toEqual({
      group: "Kids",
      grace_ms: null,
      ladder: [],
    });
    expect(asEdit({ ...before, catchup: " 14 " }, before)).toEqual({ catchup_days: 14 });
    expect(asEdit({ ...before, catchup: "" }, before)).toEqual({ catchup_days: 0 });
    const start = local("2027-01-01T09:30:00Z");
    expect(asEdit({ ...before, start }, before)).toEqual({ starts_at: "2027-01-01T09:30:00.000Z" });
  });

  it("leaves the start to the server where none is typed", () => {
    const form = { ...blank(["4"]), name: " News ", grace: "30" };
    expect(asNew(form)).toMatchObject({
      number: "5",
      name: "News",
      group: null,
      grace_ms: 30_000,
      catchup_days: 0,
    });
    expect("starts_at" in asNew(form)).toBe(false);
  });
});

describe("checks", () => {
  const form = { ...blank([]), name: "News" };

  it("find nothing wrong with what is right", () => {
    expect(checked(form)).toEqual({});
    expect(checked({ ...form, number: "5.1", grace: "0" })).toEqual({});
  });

  it("name each field that is wrong", () => {
    const bad = {
      ...form,
      number: "five",
      name: " ",
      group: "x".repeat(101),
      catchup: "31",
      grace: "4000",
      start: "x",
    };
    expect(Object.keys(checked(bad)).sort()).toEqual([
      "catchup_days",
      "grace_ms",
      "group",
      "name",
      "number",
      "starts_at",
    ]);
    for (const catchup of ["-1", "1.5", "a", "007"])
      expect([catchup, "catchup_days" in checked({ ...form, catchup })]).toEqual([catchup, true]);
    for (const number of ["", "0", "5.", "5.1.2", "-1", "1e3"])
      expect([number, "number" in checked({ ...form, number })]).toEqual([number, true]);
  });

  it("take pictures of some kinds and sizes", () => {
    expect(checkedPicture({ type: "image/png", size: 10 })).toBeUndefined();
    expect(checkedPicture({ type: "image/gif", size: 10 })).toBeDefined();
    expect(checkedPicture({ type: "image/png", size: 5_000_000 })).toBeDefined();
  });

  it("tell an error inside a field at the field", () => {
    expect(byField({ "ladder[1]": "twice", ladder: "many", number: "taken" })).toEqual({
      ladder: "twice",
      number: "taken",
    });
  });
});
