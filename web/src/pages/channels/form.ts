// A channel's settings as they are typed, and as the server takes them. Owns the checks
// that need no server, and what of them changed; the server's own checks come on top.

import type { Channel, ChannelEdit, NewChannel, Order } from "@/api";
import { t } from "@/text";

/** As typed: texts, where people type texts. */
export interface Typed {
  number: string;
  name: string;
  group: string;
  order: Order;
  loop: boolean;
  /** As `datetime-local` has it, in the reader's time zone. */
  start: string;
  ladder: string[];
  video: "auto" | "transcode";
  /** In days. */
  catchup: string;
  /** In seconds. */
  grace: string;
  running: boolean;
}

/** What is wrong, by the field's name at the server. */
export type Wrong = Record<string, string>;

export const RUNGS = ["source", "1080p", "720p", "480p", "360p"] as const;

const NUMBER = /^[1-9]\d{0,4}(\.[1-9]\d{0,2})?$/;
const LONGEST = 100;
const MOST_DAYS = 30;
const PICTURES = ["image/png", "image/jpeg", "image/webp"];
const PICTURE_BYTES = 4 * 1024 * 1024;

export function blank(numbers: readonly string[]): Typed {
  return {
    number: free(numbers),
    name: "",
    group: "",
    order: "sequential",
    loop: true,
    start: "",
    ladder: [],
    video: "auto",
    catchup: "0",
    grace: "",
    running: false,
  };
}

/** The first whole number after the highest. */
export function free(numbers: readonly string[]): string {
  return `${Math.max(0, ...numbers.map((number) => Math.floor(Number(number)) || 0)) + 1}`;
}

export function typed(channel: Channel): Typed {
  return {
    number: channel.number,
    name: channel.name,
    group: channel.group ?? "",
    order: channel.order,
    loop: channel.loop,
    start: local(channel.starts_at),
    ladder: [...channel.ladder],
    video: channel.video,
    catchup: `${channel.catchup_days}`,
    grace: channel.grace_ms === null ? "" : `${channel.grace_ms / 1_000}`,
    running: channel.keep_running,
  };
}

/** `2026-12-24T18:00:00` in the reader's time zone. */
export function local(instant: string): string {
  const at = new Date(instant);
  const two = (n: number) => `${n}`.padStart(2, "0");
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${day}T${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

export function checked(form: Typed): Wrong {
  const bad = t.channels.form.bad;
  const wrong: Wrong = {};
  const number = form.number.trim();
  if (number === "") wrong.number = bad.required;
  else if (!NUMBER.test(number)) wrong.number = bad.number;
  if (form.name.trim() === "") wrong.name = bad.required;
  else if ([...form.name.trim()].length > LONGEST) wrong.name = bad.long;
  if ([...form.group.trim()].length > LONGEST) wrong.group = bad.long;
  const days = form.catchup.trim();
  if (days !== "" && !(/^\d{1,2}$/.test(days) && Number(days) <= MOST_DAYS))
    wrong.catchup_days = bad.days;
  const grace = form.grace.trim();
  if (grace !== "" && !(/^\d+(\.\d{1,3})?$/.test(grace) && Number(grace) <= 3_600))
    wrong.grace_ms = bad.grace;
  if (form.start !== "" && Number.isNaN(Date.parse(form.start))) wrong.starts_at = bad.start;
  return wrong;
}

/** Why a file cannot be a logo. */
export function checkedPicture(file: { type: string; size: number }): string | undefined {
  if (!PICTURES.includes(file.type)) return t.channels.form.bad.picture;
  return file.size > PICTURE_BYTES ? t.channels.form.bad.large : undefined;
}

function body(form: Typed) {
  const group = form.group.trim();
  return {
    number: form.number.trim(),
    name: form.name.trim(),
    group: group === "" ? null : group,
    order: form.order,
    loop: form.loop,
    ladder: form.ladder,
    video: form.video,
    catchup_days: Number(form.catchup.trim()),
    grace_ms: form.grace.trim() === "" ? null : Math.round(Number(form.grace) * 1_000),
    keep_running: form.running,
  };
}

export function asNew(form: Typed): NewChannel {
  return { ...body(form), ...(form.start === "" ? {} : { starts_at: iso(form.start) }) };
}

/** Only what differs from what the channel was when the form was opened. */
export function asEdit(form: Typed, before: Typed): ChannelEdit {
  const [now, was] = [body(form), body(before)] as Record<string, unknown>[];
  const edit = Object.fromEntries(
    Object.entries(now ?? {}).filter(
      ([name, value]) => JSON.stringify(value) !== JSON.stringify(was?.[name]),
    ),
  );
  if (form.start !== before.start && form.start !== "") edit.starts_at = iso(form.start);
  return edit;
}

function iso(start: string): string {
  return new Date(start).toISOString();
}

/** The errors of a form's own fields; `ladder[1]` is told at `ladder`. */
export function byField(fields: Readonly<Record<string, string>>): Wrong {
  const wrong: Wrong = {};
  for (const [path, message] of Object.entries(fields)) {
    const name = path.replace(/[[.].*$/, "");
    wrong[name] ??= message;
  }
  return wrong;
}
