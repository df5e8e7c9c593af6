import { expect, it } from "vitest";
import { begun, done, mapped, redone, undone } from "./history";

it("goes back and on again", () => {
  const history = done(done(begun("a"), "to b", "b"), "to c", "c");
  const back = undone(undone(history));
  expect(back.present).toBe("a");
  expect(undone(back)).toBe(back);
  expect(back.future.map(({ label }) => label)).toEqual(["to b", "to c"]);
  expect(redone(redone(back))).toEqual(history);
  expect(redone(history)).toBe(history);
});

it("forgets what was undone once something else is done", () => {
  const other = done(undone(done(begun("a"), "to b", "b")), "to c", "c");
  expect(other.future).toEqual([]);
  expect(undone(other).present).toBe("a");
});

it("takes no step where nothing changed", () => {
  const history = begun("a");
  expect(done(history, "nothing", "a")).toBe(history);
});

it("keeps a bounded number of steps", () => {
  let history = begun(0);
  for (let step = 1; step <= 500; step++) history = done(history, `${step}`, step);
  expect(history.past.length).toBe(200);
  while (history.past.length > 0) history = undone(history);
  expect(history.present).toBe(300);
});

it("looks at every state anew", () => {
  const history = mapped(undone(done(begun(1), "to 2", 2)), (state) => state * 10);
  expect([history.present, history.future[0]?.state]).toEqual([10, 20]);
});
