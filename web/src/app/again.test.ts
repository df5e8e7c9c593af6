import { expect, test } from "vitest";
import { againList, againPath } from "./again";

const NOW = Date.parse("2026-11-28T20:00:00Z");
const channel = { number: "5.1", catchup_days: 1 };
const film = { start: "2026-11-28T19:30:00Z", media: "m", off_air: false };

test("what is on and what was is played from its start, as far back as the channel reaches", () => {
  const path = "/watch/5.1?from=2026-11-28T19%3A30%3A00Z";
  expect(againPath(channel, film, NOW)).toBe(path);
  const before = { ...film, start: "2026-11-27T20:00:00Z" };
  expect(againPath(channel, before, NOW)).not.toBeNull();
  expect(againPath(channel, before, NOW + 1)).toBeNull();
});

test("nothing is played again that has not begun, is nothing, or is of a channel without", () => {
  expect(againPath(channel, { ...film, start: "2026-11-28T20:00:01Z" }, NOW)).toBeNull();
  expect(againPath(channel, { ...film, off_air: true }, NOW)).toBeNull();
  expect(againPath(channel, { ...film, media: null }, NOW)).toBeNull();
  expect(againPath({ ...channel, catchup_days: 0 }, film, NOW)).toBeNull();
});

test("the list is asked for by the channel and the instant", () => {
  expect(againList("a/b", film.start)).toBe(
    "/stream/a%2Fb/catchup.m3u8?from=2026-11-28T19%3A30%3A00Z",
  );
});
