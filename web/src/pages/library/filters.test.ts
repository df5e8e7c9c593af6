import { expect, it } from "vitest";
import { asked, isNarrowed, NONE, read, write } from "./filters";

it("comes back from the address as it went in", () => {
  const filters = { ...NONE, q: "a & b", state: "missing", sort: "size", view: "grid" } as const;
  expect(write(filters).toString()).toBe("q=a+%26+b&state=missing&sort=size&view=grid");
  expect(read(write(filters))).toEqual(filters);
  expect(write(NONE).toString()).toBe("");
});

it("leaves out what an address says wrongly", () => {
  expect(read(new URLSearchParams("state=broken&sort=colour&view=cube&kind=film"))).toEqual(NONE);
});

it("asks the server for what narrows alone", () => {
  expect(asked({ ...NONE, q: "  ", sort: "size", view: "grid" })).toEqual({});
  expect(asked({ ...NONE, q: " sea ", codec: "hevc" })).toEqual({ q: "sea", codec: "hevc" });
  expect(isNarrowed({ ...NONE, view: "grid" })).toBe(false);
  expect(isNarrowed({ ...NONE, show: "Robots" })).toBe(true);
});
