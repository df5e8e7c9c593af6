// What is wrong, in words: what happened, and when it will be better. Decides from what
// the player met and what the server tells; asks nobody.

import type { Now, Strip } from "@/api";
import type { Trouble } from "@/player/refusal";
import { t } from "@/text";
import { headline } from "@/text/programme";
import { timeOfDay } from "@/text/time";

/** What is told. */
export interface Words {
  title: string;
  text: string;
  /** Over a picture that plays (a slate), rather than in its place. */
  beside: boolean;
  /** A way on, where waiting is none. */
  action?: { label: string; path: string };
}

/** Why what is on is slate: the fault's class where it is known, and the server's words. */
export interface Slate {
  class: string | null;
  words: string;
}

type Why = keyof typeof t.watch.trouble.why;

/** What the player met. `name` is what the viewer asked for. */
export function wordsOf(trouble: Trouble, name: string, nowMs: number): Words {
  const { trouble: words } = t.watch;
  const beside = false;
  switch (trouble.kind) {
    case "away":
      return { title: words.away, text: words.itself, beside };
    case "waiting":
      return { title: words.waiting, text: words.waitingText, beside };
    case "gone":
      return {
        title: words.gone(name),
        text: words.goneText,
        beside,
        action: { label: words.toGuide, path: "/" },
      };
    case "unsupported":
      return { title: words.unsupported, text: words.unsupportedText, beside };
    case "signed-out": {
      const path = `/sign-in?next=${encodeURIComponent(`/watch/${name}`)}`;
      return { title: words.signedOut, text: "", beside, action: { label: words.signIn, path } };
    }
    case "full":
      return { title: words.full, text: again(trouble, nowMs), beside };
    case "failed":
      return { title: words.failed, text: again(trouble, nowMs), beside };
  }
}

function again(trouble: { words: string; againAtMs: number }, nowMs: number): string {
  const seconds = Math.ceil((trouble.againAtMs - nowMs) / 1_000);
  const when = seconds > 0 ? t.watch.trouble.again(seconds) : t.watch.trouble.now;
  return [sentence(trouble.words), when].filter((part) => part !== "").join(" ");
}

/** The server's words begin as they stand after a colon. */
function sentence(words: string): string {
  if (words === "") return "";
  const begun = words.charAt(0).toUpperCase() + words.slice(1);
  return /[.!?]$/.test(begun) ? begun : `${begun}.`;
}

/** What is on is slate: why, and what comes after it. */
export function wordsOfSlate(slate: Slate, now: Now | null): Words {
  const { trouble: words } = t.watch;
  const next = now?.next;
  const after =
    next == null || next.off_air
      ? words.tryOn
      : words.nextAt(headline(next).title, timeOfDay(next.start));
  return { title: words.slate(words.why[whyOf(slate)]), text: after, beside: true };
}

/** The class, or what the words say of it where no run of FFmpeg failed. */
export function whyOf({ class: named, words }: Slate): Why {
  if (named !== null && named in t.watch.trouble.why) return named as Why;
  if (/is not there/.test(words)) return "missing_file";
  if (/another file|something else/.test(words)) return "replaced_file";
  if (/cannot be read|cannot be reached|not read within|Permission denied/.test(words)) {
    return "unreadable_file";
  }
  return /No space left/.test(words) ? "disk_full" : "other";
}

/** Whether what a viewer of this rendition sees, so long after the strip's time, is slate. */
export function isSlate(strip: Strip, rendition: string | null, delayMs: number): boolean {
  const shownMs = Date.parse(strip.at) - delayMs;
  const place = strip.segments.findIndex(({ start, duration_ms }) => {
    const from = Date.parse(start);
    return from <= shownMs && shownMs < from + duration_ms;
  });
  const lane =
    strip.renditions.find(({ name }) => name === rendition) ??
    (strip.renditions.length === 1 ? strip.renditions[0] : undefined);
  return place >= 0 && lane?.states[place] === "slate";
}

/** The fault of what is on the screen, of those on the strip. */
export function faultAt(strip: Strip): string | null {
  const airing = strip.airings.find(({ start, end }) => start <= strip.at && strip.at < end);
  const of = strip.faults.filter(({ title }) => title === airing?.title);
  return of.at(-1)?.fault.class ?? null;
}
