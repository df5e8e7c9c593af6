// What of the library is looked at: kept in the address, so that it can be shared, gone
// back to, and outlives a reload. Owns the names in the address.

import type { MediaKind, MediaState } from "@/api";

export const SORTS = ["name", "added", "length", "size"] as const;
export const STATES = ["ok", "unplayable", "missing"] as const;
export const KINDS = ["movie", "episode", "other"] as const;

export interface Filters {
  q: string;
  show: string;
  state: MediaState | "";
  codec: string;
  kind: MediaKind | "";
  folder: string;
  sort: (typeof SORTS)[number];
  view: "list" | "grid";
}

export const NONE: Filters = {
  q: "",
  show: "",
  state: "",
  codec: "",
  kind: "",
  folder: "",
  sort: "name",
  view: "list",
};

function oneOf<T extends string>(all: readonly T[], text: string | null): T | undefined {
  return all.find((one) => one === text);
}

/** What an address says; what it says wrongly is left out. */
export function read(query: URLSearchParams): Filters {
  return {
    q: query.get("q") ?? "",
    show: query.get("show") ?? "",
    state: oneOf(STATES, query.get("state")) ?? "",
    codec: query.get("codec") ?? "",
    kind: oneOf(KINDS, query.get("kind")) ?? "",
    folder: query.get("folder") ?? "",
    sort: oneOf(SORTS, query.get("sort")) ?? "name",
    view: oneOf(["list", "grid"], query.get("view")) ?? "list",
  };
}

/** The address for it: only what is not as usual. */
export function write(filters: Filters): URLSearchParams {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(filters) as [keyof Filters, string][]) {
    if (value !== "" && value !== NONE[name]) query.set(name, value);
  }
  return query;
}

export type Asked = Partial<Record<"q" | "show" | "codec" | "folder", string>> & {
  state?: MediaState;
  kind?: MediaKind;
};

/** What the server is asked, without the order. */
export function asked(filters: Filters): Asked {
  const { q, show, state, codec, kind, folder } = filters;
  return {
    ...(q.trim() === "" ? {} : { q: q.trim() }),
    ...(show === "" ? {} : { show }),
    ...(state === "" ? {} : { state }),
    ...(codec === "" ? {} : { codec }),
    ...(kind === "" ? {} : { kind }),
    ...(folder === "" ? {} : { folder }),
  };
}

/** Whether anything is left out. */
export function isNarrowed(filters: Filters): boolean {
  return Object.keys(asked(filters)).length > 0;
}
