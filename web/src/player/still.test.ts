import { expect, test } from "vitest";
import { type Answer, look, type Still, UNSEEN } from "./still";

function watch(times: number[], stands = false, from: Still = UNSEEN): [Still, Answer[]] {
  let still = from;
  const answers = times.map((timeS) => {
    const [next, answer] = look(still, { timeS, elapsedMs: 1_000, stands });
    still = next;
    return answer;
  });
  return [still, answers];
}

test("a picture that moves needs nothing", () => {
  expect(new Set(watch([1, 2, 3, 4, 5, 6, 7])[1])).toEqual(new Set(["nothing"]));
});

test("one that stands is said, asked for again, and tuned in to anew", () => {
  const [, answers] = watch([1, ...Array.from({ length: 30 }, () => 1)]);
  expect(answers.indexOf("say")).toBe(4);
  expect(answers.indexOf("reload")).toBe(12);
  expect(answers.indexOf("retune")).toBe(30);
  expect(answers.filter((one) => one !== "nothing")).toHaveLength(3);
});

test("it is told when it moves again", () => {
  const [stood] = watch([1, 1, 1, 1, 1, 1]);
  expect(watch([2], false, stood)[1]).toEqual(["moves"]);
});

test("one that is meant to stand is left alone", () => {
  expect(new Set(watch([1, ...Array.from({ length: 60 }, () => 1)], true)[1])).toEqual(
    new Set(["nothing"]),
  );
});

test("before the first picture it is not said to have stopped for long, but tuned in anew", () => {
  const [, answers] = watch(Array.from({ length: 30 }, () => 0));
  expect(answers.at(-1)).toBe("retune");
});
