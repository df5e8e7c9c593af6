// How long an answer is waited for, and what is made of one that does not come.

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { api, call, large, reach } from "./index";

let late: AbortController;
const within = vi.spyOn(AbortSignal, "timeout");
let isHealthy: boolean;

beforeEach(() => {
  late = new AbortController();
  within.mockReset().mockImplementation(() => late.signal);
  isHealthy = true;
  vi.stubGlobal("fetch", (asked: Request | string, { signal }: { signal: AbortSignal }) => {
    if (typeof asked === "string") {
      return Promise.resolve(new Response(null, { status: isHealthy ? 200 : 502 }));
    }
    return new Promise((_, fail) => {
      if (signal.aborted) fail(signal.reason);
      else signal.addEventListener("abort", () => fail(signal.reason));
    });
  });
});
afterEach(() => {
  vi.unstubAllGlobals();
  reach.answered();
});

/** A request that the server has until now not answered. */
async function asked(question: Parameters<typeof call>[0]): Promise<unknown> {
  const answer = call(question).catch((problem) => problem);
  await vi.waitFor(() => expect(within).toHaveBeenCalled());
  return answer;
}

test("files and lineups have the time that the server gives them, the rest has less", async () => {
  void asked(api.listSlates());
  await vi.waitFor(() => expect(within).toHaveBeenLastCalledWith(15_000));
  void asked(api.uploadSlate({ ...large, path: { kind: "off_air" }, body: [1] }));
  await vi.waitFor(() => expect(within).toHaveBeenLastCalledWith(65_000));
});

test("a server that took too long is asked whether it is there, and what waits asks again", async () => {
  const back = vi.fn();
  const end = reach.onBack(back);
  const answer = asked(api.listSlates());
  late.abort(new DOMException("late", "TimeoutError"));
  expect(await answer).toMatchObject({ status: 0 });
  await vi.waitFor(() => expect(back).toHaveBeenCalledOnce());
  expect(reach.isAway).toBe(false);
  end();
});

test("one that does not answer that either is away", async () => {
  isHealthy = false;
  const answer = asked(api.listSlates());
  late.abort(new DOMException("late", "TimeoutError"));
  await answer;
  await vi.waitFor(() => expect(reach.isAway).toBe(true));
});
