import { describe, expect, it } from "vitest";
import {
  alike,
  duplicated,
  type Item,
  inserted,
  made,
  moved,
  rekeyed,
  removed,
  same,
  shuffled,
  stepped,
  total,
  wanted,
} from "./items";

function lineup(letters: string): Item[] {
  return [...letters].map((letter) => ({
    key: letter,
    id: letter,
    media: `media-${letter}`,
    show: null,
    title: letter.toUpperCase(),
    part: "",
    length_ms: 60_000,
    episodes: null,
    state: "ok",
  }));
}

const text = (items: readonly Item[]) => items.map(({ key }) => key).join("");
const keys = (letters: string) => new Set(letters);
function counter(): () => string {
  let last = 0;
  return () => `${++last}`;
}

describe("moving", () => {
  it("puts what is moved before the place, wherever it came from", () => {
    expect(text(moved(lineup("abcdef"), keys("b"), 4))).toBe("acdbef");
    expect(text(moved(lineup("abcdef"), keys("e"), 0))).toBe("eabcdf");
    expect(text(moved(lineup("abcdef"), keys("f"), 6))).toBe("abcdef");
  });

  it("brings scattered items together in their order", () => {
    expect(text(moved(lineup("abcdef"), keys("afc"), 4))).toBe("bdacfe");
  });

  it("gives the same list where nothing moves", () => {
    const items = lineup("abcdef");
    expect(moved(items, keys("cd"), 3)).toBe(items);
    expect(moved(items, keys(""), 3)).toBe(items);
  });

  it("steps a block over its neighbour and stops at the ends", () => {
    const items = lineup("abcdef");
    expect(text(stepped(items, keys("cd"), -1))).toBe("acdbef");
    expect(text(stepped(items, keys("cd"), 1))).toBe("abecdf");
    expect(stepped(items, keys("ab"), -1)).toBe(items);
    expect(stepped(items, keys("f"), 1)).toBe(items);
    expect(stepped(items, keys(""), 1)).toBe(items);
  });
});

describe("adding and taking out", () => {
  it("puts new items anywhere, each with a key and no id", () => {
    const [item] = made([lineup("x")[0] as Item], counter());
    expect(item).toMatchObject({ key: "1", id: null, media: "media-x" });
    expect(text(inserted(lineup("abc"), 1, made(lineup("xy"), counter())))).toBe("a12bc");
    expect(text(inserted(lineup("abc"), 99, lineup("x")))).toBe("abcx");
  });

  it("takes out what is named and leaves the list alone where nothing is", () => {
    const items = lineup("abcd");
    expect(text(removed(items, keys("bd")))).toBe("ac");
    expect(removed(items, keys("z"))).toBe(items);
  });

  it("puts copies after the last of what is copied", () => {
    const { items, copies } = duplicated(lineup("abcd"), keys("ac"), counter());
    expect(text(items)).toBe("abc12d");
    expect(copies.map(({ media, id }) => [media, id])).toEqual([
      ["media-a", null],
      ["media-c", null],
    ]);
  });
});

describe("shuffling", () => {
  it("keeps every item, and everything else in its place", () => {
    // Always the first of those left.
    const mixed = shuffled(lineup("abcdef"), keys("bdf"), () => 0);
    expect(text(mixed)).toBe("adcfeb");
  });

  it("mixes all where fewer than two are named", () => {
    const mixed = text(shuffled(lineup("abcdef"), keys("b"), () => 0));
    expect([...mixed].sort().join("")).toBe("abcdef");
    expect(mixed).not.toBe("abcdef");
  });

  it("gives each order alike often", () => {
    let seed = 7;
    const random = () => {
      seed = (seed * 16_807) % 2_147_483_647;
      return seed / 2_147_483_647;
    };
    const seen = new Map<string, number>();
    for (let round = 0; round < 6_000; round++) {
      const order = text(shuffled(lineup("abc"), keys(""), random));
      seen.set(order, (seen.get(order) ?? 0) + 1);
    }
    expect(seen.size).toBe(6);
    for (const count of seen.values()) expect(Math.abs(count - 1_000)).toBeLessThan(150);
  });
});

it("tells the whole length, and what is not counted in it", () => {
  const items = lineup("abcd").map((item, index) => ({
    ...item,
    length_ms: index === 1 ? null : 1_000,
    state: index === 2 ? ("missing" as const) : ("ok" as const),
  }));
  expect(total(items)).toEqual({ length_ms: 2_000, unknown: 2 });
});

describe("saving", () => {
  it("names what is saved by its id, and what is not by what it is", () => {
    const [a, b] = lineup("ab") as [Item, Item];
    const show: Item = { ...b, key: "s", id: null, media: null, show: "Harbour" };
    expect(wanted([a, show], keys("a"))).toEqual([
      { id: "a", media: "media-a" },
      { show: "Harbour" },
    ]);
  });

  it("sends an item anew whose removal was saved and undone", () => {
    expect(wanted(lineup("ab"), keys("a"))).toEqual([
      { id: "a", media: "media-a" },
      { media: "media-b" },
    ]);
  });

  it("keeps the keys of what was sent", () => {
    const sent = made(lineup("ab"), counter());
    const answered = lineup("ab");
    expect(rekeyed(answered, sent).map(({ key, id }) => [key, id])).toEqual([
      ["1", "a"],
      ["2", "b"],
    ]);
    expect(rekeyed(answered, lineup("ba"))).toBe(answered);
  });

  it("knows what plays the same, by whatever ids", () => {
    expect(alike(lineup("ab"), made(lineup("ab"), counter()))).toBe(true);
    expect(alike(lineup("ab"), lineup("ba"))).toBe(false);
    expect(alike(lineup("ab"), lineup("a"))).toBe(false);
    const show = { ...(lineup("a")[0] as Item), media: null, show: "Harbour" };
    expect(alike([show], [{ ...show, key: "1", id: null }])).toBe(true);
    expect(alike([show], [{ ...show, show: "Hills" }])).toBe(false);
  });

  it("knows when nothing is changed", () => {
    expect(same(lineup("abc"), lineup("abc"))).toBe(true);
    expect(same(lineup("abc"), lineup("acb"))).toBe(false);
    expect(same(lineup("abc"), lineup("ab"))).toBe(false);
    expect(same(lineup("a"), made(lineup("a"), counter()))).toBe(false);
    expect(same(made(lineup("a"), counter()), made(lineup("a"), counter()))).toBe(true);
  });
});
