// What a field holds while it is typed, and what is sent of it. Owns both ways and the slips
// that can be told before the server is asked. Knows kinds, no setting by name.

import type { SettingKind, SettingValue } from "@/api";
import type { Value } from "./form";
import { parsePeriod, parseSize, parseWhole } from "./units";

/** What is wrong with what was typed, before the words for it. */
export type Slip =
  | { is: "period" }
  | { is: "size" }
  | { is: "number"; least: number; most: number }
  | { is: "empty" };

/** As a field holds it: text for whatever is typed. Nothing set is empty text. */
export function shown(kind: SettingKind, value: SettingValue | null | undefined): Value {
  switch (kind.type) {
    case "switch":
      return value === true;
    case "renditions":
    case "folders":
      return Array.isArray(value) ? value : [];
    default:
      return value === null || value === undefined ? "" : String(value);
  }
}

/** As the server takes it, or what is wrong with it. `null` is the default. */
export function sent(kind: SettingKind, held: Value): { value: Value } | { slip: Slip } {
  if (typeof held !== "string") {
    const isEmpty = Array.isArray(held) && held.length === 0;
    return isEmpty ? { slip: { is: "empty" } } : { value: held };
  }
  const text = held.trim();
  if (text === "") return { value: null };
  switch (kind.type) {
    case "number":
      return whole(text, kind.least, kind.most);
    case "auto_or_number":
      return text === "auto" ? { value: text } : whole(text, kind.least, kind.most);
    case "period": {
      const [ms, least, most] = [text, kind.least, kind.most].map(parsePeriod);
      const isBad = ms === null || ms === undefined || ms < (least ?? 0) || ms > (most ?? ms);
      return isBad ? { slip: { is: "period" } } : { value: text };
    }
    case "size": {
      const [bytes, least] = [text, kind.least].map(parseSize);
      const isBad = bytes === null || bytes === undefined || bytes < (least ?? 0);
      return isBad ? { slip: { is: "size" } } : { value: text };
    }
    default:
      return { value: text };
  }
}

function whole(text: string, least: number, most: number): { value: Value } | { slip: Slip } {
  const number = parseWhole(text, least, most);
  return number === null ? { slip: { is: "number", least, most } } : { value: number };
}

/** A ladder's rungs, best first: `source`, then heights. */
export function sortedRungs(rungs: readonly string[]): string[] {
  const height = (rung: string) =>
    rung === "source" ? Number.POSITIVE_INFINITY : parseInt(rung, 10);
  return [...new Set(rungs)].sort((a, b) => height(b) - height(a));
}

/** `540` or `540p` as a rung; `null` where H.264 could not have such a picture. */
export function rung(text: string): string | null {
  const height = parseWhole(text.trim().replace(/p$/i, ""), 144, 2160);
  return height === null || height % 2 === 1 ? null : `${height}p`;
}
