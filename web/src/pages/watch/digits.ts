// A channel's number, as it is typed. Decides what a key means and when the number is
// tuned to; the clock is an argument. A number that no channel has stays for a moment, so
// that people see what they typed.

/** So long after the last digit it is tuned to. */
export const TUNE_AFTER_MS = 1_200;
/** No channel's number is longer. */
const LONGEST = 8;

export interface Typed {
  text: string;
  /** Tuned to, or forgotten, then. */
  dueMs: number;
}

/** What a key makes of what was typed; `null` where the key is not for this. */
export function type(before: Typed | null, key: string, nowMs: number): Typed | null {
  const text = before?.text ?? "";
  const dueMs = nowMs + TUNE_AFTER_MS;
  if (key === "." || key === ",") {
    return text === "" || text.includes(".") ? null : { text: `${text}.`, dueMs };
  }
  if (!/^[0-9]$/.test(key)) return null;
  // A number begins with no 0: alone it means the channel before.
  if (text === "" && key === "0") return null;
  return { text: (text + key).slice(0, LONGEST), dueMs };
}

/** The last digit taken back; `null` where nothing is left. */
export function back({ text }: Typed, nowMs: number): Typed | null {
  return text.length <= 1 ? null : { text: text.slice(0, -1), dueMs: nowMs + TUNE_AFTER_MS };
}

/** The channel of that number. */
export function found<C extends { number: string }>(
  { text }: Typed,
  channels: readonly C[],
): C | undefined {
  const number = text.replace(/\.$/, "");
  return channels.find((channel) => channel.number === number);
}

/** Whether a longer number could be meant: then it is worth waiting for. */
export function isOpen({ text }: Typed, channels: readonly { number: string }[]): boolean {
  return channels.some(({ number }) => number.startsWith(text) && number !== text);
}
