import { expect, test } from "vitest";
import { fallen } from "./fallen";

const rows = (...ids: string[]) => ids.map((id) => ({ id }));

test("what newer rows pushed off the page is told, in its order", () => {
  expect(fallen(rows("d", "c", "b"), rows("f", "e", "d"))).toEqual(rows("c", "b"));
  expect(fallen(rows("d", "c"), rows("d", "c"))).toEqual([]);
  expect(fallen([], rows("a"))).toEqual([]);
});

test("two pages without a common row may have others between them", () => {
  expect(fallen(rows("b", "a"), rows("f", "e"))).toBeNull();
});
