// What the end of a scan has asked for anew, as far as it can be told without a browser.

import { flushSync, mount, unmount } from "svelte";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Media, Scan } from "@/api";
import { Resource } from "@/api/resource.svelte";
import ScanBar from "./ScanBar.svelte";
import { Stock } from "./stock.svelte";

const held = vi.hoisted(() => ({ scan: null as unknown }));
vi.mock("@/api", () => ({
  api: {},
  call: vi.fn(),
  events: { on: () => () => {} },
  resource: () => held.scan,
}));

let scan: Resource<Scan>;
let shown: ReturnType<typeof mount>;
beforeEach(() => {
  scan = new Resource<Scan>(vi.fn());
  held.scan = scan;
});
afterEach(() => unmount(shown));

const of = (job: string, running: boolean): Scan =>
  ({ job, running, state: "done", probed: 1, failed: 0, missing: 0, notes_total: 0 }) as Scan;

test("the end of a scan is told once, whatever is read there", () => {
  const stock = new Stock();
  const onend = vi.fn(() => void stock.media.length);
  shown = mount(ScanBar, { target: document.body, props: { onend } });
  for (const job of ["first", "second"]) {
    scan.set(of(job, true));
    flushSync();
    scan.set(of(job, false));
    flushSync();
  }
  expect(onend).toHaveBeenCalledTimes(2);
  stock.media = [{} as Media];
  flushSync();
  expect(onend).toHaveBeenCalledTimes(2);
});
