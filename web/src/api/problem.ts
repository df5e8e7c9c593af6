// What went wrong with a request, as people are told it. The server says it as a
// problem (RFC 9457); what never reached it is one too.

import type { Problem as ToldProblem } from "./generated";

/** A request that failed. `message` says what happened and what to do. */
export class Problem extends Error {
  override readonly name = "Problem";

  constructor(
    /** The HTTP status; 0 where nothing answered. */
    readonly status: number,
    /** The kind in a few words. */
    readonly title: string,
    detail: string,
    /** `urn:aerial:problem:…`, for programs. */
    readonly type: string = "",
    /** What is wrong with each field, by its path (`items[3].media`). */
    readonly fields: Readonly<Record<string, string>> = {},
  ) {
    super(detail);
  }

  /** Whether the server could not be asked at all. */
  get isAway(): boolean {
    return this.status === 0 || this.status === 502 || this.status === 504;
  }

  /** Whether nobody is signed in who may do this. */
  get isSignedOut(): boolean {
    return this.status === 401;
  }

  /** What is wrong with one field, or `undefined`. */
  field(name: string): string | undefined {
    return this.fields[name];
  }

  /** What is wrong with fields that are not among these: to be told above the form. */
  others(...names: string[]): string[] {
    return Object.entries(this.fields)
      .filter(([name]) => !names.includes(name))
      .map(([name, message]) => `${name}: ${message}`);
  }
}

/** The problem that an answer tells; whatever it is, it is one. */
export function problemOf(error: unknown, response: Response | undefined): Problem {
  if (error instanceof Problem) return error;
  const status = response?.status ?? 0;
  if (isTold(error)) {
    const fields: Record<string, string> = {};
    for (const { field, message } of error.errors ?? []) fields[field] ??= message;
    return new Problem(status, error.title, error.detail, error.type, fields);
  }
  if (status === 0) return new Problem(0, "No answer", "The server does not answer.");
  return new Problem(status, "Not possible", `The server answered ${status} without saying why.`);
}

function isTold(error: unknown): error is ToldProblem {
  return typeof error === "object" && error !== null && "detail" in error && "title" in error;
}
