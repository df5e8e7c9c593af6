// Where a channel's logo is.

import { href } from "@/app/base";

/** Its address, or `null` where it has none; those of the server's own are under its path. */
export function logo({ logo: given }: { logo: string | null }): string | null {
  if (given === null) return null;
  return given.startsWith("/") ? href(given) : given;
}
