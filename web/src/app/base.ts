// Where the app lives: `/`, or the path that a proxy puts before it. The server writes
// it into the page's <base>; it is read once, before any address changes.

/** The path before all of ours, with a slash at its end. */
export const BASE: string = new URL(document.baseURI).pathname.replace(/[^/]*$/, "");

// A relative <base> is held to where the page was opened, whatever the address says later.
const element = document.querySelector("base");
if (element !== null) element.href = BASE;

/** The address of one of the app's pages or of the server's own paths, given as `/watch/5`. */
export function href(path: string): string {
  return BASE + path.replace(/^\//, "");
}

/** `/watch/5` for an address of ours, without the prefix; `null` for any other. */
export function within(pathname: string): string | null {
  if (`${pathname}/` === BASE) return "/";
  return pathname.startsWith(BASE) ? `/${pathname.slice(BASE.length)}` : null;
}
