// The way to the server. Everything that a page asks for goes through `call`, which
// gives the answer or throws a `Problem`; the functions and types are generated from
// the server's own document.
//
//   const channel = await call(api.getChannel({ path: { channel: "5" } }));
//   const channels = await all(api.listChannels);

import { BASE } from "@/app/base";
import { after, either } from "@/app/signal";
import { clock } from "./clock.svelte";
import * as api from "./generated";
import { client } from "./generated/client.gen";
import { type Problem, problemOf } from "./problem";
import { reach } from "./reach.svelte";

export { clock } from "./clock.svelte";
export { type EventOf, type EventType, events } from "./events.svelte";
export type * from "./generated/types.gen";
export { Problem } from "./problem";
export { reach } from "./reach.svelte";
export { Resource, resource } from "./resource.svelte";
export { api };

/** Longer than any answer to a small question takes. */
const ANSWER_WITHIN_MS = 15_000;
/** The server gives up first: it waits 55 s for a body, and 60 s for an answer. */
const LARGE_WITHIN_MS = 65_000;

client.setConfig({
  baseUrl: BASE.replace(/\/$/, ""),
  fetch: timed(ANSWER_WITHIN_MS),
  credentials: "same-origin",
});

/**
 * Among the options of what sends files and whole lineups: they take their time on a slow
 * line, and what is made of them may take its own.
 */
export const large = { fetch: timed(LARGE_WITHIN_MS) };

/** What a generated function gives. */
interface Answer<T> {
  data: T | undefined;
  error: unknown;
  response?: Response | undefined;
}

/** The answer's data; throws a `Problem` where it is none. */
export async function call<T>(asked: Promise<Answer<T>>): Promise<NonNullable<T>> {
  const { data, error, response } = await asked;
  if (response === undefined || !response.ok) throw problemOf(error, response);
  // 204 has no data, and none is expected.
  return data as NonNullable<T>;
}

interface Listing<T> {
  items: T[];
  next: string | null;
}

/** Every page of a list, one after the other. */
export async function all<T, Q extends object>(
  list: (options: {
    query: Q & { cursor?: string; limit?: number };
  }) => Promise<Answer<Listing<T>>>,
  query: Q = {} as Q,
): Promise<T[]> {
  const items: T[] = [];
  let cursor: string | null = null;
  do {
    const page: Listing<T> = await call(
      list({ query: { ...query, limit: 500, ...(cursor === null ? {} : { cursor }) } }),
    );
    items.push(...page.items);
    cursor = page.next;
  } while (cursor !== null);
  return items;
}

/** Whether a thing that was thrown is this problem of the server's. */
export function isProblem(thrown: unknown): thrown is Problem {
  return thrown instanceof Error && thrown.name === "Problem";
}

/** Fetches, learns the server's clock and whether it is there. */
function timed(withinMs: number): typeof fetch {
  return async (input, init) => {
    const request = new Request(input, init);
    const late = after(withinMs);
    const signal = either(request.signal, late);
    const sentMs = Date.now();
    try {
      const response = await fetch(request, { signal });
      // A proxy says these for a server that is not there.
      if (response.status === 502 || response.status === 504) reach.missed();
      else reach.answered();
      clock.learnFrom(response, sentMs, Date.now());
      return response;
    } catch (cause) {
      // What was called off by the page says nothing of the server, and what took long little.
      if (request.signal.aborted) throw cause;
      if (late.aborted) void reach.late();
      else reach.missed();
      throw cause;
    }
  };
}
