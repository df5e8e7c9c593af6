// What fell off the newest page of a list while older pages of it are shown.

/**
 * Those of `before` that are not in `now`, the newer page, to go before what is older. `null`
 * where the two have nothing in common: between them may be others that nobody has read.
 */
export function fallen<T extends { id: string }>(
  before: readonly T[],
  now: readonly T[],
): T[] | null {
  const known = new Set(now.map(({ id }) => id));
  const off = before.filter(({ id }) => !known.has(id));
  return off.length > 0 && off.length === before.length ? null : off;
}
