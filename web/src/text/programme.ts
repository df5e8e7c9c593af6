// What programmes and channels are called.

import type { Programme } from "@/api";
import { t } from "./index";

/** What a programme's name is made of. */
export type Named = Pick<
  Programme,
  "title" | "subtitle" | "show" | "season" | "episode" | "off_air"
>;

/** What is written large, and the line under it. */
export function headline(programme: Named): { title: string; detail: string } {
  if (programme.off_air) return { title: t.time.offAir, detail: "" };
  const title = programme.show ?? programme.title;
  const detail = [episodeNumber(programme), programme.title, programme.subtitle];
  return { title, detail: detail.filter((part) => part && part !== title).join(" · ") };
}

/** `S1 E4`, or nothing. */
export function episodeNumber({ season, episode }: Pick<Named, "season" | "episode">): string {
  if (episode === null || episode === undefined) return "";
  const told = t.time.episode(episode);
  return season === null || season === undefined ? told : `${t.time.season(season)} ${told}`;
}

/** 5 < 5.1 < 5.2 < 5.10 < 6, as people expect. */
export function compareNumbers(a: string, b: string): number {
  const [left, right] = [a, b].map((text) => text.split(".").map(Number));
  return (left?.[0] ?? 0) - (right?.[0] ?? 0) || (left?.[1] ?? 0) - (right?.[1] ?? 0);
}

/** The channel's own hue in degrees, the same wherever its id is known. */
export function hueOf(id: string): number {
  // FNV-1a over the id: ids made in the same second differ in few bits, hues should not.
  let hash = 0x811c9dc5;
  for (let index = 0; index < id.length; index++) {
    hash = Math.imul(hash ^ id.charCodeAt(index), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return ((hash ^ (hash >>> 13)) >>> 0) % 360;
}
