import { describe, expect, it } from "vitest";
import type { Item } from "./items";
import { theirEdit, together } from "./merge";

/** Small letters are saved items, capitals new ones of ours. */
function lineup(letters: string): Item[] {
  return [...letters].map((letter) => ({
    key: `key-${letter}`,
    id: letter === letter.toUpperCase() ? null : letter,
    media: letter,
    show: null,
    title: letter,
    part: "",
    length_ms: 1,
    episodes: null,
    state: "ok",
  }));
}

const merged = (base: string, ours: string, theirs: string) =>
  together([...base], lineup(ours), lineup(theirs))
    .map(({ title }) => title)
    .join("");

describe("two edits together", () => {
  it("have what both added and lack what either removed", () => {
    expect(merged("abcd", "aXbcd", "abcdy")).toBe("aXbcdy");
    expect(merged("abcd", "acd", "abd")).toBe("ad");
    expect(merged("abcd", "Xabcd", "yabcd")).toBe("Xyabcd");
  });

  it("have the order of whoever arranged anew", () => {
    expect(merged("abcd", "abXcd", "dcba")).toBe("dcbXa");
    expect(merged("abcd", "dcba", "abycd")).toBe("dcbya");
  });

  it("have our order where both did", () => {
    expect(merged("abcd", "dcba", "bacd")).toBe("dcba");
  });

  it("put an addition after what it still follows", () => {
    // What X followed is gone.
    expect(merged("abc", "abXc", "ac")).toBe("aXc");
    expect(merged("abc", "XYZ", "abc")).toBe("XYZ");
  });
});

it("tells what the other one did", () => {
  expect(theirEdit([..."abcd"], lineup("dbxy"))).toEqual({ added: 2, removed: 2, arranged: true });
  expect(theirEdit([..."abcd"], lineup("abcd"))).toEqual({ added: 0, removed: 0, arranged: false });
});
