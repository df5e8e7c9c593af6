// Short words about what just happened. Owns the list; `Toasts` shows it. Faults stay
// until they are put away, the rest goes by itself.

import { untrack } from "svelte";

export interface Toast {
  id: number;
  text: string;
  kind: "good" | "bad" | "plain";
  action?: { label: string; run: () => void };
}

const SHOWN_MS = 6_000;
let last = 0;
let list = $state.raw<readonly Toast[]>([]);

export const toasts = {
  get list(): readonly Toast[] {
    return list;
  },

  /** Says something; the answer takes it away again. */
  say(text: string, options: Partial<Omit<Toast, "id" | "text">> = {}): () => void {
    const toast: Toast = { id: ++last, text, kind: "plain", ...options };
    // The same words twice are said once.
    list = [...untrack(() => list).filter((one) => one.text !== text), toast].slice(-3);
    const away = () => {
      list = list.filter(({ id }) => id !== toast.id);
    };
    if (toast.kind !== "bad") setTimeout(away, SHOWN_MS);
    return away;
  },

  /** Says what went wrong, of anything that was thrown. */
  fault(thrown: unknown): () => void {
    return toasts.say(thrown instanceof Error ? thrown.message : String(thrown), { kind: "bad" });
  },

  dismiss(id: number): void {
    list = list.filter((toast) => toast.id !== id);
  },
};
