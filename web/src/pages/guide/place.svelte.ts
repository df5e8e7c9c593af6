// Which programme of the guide is marked. Owns the mark and how keys move it: a channel
// and an instant, so that it holds also where nothing is loaded yet. Does not scroll.

import type { Channel } from "@/api";
import { type Cell, cellAt, cells, type Item, itemAt, type Scale } from "./cells";
import type { GuideStore } from "./store.svelte";

/** How many columns to each side are looked through for the next programme. */
const REACH = 24;

/** What the mark moves over. */
export interface Ground {
  store: GuideStore;
  channels: readonly Channel[];
  scale: Scale;
  /** The narrowest that a cell may be. */
  least: number;
  /** The time that can be gone to. */
  from: number;
  to: number;
}

export class Place {
  /** The marked channel's id. */
  channel = $state<string | null>(null);
  /** An instant inside the marked programme; `now` goes on with the clock. */
  at = $state<number | "now">("now");
  /** Where going up and down looks: the last instant that was gone to along a row. */
  #anchor: number | "now" = "now";

  /** The marked instant. */
  instant(now: number): number {
    return this.at === "now" ? now : this.at;
  }

  /** Marks a channel's programme at an instant. */
  mark(channel: string, at: number | "now"): void {
    this.channel = channel;
    this.at = at;
    this.#anchor = at;
  }

  /** The marked cell. */
  cell(ground: Ground, now: number): Cell | undefined {
    if (this.channel === null) return undefined;
    return at(ground, this.channel, this.instant(now));
  }

  /** The marked programme; of several short ones the one that is on, or the first. */
  item(ground: Ground, now: number): Item | undefined {
    const cell = this.cell(ground, now);
    return cell && itemAt(cell, this.instant(now));
  }

  /** Goes `step` channels down; whether there was one. */
  row(ground: Ground, step: number): boolean {
    const index = ground.channels.findIndex(({ id }) => id === this.channel);
    const wanted = Math.min(ground.channels.length - 1, Math.max(0, index + step));
    const next = ground.channels[wanted];
    if (next === undefined || wanted === index) return false;
    this.channel = next.id;
    this.at = this.#anchor;
    return true;
  }

  /** Goes to the programme after this one, or the one before; whether there is any. */
  along(ground: Ground, step: 1 | -1, now: number): boolean {
    const cell = this.cell(ground, now);
    if (cell === undefined || this.channel === null) return false;
    const { columnMs } = ground.scale;
    const here = this.instant(now);
    // What is not known yet is gone through column by column: at its far end may be another day.
    const isKnown = cell.items.length > 0;
    const edge =
      step > 0
        ? Math.min(cell.end, isKnown ? cell.end : here + columnMs)
        : Math.max(cell.start - 1, isKnown ? cell.start - 1 : here - columnMs);
    if (edge < ground.from || edge >= ground.to) return false;
    const next = at(ground, this.channel, edge);
    if (next === undefined) return false;
    const isNext = next.items.length > 0;
    const isOn = isNext && next.start <= now && now < next.end;
    // And so is what never ends.
    const isLong = step < 0 && edge - next.start > columnMs * REACH;
    const to = isLong || !isNext ? edge : Math.max(next.start, ground.from);
    this.mark(this.channel, isOn ? "now" : to);
    return true;
  }

  /** Goes so far in time. */
  by(ground: Ground, ms: number, now: number): void {
    const to = Math.min(ground.to - 1, Math.max(ground.from, this.instant(now) + ms));
    if (this.channel !== null) this.mark(this.channel, to);
  }
}

function at(ground: Ground, channel: string, instant: number): Cell | undefined {
  const { scale, store, least } = ground;
  const reach = scale.columnMs * REACH;
  const row = cells(store.row(channel), instant - reach, instant + reach, scale, least);
  return cellAt(row, instant);
}
