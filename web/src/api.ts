// What the server says: the shapes of `/api/v1` that this page reads, and nothing else.

/** A channel as the list gives it. */
export interface Channel {
  id: string;
  /** `5` or `5.1`. */
  number: string;
  name: string;
  logo?: string | null;
  group?: string | null;
}

/** Something that airs. */
export interface Programme {
  start: string;
  end: string;
  title: string;
  subtitle?: string | null;
  show?: string | null;
  season?: number | null;
  episode?: number | null;
  off_air?: boolean;
}

/** What a channel shows at one instant. */
export interface Now {
  /** The server's clock when it answered. */
  at: string;
  channel: string;
  current: Programme | null;
  next: Programme | null;
}

interface Page<T> {
  items: T[];
  next: string | null;
}

/** The server did not answer, or not with what was asked for. */
export class ServerError extends Error {
  constructor(
    message: string,
    /** The HTTP status; 0 where nothing answered. */
    readonly status: number,
  ) {
    super(message);
  }
}

const ANSWER_WITHIN_MS = 8_000;

async function get<T>(path: string): Promise<T> {
  let response: Response;
  try {
    response = await fetch(path, {
      headers: { accept: "application/json" },
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
    });
  } catch (cause) {
    throw new ServerError(`no answer from the server (${String(cause)})`, 0);
  }
  if (!response.ok) {
    throw new ServerError(`the server answered ${response.status} for ${path}`, response.status);
  }
  return (await response.json()) as T;
}

/** All channels, in the order of their numbers. */
export async function channels(): Promise<Channel[]> {
  const all: Channel[] = [];
  let cursor: string | null = null;
  do {
    const query: string = cursor === null ? "" : `?cursor=${encodeURIComponent(cursor)}`;
    const page: Page<Channel> = await get<Page<Channel>>(`/api/v1/channels${query}`);
    all.push(...page.items);
    cursor = page.next;
  } while (cursor !== null);
  return all.sort((a, b) => compareNumbers(a.number, b.number));
}

/** What the channel shows now and next. */
export function now(channel: string): Promise<Now> {
  return get<Now>(`/api/v1/channels/${encodeURIComponent(channel)}/now`);
}

/** Where the channel's stream begins. */
export function streamUrl(channel: string): string {
  return `/stream/${encodeURIComponent(channel)}/master.m3u8`;
}

/** Tells the server that this viewer has left; survives the closing of the page. */
export function leave(channel: string, client: string): void {
  navigator.sendBeacon(
    `/stream/${encodeURIComponent(channel)}/clients/${encodeURIComponent(client)}/leave`,
  );
}

/** The viewer's name, as the server wrote it into a rendition's URL. */
export function clientOf(url: string): string | null {
  return new URL(url, location.href).searchParams.get("client");
}

/** 5 < 5.1 < 5.2 < 5.10 < 6, as people expect. */
export function compareNumbers(a: string, b: string): number {
  const [left, right] = [a, b].map((text) => text.split(".").map(Number)) as [number[], number[]];
  return (left[0] ?? 0) - (right[0] ?? 0) || (left[1] ?? 0) - (right[1] ?? 0);
}
