import { expect, it } from "vitest";
import { byPlace } from "./places";

it("finds the item that an error is about", () => {
  const told = byPlace({ "items[3].media": "gone", "items[12]": "what", items: "too many" });
  expect([...told]).toEqual([
    [3, "gone"],
    [12, "what"],
    [-1, "too many"],
  ]);
});
