// A form's edits beside what the server has. Owns which fields were touched, what is sent,
// and which words of a refusal belong beside which field. Knows no field by name. Invariant:
// news from the server never overwrites what was typed.

/** A field's value, as JSON has it. */
export type Value = string | number | boolean | null | readonly Value[];

/** What is wrong with a field, in the server's words. */
export interface FieldError {
  field: string;
  message: string;
}

/** What the server has, and what was typed over it. */
export class Draft {
  #theirs: ReadonlyMap<string, Value>;
  readonly #mine: Map<string, Value>;

  constructor(theirs: Iterable<readonly [string, Value]>, mine: Iterable<[string, Value]> = []) {
    this.#theirs = new Map(theirs);
    this.#mine = new Map(mine);
  }

  /** What the field shows. */
  get(key: string): Value | undefined {
    return this.#mine.has(key) ? this.#mine.get(key) : this.#theirs.get(key);
  }

  /** Something was typed; typing back what was there is no edit. */
  set(key: string, value: Value): void {
    if (same(value, this.#theirs.get(key))) this.#mine.delete(key);
    else this.#mine.set(key, value);
  }

  /** These were sent and are the server's now; what was typed since stays. */
  taken(edits: Iterable<readonly [string, Value]>): void {
    for (const [key, value] of edits) {
      const before = this.#theirs.get(key);
      // What was typed back meanwhile is an edit now.
      if (!this.#mine.has(key) && before !== undefined) this.#mine.set(key, before);
      else if (same(value, this.#mine.get(key))) this.#mine.delete(key);
    }
  }

  /** Forgets what was typed in these fields, or in all. */
  forget(keys?: Iterable<string>): void {
    if (keys === undefined) this.#mine.clear();
    else for (const key of keys) this.#mine.delete(key);
  }

  /** What the server has now; what was typed stays, but where it is the same. */
  hear(theirs: Iterable<readonly [string, Value]>): void {
    this.#theirs = new Map(theirs);
    for (const [key, value] of this.#mine) {
      if (same(value, this.#theirs.get(key))) this.#mine.delete(key);
    }
  }

  /** The edits: what is sent. */
  get edits(): [string, Value][] {
    return [...this.#mine];
  }

  has(key: string): boolean {
    return this.#mine.has(key);
  }

  get isTouched(): boolean {
    return this.#mine.size > 0;
  }
}

function same(a: Value | undefined, b: Value | undefined): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/**
 * Sorts a refusal's words by field. A path below a field (`stream.ladder[2]`) is the field's;
 * what belongs to no field that is shown is told above the form.
 */
export function sorted(
  errors: readonly FieldError[],
  fields: readonly string[],
): { beside: Map<string, string>; above: string[] } {
  const beside = new Map<string, string>();
  const above: string[] = [];
  for (const { field, message } of errors) {
    const own = fields.find(
      (one) => field === one || field.startsWith(`${one}[`) || field.startsWith(`${one}.`),
    );
    if (own === undefined) above.push(field === "" ? message : `${field}: ${message}`);
    else beside.set(own, [beside.get(own), message].filter(Boolean).join("; "));
  }
  return { beside, above };
}
