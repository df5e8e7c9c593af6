import { describe, expect, test, vi } from "vitest";
import type { Channel, GuideEntry } from "@/api";
import { cellAt, cells, type Item, item, type Scale, toMs, toPx } from "./cells";
import { type Ground, Place } from "./place.svelte";
import { fittingScale, nextScale } from "./scale";
import { GuideStore, STRETCH_COLUMNS } from "./store.svelte";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = new Date(2026, 10, 28).getTime();
const SCALE: Scale = { origin: DAY, columnMs: 30 * MINUTE, columnPx: 240 };
const LEAST = 56;

function entry(start: number, minutes: number | null, more: Partial<GuideEntry> = {}): GuideEntry {
  return {
    channel: "a",
    start: new Date(start).toISOString(),
    end: minutes === null ? null : new Date(start + minutes * MINUTE).toISOString(),
    title: "Title",
    off_air: false,
    media: "media",
    ...more,
  } as GuideEntry;
}

/** Programmes of these lengths in minutes, one after the other. */
function row(start: number, ...minutes: (number | null)[]): Item[] {
  let at = start;
  return minutes.map((length) => {
    const made = item(entry(at, length));
    at += (length ?? 0) * MINUTE;
    return made;
  });
}

function counts(items: Item[], from = DAY, to = DAY + 4 * HOUR): number[] {
  return cells(items, from, to, SCALE, LEAST).map((cell) => cell.items.length);
}

describe("cells", () => {
  test("a programme takes the room of its time", () => {
    const [first, second] = cells(row(DAY, 30, 60), DAY, DAY + HOUR, SCALE, LEAST);
    expect([first?.left, first?.width, second?.left, second?.width]).toEqual([0, 240, 240, 240]);
    expect(toMs(SCALE, toPx(SCALE, DAY + 77_000))).toBe(DAY + 77_000);
  });

  test("short programmes of one stretch stand together, and no cell is narrower than the least", () => {
    const shorts = Array.from({ length: 40 }, () => 1);
    const made = cells(row(DAY, ...shorts, 90, 2, 90), DAY, DAY + 4 * HOUR, SCALE, LEAST);
    expect(made.map(({ items }) => items.length)).toEqual([15, 15, 10, 1, 1, 1, 0]);
    for (const [index, cell] of made.entries()) {
      expect(cell.width).toBeGreaterThanOrEqual(LEAST);
      const next = made[index + 1];
      if (next) expect(next.left).toBe(cell.left + cell.width);
    }
  });

  test("where the window begins changes no cell but the ones it cuts off", () => {
    const all = row(DAY, ...Array.from({ length: 120 }, () => 1));
    const keys = (from: number) =>
      cells(all, from, DAY + 2 * HOUR, SCALE, LEAST).map(({ key }) => key);
    expect(keys(DAY).slice(4)).toEqual(keys(DAY + HOUR));
  });

  test("what is not known is a cell of its own, at both ends and between", () => {
    const items = [...row(DAY + HOUR, 30), ...row(DAY + 2 * HOUR, 60)];
    expect(counts(items)).toEqual([0, 1, 0, 1, 0]);
    expect(counts([])).toEqual([0]);
  });

  test("what never ends is drawn to the edge and no further", () => {
    const made = cells(row(DAY, 30, null), DAY, DAY + 2 * HOUR, SCALE, LEAST);
    expect(made.at(-1)).toMatchObject({ end: Number.POSITIVE_INFINITY, left: 240, width: 720 });
    expect(cellAt(made, DAY + 100 * HOUR)).toBe(made.at(-1));
  });
});

describe("the scale", () => {
  test("follows what is usual, not what is longest", () => {
    const of = (...minutes: number[]) => fittingScale(minutes.map((length) => entry(DAY, length)));
    expect(of(22, 22, 25, 180)).toBe(30 * MINUTE);
    expect(of(4, 4, 4, 120)).toBe(5 * MINUTE);
    expect(of(0.6, 0.7)).toBe(MINUTE);
    expect(fittingScale([])).toBe(30 * MINUTE);
  });

  test("ends at both ends", () => {
    expect(nextScale(30 * MINUTE, -1)).toBe(30 * MINUTE);
    expect(nextScale(30 * MINUTE, 1)).toBe(15 * MINUTE);
    expect(nextScale(MINUTE, 1)).toBe(MINUTE);
  });
});

