// Signals that call a request off, also in browsers that can neither join nor time them:
// televisions are years behind.

/** After so long. */
export function after(ms: number): AbortSignal {
  if (typeof AbortSignal.timeout === "function") return AbortSignal.timeout(ms);
  const late = new AbortController();
  setTimeout(() => late.abort(new DOMException("it took too long", "TimeoutError")), ms);
  return late.signal;
}

/** As soon as one of these does. */
export function either(...signals: readonly AbortSignal[]): AbortSignal {
  if (typeof AbortSignal.any === "function") return AbortSignal.any([...signals]);
  const any = new AbortController();
  for (const signal of signals) {
    const abort = () => any.abort(signal.reason);
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, { once: true, signal: any.signal });
  }
  return any.signal;
}
