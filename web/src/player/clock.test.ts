import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ChannelClock } from "./clock";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance", "Date"] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** A server whose clock is an hour ahead, and a channel that is 90 s behind it. */
function server() {
  const asked: { at: number; channel: string }[] = [];
  let away = false;
  return {
    asked,
    leave: () => {
      away = true;
    },
    ask: async (channel: string) => {
      asked.push({ at: performance.now(), channel });
      if (away) throw new Error("no answer");
      const serverMs = Date.now() + 3_600_000;
      return { serverMs, channelMs: channel === "late" ? serverMs - 90_000 : serverMs };
    },
  };
}

test("it asks three times at once, twice more, and then each minute", async () => {
  const { ask, asked } = server();
  const clock = new ChannelClock(ask);
  clock.follow("five");
  await vi.advanceTimersByTimeAsync(10_000);
  expect(asked).toHaveLength(5);
  await vi.advanceTimersByTimeAsync(120_000);
  expect(asked).toHaveLength(7);
  expect(clock.channelMs()).toBeCloseTo(Date.now() + 3_600_000, 0);
});

test("a channel has a time of its own", async () => {
  const { ask } = server();
  const clock = new ChannelClock(ask);
  expect(clock.channelMs()).toBeNull();
  clock.follow("late");
  await vi.advanceTimersByTimeAsync(3_000);
  expect(clock.channelMs()).toBeCloseTo(Date.now() + 3_510_000, 0);
  clock.follow("five");
  expect(clock.channelMs()).toBeNull();
  await vi.advanceTimersByTimeAsync(1);
  expect(clock.channelMs()).toBeCloseTo(Date.now() + 3_600_000, 0);
});

test("while the server is away it goes on, and asks gently", async () => {
  const { ask, asked, leave } = server();
  const clock = new ChannelClock(ask);
  clock.follow("five");
  await vi.advanceTimersByTimeAsync(5_000);
  leave();
  const before = asked.length;
  await vi.advanceTimersByTimeAsync(80_000);
  expect(asked.length - before).toBeLessThan(15);
  expect(clock.channelMs()).toBeCloseTo(Date.now() + 3_600_000, 0);
});

test("after a sleep what was known is forgotten", async () => {
  const { ask } = server();
  const clock = new ChannelClock(ask);
  clock.follow("five");
  await vi.advanceTimersByTimeAsync(5_000);
  // The device slept for ten minutes: its wall clock went on, the other did not.
  vi.setSystemTime(Date.now() + 600_000);
  await vi.advanceTimersByTimeAsync(65_000);
  expect(clock.channelMs()).toBeCloseTo(Date.now() + 3_600_000, 0);
});

test("nobody is asked when nothing is watched", async () => {
  const { ask, asked } = server();
  const clock = new ChannelClock(ask);
  clock.follow("five");
  await vi.advanceTimersByTimeAsync(3_000);
  clock.follow(null);
  const before = asked.length;
  await vi.advanceTimersByTimeAsync(300_000);
  expect(asked).toHaveLength(before);
});
