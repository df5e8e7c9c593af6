import { expect, test } from "vitest";
import { nextPage } from "./next";

test("one goes on where one came from, and nowhere else", () => {
  const next = (text: string) => nextPage(new URLSearchParams(text));
  expect(next("next=%2Fsettings%3Fpart%3Daccess")).toBe("/settings?part=access");
  for (const bad of [
    "",
    "next=https://evil.test",
    "next=//evil.test",
    "next=/%5Cevil.test",
    "next=/sign-in",
  ]) {
    expect(next(bad), bad).toBe("/");
  }
});
