// Which page is shown. Owns the address bar: links inside the app change it without
// loading the page anew. A page that holds unsaved work may hold its reader back. Where
// pages were scrolled to is `places`'.

import { href, within } from "./base";
import { Places } from "./places";
import { match } from "./routes";

type Guard = () => boolean | Promise<boolean>;

class Router {
  #path = $state(here());
  #query = $state.raw(new URLSearchParams(location.search));
  readonly #places = new Places();
  readonly #guards = new Set<Guard>();
  readonly #found = $derived(match(this.#path));
  /** How often the page changed: for what must happen on each change. */
  visits = $state(0);

  constructor() {
    window.addEventListener("popstate", () => void this.#moved());
    document.addEventListener("click", (event) => this.#clicked(event));
    window.addEventListener("beforeunload", (event) => {
      if (this.#guards.size > 0) event.preventDefault();
    });
  }

  /** The path inside the app, `/watch/5`. */
  get path(): string {
    return this.#path;
  }

  /** What stands behind the `?`. */
  get query(): URLSearchParams {
    return this.#query;
  }

  /** The page of this path, or `null`. */
  get found() {
    return this.#found;
  }

  /** Goes to a path of the app, `/watch/5?at=…`. `replace` leaves no step back. */
  async go(path: string, options: { replace?: boolean } = {}): Promise<void> {
    if (!(await this.#mayLeave(path))) return;
    this.#places.leave();
    if (options.replace) history.replaceState(this.#places.state, "", href(path));
    else history.pushState(this.#places.next(), "", href(path));
    this.#read(0);
  }

  /** Changes what stands behind the `?` without a step in the history. */
  setQuery(query: URLSearchParams): void {
    const text = query.toString();
    history.replaceState(
      this.#places.state,
      "",
      href(this.#path) + (text === "" ? "" : `?${text}`),
    );
    this.#query = new URLSearchParams(query);
  }

  /** Asks `guard` before the page is left; the answer takes it away again. */
  guard(guard: Guard): () => void {
    this.#guards.add(guard);
    return () => this.#guards.delete(guard);
  }

  async #mayLeave(path: string): Promise<boolean> {
    if (path.split("?")[0] === this.#path) return true;
    for (const guard of this.#guards) if (!(await guard())) return false;
    return true;
  }

  async #moved(): Promise<void> {
    const to = here();
    this.#places.leave();
    if (await this.#mayLeave(to)) this.#read(this.#places.arrive());
    else history.pushState(this.#places.state, "", href(this.#path));
  }

  /** Shows what the address says, scrolled so far. */
  #read(top: number): void {
    const before = this.#path;
    this.#path = here();
    this.#query = new URLSearchParams(location.search);
    if (before !== this.#path) {
      this.visits += 1;
      this.#places.bring(top);
    }
  }

  #clicked(event: MouseEvent): void {
    if (event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = (event.target as Element | null)?.closest?.("a[href]");
    if (!(link instanceof HTMLAnchorElement)) return;
    if (link.origin !== location.origin || link.target !== "" || link.hasAttribute("download"))
      return;
    const path = within(link.pathname);
    // What the server answers itself (the API's reader, channel lists) is loaded.
    if (path === null || match(path) === null) return;
    event.preventDefault();
    void this.go(path + link.search);
  }
}

function here(): string {
  return within(location.pathname) ?? "/";
}

export const router = new Router();
