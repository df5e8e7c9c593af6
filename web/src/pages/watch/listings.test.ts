import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Listings } from "./listings.svelte";

const asked = vi.hoisted(() => vi.fn());
vi.mock("@/api", () => ({
  api: { now: asked },
  call: (answer: unknown) => answer,
  clock: { ms: 0, ticking: 0 },
  resource: () => ({ data: [] }),
}));

/** What is on goes on for long, and so does what follows. */
const NOW = { current: { end: "2099-01-01T00:00:00Z" }, next: { end: "2099-01-02T00:00:00Z" } };

let listings: Listings;
beforeEach(() => {
  vi.useFakeTimers();
  asked.mockReset().mockResolvedValue(NOW);
  listings = new Listings();
});
afterEach(() => vi.useRealTimers());

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

it("asks once a second, however often a channel changes", async () => {
  listings.ask("a");
  await pass(100);
  for (let change = 0; change < 20; change++) {
    listings.forget("a");
    await pass(100);
  }
  expect(asked).toHaveBeenCalledTimes(3);
  await pass(5_000);
  expect(asked).toHaveBeenCalledTimes(4);
  await pass(5_000);
  expect(asked).toHaveBeenCalledTimes(4);
});

it("never asks twice at once, and again for what changed meanwhile", async () => {
  let answer = (_: unknown) => {};
  asked.mockImplementation(
    () =>
      new Promise((done) => {
        answer = done;
      }),
  );
  listings.ask("a");
  await pass(3_000);
  listings.forget("a");
  listings.ask("a");
  await pass(3_000);
  expect(asked).toHaveBeenCalledOnce();
  answer(NOW);
  await pass(0);
  expect(asked).toHaveBeenCalledTimes(2);
});

it("leaves alone what nobody has looked at", async () => {
  listings.forget("b");
  await pass(2_000);
  expect(asked).not.toHaveBeenCalled();
});
