// The settings that are edited: what the server has, what was typed over it, what is wrong
// with it, and saving. Owns no control and no setting by name.

import { api, call, type Problem, type Setting, type Settings } from "@/api";
import { t } from "@/text";
import { Draft, type FieldError, sorted, type Value } from "./form";
import { type Slip, sent, shown } from "./values";

/** `stream.grace`. */
export function nameOf({ section, key }: Pick<Setting, "section" | "key">): string {
  return `${section}.${key}`;
}

export class SettingsForm {
  readonly #draft = new Draft([]);
  #version = $state(0);
  settings = $state.raw<readonly Setting[]>([]);
  errors = $state.raw<ReadonlyMap<string, string>>(new Map());
  above = $state.raw<readonly string[]>([]);
  saving = $state(false);

  /** What the server has now; what was typed stays. */
  hear({ settings }: Settings): void {
    this.settings = settings;
    this.#draft.hear(settings.map((one) => [nameOf(one), theirs(one)] as const));
    this.#version += 1;
  }

  find(name: string): Setting | undefined {
    return this.settings.find((one) => nameOf(one) === name);
  }

  get(name: string): Value | undefined {
    void this.#version;
    return this.#draft.get(name);
  }

  set(name: string, value: Value): void {
    this.#draft.set(name, value);
    if (this.errors.has(name)) {
      this.errors = new Map([...this.errors].filter(([other]) => other !== name));
    }
    this.#version += 1;
  }

  discard(): void {
    this.#draft.forget();
    this.errors = new Map();
    this.above = [];
    this.#version += 1;
  }

  get touched(): number {
    void this.#version;
    return this.#draft.edits.length;
  }

  isTouched(name: string): boolean {
    void this.#version;
    return this.#draft.has(name);
  }

  /**
   * Sends the edits. The answer is what came of it; `null` where it was refused, and why is
   * told beside the fields, or where some are being sent already.
   */
  async save(): Promise<Awaited<ReturnType<typeof change>> | null> {
    if (this.saving) return null;
    const slips: FieldError[] = [];
    const held = this.#draft.edits;
    const edits: Record<string, Record<string, never>> = {};
    for (const [name, value] of held) {
      const setting = this.find(name);
      if (setting === undefined) continue;
      const made = sent(setting.kind, value);
      if ("slip" in made) slips.push({ field: name, message: slipWords(made.slip) });
      else {
        edits[setting.section] ??= {};
        Object.assign(edits[setting.section] ?? {}, { [setting.key]: made.value });
      }
    }
    this.#tell(slips);
    if (slips.length > 0) return null;
    this.saving = true;
    try {
      const answer = await change(edits);
      this.#draft.taken(held);
      this.hear(answer.settings);
      return answer;
    } catch (thrown) {
      const problem = thrown as Problem;
      const fields = Object.entries(problem.fields ?? {});
      if (fields.length === 0) throw thrown;
      this.#tell(fields.map(([field, message]) => ({ field, message })));
      return null;
    } finally {
      this.saving = false;
    }
  }

  #tell(errors: readonly FieldError[]): void {
    const { beside, above } = sorted(errors, this.settings.map(nameOf));
    this.errors = beside;
    this.above = above;
  }
}

function change(body: Record<string, Record<string, never>>) {
  return call(api.editSettings({ body }));
}

/** What will hold, where that is not in effect yet. */
function theirs(setting: Setting): Value {
  return shown(setting.kind, setting.next === undefined ? setting.value : setting.next);
}

function slipWords(slip: Slip): string {
  const words = t.settings.setting.bad;
  return slip.is === "number" ? words.number(slip.least, slip.most) : words[slip.is];
}
