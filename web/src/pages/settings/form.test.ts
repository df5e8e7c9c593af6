import { expect, test } from "vitest";
import { Draft, sorted } from "./form";

const theirs = [
  ["stream.grace", "30s"],
  ["stream.ladder", ["source", "720p"]],
] as const;

test("only what differs from the server's is an edit", () => {
  const draft = new Draft(theirs);
  expect(draft.isTouched).toBe(false);
  draft.set("stream.grace", "5s");
  draft.set("stream.ladder", ["source", "720p"]);
  expect(draft.edits).toEqual([["stream.grace", "5s"]]);
  draft.set("stream.grace", "30s");
  expect(draft.isTouched).toBe(false);
});

test("news from the server leaves what was typed alone", () => {
  const draft = new Draft(theirs);
  draft.set("stream.grace", "5s");
  draft.hear([
    ["stream.grace", "10s"],
    ["stream.ladder", ["480p"]],
  ]);
  expect(draft.get("stream.grace")).toBe("5s");
  expect(draft.get("stream.ladder")).toEqual(["480p"]);
  draft.hear([["stream.grace", "5s"]]);
  expect(draft.isTouched).toBe(false);
});

test("what was typed while edits were sent stays", () => {
  const draft = new Draft(theirs);
  draft.set("stream.grace", "5s");
  draft.set("log.filter", "debug");
  draft.set("stream.ladder", []);
  const sent = draft.edits;
  draft.set("stream.grace", "7s");
  // This one back to what it was.
  draft.set("stream.ladder", ["source", "720p"]);
  draft.set("store.limit", 5);
  draft.taken(sent);
  draft.hear([
    ["stream.grace", "5s"],
    ["log.filter", "debug"],
    ["stream.ladder", []],
  ]);
  expect(draft.edits).toEqual([
    ["stream.grace", "7s"],
    ["store.limit", 5],
    ["stream.ladder", ["source", "720p"]],
  ]);
});

test("edits can be given up, one or all", () => {
  const draft = new Draft(theirs);
  draft.set("stream.grace", "5s");
  draft.set("log.filter", "debug");
  draft.forget(["log.filter"]);
  expect(draft.edits).toEqual([["stream.grace", "5s"]]);
  draft.forget();
  expect(draft.get("stream.grace")).toBe("30s");
});

test("words go beside the field they are about, the others above", () => {
  const told = sorted(
    [
      { field: "stream.ladder[1]", message: "is no rung" },
      { field: "stream.ladder", message: "is too long" },
      { field: "stream.grace", message: "is over 1h" },
      { field: "store.limit", message: "is too small" },
      { field: "", message: "is nothing" },
    ],
    ["stream.ladder", "stream.grace", "stream.g"],
  );
  expect([...told.beside]).toEqual([
    ["stream.ladder", "is no rung; is too long"],
    ["stream.grace", "is over 1h"],
  ]);
  expect(told.above).toEqual(["store.limit: is too small", "is nothing"]);
});
