import { beforeEach, expect, test, vi } from "vitest";
import { kept } from "@/app/kept";
import { Sound } from "./sound.svelte";

beforeEach(() => localStorage.clear());

test("sound that is turned on is heard, as loud as it last was", () => {
  const changed = vi.fn();
  const sound = new Sound(changed);
  sound.setVolume(0.7);
  sound.setVolume(0);
  expect(sound.muted).toBe(true);
  sound.setMuted(false);
  expect([sound.volume, sound.muted]).toEqual([0.7, false]);
  expect(changed).toHaveBeenCalledTimes(3);
  expect([kept("volume", null), kept("muted", null)]).toEqual([0.7, false]);
});

test("of a volume of nothing that was kept, the middle is made", () => {
  new Sound(() => {}).setVolume(0);
  const sound = new Sound(() => {});
  sound.setMuted(false);
  expect(sound.volume).toBe(0.5);
  sound.setMuted(true);
  expect(sound.volume).toBe(0.5);
});
