// Where pages are scrolled to, as far as it can be told without a browser.

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Places } from "./places";

/** How long the page is, and how far it is scrolled. */
let long: number;
let top: number;
let places: Places;

beforeEach(() => {
  vi.useFakeTimers();
  [long, top] = [800, 0];
  vi.spyOn(document.documentElement, "scrollHeight", "get").mockImplementation(() => long);
  vi.spyOn(window, "scrollY", "get").mockImplementation(() => top);
  vi.spyOn(window, "scrollTo").mockImplementation((...at: unknown[]) => {
    top = Math.min(Number(at[1]), Math.max(0, long - window.innerHeight));
  });
  history.replaceState(null, "");
  sessionStorage.clear();
  places = new Places();
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

/** Leaves a page that is scrolled so far for another one, and goes back to it. */
async function back(from: number) {
  const first = history.state;
  top = from;
  places.leave();
  history.pushState(places.next(), "");
  places.bring(0);
  await pass(100);
  expect(top).toBe(0);
  places.leave();
  history.replaceState(first, "");
  places.bring(places.arrive());
}

test("a page that is gone back to is where it was, once it is long enough", async () => {
  await back(3_000);
  await pass(1_000);
  expect(top).toBe(long - window.innerHeight);
  long = 9_000;
  await pass(200);
  expect(top).toBe(3_000);
});

test("who moves it before is left alone", async () => {
  await back(3_000);
  await pass(100);
  window.dispatchEvent(new Event("wheel"));
  long = 9_000;
  await pass(11_000);
  expect(top).toBe(800 - window.innerHeight);
});

test("a page that stays short is gone down as far as it goes at once, and not moved later", async () => {
  await back(3_000);
  long = window.innerHeight + 500;
  await pass(100);
  expect(top).toBe(500);
  await pass(11_000);
  long = 9_000;
  await pass(11_000);
  expect(top).toBe(500);
});

test("a page that is left before it is long enough is gone back to where it was", async () => {
  await back(3_000);
  await pass(100);
  const first = history.state;
  places.leave();
  history.pushState(places.next(), "");
  places.bring(0);
  await pass(100);
  long = 9_000;
  history.replaceState(first, "");
  places.bring(places.arrive());
  await pass(200);
  expect(top).toBe(3_000);
});

test("a page that is loaded anew is where it was", async () => {
  [long, top] = [9_000, 1_234];
  window.dispatchEvent(new Event("pagehide"));
  top = 0;
  new Places();
  await pass(200);
  expect(top).toBe(1_234);
  // Another page is not.
  history.replaceState(null, "");
  top = 0;
  new Places();
  await pass(200);
  expect(top).toBe(0);
});
