// Whether the server can be reached. Owns the one probe that runs while it cannot, so
// that no page asks in a loop; whoever waits is told when it is back.

import { href } from "@/app/base";
import { after } from "@/app/signal";

/** How often an absent server is looked for. */
const PROBE_EVERY_MS = 2_000;
const PROBE_WITHIN_MS = 4_000;

let away = $state(false);
let probe: ReturnType<typeof setTimeout> | null = null;
const waiting = new Set<() => void>();

export const reach = {
  /** It does not answer. */
  get isAway(): boolean {
    return away;
  },

  /** A request was answered, whatever the answer. */
  answered(): void {
    if (!away) return;
    away = false;
    if (probe !== null) clearTimeout(probe);
    probe = null;
    tellAll();
  },

  /** A request was not answered. */
  missed(): void {
    if (away) return;
    away = true;
    schedule();
  },

  /** Something broke that may have other reasons: asks, before it says so. */
  async suspect(): Promise<void> {
    if (!away && !(await answers())) reach.missed();
  },

  /**
   * An answer took too long: asks, too. Whoever waits is told also where the server is
   * there, for what was not answered is to be asked again, and nobody else says when.
   */
  async late(): Promise<void> {
    if (away) return;
    if (!(await answers())) reach.missed();
    else if (!away) tellAll();
  },

  /** Calls `listener` each time the server is back, or was only late; the answer ends that. */
  onBack(listener: () => void): () => void {
    waiting.add(listener);
    return () => waiting.delete(listener);
  },
};

function tellAll(): void {
  for (const listener of [...waiting]) listener();
}

function schedule(): void {
  probe = setTimeout(async () => {
    if (await answers()) reach.answered();
    else if (away) schedule();
  }, PROBE_EVERY_MS);
}

async function answers(): Promise<boolean> {
  try {
    const answer = await fetch(href("/healthz"), { signal: after(PROBE_WITHIN_MS) });
    // A proxy before an absent server answers too.
    return answer.ok;
  } catch {
    return false;
  }
}

if (typeof window !== "undefined") {
  window.addEventListener("online", () => {
    if (away && probe !== null) {
      clearTimeout(probe);
      schedule();
    }
  });
}
