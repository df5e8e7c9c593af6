import { expect, it } from "vitest";
import type { Item } from "./items";
import { forget, type Keep, keep, recall } from "./kept";

function drawer(room = Number.POSITIVE_INFINITY): Keep & { all: Map<string, string> } {
  const all = new Map<string, string>();
  return {
    all,
    getItem: (name) => all.get(name) ?? null,
    removeItem: (name) => void all.delete(name),
    setItem: (name, value) => {
      if (value.length > room) throw new DOMException("full", "QuotaExceededError");
      all.set(name, value);
    },
  };
}

const item: Item = {
  key: "k",
  id: null,
  media: "m",
  show: null,
  title: "Pigs & “quotes”",
  part: "",
  length_ms: null,
  episodes: null,
  state: "ok",
};

it("gives back what was kept, for each channel its own", () => {
  const storage = drawer();
  expect(keep(storage, "one", { base: ["a"], items: [item], at: 5 })).toBe(true);
  expect(recall(storage, "one")).toEqual({ base: ["a"], items: [item], at: 5 });
  expect(recall(storage, "two")).toBeNull();
  forget(storage, "one");
  expect(recall(storage, "one")).toBeNull();
});

it("says so where there is no room", () => {
  expect(keep(drawer(10), "one", { base: [], items: [item], at: 5 })).toBe(false);
});

it("ignores what it cannot read", () => {
  const storage = drawer();
  keep(storage, "one", { base: [], items: [item], at: 5 });
  const [name, text] = [...storage.all][0] as [string, string];
  for (const broken of ["{", "5", "[]", text.replace('"v":1', '"v":2'), text.replace('"m"', "5")]) {
    storage.all.set(name, broken);
    expect(recall(storage, "one")).toBeNull();
  }
});

it("fits ten thousand items into what browsers keep", () => {
  const storage = drawer(5_000_000);
  const uuid = "01980000-0000-7000-8000-000000000000";
  const many = Array.from({ length: 10_000 }, (_, n) => ({
    ...item,
    key: uuid,
    id: uuid,
    media: uuid,
    title: `A film with a rather long title, part ${n}`,
    length_ms: 7_200_000,
  }));
  expect(keep(storage, "one", { base: many.map(({ id }) => id), items: many, at: 5 })).toBe(true);
});
