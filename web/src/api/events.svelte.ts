// What changes on the server, as it changes. Owns the one stream of events of this
// page: opened when somebody listens, opened again after it broke, closed while the
// page is not seen (a browser has six connections to a server, and other tabs need them).

import { href } from "@/app/base";
import type { Event as ServerEvent } from "./generated";
import { reach } from "./reach.svelte";

/** `channel`, `lineup`, `media`, … */
export type EventType = ServerEvent["type"];
/** The event of one type. */
export type EventOf<T extends EventType> = Extract<ServerEvent, { type: T }>;
type Listener = (event: ServerEvent) => void;

const AGAIN_AFTER_MS = [1_000, 2_000, 5_000, 10_000];
const UNSEEN_FOR_MS = 30_000;

const listeners = new Map<EventType, Set<Listener>>();
let source: EventSource | null = null;
/** What the stream is listened to for: each type once, however often pages come and go. */
const heard = new Set<EventType>();
let failures = 0;
let again: ReturnType<typeof setTimeout> | null = null;
let unseen: ReturnType<typeof setTimeout> | null = null;
let wasOpen = false;
let live = $state(false);

export const events = {
  /** The stream is open: what is shown is as the server has it. */
  get isLive(): boolean {
    return live;
  },

  /**
   * Calls `listener` for each event of these types; the answer ends that. `missed` is told
   * whenever some may have been missed (the stream broke, the page was not seen): ask anew.
   */
  on<T extends EventType>(types: readonly T[], listener: (event: EventOf<T>) => void): () => void {
    const told = listener as Listener;
    for (const type of types) {
      const some = listeners.get(type) ?? new Set();
      listeners.set(type, some.add(told));
      if (source !== null) listen(source, type);
    }
    open();
    return () => {
      for (const type of types) listeners.get(type)?.delete(told);
      if ([...listeners.values()].every((some) => some.size === 0)) close();
    };
  },
};

function tell(event: ServerEvent): void {
  for (const listener of [...(listeners.get(event.type) ?? [])]) listener(event);
}

function listen(to: EventSource, type: EventType): void {
  if (heard.has(type)) return;
  heard.add(type);
  to.addEventListener(type, (message) => {
    tell(JSON.parse((message as MessageEvent<string>).data) as ServerEvent);
  });
}

function open(): void {
  if (source !== null || again !== null || document.hidden) return;
  const opened = new EventSource(href("/api/v1/events"));
  source = opened;
  heard.clear();
  for (const [type, some] of listeners) if (some.size > 0) listen(opened, type);
  opened.onopen = () => {
    failures = 0;
    live = true;
    reach.answered();
    if (wasOpen) tell({ type: "missed", events: 0 });
    wasOpen = true;
  };
  opened.onerror = () => {
    // The browser's own retries are as fast as the server fails.
    stop();
    const wait = AGAIN_AFTER_MS[Math.min(failures, AGAIN_AFTER_MS.length - 1)] ?? 10_000;
    failures += 1;
    void reach.suspect();
    again = setTimeout(() => {
      again = null;
      if ([...listeners.values()].some((some) => some.size > 0)) open();
    }, wait);
  };
}

function stop(): void {
  source?.close();
  source = null;
  live = false;
}

function close(): void {
  stop();
  if (again !== null) clearTimeout(again);
  again = null;
  failures = 0;
}

if (typeof document !== "undefined") {
  reach.onBack(() => {
    if (again === null) return;
    clearTimeout(again);
    again = null;
    open();
  });
  document.addEventListener("visibilitychange", () => {
    if (unseen !== null) clearTimeout(unseen);
    unseen = null;
    if (document.hidden) unseen = setTimeout(close, UNSEEN_FOR_MS);
    else if ([...listeners.values()].some((some) => some.size > 0)) open();
  });
}
