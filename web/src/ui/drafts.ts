// What was typed into a form and not saved, kept by the browser: it outlives a window that
// was closed by mistake, a reload and a server that is away. Owns how it meets what was
// saved meanwhile: field by field, what people typed on top of what there is now.

import { keep, kept } from "@/app/kept";

/** A flat form: texts, switches, lists of texts. */
type Form = object;

interface Kept<T> {
  /** What the fields held when typing began. */
  before: T;
  form: T;
}

const place = (name: string) => `draft.${name}`;
const alike = (one: unknown, other: unknown) => JSON.stringify(one) === JSON.stringify(other);

/** Keeps what differs from `before`; forgets it where nothing does. */
export function keepDraft<T extends Form>(name: string, form: T, before: T): void {
  if (!alike(form, before)) keep(place(name), { before, form } satisfies Kept<T>);
  else if (kept(place(name), null) !== null) forgetDraft(name);
}

export function forgetDraft(name: string): void {
  keep(place(name), null);
}

/** What was typed, over what there is now; null where nothing was. */
export function recallDraft<T extends Form>(name: string, now: T): T | null {
  const draft = kept<Partial<Kept<T>> | null>(place(name), null);
  if (typeof draft?.form !== "object" || typeof draft.before !== "object") return null;
  const form = { ...now };
  for (const key of Object.keys(now) as (keyof T)[]) {
    const typed = draft.form[key];
    // A field of another edition of the app is not what it was.
    if (typeof typed !== typeof now[key] || Array.isArray(typed) !== Array.isArray(now[key]))
      continue;
    if (!alike(typed, draft.before[key])) form[key] = typed;
  }
  return alike(form, now) ? null : form;
}
