// Light, dark, or what the system says. Owns the attribute that the tokens read.

import { keep, kept } from "./kept";

export type Theme = "system" | "dark" | "light";

let chosen = $state<Theme>(kept<Theme>("theme", "system"));

export const theme = {
  get chosen(): Theme {
    return chosen;
  },
  choose(next: Theme): void {
    chosen = next;
    keep("theme", next);
    applyTheme();
  },
};

/** Writes the choice where the tokens look for it. */
export function applyTheme(): void {
  const root = document.documentElement;
  if (chosen === "system") delete root.dataset.theme;
  else root.dataset.theme = chosen;
}
