// The keys that do something. A component says which, for as long as it lives; the help
// (`?`) shows what is said. Later ones go before earlier ones. While somebody types, or a
// dialog is open, no key means anything else.

import { untrack } from "svelte";

/** One key, or several that mean the same. */
export interface Shortcut {
  /** As `KeyboardEvent.key` gives them: `ArrowUp`, `m`, `?`. */
  keys: readonly string[];
  /** How the help writes them, where that is not the same: `0 – 9`. */
  shown?: string;
  /** What it does; empty for one that the help tells with another. */
  label: string;
  /** `false` says that it was not meant, and lets the next one have it. */
  run: (event: KeyboardEvent) => unknown;
}

export interface ShortcutGroup {
  title: string;
  shortcuts: readonly Shortcut[];
}

let groups = $state.raw<readonly ShortcutGroup[]>([]);

export const registered = {
  get groups(): readonly ShortcutGroup[] {
    return groups;
  },
};

/** Registers keys while the calling component lives. Say it while the component is made. */
export function shortcuts(title: string, list: readonly Shortcut[]): void {
  $effect(() => {
    const group = { title, shortcuts: list };
    groups = [...untrack(() => groups), group];
    return () => {
      groups = groups.filter((one) => one !== group);
    };
  });
}

/** Whether a key goes into what is being typed. */
export function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || target instanceof HTMLTextAreaElement) return true;
  if (target instanceof HTMLSelectElement) return true;
  const none = ["checkbox", "radio", "button", "submit", "range", "color", "file"];
  return target instanceof HTMLInputElement && !none.includes(target.type);
}

/** A remote's Back, as browsers name it, and a keyboard's. */
export const BACK_KEYS: readonly string[] = ["GoBack", "BrowserBack", "Backspace"];

/** The dialog that is open: until it is closed, keys are its own. */
export function openDialog(): HTMLElement | null {
  // `:modal` is unknown to televisions; all dialogs here are.
  return document.querySelector<HTMLElement>("dialog[open]");
}

/** Gives a key to whoever registered it last. */
export function handleKey(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  if (isTyping(event.target) || openDialog() !== null) return;
  for (const { shortcuts } of [...groups].reverse()) {
    for (const { keys, run } of shortcuts) {
      if (keys.includes(event.key) && run(event) !== false) {
        event.preventDefault();
        return;
      }
    }
  }
}
