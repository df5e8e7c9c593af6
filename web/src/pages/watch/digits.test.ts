import { expect, test } from "vitest";
import { back, found, isOpen, TUNE_AFTER_MS, type Typed, type } from "./digits";

const CHANNELS = ["1", "5", "5.1", "12", "100"].map((number) => ({ number }));

function typed(keys: string, startMs = 0): Typed | null {
  let made: Typed | null = null;
  for (const [at, key] of [...keys].entries()) made = type(made, key, startMs + at * 100) ?? made;
  return made;
}

test("digits add up, and each gives the time anew", () => {
  expect(typed("12")).toEqual({ text: "12", dueMs: 100 + TUNE_AFTER_MS });
  expect(typed("5.1")?.text).toBe("5.1");
  expect(typed("5,1")?.text).toBe("5.1");
  expect(typed("100")?.text).toBe("100");
});

test("what is no number is not for this", () => {
  expect(type(null, "0", 0)).toBeNull();
  expect(type(null, ".", 0)).toBeNull();
  expect(type(null, "m", 0)).toBeNull();
  expect(typed("5..1")?.text).toBe("5.1");
  expect(typed("123456789012")?.text).toHaveLength(8);
});

test("the channel of a number is found, also where a dot stands at the end", () => {
  expect(found({ text: "5", dueMs: 0 }, CHANNELS)?.number).toBe("5");
  expect(found({ text: "5.", dueMs: 0 }, CHANNELS)?.number).toBe("5");
  expect(found({ text: "5.2", dueMs: 0 }, CHANNELS)).toBeUndefined();
});

test("a number that could go on is waited for", () => {
  expect(isOpen({ text: "1", dueMs: 0 }, CHANNELS)).toBe(true);
  expect(isOpen({ text: "12", dueMs: 0 }, CHANNELS)).toBe(false);
});

test("digits are taken back one by one", () => {
  expect(back({ text: "12", dueMs: 0 }, 500)).toEqual({ text: "1", dueMs: 500 + TUNE_AFTER_MS });
  expect(back({ text: "1", dueMs: 0 }, 500)).toBeNull();
});
