// The drawings, on a grid of 24, by name. One line an entry, sorted.

interface Drawing {
  path: string;
  /** Filled rather than drawn. */
  solid?: true;
}

const drawings = {
  add: { path: "M12 5v14M5 12h14" },
  alert: { path: "M12 4 2.8 20h18.4zM12 10v4.5M12 17.2v.1" },
  back: { path: "M15 5l-7 7 7 7" },
  captions: { path: "M4 6h16v12H4zM10.5 10.5a2 2 0 1 0 0 3M16.5 10.5a2 2 0 1 0 0 3" },
  channels: { path: "M4 8h16v11H4zM8 3l4 5 4-5" },
  check: { path: "M5 12.5l4.5 4.5L19 7.5" },
  close: { path: "M6 6l12 12M18 6L6 18" },
  copy: { path: "M9 9h10v10H9zM5 15V5h10" },
  down: { path: "M5 9l7 7 7-7" },
  download: { path: "M12 4v11M7 11l5 5 5-5M5 20h14" },
  drag: { path: "M9 6v.1M15 6v.1M9 12v.1M15 12v.1M9 18v.1M15 18v.1" },
  edit: { path: "M5 19l1-4L16 5l3 3L9 18z" },
  file: { path: "M6 3h8l4 4v14H6zM14 3v4h4" },
  filter: { path: "M4 6h16M7 12h10M10 18h4" },
  folder: { path: "M3 6h6l2 2h10v11H3z" },
  forward: { path: "M9 5l7 7-7 7" },
  full: { path: "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5" },
  grid: { path: "M4 4h7v7H4zM13 4h7v7h-7zM4 13h7v7H4zM13 13h7v7h-7z" },
  guide: { path: "M3 6h18M3 12h18M3 18h18M9 6v6M15 12v6" },
  help: {
    path: "M9 9a3 3 0 1 1 4 2.8c-.8.3-1 1-1 1.7M12 17v.1M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18",
  },
  info: { path: "M12 11v5.5M12 7.5v.1M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18" },
  library: { path: "M4 4h4v16H4zM10 4h4v16h-4zM16 5l3.5-.8L23 19l-3.5.8z" },
  list: { path: "M8 6h13M8 12h13M8 18h13M3.5 6v.1M3.5 12v.1M3.5 18v.1" },
  menu: {
    path: "M3.5 12a1.5 1.5 0 1 0 3 0 1.5 1.5 0 0 0-3 0M10.5 12a1.5 1.5 0 1 0 3 0 1.5 1.5 0 0 0-3 0M17.5 12a1.5 1.5 0 1 0 3 0 1.5 1.5 0 0 0-3 0",
    solid: true,
  },
  minus: { path: "M5 12h14" },
  moon: { path: "M20 14a8 8 0 1 1-10-10 6.5 6.5 0 0 0 10 10" },
  muted: { path: "M4 9.500v5h3.500L12 18.500v-13L7.5 9.500zM15.5 9.500l5 5m0-5l-5 5" },
  onAir: {
    path: "M12 10v11M12 6v.1M8.5 9.500a5 5 0 0 1 0-7M15.5 9.500a5 5 0 0 0 0-7M6 12a9 9 0 0 1 0-12M18 12a9 9 0 0 0 0-12",
  },
  pause: { path: "M8 5v14M16 5v14" },
  pip: { path: "M3 5h18v14H3zM12 12h6v4h-6z" },
  play: { path: "M8 5.500v13l11-6.500z", solid: true },
  power: { path: "M12 4v8M7.2 7.200a7 7 0 1 0 9.6 0" },
  redo: { path: "M20 9H9.500a5 5 0 0 0 0 10H15M16 5l4 4-4 4" },
  retry: { path: "M5 12a7 7 0 1 0 2-5L5 9M5 4v5h5" },
  search: { path: "M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13M15.5 15.500L21 21" },
  settings: { path: "M4 7h9M19 7h1M4 17h1M11 17h9M16 4.500v5M8 14.500v5" },
  shuffle: { path: "M3 7h4l9 10h5M3 17h4l2.5-2.800M13.5 9.8 16 7h5M18 4l3 3-3 3M18 14l3 3-3 3" },
  skip: { path: "M5 5.500v13l9-6.500zM18 5.500v13" },
  sound: {
    path: "M4 9.500v5h3.500L12 18.500v-13L7.5 9.500zM15 9a4 4 0 0 1 0 6M17.5 6.500a7.5 7.5 0 0 1 0 11",
  },
  stop: { path: "M6 6h12v12H6z" },
  sun: {
    path: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8M12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.5 1.500M17.5 17.500L19 19M5 19l1.5-1.500M17.5 6.500L19 5",
  },
  trash: { path: "M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13" },
  undo: { path: "M4 9h10.500a5 5 0 0 1 0 10H9M8 5 4 9l4 4" },
  up: { path: "M5 15l7-7 7 7" },
  upload: { path: "M12 16V5M7 9l5-5 5 5M5 20h14" },
  user: { path: "M12 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8M4 21c1-4 4-6 8-6s7 2 8 6" },
  watch: { path: "M3 5h18v12H3zM8 21h8M10.5 8.500v5l4-2.500z" },
  window: { path: "M9 4v5H4M15 4v5h5M9 20v-5H4M15 20v-5h5" },
} satisfies Record<string, Drawing>;

export type IconName = keyof typeof drawings;
export const ICONS: Record<IconName, Drawing> = drawings;
