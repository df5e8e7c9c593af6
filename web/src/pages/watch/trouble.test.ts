import { expect, test } from "vitest";
import type { Now, Strip } from "@/api";
import { faultAt, isSlate, whyOf, wordsOf, wordsOfSlate } from "./trouble";

const NOON = Date.UTC(2026, 10, 28, 12);

function at(ms: number): string {
  return new Date(NOON + ms).toISOString();
}

function strip(states: ("made" | "slate")[]): Strip {
  return {
    at: at(6_000),
    channel: "a",
    number: "1",
    name: "One",
    state: "active",
    airings: [
      {
        start: at(-60_000),
        end: at(60_000),
        title: "News",
        show: null,
        media: "m",
        off_air: false,
      },
    ],
    segments: states.map((_, place) => ({
      sequence: place,
      start: at(place * 4_000),
      duration_ms: 4_000,
    })),
    renditions: [{ name: "720p", buffer_ahead_ms: 0, states, workers: [] }],
    viewers: [],
    faults: [
      {
        at: at(0),
        happened_at: at(0),
        title: "News",
        words: "",
        worker: 1,
        fault: { class: "corrupt_file", reason: "FFmpeg ended" },
      },
    ],
  };
}

test("a full machine says why and counts down", () => {
  const words = "2 at once is what this machine can encode";
  const trouble = { kind: "full", words, againAtMs: NOON + 24_500 } as const;
  expect(wordsOf(trouble, "5", NOON)).toMatchObject({
    title: "Every encoder is busy.",
    text: `${words}. Trying again in 25 s.`,
  });
  expect(wordsOf(trouble, "5", NOON + 30_000).text).toContain("Trying again now.");
});

test("an unknown channel is named, with a way on", () => {
  const words = wordsOf({ kind: "gone", words: "" }, "9.1", NOON);
  expect(words.title).toBe("There is no channel 9.1.");
  expect(words.action?.path).toBe("/");
  const signIn = wordsOf({ kind: "signed-out" }, "5", NOON);
  expect(signIn.action?.path).toBe("/sign-in?next=%2Fwatch%2F5");
});

test("a slate is told with what comes after it", () => {
  const now = { next: { title: "Weather", start: at(0), off_air: false } } as unknown as Now;
  const words = wordsOfSlate({ class: "unreadable_file", words: "" }, now);
  expect(words.title).toBe("The file cannot be read.");
  expect(words.text).toMatch(/^The next programme, Weather, starts at \d\d:00/);
  expect(wordsOfSlate({ class: null, words: "x" }, null).text).toContain("half minute");
});

test("why is read from the class, else from the words", () => {
  expect(whyOf({ class: "disk_full", words: "" })).toBe("disk_full");
  expect(whyOf({ class: "crash", words: "" })).toBe("other");
  expect(whyOf({ class: null, words: "/v/a.mkv is not there" })).toBe("missing_file");
  expect(whyOf({ class: null, words: "/v/a.mkv cannot be reached" })).toBe("unreadable_file");
});

test("what counts is the segment that is on the screen, a little behind the air", () => {
  expect(isSlate(strip(["made", "slate"]), "720p", 2_000)).toBe(true);
  expect(isSlate(strip(["made", "slate"]), "720p", 3_000)).toBe(false);
  expect(isSlate(strip(["slate", "made"]), "720p", 3_000)).toBe(true);
  // One that is not on the strip is told by the only one that is.
  expect(isSlate(strip(["slate", "slate"]), "source", 3_000)).toBe(true);
  expect(isSlate(strip([]), "720p", 0)).toBe(false);
});

test("the fault is the one of what is on", () => {
  expect(faultAt(strip(["slate"]))).toBe("corrupt_file");
  expect(faultAt({ ...strip(["slate"]), airings: [] })).toBeNull();
});
