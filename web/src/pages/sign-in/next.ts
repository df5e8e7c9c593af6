// Where to go on after signing in: the page that sent here, and never another site.

/** The path in `?next=`, or the guide. */
export function nextPage(query: URLSearchParams): string {
  const next = query.get("next") ?? "/";
  return /^\/(?![/\\])/.test(next) && !next.startsWith("/sign-in") ? next : "/";
}
