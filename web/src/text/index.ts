// All words of the app, in the reader's language. A language is an object of the shape
// of `en`; what is missing in it does not compile. Sentences with something in them are
// functions, so that each language can put it where it belongs.

import { en } from "./en";

/** What a language must have. */
export type Texts = typeof en;

const LANGUAGES: Record<string, Texts> = { en };

/** The language's own name, as `Intl` and `lang` want it. */
export const language: string =
  [...(typeof navigator === "undefined" ? [] : navigator.languages)]
    .map((wanted) => wanted.split("-")[0] ?? "")
    .find((wanted) => wanted in LANGUAGES) ?? "en";

/** The words. */
export const t: Texts = LANGUAGES[language] ?? en;
