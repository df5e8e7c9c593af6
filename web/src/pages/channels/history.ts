// Undo and redo. Owns the states there were and are to come; what a state is, is the
// caller's. Bounded: the oldest is forgotten first.

const STEPS = 200;

/** What was done, and the state before it. */
interface Step<State> {
  readonly label: string;
  readonly state: State;
}

export interface History<State> {
  readonly present: State;
  readonly past: readonly Step<State>[];
  readonly future: readonly Step<State>[];
}

export function begun<State>(present: State): History<State> {
  return { present, past: [], future: [] };
}

/** Does something. What was undone cannot be redone from then on. */
export function done<State>(
  history: History<State>,
  label: string,
  present: State,
): History<State> {
  if (present === history.present) return history;
  const past = [...history.past, { label, state: history.present }].slice(-STEPS);
  return { present, past, future: [] };
}

/** The history one step back; the same where there is none. */
export function undone<State>(history: History<State>): History<State> {
  const step = history.past.at(-1);
  if (step === undefined) return history;
  return {
    present: step.state,
    past: history.past.slice(0, -1),
    future: [{ label: step.label, state: history.present }, ...history.future],
  };
}

/** The history one step on again; the same where there is none. */
export function redone<State>(history: History<State>): History<State> {
  const [step, ...future] = history.future;
  if (step === undefined) return history;
  return {
    present: step.state,
    past: [...history.past, { label: step.label, state: history.present }],
    future,
  };
}

/** The same steps, with every state looked at anew. */
export function mapped<State>(
  history: History<State>,
  look: (state: State) => State,
): History<State> {
  const steps = (all: readonly Step<State>[]) =>
    all.map(({ label, state }) => ({ label, state: look(state) }));
  return {
    present: look(history.present),
    past: steps(history.past),
    future: steps(history.future),
  };
}
