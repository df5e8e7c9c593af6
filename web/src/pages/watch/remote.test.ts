import { expect, it, vi } from "vitest";
import type { Channel } from "@/api";
import type { Listings } from "./listings.svelte";
import { Remote } from "./remote.svelte";

const go = vi.hoisted(() => vi.fn());
vi.mock("@/app/router.svelte", () => ({ router: { go } }));
vi.mock("@/api", () => ({ api: {} }));

it("asks what the next channel shows beside the one that is zapped to", () => {
  const list = ["1", "2", "3", "4"].map((id) => ({ id, number: id, name: id }) as Channel);
  const ask = vi.fn();
  const tune = vi.fn();
  const remote = new Remote({
    listings: { list, ask } as unknown as Listings,
    // The address changes a moment later.
    channel: () => list[0] ?? null,
    tune,
    wake: vi.fn(),
  });
  remote.zap(1);
  expect(tune).toHaveBeenCalledExactlyOnceWith("2");
  expect(ask.mock.calls).toEqual([["2"], ["3"]]);
});
