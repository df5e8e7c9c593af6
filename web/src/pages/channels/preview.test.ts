import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { LivePreview, type Question } from "./preview.svelte";

const asked = vi.hoisted(() => vi.fn());
vi.mock("@/api", () => ({
  api: { preview: asked },
  call: (answer: unknown) => answer,
  large: {},
  reach: { isAway: false },
}));
vi.mock("@/api/problem", () => ({ problemOf: (thrown: unknown) => thrown }));

beforeEach(() => {
  vi.useFakeTimers();
  asked.mockReset();
});
afterEach(() => vi.useRealTimers());

const question: Question = { sent: [], items: [{ media: "a" }] };

it("asks once for a quick hand, and at once where that is wanted", async () => {
  asked.mockResolvedValue({ items: [] });
  const preview = new LivePreview("5", () => question, vi.fn());
  for (let change = 0; change < 5; change++) {
    preview.soon();
    await vi.advanceTimersByTimeAsync(200);
  }
  expect(asked).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(200);
  expect(asked).toHaveBeenCalledOnce();
  expect(asked.mock.lastCall?.[0]).toMatchObject({
    path: { channel: "5" },
    body: { items: [{ media: "a" }] },
  });
  preview.again();
  await vi.advanceTimersByTimeAsync(0);
  expect(asked).toHaveBeenCalledTimes(2);
  preview.soon();
  preview.end();
  await vi.advanceTimersByTimeAsync(5_000);
  expect(asked).toHaveBeenCalledTimes(2);
});

it("shows the last answer alone, however late the one before comes", async () => {
  const answers: ((answer: unknown) => void)[] = [];
  asked.mockImplementation(() => new Promise((answer) => answers.push(answer)));
  const preview = new LivePreview("5", () => question, vi.fn());
  for (const _ of ["first", "second"]) {
    preview.again();
    await vi.advanceTimersByTimeAsync(0);
  }
  answers[1]?.({ items: ["second"] });
  await vi.advanceTimersByTimeAsync(0);
  expect(preview.asking).toBe(false);
  answers[0]?.({ items: ["first"] });
  await vi.advanceTimersByTimeAsync(0);
  expect(preview.answer).toEqual({ items: ["second"] });
});

it("tells what is wrong with what was sent, and asks nothing before there is something", async () => {
  const refused = vi.fn();
  let now: Question | null = null;
  const preview = new LivePreview("5", () => now, refused);
  preview.again();
  await vi.advanceTimersByTimeAsync(0);
  expect(asked).not.toHaveBeenCalled();
  now = question;
  asked.mockRejectedValue("no such media");
  preview.again();
  await vi.advanceTimersByTimeAsync(0);
  expect(preview.problem).toBe("no such media");
  expect(refused).toHaveBeenCalledWith("no such media", question.sent);
});
