import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { after, either } from "./signal";

// As in a browser that has neither.
beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("AbortSignal", class {});
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

test("what is called off by either is called off, for its reason", () => {
  const page = new AbortController();
  const signal = either(page.signal, after(1_000));
  expect(signal.aborted).toBe(false);
  page.abort("left");
  expect([signal.aborted, signal.reason]).toEqual([true, "left"]);
  vi.advanceTimersByTime(1_000);
  expect(signal.reason).toBe("left");
});

test("what takes too long is called off", () => {
  const signal = either(new AbortController().signal, after(1_000));
  vi.advanceTimersByTime(999);
  expect(signal.aborted).toBe(false);
  vi.advanceTimersByTime(1);
  expect(signal.reason).toMatchObject({ name: "TimeoutError" });
});

test("what was called off before it began is so at once", () => {
  const page = new AbortController();
  page.abort();
  expect(either(page.signal, after(1_000)).aborted).toBe(true);
});