describe("the store", () => {
  const ids = Array.from({ length: 40 }, (_, at) => `c${at}`);

  function reading(): {
    store: GuideStore;
    asked: { channels: readonly string[]; from: number }[];
  } {
    const asked: { channels: readonly string[]; from: number }[] = [];
    const store = new GuideStore(async (channels, from) => {
      asked.push({ channels, from });
      // A film that began before the stretch, as the server tells it.
      return channels.flatMap((channel) => [
        entry(from - HOUR, 90, { channel }),
        entry(from + HOUR / 2, 240, { channel }),
      ]);
    });
    store.setColumn(30 * MINUTE);
    return { store, asked };
  }

  test("asks only for what is seen, once, in blocks", async () => {
    vi.useFakeTimers();
    const { store, asked } = reading();
    const stretch = STRETCH_COLUMNS * 30 * MINUTE;
    const from = Math.floor(DAY / stretch) * stretch;
    const view = { channels: ids, first: 0, last: 10, from: from + 1, to: from + stretch };
    store.look(view);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(asked.map(({ channels }) => channels.length)).toEqual([16]);
    store.look({ ...view, last: 20, to: from + stretch + 1 });
    await vi.advanceTimersByTimeAsync(1_000);
    expect(asked.map(({ channels, from: at }) => [channels[0], (at - from) / stretch])).toEqual([
      ["c0", 0],
      ["c16", 0],
      ["c0", 1],
      ["c16", 1],
    ]);
    store.end();
    vi.useRealTimers();
  });

  test("what two stretches tell is shown once, and what is stale is asked for again", async () => {
    vi.useFakeTimers();
    const { store, asked } = reading();
    store.look({ channels: ids, first: 0, last: 0, from: DAY, to: DAY + 8 * HOUR });
    await vi.advanceTimersByTimeAsync(1_000);
    const starts = store.row("c0").map(({ start }) => start);
    expect(starts).toEqual([...new Set(starts)].sort((a, b) => a - b));
    const before = asked.length;
    store.stale("c0");
    store.stale("c0");
    await vi.advanceTimersByTimeAsync(3_000);
    expect(asked.slice(before).map(({ channels }) => channels)).toEqual(
      [["c0"], ["c0"], ["c0"]].slice(0, asked.length - before),
    );
    expect(asked.length).toBeGreaterThan(before);
    store.end();
    vi.useRealTimers();
  });

  test("what changed while it was asked for is asked for again", async () => {
    vi.useFakeTimers();
    let title = "Before";
    const store = new GuideStore(async (channels, from) => {
      const told = title;
      await new Promise((done) => setTimeout(done, 500));
      return channels.map((channel) => entry(from, 600, { channel, title: told }));
    });
    store.setColumn(30 * MINUTE);
    store.look({ channels: ["a"], first: 0, last: 0, from: DAY, to: DAY + 1 });
    await vi.advanceTimersByTimeAsync(200);
    title = "After";
    store.stale("a");
    await vi.advanceTimersByTimeAsync(400);
    expect(store.row("a")[0]?.programme.title).toBe("Before");
    await vi.advanceTimersByTimeAsync(3_000);
    expect(store.row("a")[0]?.programme.title).toBe("After");
    store.end();
    vi.useRealTimers();
  });

  test("what comes in sight does not wait with what is to be asked for again", async () => {
    vi.useFakeTimers();
    const { store, asked } = reading();
    const stretch = STRETCH_COLUMNS * 30 * MINUTE;
    const from = Math.floor(DAY / stretch) * stretch;
    const view = { channels: ["a"], first: 0, last: 0, from: from + 1, to: from + stretch };
    store.look(view);
    await vi.advanceTimersByTimeAsync(1_000);
    store.stale();
    store.look({ ...view, from: from + stretch + 1, to: from + 2 * stretch });
    await vi.advanceTimersByTimeAsync(100);
    expect(asked.map(({ from: at }) => (at - from) / stretch)).toEqual([0, 1]);
    store.end();
    vi.useRealTimers();
  });

  test("where the server tells of nothing it is known that nothing is on", async () => {
    vi.useFakeTimers();
    const stretch = STRETCH_COLUMNS * 30 * MINUTE;
    const from = Math.floor(DAY / stretch) * stretch;
    // The channel was made an hour after the stretch began, and has something for an hour.
    const store = new GuideStore(async (channels) =>
      channels.map((channel) => entry(from + HOUR, 60, { channel })),
    );
    store.setColumn(30 * MINUTE);
    store.look({ channels: ["a"], first: 0, last: 0, from, to: from + 1 });
    await vi.advanceTimersByTimeAsync(1_000);
    const row = store.row("a");
    expect(row.map(({ programme }) => programme.off_air)).toEqual([true, false, true]);
    expect(row.map(({ start }) => start)).toEqual([from, from + HOUR, from + 2 * HOUR]);
    expect(row.at(-1)?.end).toBe(from + stretch);
    store.end();
    vi.useRealTimers();
  });

  test("a failure is told, tried again after a while, and leaves what is known", async () => {
    vi.useFakeTimers();
    let failing = true;
    let asked = 0;
    const store = new GuideStore(async (channels, from) => {
      asked += 1;
      if (failing) throw new Error("away");
      return channels.map((channel) => entry(from, 600, { channel }));
    });
    store.setColumn(30 * MINUTE);
    store.look({ channels: ["a"], first: 0, last: 0, from: DAY, to: DAY + 1 });
    await vi.advanceTimersByTimeAsync(5_000);
    expect(asked).toBeLessThanOrEqual(3);
    expect(store.problem).toBeDefined();
    failing = false;
    await vi.advanceTimersByTimeAsync(3_000);
    expect(store.problem).toBeUndefined();
    expect(store.row("a")).toHaveLength(1);
    store.end();
    vi.useRealTimers();
  });
});

