// The way in to a channel: its master playlist. Owns what each answer to it means, and
// how hls.js is given what was read already, so that the viewer's id, a refusal and its
// reason are known before anything plays.

import type { HlsConfig, LoaderCallbacks, PlaylistLoaderContext } from "hls.js";
import { after, either } from "@/app/signal";

/** What came of asking for it. */
export type Entry =
  | { kind: "open"; url: string; text: string; client: string | null }
  /** No such channel. */
  | { kind: "gone"; words: string }
  /** Nothing can be encoded beside what is. */
  | { kind: "full"; words: string; againMs: number }
  /** Nobody may watch who is not signed in. */
  | { kind: "signed-out" }
  /** Something that should work did not. */
  | { kind: "failed"; words: string }
  /** Nothing answered. */
  | { kind: "away" };

const ANSWER_WITHIN_MS = 15_000;

/** Asks for it. Registers a viewer where it is answered. */
export async function enter(url: string, signal: AbortSignal): Promise<Entry> {
  try {
    const within = either(signal, after(ANSWER_WITHIN_MS));
    const response = await fetch(url, { signal: within, credentials: "same-origin" });
    if (!response.ok) return refused(response.status, response.headers, await words(response));
    const text = await response.text();
    return { kind: "open", url: response.url || url, text, client: clientIn(text, url) };
  } catch {
    return { kind: "away" };
  }
}

/** What a refusal means; also of the lists that follow. */
export function refused(status: number, headers: Pick<Headers, "get">, said: string): Entry {
  if (status === 404 || status === 410) return { kind: "gone", words: said };
  if (status === 401 || status === 403) return { kind: "signed-out" };
  const seconds = Number(headers.get("retry-after") ?? Number.NaN);
  if (status === 503 && Number.isFinite(seconds)) {
    return { kind: "full", words: said, againMs: Math.max(1, seconds) * 1_000 };
  }
  // A proxy before an absent server, and a server that goes down, answer so.
  if (status === 502 || status === 503 || status === 504) return { kind: "away" };
  return { kind: "failed", words: said };
}

async function words(response: Response): Promise<string> {
  try {
    const problem = (await response.json()) as { detail?: unknown };
    return typeof problem.detail === "string" ? problem.detail : "";
  } catch {
    return "";
  }
}

/** The viewer's id, as the server wrote it into the first rendition's address. */
export function clientIn(master: string, base: string): string | null {
  const [first] = renditions(master, base);
  return first === undefined ? null : new URL(first).searchParams.get("client");
}

/** The addresses of its renditions. */
export function renditions(master: string, base: string): string[] {
  const lines = master.split("\n").map((line) => line.trim());
  return lines
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => new URL(line, new URL(base, location.href)).href);
}

/** `720p` of `/stream/…/720p.m3u8?client=…`. */
export function renditionOf(url: string): string {
  const file = new URL(url, location.href).pathname.split("/").at(-1) ?? "";
  return decodeURIComponent(file.replace(/\.m3u8$/, ""));
}

type Loader = HlsConfig["loader"];

/** A loader of playlists that has the master in hand. */
export function holding(entry: Entry & { kind: "open" }, usual: Loader): HlsConfig["pLoader"] {
  return class extends (usual as new (config: HlsConfig) => InstanceType<Loader>) {
    override load(
      context: PlaylistLoaderContext,
      config: Parameters<InstanceType<Loader>["load"]>[1],
      callbacks: LoaderCallbacks<PlaylistLoaderContext>,
    ): void {
      if ((context.type as string) !== "manifest") {
        super.load(context, config, callbacks as never);
        return;
      }
      const now = performance.now();
      const { stats } = this;
      stats.loading = { start: now, first: now, end: now };
      stats.loaded = stats.total = entry.text.length;
      const { url, text } = entry;
      queueMicrotask(() =>
        callbacks.onSuccess({ url, data: text, code: 200 }, stats, context, null),
      );
    }
  } as unknown as HlsConfig["pLoader"];
}
