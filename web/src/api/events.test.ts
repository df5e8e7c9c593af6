// What is listened to of the one stream of events.

import { beforeEach, expect, test, vi } from "vitest";
import type { Event as ServerEvent } from "./generated";

class Stream extends EventTarget {
  onopen: (() => void) | null = null;
  onerror: (() => void) | null = null;
  close(): void {}

  constructor() {
    super();
    streams.push(this);
  }

  tells(type: ServerEvent["type"]): void {
    this.dispatchEvent(new MessageEvent(type, { data: JSON.stringify({ type }) }));
  }
}
const streams: Stream[] = [];
vi.stubGlobal("EventSource", Stream);
const { events } = await import("./events.svelte");

let leave: () => void;
beforeEach(() => {
  leave?.();
  streams.length = 0;
  leave = events.on(["missed"], () => {});
});

test("an event is told once, however often its page was visited", () => {
  for (let visit = 0; visit < 3; visit++) events.on(["scan"], () => {})();
  const heard = vi.fn();
  const end = events.on(["scan"], heard);
  streams[0]?.tells("scan");
  expect(heard).toHaveBeenCalledOnce();
  end();
});

test("a stream that is opened again tells all that is listened to", () => {
  vi.useFakeTimers();
  const heard = vi.fn();
  const end = events.on(["lineup"], heard);
  streams[0]?.onerror?.();
  vi.advanceTimersByTime(1_000);
  vi.useRealTimers();
  expect(streams).toHaveLength(2);
  streams[1]?.tells("lineup");
  expect(heard).toHaveBeenCalledOnce();
  end();
});
