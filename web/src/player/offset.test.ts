import { expect, test } from "vitest";
import { heard, type Offset, offsetAt, uncertainty } from "./offset";

/** An answer that was so long on its way there and back. */
function answer(sentMs: number, offsetMs: number, there: number, back: number) {
  return { sentMs, receivedMs: sentMs + there + back, serverMs: sentMs + there + offsetMs };
}

function listen(answers: ReturnType<typeof answer>[]): Offset {
  let known: Offset | null = null;
  for (const one of answers) known = heard(known, one);
  if (known === null) throw new Error("nothing was heard");
  return known;
}

test("one answer is enough to begin with", () => {
  const known = listen([answer(1_000, 50_000, 10, 10)]);
  expect(offsetAt(known, 1_020)).toBe(50_000);
  expect(uncertainty(known)).toBe(10);
});

test("answers that waited on their way are outvoted by quick ones", () => {
  const known = listen([
    answer(0, 7_000, 4, 300),
    answer(1_000, 7_000, 5, 5),
    answer(2_000, 7_000, 180, 4),
    answer(3_000, 7_000, 6, 4),
    answer(4_000, 7_000, 5, 7),
  ]);
  expect(Math.abs(offsetAt(known, 5_000) - 7_000)).toBeLessThanOrEqual(1);
});

test("later answers move what is told gently", () => {
  const first = [0, 1, 2, 3, 4, 5].map((n) => answer(n * 1_000, 7_000, 5, 5));
  // The device's clock is 60 ms faster than it was thought to be.
  const later = [6, 7, 8, 9, 10, 11, 12].map((n) => answer(n * 1_000, 7_060, 5, 5));
  let known = listen(first);
  let told = offsetAt(known, 6_000);
  for (const one of later) {
    known = heard(known, one);
    const now = offsetAt(known, one.receivedMs + 990);
    expect(Math.abs(now - told)).toBeLessThanOrEqual(10.1);
    told = now;
  }
  expect(offsetAt(known, 60_000)).toBe(7_060);
});

test("a step is taken at once, and what was heard before is forgotten", () => {
  const known = listen([0, 1, 2, 3, 4, 5].map((n) => answer(n * 1_000, 7_000, 5, 5)));
  const after = heard(known, answer(20_000, -3_593_000, 5, 5));
  expect(offsetAt(after, 20_010)).toBe(-3_593_000);
  expect(after.heard).toHaveLength(1);
});

test("a single slow answer is no step", () => {
  const known = listen([0, 1, 2, 3, 4, 5].map((n) => answer(n * 1_000, 7_000, 5, 5)));
  const after = heard(known, answer(20_000, 7_000, 5, 1_800));
  expect(offsetAt(after, 60_000)).toBe(7_000);
});
