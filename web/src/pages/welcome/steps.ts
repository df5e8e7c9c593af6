// The order of the welcome's questions. Owns which comes after which, which are left out, and
// where somebody who comes back goes on. Shows nothing and asks nobody.

/** A screen of the welcome. */
export type Step = "account" | "folder" | "scan" | "channels" | "picture";

/** All of them, in order. */
export const STEPS: readonly Step[] = ["account", "folder", "scan", "channels", "picture"];

/** What of the server decides where the welcome stands. */
export interface Facts {
  /** A password can be set and is not. */
  needsAccount: boolean;
  folders: number;
  scanning: boolean;
  channels: number;
}

/** The screens that this server needs. */
export function steps({ needsAccount }: Pick<Facts, "needsAccount">): Step[] {
  return STEPS.filter((step) => step !== "account" || needsAccount);
}

/** Where to begin: at the first question that the server has no answer to. */
export function firstOpen(facts: Facts): Step {
  if (facts.needsAccount) return "account";
  if (facts.folders === 0 && facts.channels === 0) return "folder";
  if (facts.scanning || facts.channels === 0) return "scan";
  return "channels";
}

/** Where to go on for somebody who was at `kept` before a reload, or another device. */
export function resumed(kept: string | null, facts: Facts): Step {
  const step = STEPS.find((one) => one === kept);
  if (step === undefined) return firstOpen(facts);
  // Nobody gets past a question that is still open.
  const [there, open] = [STEPS.indexOf(step), STEPS.indexOf(firstOpen(facts))];
  if (step === "account" && !facts.needsAccount) return firstOpen(facts);
  return there <= open || firstOpen(facts) === "channels" ? step : firstOpen(facts);
}

/** The screen before; `null` at the first. */
export function before(step: Step, of: readonly Step[]): Step | null {
  return of[of.indexOf(step) - 1] ?? null;
}

/** The screen after; `null` at the last. */
export function after(step: Step, of: readonly Step[]): Step | null {
  const at = of.indexOf(step);
  return at < 0 ? null : (of[at + 1] ?? null);
}
