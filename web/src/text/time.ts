// Times and lengths as people say them, in the reader's language and time zone. Pure:
// the time it is now is an argument. Instants are milliseconds or RFC 3339.

import { language, t } from "./index";

/** Milliseconds since the epoch, or RFC 3339. */
export type Instant = number | string;

// The words are `language`'s, as the reader's region writes them where it speaks that.
const region =
  typeof navigator === "undefined"
    ? language
    : (navigator.languages.find((wanted) => wanted.split("-")[0] === language) ?? language);
// Between 20:30 and 8:30 PM the reader's first language decides, whatever that is.
const { hour12 = false, hourCycle = "h23" } = new Intl.DateTimeFormat(
  typeof navigator === "undefined" ? language : navigator.languages[0],
  { hour: "numeric" },
).resolvedOptions();
// 07:05, but 7:05 AM.
const clock = new Intl.DateTimeFormat(region, {
  hour: hour12 ? "numeric" : "2-digit",
  minute: "2-digit",
  hourCycle,
});
const clockSeconds = new Intl.DateTimeFormat(region, { timeStyle: "medium", hourCycle });
const exact = new Intl.DateTimeFormat(region, {
  dateStyle: "full",
  timeStyle: "medium",
  hourCycle,
});
const weekday = new Intl.DateTimeFormat(region, {
  weekday: "short",
  day: "numeric",
  month: "short",
});
const date = new Intl.DateTimeFormat(region, { dateStyle: "medium" });
const units = {
  day: unit("day"),
  hour: unit("hour"),
  minute: unit("minute"),
  second: unit("second"),
};

function unit(unit: string): (value: number) => string {
  const format = new Intl.NumberFormat(region, { style: "unit", unit, unitDisplay: "short" });
  return (value) => format.format(value);
}

/** In milliseconds. */
export function millis(instant: Instant): number {
  return typeof instant === "number" ? instant : Date.parse(instant);
}

/** `20:30`. */
export function timeOfDay(instant: Instant): string {
  return clock.format(millis(instant));
}

/** `20:30:05`. */
export function timeWithSeconds(instant: Instant): string {
  return clockSeconds.format(millis(instant));
}

/** Day and time to the second: for tooltips. */
export function exactly(instant: Instant): string {
  return exact.format(millis(instant));
}

/** `Today`, `Tomorrow`, `Mon, 3 Nov`. */
export function day(instant: Instant, nowMs: number): string {
  const days = Math.round((midnight(millis(instant)) - midnight(nowMs)) / 86_400_000);
  if (days === 0) return t.time.today;
  if (days === 1) return t.time.tomorrow;
  if (days === -1) return t.time.yesterday;
  return Math.abs(days) < 300 ? weekday.format(millis(instant)) : date.format(millis(instant));
}

/** `20:30` today, `Tomorrow 20:30`, `Mon, 3 Nov 20:30`. */
export function dayAndTime(instant: Instant, nowMs: number): string {
  const name = day(instant, nowMs);
  return name === t.time.today ? timeOfDay(instant) : t.time.at(name, timeOfDay(instant));
}

/** `20:30 – 21:15`. */
export function span(from: Instant, to: Instant | null): string {
  return to === null ? t.time.from(timeOfDay(from)) : t.time.range(timeOfDay(from), timeOfDay(to));
}

/** `45 sec`, `12 min`, `1 hr 5 min`, `2 days`; a length to come is never shown as nothing. */
export function duration(ms: number): string {
  const seconds = Math.max(1, Math.round(ms / 1000));
  if (seconds < 60) return units.second(seconds);
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return units.minute(minutes);
  if (minutes < 48 * 60)
    return two(Math.floor(minutes / 60), units.hour, minutes % 60, units.minute);
  const hours = Math.round(minutes / 60);
  return two(Math.floor(hours / 24), units.day, hours % 24, units.hour);
}

function two(
  large: number,
  sayLarge: (value: number) => string,
  small: number,
  saySmall: (value: number) => string,
): string {
  return small === 0 ? sayLarge(large) : `${sayLarge(large)} ${saySmall(small)}`;
}

/** `in 12 min` within the hour, else the day and time. */
export function upcoming(instant: Instant, nowMs: number): string {
  const wait = millis(instant) - nowMs;
  if (wait <= 0) return t.time.now;
  return wait < 3_600_000 ? t.time.soon(duration(wait)) : dayAndTime(instant, nowMs);
}

/** `12 min ago` within the hour, else the day and time. */
export function past(instant: Instant, nowMs: number): string {
  const since = nowMs - millis(instant);
  if (since < 1_000) return t.time.now;
  return since < 3_600_000 ? t.time.ago(duration(since)) : dayAndTime(instant, nowMs);
}

/** `12 min left`. */
export function left(end: Instant, nowMs: number): string {
  return t.time.left(duration(millis(end) - nowMs));
}

/** The part of a stretch of time that has passed, from 0 to 1. */
export function progress(start: Instant, end: Instant | null, nowMs: number): number {
  if (end === null) return 0;
  const length = millis(end) - millis(start);
  if (length <= 0) return 0;
  return Math.min(1, Math.max(0, (nowMs - millis(start)) / length));
}

/** The beginning of the day in the reader's time zone. */
export function midnight(ms: number): number {
  return new Date(ms).setHours(0, 0, 0, 0);
}