describe("the mark", () => {
  const now = DAY + 2 * HOUR;

  function ground(rows: Record<string, Item[]>): Ground {
    return {
      store: { row: (channel: string) => rows[channel] ?? [] } as unknown as GuideStore,
      channels: Object.keys(rows).map((id) => ({ id }) as Channel),
      scale: SCALE,
      least: LEAST,
      from: DAY,
      to: DAY + 24 * HOUR,
    };
  }

  const over = ground({ a: row(DAY, 90, 60, 60), b: row(DAY, 120, 30, 30), c: [] });

  test("goes along a row programme by programme and stays with the clock where it is on", () => {
    const place = new Place();
    place.mark("a", "now");
    expect(place.along(over, 1, now)).toBe(true);
    expect(place.at).toBe(DAY + 150 * MINUTE);
    expect(place.along(over, -1, now)).toBe(true);
    expect(place.at).toBe("now");
    expect(place.along(over, -1, now)).toBe(true);
    expect(place.at).toBe(DAY);
    expect(place.along(over, -1, now)).toBe(false);
  });

  test("goes through what is not known by a column, however far away the next programme is known", () => {
    const later = DAY + 12 * HOUR;
    const over = ground({ a: row(DAY, 60) });
    const place = new Place();
    place.mark("a", "now");
    for (const at of [later - 30 * MINUTE, later - HOUR, later - 30 * MINUTE, later]) {
      const step = at < place.instant(later) ? -1 : 1;
      expect(place.along(over, step, later)).toBe(true);
      expect(place.at).toBe(at);
    }
    // Where something is known it is gone to.
    place.mark("a", DAY + 70 * MINUTE);
    expect(place.along(over, -1, later)).toBe(true);
    expect(place.at).toBe(DAY);
  });

  test("goes up and down at the time it was brought to, over rows not loaded too", () => {
    const place = new Place();
    place.mark("a", "now");
    place.along(over, 1, now);
    place.row(over, 1);
    expect(place.item(over, now)?.start).toBe(DAY + 150 * MINUTE);
    place.row(over, 1);
    expect([place.channel, place.item(over, now)]).toEqual(["c", undefined]);
    expect(place.row(over, 1)).toBe(false);
    place.row(over, -2);
    expect([place.channel, place.at]).toEqual(["a", DAY + 150 * MINUTE]);
  });
});
