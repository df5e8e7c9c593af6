// Times and programmes as people say them. Pure: the time is an argument.

import type { Programme } from "./api";

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

/** `20:30`, as this reader's language writes it. */
export function timeOfDay(instant: string): string {
  return clock.format(new Date(instant));
}

/** Date and time to the second, for a tooltip. */
export function exactly(instant: string): string {
  return exact.format(new Date(instant));
}

/** `45 s`, `12 min`, `1 h 5 min`; a length to come is never shown as nothing. */
export function duration(ms: number): string {
  const seconds = Math.max(1, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const rest = minutes % 60;
  return rest === 0 ? `${minutes / 60} h` : `${Math.floor(minutes / 60)} h ${rest} min`;
}

/** What a programme is called: its show where it has one, and the line under it. */
export function headline(programme: Programme): { title: string; detail: string } {
  if (programme.off_air) return { title: "Off air", detail: "" };
  const detail: string[] = [];
  const number = episodeNumber(programme);
  if (number !== "") detail.push(number);
  if (programme.show && programme.show !== programme.title) detail.push(programme.title);
  if (programme.subtitle && programme.subtitle !== programme.title) detail.push(programme.subtitle);
  return { title: programme.show ?? programme.title, detail: detail.join(" · ") };
}

function episodeNumber({ season, episode }: Programme): string {
  if (episode === undefined || episode === null) return "";
  return season === undefined || season === null ? `Episode ${episode}` : `S${season} E${episode}`;
}

/** How much of the programme has passed, 0 to 1. */
export function progress(programme: Programme, atMs: number): number {
  const start = Date.parse(programme.start);
  const end = Date.parse(programme.end);
  if (!(end > start)) return 0;
  return Math.min(1, Math.max(0, (atMs - start) / (end - start)));
}

/** `3 min left`; where a channel is off the air, until when. */
export function remaining(programme: Programme, atMs: number): string {
  if (programme.off_air) return "";
  return `${duration(Date.parse(programme.end) - atMs)} left`;
}

/** `in 12 min` within the hour, else the time of day. */
export function upcoming(programme: Programme, atMs: number): string {
  const wait = Date.parse(programme.start) - atMs;
  return wait < 3_600_000 ? `in ${duration(wait)}` : timeOfDay(programme.start);
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
