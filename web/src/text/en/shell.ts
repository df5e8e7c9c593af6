// The words around every page.

export const shell = {
  name: "Aerial",
  skip: "Skip to the page",
  nav: {
    label: "Pages",
    guide: "Guide",
    watch: "Watch",
    channels: "Channels",
    library: "Library",
    onAir: "On air",
    settings: "Settings",
  },
  title: (page: string) => `${page} · Aerial`,
  away: "The server does not answer. Trying again until it does; nothing you typed is lost.",
  back: "The server is back.",
  loading: "Loading",
  notFound: {
    title: "There is no such page",
    text: "The address may be old, or mistyped.",
    action: "Go to the guide",
  },
  notLoaded: {
    title: "The page did not load",
    text: "The server may have been updated, or does not answer.",
    action: "Load it again",
  },
  failed: {
    title: "This did not work",
    again: "Try again",
    signIn: "Sign in",
  },
  copied: "Copied",
  marked: "Press Ctrl C to copy: this browser lets pages copy only over HTTPS.",
  close: "Close",
  cancel: "Cancel",
  dismiss: "Dismiss",
  menu: "More",
  help: {
    title: "Keys",
    everywhere: "Everywhere",
    open: "These keys",
    move: "Move between things",
    use: "Use what is marked",
    back: "Close, or go back",
    none: "This page has no keys of its own.",
  },
};
