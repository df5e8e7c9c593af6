import { expect, it } from "vitest";
import type { Now, Programme } from "@/api";
import { airing, changesAt } from "./airing";

const at = (minute: number) => new Date(Date.UTC(2026, 0, 1, 12, minute)).toISOString();
const programme = (title: string, from: number, to: number | null) =>
  ({ title, start: at(from), end: to === null ? null : at(to) }) as Programme;
const told = (
  current: Programme | null,
  next: Programme | null,
): Pick<Now, "current" | "next"> => ({
  current,
  next,
});

it("finds what is on by now, and nothing where all has ended", () => {
  const both = told(programme("a", 0, 20), programme("b", 20, 50));
  const title = (minute: number) => airing(both, Date.parse(at(minute)))?.title;
  expect([title(0), title(19), title(20), title(49), title(50)]).toEqual([
    "a",
    "a",
    "b",
    "b",
    undefined,
  ]);
  expect(airing(told(programme("for ever", 0, null), null), Date.parse(at(59)))?.title).toBe(
    "for ever",
  );
  expect(airing(told(null, null), Date.parse(at(0)))).toBeNull();
});

it("tells when the first of them ends", () => {
  const all = [
    told(programme("a", 0, 20), programme("b", 20, 50)),
    told(programme("c", 0, 15), null),
    told(programme("d", 0, null), null),
    told(null, null),
  ];
  expect(changesAt(all)).toBe(Date.parse(at(15)));
  expect(changesAt([])).toBeNull();
});
