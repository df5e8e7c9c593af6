// Which settings stand in which part of the page. A setting that nobody placed stands under
// the server's, so that none is hidden.

export const PARTS = [
  "library",
  "picture",
  "limits",
  "slates",
  "tv",
  "server",
  "access",
  "appearance",
  "about",
] as const;

export type Part = (typeof PARTS)[number];

const PLACED: Partial<Record<Part, readonly string[]>> = {
  library: ["library.watch", "library.rescan", "library.probes"],
  picture: ["ffmpeg.encoder", "stream.ladder", "stream.height"],
  limits: [
    "stream.encodes",
    "store.limit",
    "store.free",
    "stream.grace",
    "ffmpeg.threads",
    "ffmpeg.niceness",
  ],
  slates: ["slates.off_air", "slates.trouble"],
  tv: ["server.public_url", "discovery.hdhomerun", "discovery.port", "discovery.ssdp"],
  server: [
    "server.listen",
    "server.data",
    "server.trust_clock",
    "log.filter",
    "log.format",
    "ffmpeg.path",
    "ffmpeg.ffprobe",
  ],
  access: [
    "access.session",
    "access.local_networks",
    "access.trusted_proxies",
    "access.local_metrics",
  ],
};

/** Shown by other means: folders in a list of their own, watching by its own switch. */
const ELSEWHERE = new Set(["library.folders", "access.watch_only"]);

/** The settings of a part, of all that there are, in the order of the page. */
export function settingsOf(part: Part, all: readonly string[]): string[] {
  const placed = (PLACED[part] ?? []).filter((name) => all.includes(name));
  if (part !== "server") return placed;
  const everywhere = new Set(Object.values(PLACED).flat());
  return [...placed, ...all.filter((name) => !everywhere.has(name) && !ELSEWHERE.has(name))];
}
