// The app's pages by address. Each is a module of its own that is loaded when first
// opened; the server answers the app's page for the same paths (`http/assets.rs`).

import type { Component } from "svelte";

/** What a page is given: the named parts of its address. */
export interface PageProps {
  params: Record<string, string>;
}

/** A page; one that needs nothing of its address takes no `params`. */
export type Page = Component<PageProps> | Component<Record<string, never>>;

/** Where a page is. */
export interface Route {
  /** `/watch/{channel}`: a part in braces matches anything but a slash. */
  path: string;
  /** Which entry of the navigation it belongs to. */
  section?: Section;
  /** Without navigation: to the edges of the window. */
  bare?: true;
  load: () => Promise<{ default: Page }>;
}

/** An entry of the navigation. */
export type Section = "guide" | "watch" | "channels" | "library" | "onAir" | "settings";

const channels = () => import("@/pages/channels/ChannelsPage.svelte");
const library = () => import("@/pages/library/LibraryPage.svelte");
const watch = () => import("@/pages/watch/WatchPage.svelte");

export const ROUTES: readonly Route[] = [
  { path: "/", section: "guide", load: () => import("@/pages/guide/GuidePage.svelte") },
  // Without a channel: the one watched last.
  { path: "/watch", section: "watch", bare: true, load: watch },
  { path: "/watch/{channel}", section: "watch", bare: true, load: watch },
  { path: "/channels", section: "channels", load: channels },
  {
    path: "/channels/{id}",
    section: "channels",
    load: () => import("@/pages/channels/ChannelPage.svelte"),
  },
  { path: "/library", section: "library", load: library },
  {
    path: "/library/{id}",
    section: "library",
    load: () => import("@/pages/library/MediaPage.svelte"),
  },
  { path: "/on-air", section: "onAir", load: () => import("@/pages/on-air/OnAirPage.svelte") },
  {
    path: "/settings",
    section: "settings",
    load: () => import("@/pages/settings/SettingsPage.svelte"),
  },
  { path: "/welcome", bare: true, load: () => import("@/pages/welcome/WelcomePage.svelte") },
  { path: "/sign-in", bare: true, load: () => import("@/pages/sign-in/SignInPage.svelte") },
];

/** The route of a path, and the values of its named parts. */
export function match(path: string): { route: Route; params: Record<string, string> } | null {
  const parts = split(path);
  for (const route of ROUTES) {
    const params = fitted(split(route.path), parts);
    if (params !== null) return { route, params };
  }
  return null;
}

function split(path: string): string[] {
  return path.split("/").filter((part) => part !== "");
}

function fitted(pattern: string[], parts: string[]): Record<string, string> | null {
  if (pattern.length !== parts.length) return null;
  const params: Record<string, string> = {};
  for (const [index, wanted] of pattern.entries()) {
    const part = parts[index] ?? "";
    if (wanted.startsWith("{")) params[wanted.slice(1, -1)] = decoded(part);
    else if (wanted !== part) return null;
  }
  return params;
}

/** A `%` that begins no escape stays what it is. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
