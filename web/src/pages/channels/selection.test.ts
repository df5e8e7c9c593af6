import { describe, expect, it } from "vitest";
import { all, clicked, kept, markedAt, markedBy, NOTHING, only, type Selection } from "./selection";

const order = [..."abcdef"];
const text = ({ chosen, mark }: Selection) =>
  `${order.filter((k) => chosen.has(k)).join("")}@${mark}`;

describe("clicking", () => {
  it("chooses one, with ctrl one more or less, with shift a range", () => {
    const b = clicked(NOTHING, order, "b");
    expect(text(b)).toBe("b@b");
    const bd = clicked(b, order, "d", { ctrl: true });
    expect(text(bd)).toBe("bd@d");
    expect(text(clicked(bd, order, "b", { ctrl: true }))).toBe("d@b");
    expect(text(clicked(bd, order, "f", { shift: true }))).toBe("def@f");
    expect(text(clicked(bd, order, "f", { shift: true, ctrl: true }))).toBe("bdef@f");
  });

  it("measures each range from where the first began", () => {
    const c = clicked(NOTHING, order, "c");
    const down = clicked(c, order, "e", { shift: true });
    expect(text(clicked(down, order, "a", { shift: true }))).toBe("abc@a");
  });
});

describe("moving the mark", () => {
  it("chooses where it goes, and stops at the ends", () => {
    expect(text(markedBy(NOTHING, order, 1))).toBe("a@a");
    expect(text(markedBy(only("e"), order, 5))).toBe("f@f");
    expect(text(markedBy(only("b"), order, -5))).toBe("a@a");
    expect(text(markedAt(only("b"), order, 3))).toBe("d@d");
    expect(markedBy(only("b"), [], 1)).toBe(NOTHING);
  });

  it("takes rows along with shift and leaves them with ctrl", () => {
    const down = markedBy(markedBy(only("b"), order, 1, { shift: true }), order, 1, {
      shift: true,
    });
    expect(text(down)).toBe("bcd@d");
    expect(text(markedBy(down, order, -1, { shift: true }))).toBe("bc@c");
    expect(text(markedBy(down, order, 2, { ctrl: true }))).toBe("bcd@f");
  });
});

it("chooses all and keeps the mark", () => {
  expect(text(all(only("c"), order))).toBe("abcdef@c");
});

it("lets the mark fall to what took the place of a row that went away", () => {
  const some: Selection = { chosen: new Set(["b", "c"]), mark: "c", anchor: "b" };
  expect(text(kept(some, order, [..."abef"]))).toBe("b@e");
  expect(text(kept({ ...some, mark: "f" }, order, [..."ab"]))).toBe("b@b");
  expect(kept(some, order, [])).toEqual({ chosen: new Set(), mark: null, anchor: null });
});
