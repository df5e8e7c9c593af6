// A server that has channels to watch, and what tests of watching see of them: the picture
// on the screen, and how far it is behind the channel's clock.

import type { Page } from "playwright-core";
import { type Channel, Server, until } from "./server";

/** What the screen shows, read from the element: the channel's time on it, and when that was. */
export interface Picture {
  dateMs: number;
  atMs: number;
  rate: number;
  paused: boolean;
}

/** How far behind every screen is to be. */
export const DELAY_MS = 2_000;
/** As much as two rooms do not notice. */
export const APART_MS = 200;
/** A busy machine's answers come late now and then: of so many looks the middle one counts. */
const LOOKS = 9;

/** Behind its keeper, on the clips. */
export class Station {
  private constructor(
    readonly server: Server,
    readonly channels: readonly Channel[],
  ) {}

  static async start(): Promise<Station> {
    const server = await Server.start({ keeper: true });
    return new Station(server, await server.channels());
  }

  stop(): Promise<void> {
    return this.server.stop();
  }

  /** The channel at this place, counted in a circle. */
  at(place: number): Channel {
    const channel = this.channels[(place + this.channels.length) % this.channels.length];
    if (channel === undefined) throw new Error("there are no channels");
    return channel;
  }

  /** The address of the page that shows it. */
  watching(channel: Channel): string {
    return `${this.server.url}/watch/${channel.number}`;
  }

  async viewers(channel: Channel): Promise<number> {
    const { items } = await this.server.ask<{ items: { channel: string; clients: unknown[] }[] }>(
      "/api/v1/streams",
    );
    return items.find((session) => session.channel === channel.id)?.clients.length ?? 0;
  }

  /** By how much the picture is behind the channel's clock, as the server tells it now. */
  async behindMs(page: Page, channel: Channel): Promise<number> {
    const sent = Date.now();
    const told = await this.server.ask<{ channel: { at: string } }>(
      `/api/v1/clock?channel=${channel.id}`,
    );
    const offset = Date.parse(told.channel.at) - (sent + Date.now()) / 2;
    const { dateMs, atMs } = await picture(page);
    return atMs + offset - dateMs;
  }

  /** The page says that it is in step, and by the server's clock it is. */
  async isInStep(page: Page, channel: Channel): Promise<void> {
    // Told under what lies over the picture, which goes by itself.
    await page.getByText("In step", { exact: true }).waitFor({ state: "attached" });
    await until("the step by the server's clock", async () => {
      const behind = await median(() => this.behindMs(page, channel));
      return Math.abs(behind - DELAY_MS) < APART_MS;
    });
  }
}

export function picture(page: Page): Promise<Picture> {
  return page.evaluate(() => {
    const video = document.querySelector("video") as HTMLVideoElement;
    return {
      dateMs: Number(video.dataset.dateAtZero) + video.currentTime * 1_000,
      atMs: performance.timeOrigin + performance.now(),
      rate: video.playbackRate,
      paused: video.paused,
    };
  });
}

/** The channel's picture is there and moves. */
export async function isShown(page: Page, channel: Channel): Promise<void> {
  await page.waitForFunction(
    (name) => document.title.startsWith(name) && document.querySelector(".card.gone") !== null,
    channel.name,
  );
  const from = (await picture(page)).dateMs;
  await page.waitForFunction((before) => {
    const video = document.querySelector("video") as HTMLVideoElement;
    return Number(video.dataset.dateAtZero) + video.currentTime * 1_000 > before + 400;
  }, from);
}

/** The last of the times that first pictures took. */
export function zapMs(page: Page): Promise<number> {
  return page.evaluate(
    () => performance.getEntriesByName("aerial: first picture").at(-1)?.duration ?? Number.NaN,
  );
}

export async function median(look: () => Promise<number>, looks = LOOKS): Promise<number> {
  const seen: number[] = [];
  while (seen.length < looks) seen.push(await look());
  return seen.sort((a, b) => a - b)[Math.floor(looks / 2)] ?? Number.NaN;
}

/**
 * What is opened from now on is not let play, or not with sound, until somebody clicks: as
 * browsers do that do not know who visits.
 */
export async function holdBack(page: Page, what: "sound" | "all"): Promise<void> {
  await page.addInitScript((held) => {
    let isFree = false;
    const free = () => {
      isFree = true;
    };
    document.addEventListener("click", free, { capture: true });
    const play = HTMLMediaElement.prototype.play;
    HTMLMediaElement.prototype.play = function () {
      const may = isFree || (held === "sound" && this.muted);
      return may ? play.call(this) : Promise.reject(new DOMException("held", "NotAllowedError"));
    };
  }, what);
}
