// Copying for people. Without a secure connection a browser has no clipboard for pages:
// then what was meant is marked, and the keys do the rest.

import { t } from "@/text";
import { toasts } from "./toasts.svelte";

/** Copies a text that stands in `shown`, and says how that went. */
export async function copy(text: string, shown: Element | undefined): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    toasts.say(t.shell.copied, { kind: "good" });
  } catch {
    if (shown !== undefined) getSelection()?.selectAllChildren(shown);
    toasts.say(t.shell.marked);
  }
}
