import { expect, it } from "vitest";
import type { Programme } from "@/api";
import { tonight } from "./tonight";

const at = (text: string) => new Date(`2026-11-28T${text}:00`).toISOString();

function programme(start: string, end: string | null, committed = false): Programme {
  return {
    start,
    end,
    title: start,
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
    committed,
  } as unknown as Programme;
}

it("begins with what is on and marks where the change comes in", () => {
  const list = [
    programme(at("19:00"), at("20:00"), true),
    programme(at("20:00"), at("21:00"), true),
    programme(at("21:00"), at("22:00")),
    programme(at("22:00"), at("23:00")),
  ];
  const shown = tonight(list, at("21:00"), Date.parse(at("20:30")));
  expect(shown.map(({ programme, isOn, isFirst }) => [programme.start, isOn, isFirst])).toEqual([
    [at("20:00"), true, false],
    [at("21:00"), false, true],
    [at("22:00"), false, false],
  ]);
});

it("ends with the evening, but shows the next few whenever they are", () => {
  const now = Date.parse(at("20:30"));
  const hour = (n: number) => new Date(now + n * 3_600_000).toISOString();
  const long = [0, 9, 18, 27, 36].map((n) => programme(hour(n), hour(n + 9)));
  expect(tonight(long, hour(0), now).length).toBe(4);
  const short = Array.from({ length: 20 }, (_, n) => programme(hour(n), hour(n + 1)));
  expect(tonight(short, hour(0), now).length).toBe(8);
});
