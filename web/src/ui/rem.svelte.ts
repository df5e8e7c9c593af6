// How many pixels a rem is: more on a television. For what is measured in pixels but has
// words in it, such as the rows of a long list.

import { createSubscriber } from "svelte/reactivity";

const resized = createSubscriber((update) => {
  window.addEventListener("resize", update);
  return () => window.removeEventListener("resize", update);
});

/** It changes where the window goes from one screen to another. */
export function remPx(): number {
  resized();
  return Number.parseFloat(getComputedStyle(document.documentElement).fontSize);
}
