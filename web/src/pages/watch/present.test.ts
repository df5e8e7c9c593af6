import { expect, test } from "vitest";
import type { GuideEntry, Now, Programme } from "@/api";
import { following } from "./following";
import { endsMs, presentAt, presentsOf } from "./present";

const NOON = Date.UTC(2026, 10, 28, 12);
const MINUTE = 60_000;

function programme(title: string, fromMin: number, toMin: number | null, more = {}): Programme {
  return {
    start: new Date(NOON + fromMin * MINUTE).toISOString(),
    end: toMin === null ? null : new Date(NOON + toMin * MINUTE).toISOString(),
    title,
    subtitle: null,
    show: null,
    season: null,
    episode: null,
    off_air: false,
    media: null,
    item: null,
    year: null,
    plot: null,
    media_start_ms: 0,
    committed: true,
    catchup: null,
    ...more,
  };
}

const HEARD: Now = {
  at: new Date(NOON).toISOString(),
  channel: "a",
  current: programme("News", 0, 30),
  next: programme("Weather", 30, 40),
  next_warning: "the file is not there",
  offset_ms: 0,
  remaining_ms: 30 * MINUTE,
};

test("what was next is on when its time has come, and then nothing is known of it", () => {
  expect(presentAt(HEARD, NOON + MINUTE)?.current?.title).toBe("News");
  expect(presentAt(HEARD, NOON + MINUTE)?.warning).toBe("the file is not there");
  const later = presentAt(HEARD, NOON + 35 * MINUTE);
  expect(later).toMatchObject({ next: null, warning: null });
  expect(later?.current?.title).toBe("Weather");
  expect(presentAt(HEARD, NOON + 45 * MINUTE)).toBeNull();
  expect(endsMs(HEARD)).toBe(NOON + 30 * MINUTE);
});

test("off the air for ever never ends", () => {
  const off = { ...HEARD, current: programme("Off air", 0, null, { off_air: true }), next: null };
  expect(presentAt(off, NOON + 1_000 * MINUTE)?.current?.off_air).toBe(true);
  expect(endsMs(off)).toBe(Number.POSITIVE_INFINITY);
});

test("the guide tells what is on and what follows, channel by channel", () => {
  const entries: GuideEntry[] = [
    { ...programme("News", 0, 30), channel: "a" },
    { ...programme("Weather", 30, 40), channel: "a" },
    { ...programme("Sport", 40, 50), channel: "a" },
    { ...programme("Film", -20, 90), channel: "b" },
  ];
  const found = presentsOf(entries, NOON + MINUTE);
  expect(found.get("a")).toMatchObject({ current: { title: "News" }, next: { title: "Weather" } });
  expect(found.get("b")).toMatchObject({ current: { title: "Film" }, next: null });
});

test("what follows is told by its episode where the show goes on", () => {
  const show = { show: "Night Trains", season: 2 };
  const one = programme("Uphill", 0, 30, { ...show, episode: 1 });
  const two = programme("Downhill", 30, 60, { ...show, episode: 2 });
  expect(following(two, one, NOON + 18 * MINUTE)).toBe("Next in 12 min: S2 E2 · Downhill");
  expect(following(two, null, NOON + 18 * MINUTE)).toBe("Next in 12 min: Night Trains");
  expect(following(programme("", 30, 60, { off_air: true }), one, NOON)).toBe("Off air in 30 min");
});
