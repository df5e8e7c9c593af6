import { expect, it } from "vitest";
import { asEdit, checked, type Typed } from "./about";

const before: Typed = {
  title: "Pilot",
  kind: "episode",
  show: "Harbour",
  season: "1",
  episode: "4",
  year: "",
  plot: "A boat.",
  genres: "Drama, Sea",
};

it("sends what was changed alone, and takes back what was emptied", () => {
  expect(asEdit({ ...before, title: " Pilot " }, before)).toEqual({});
  expect(
    asEdit({ ...before, title: "", season: "0", year: "1998", genres: "Sea,, Fog " }, before),
  ).toEqual({
    title: null,
    season: 0,
    year: 1998,
    genres: ["Sea", "Fog"],
  });
  expect(asEdit({ ...before, genres: " , " }, before)).toEqual({ genres: null });
});

it("names each field that is wrong", () => {
  const bad = { ...before, season: "x", episode: "100000", year: "98", title: "x".repeat(301) };
  expect(Object.keys(checked(bad)).sort()).toEqual(["episode", "season", "title", "year"]);
  expect(checked(before)).toEqual({});
});
