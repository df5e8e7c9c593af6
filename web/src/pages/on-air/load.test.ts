import { beforeEach, expect, test, vi } from "vitest";
import type { LoadSample } from "@/api";
import { LoadHistory } from "./load.svelte";

/** What the server would answer, and who listens to what it tells. */
const server = vi.hoisted(() => ({
  answer: (_samples: unknown[]) => {},
  tell: (_sample: unknown) => {},
}));

vi.mock("@/api", () => ({
  api: { getLoad: () => null },
  call: () =>
    new Promise((done) => {
      server.answer = (samples) => done({ samples });
    }),
  events: {
    on: ([type]: string[], listener: (sample: unknown) => void) => {
      if (type === "load") server.tell = listener;
      return () => {};
    },
  },
  reach: { onBack: () => () => {} },
}));

function sample(second: number): LoadSample {
  return { at: new Date(second * 1_000).toISOString(), viewers: second } as LoadSample;
}

const viewers = (history: LoadHistory) =>
  history.series("viewers").samples.map(({ value }) => value);

let history: LoadHistory;
beforeEach(() => {
  history = new LoadHistory();
  history.follow();
});

test("what is told before the server's memory has come goes after it, and hides none of it", async () => {
  server.tell(sample(3));
  server.answer([sample(1), sample(2)]);
  await vi.waitFor(() => expect(history.latest).toEqual(sample(3)));
  expect(viewers(history)).toEqual([1, 2, 3]);
});

test("afterwards each sample is taken as it is told", async () => {
  server.answer([sample(1)]);
  await vi.waitFor(() => expect(history.latest).toBeDefined());
  server.tell(sample(2));
  expect(viewers(history)).toEqual([1, 2]);
});
