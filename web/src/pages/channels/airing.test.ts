import { expect, it } from "vitest";
import type { GuideEntry } from "@/api";
import { airing, changesAt } from "./airing";

const entry = (channel: string, start: number, end: number | null) =>
  ({
    channel,
    start: new Date(start * 1_000).toISOString(),
    end: end === null ? null : new Date(end * 1_000).toISOString(),
  }) as GuideEntry;

it("finds what is on each channel, what is next, and when that changes", () => {
  const guide = [entry("a", 0, 10), entry("a", 10, 20), entry("b", 5, null), entry("c", 30, 40)];
  const on = airing(guide, 7_000);
  expect(on.get("a")?.now).toBe(guide[0]);
  expect(on.get("a")?.next).toBe(guide[1]);
  expect(on.get("b")?.now).toBe(guide[2]);
  expect(on.get("c")?.now).toBeUndefined();
  expect(changesAt(on)).toBe(10_000);
  expect(airing(guide, 10_000).get("a")?.now).toBe(guide[1]);
  expect(changesAt(new Map())).toBeNull();
});
