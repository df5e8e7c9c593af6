// Which rows of a long list are drawn: those that are seen, and some around them. Owns
// the arithmetic; all rows are of one height.

export interface Range {
  first: number;
  /** One more than the last. */
  end: number;
}

/** Drawn beyond each edge, so that a quick scroll finds rows there. */
const AROUND = 8;

export function drawn(scrolled: number, height: number, row: number, count: number): Range {
  const first = Math.floor(Math.max(0, scrolled) / row) - AROUND;
  const end = Math.ceil((Math.max(0, scrolled) + height) / row) + AROUND;
  return { first: Math.max(0, Math.min(first, count)), end: Math.max(0, Math.min(end, count)) };
}

/** Where to scroll so that a row is seen; as it is where it is seen already. */
export function revealing(index: number, scrolled: number, height: number, row: number): number {
  const top = index * row;
  if (top < scrolled) return top;
  return top + row > scrolled + height ? top + row - height : scrolled;
}
