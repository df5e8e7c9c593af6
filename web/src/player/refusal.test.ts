import { expect, test } from "vitest";
import { AGAIN_MS, refusal } from "./refusal";

test("a way in that is open is no refusal", () => {
  expect(refusal({ kind: "open", url: "", text: "", client: null }, 0)).toBeNull();
});

test("what may pass is said with when it is tried again, and tried then", () => {
  expect(refusal({ kind: "away" }, 5)).toEqual({ trouble: { kind: "away" }, againMs: AGAIN_MS });
  expect(refusal({ kind: "full", words: "no room", againMs: 3_000 }, 5)).toEqual({
    trouble: { kind: "full", words: "no room", againAtMs: 3_005 },
    againMs: 3_000,
  });
  expect(refusal({ kind: "failed", words: "broken" }, 5)).toEqual({
    trouble: { kind: "failed", words: "broken", againAtMs: 10_005 },
    againMs: 10_000,
  });
});

test("what stays as it is is not tried again", () => {
  expect(refusal({ kind: "gone", words: "no such channel" }, 5)).toEqual({
    trouble: { kind: "gone", words: "no such channel" },
    againMs: null,
  });
  expect(refusal({ kind: "signed-out" }, 5)?.againMs).toBeNull();
});
