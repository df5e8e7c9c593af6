// The way back to the library: as it was looked at last, while the app is open.

let query = "";

/** It is looked at like this. */
export function looked(at: URLSearchParams): void {
  query = at.toString();
}

/** The path of it, with its search. */
export function wayBack(): string {
  return query === "" ? "/library" : `/library?${query}`;
}
