import { expect, test } from "vitest";
import { address, last, named, neighbour, stillNamed, watched } from "./zap";

const CHANNELS = [
  { id: "a", number: "1" },
  { id: "b", number: "2" },
  { id: "c", number: "5.1" },
];

test("channels go round and round", () => {
  const up = ["a", "b", "c"].map((id) => neighbour(CHANNELS, id, 1)?.id);
  expect(up).toEqual(["b", "c", "a"]);
  const down = ["a", "b", "c"].map((id) => neighbour(CHANNELS, id, -1)?.id);
  expect(down).toEqual(["c", "a", "b"]);
});

test("from nowhere, or a channel that is no more, up is the first and down the last", () => {
  expect(neighbour(CHANNELS, null, 1)?.id).toBe("a");
  expect(neighbour(CHANNELS, "gone", -1)?.id).toBe("c");
  expect(neighbour([], "a", 1)).toBeUndefined();
});

test("an address names a channel by its number or its id", () => {
  expect(named(CHANNELS, "5.1")?.id).toBe("c");
  expect(named(CHANNELS, "b")?.number).toBe("2");
  expect(named(CHANNELS, "9")).toBeUndefined();
});

test("an address that stays means the channel it meant, whatever number that has by now", () => {
  const meant = { name: "2", id: "b" };
  const moved = [
    { id: "a", number: "2" },
    { id: "b", number: "7" },
  ];
  expect(stillNamed(moved, "2", null)?.id).toBe("a");
  expect(stillNamed(moved, "2", meant)?.id).toBe("b");
  expect(stillNamed(moved, "7", meant)?.id).toBe("b");
  expect(stillNamed(moved.slice(0, 1), "2", meant)?.id).toBe("a");
  expect(stillNamed([], "2", meant)).toBeUndefined();
  expect(address({ number: "5.1" })).toBe("/watch/5.1");
});

test("the last channel changes places with the present one", () => {
  let seen = watched(watched([], "a"), "b");
  expect(last(CHANNELS, seen, "b")?.id).toBe("a");
  seen = watched(seen, "a");
  expect(last(CHANNELS, seen, "a")?.id).toBe("b");
  expect(last(CHANNELS, watched(seen, "c"), "c")?.id).toBe("a");
  expect(last(CHANNELS, ["a"], "a")).toBeUndefined();
  expect(last(CHANNELS, ["a", "gone"], "a")).toBeUndefined();
});
