// Watching: the first picture, zapping, numbers, staying in step, and coming back from
// trouble without a reload.

import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  closeBrowser,
  expectAccessible,
  shoot,
  shootAll,
  theBrowser,
  visit,
} from "./support/browser";
import { CLIPS } from "./support/clips";
import { PATIENCE_MS, Server, until } from "./support/server";

interface Channel {
  id: string;
  number: string;
  name: string;
}

let server: Server;
let channels: Channel[];

beforeAll(async () => {
  server = await Server.start({ keeper: true });
  channels = await channelsOf(server, 3);
});
afterAll(async () => {
  await closeBrowser();
  await server?.stop();
});

/** They are made one after the other. */
async function channelsOf(of: Server, count: number): Promise<Channel[]> {
  let items: Channel[] = [];
  await until(`${count} channels`, async () => {
    items = (await of.ask<{ items: Channel[] }>("/api/v1/channels")).items;
    return items.length >= count;
  });
  return items;
}

/** What the screen shows, read from the element: the channel's time on it, and when that was. */
interface Picture {
  dateMs: number;
  atMs: number;
  rate: number;
  paused: boolean;
}

function picture(page: Page): Promise<Picture> {
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
async function isShown(page: Page, channel: Channel): Promise<void> {
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
function zapMs(page: Page): Promise<number> {
  return page.evaluate(
    () => performance.getEntriesByName("aerial: first picture").at(-1)?.duration ?? Number.NaN,
  );
}

function at(place: number): Channel {
  const channel = channels[(place + channels.length) % channels.length];
  if (channel === undefined) throw new Error("there are no channels");
  return channel;
}

function watching(channel: Channel): string {
  return `${server.url}/watch/${channel.number}`;
}

async function viewers(channel: Channel): Promise<number> {
  const { items } = await server.ask<{ items: { channel: string; clients: unknown[] }[] }>(
    "/api/v1/streams",
  );
  return items.find((session) => session.channel === channel.id)?.clients.length ?? 0;
}

/** By how much the picture is behind the channel's clock, as the server tells it now. */
async function behindMs(page: Page, channel: Channel): Promise<number> {
  const sent = Date.now();
  const told = await server.ask<{ channel: { at: string } }>(`/api/v1/clock?channel=${channel.id}`);
  const offset = Date.parse(told.channel.at) - (sent + Date.now()) / 2;
  const { dateMs, atMs } = await picture(page);
  return atMs + offset - dateMs;
}

const AWAY = [/ERR_|Failed to load resource/];

test("a channel shows its picture in step with the clock, and is left when the page is", async () => {
  const channel = at(0);
  await visit(watching(channel), async (page) => {
    await page.locator(".card").getByText(channel.name).waitFor();
    await isShown(page, channel);
    await page.getByText("In step").waitFor();
    expect(await viewers(channel)).toBe(1);
    await shoot(page, "watch-first");
    await expectAccessible(page);
  });
  await until("its leaving", async () => (await viewers(channel)) === 0, 5_000);
});

test("up and down zap through all channels, and each card is there at once", () =>
  visit(watching(at(0)), async (page) => {
    await isShown(page, at(0));
    const took: string[] = [];
    for (const [way, key] of [
      [1, "ArrowUp"],
      [-1, "ArrowDown"],
    ] as const) {
      for (let step = 1; step <= channels.length; step += 1) {
        const channel = at(way * step);
        await page.keyboard.press(key);
        const card = await page.evaluate(
          () => document.querySelector(".card:not(.gone) .name")?.textContent,
        );
        expect(card).toBe(channel.name);
        await isShown(page, channel);
        took.push(`${channel.number}: ${Math.round(await zapMs(page))} ms`);
        expect(new URL(page.url()).pathname).toBe(`/watch/${channel.number}`);
      }
    }
    console.log(`key to first picture, ${took.join(", ")}`);
    // What was zapped away from is left.
    await until("their leaving", async () => {
      const all = await Promise.all(channels.map(viewers));
      return all.reduce((sum, one) => sum + one, 0) === 1;
    });
  }));

test("a number is shown with its name while it is typed, and tuned to; 0 goes back", () =>
  visit(watching(at(0)), async (page) => {
    await isShown(page, at(0));
    await page.keyboard.press(at(1).number);
    await page.locator(".typed").getByText(at(1).name).waitFor();
    await shoot(page, "watch-typed");
    await isShown(page, at(1));
    await page.keyboard.press("0");
    await isShown(page, at(0));
    await page.keyboard.press("0");
    await isShown(page, at(1));
    await page.keyboard.type("99");
    await page.getByText("No such channel").waitFor();
    await page.locator(".typed").waitFor({ state: "hidden" });
    expect(new URL(page.url()).pathname).toBe(`/watch/${at(1).number}`);
  }));

test("the small guide goes by keys over the picture", () =>
  visit(watching(at(0)), async (page) => {
    await isShown(page, at(0));
    await page.keyboard.press("ArrowLeft");
    const guide = page.getByRole("complementary", { name: "What is on now" });
    await guide.waitFor();
    await guide.getByText("Next ").first().waitFor();
    await expectAccessible(page);
    await shoot(page, "watch-guide");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await isShown(page, at(1));
    await guide.waitFor({ state: "hidden" });
    await page.keyboard.press("ArrowLeft");
    await guide.waitFor();
    await page.keyboard.press("Escape");
    await guide.waitFor({ state: "hidden" });
    expect(new URL(page.url()).pathname).toBe(`/watch/${at(1).number}`);
  }));

test("quality, subtitles, sound and what is really played are under keys", () =>
  visit(watching(at(0)), async (page) => {
    await isShown(page, at(0));
    await page.keyboard.press("q");
    const menu = page.getByRole("menu", { name: /Quality/ });
    await menu.getByRole("menuitemradio", { name: /Automatic, now/ }).waitFor();
    const rungs = await menu.getByRole("menuitemradio").count();
    expect(rungs).toBeGreaterThan(1);
    await menu.getByRole("menuitemradio").last().click();
    await menu.waitFor({ state: "hidden" });
    await page.keyboard.press("c");
    await page.getByText("This stream has no subtitles").waitFor();
    await page.keyboard.press("Escape");
    await page.keyboard.press("i");
    await page
      .locator(".info")
      .getByText(/× 180|× 360/)
      .waitFor();
    await page.locator(".info").getByText("Made ahead").waitFor();
    await shoot(page, "watch-info");
    await expectAccessible(page);
    await page.keyboard.press("m");
    const sound = () => page.evaluate(() => document.querySelector("video")?.muted);
    expect(await sound()).toBe(true);
    await page.keyboard.press("ArrowUp");
    await isShown(page, at(1));
    expect(await sound()).toBe(true);
    await page.keyboard.press("m");
    expect(await sound()).toBe(false);
  }));

test("two tabs show the same instant within 200 ms, by element, clock and picture", async () => {
  const channel = at(1);
  const browser = await theBrowser();
  const open = async () => {
    const context = await browser.newContext();
    const page = await context.newPage();
    page.setDefaultTimeout(PATIENCE_MS);
    await page.goto(watching(channel));
    return page;
  };
  const one = await open();
  await isShown(one, channel);
  // The second comes at another place of a segment.
  await one.waitForFunction(
    (from) => performance.now() > from + 2_700,
    await one.evaluate(() => performance.now()),
  );
  const two = await open();
  try {
    await isShown(two, channel);
    const shownAt = await two.evaluate(() => performance.now());
    await two.waitForFunction((from) => performance.now() > from + 10_000, shownAt);
    const [first, second] = await Promise.all([picture(one), picture(two)]);
    const apart = first.dateMs - first.atMs - (second.dateMs - second.atMs);
    const behind = [await behindMs(one, channel), await behindMs(two, channel)];
    const seen = await apartByPicture(one, two);
    console.log(
      `apart ${apart.toFixed(0)} ms by the elements, ${seen.toFixed(0)} ms by the pictures; ` +
        `behind the clock ${behind.map((ms) => ms.toFixed(0)).join(" and ")} ms`,
    );
    expect(Math.abs(apart)).toBeLessThan(200);
    expect(Math.abs(seen)).toBeLessThan(200);
    for (const ms of behind) expect(Math.abs(ms - 2_000)).toBeLessThan(200);
  } finally {
    await one.context().close();
    await two.context().close();
  }
});

test("a pause is told as behind, and a press goes back to now", () =>
  visit(watching(at(1)), async (page) => {
    await isShown(page, at(1));
    await page.getByText("In step").waitFor();
    await page.keyboard.press(" ");
    await page.getByText(/Paused, [2-9] secs? behind/).waitFor();
    await page.keyboard.press(" ");
    const live = page.getByRole("button", { name: /behind/ });
    await live.waitFor();
    await shoot(page, "watch-behind");
    await live.click();
    await page.getByText("In step").waitFor();
    expect(Math.abs((await behindMs(page, at(1))) - 2_000)).toBeLessThan(250);
  }));

describe("the server", () => {
  /** Not loaded anew, moving, and in step again. */
  async function cameBack(page: Page, channel: Channel, before: Picture) {
    await page.waitForFunction((ms) => {
      const video = document.querySelector("video") as HTMLVideoElement;
      return Number(video.dataset.dateAtZero) + video.currentTime * 1_000 > ms + 15_000;
    }, before.dateMs);
    await page.waitForFunction(() => document.querySelector(".note") === null);
    await page.mouse.move(300, 300 + Math.random() * 100);
    await page.getByText("In step").waitFor();
    expect(await page.evaluate(() => (window as { mark?: number }).mark)).toBe(7);
    expect(Math.abs((await behindMs(page, channel)) - 2_000)).toBeLessThan(250);
  }

  test.each(["SIGKILL", "SIGHUP"] as const)("behind its keeper may go by %s unseen", (signal) =>
    visit(
      watching(at(0)),
      async (page) => {
        await isShown(page, at(0));
        await page.evaluate(() => {
          (window as { mark?: number }).mark = 7;
        });
        const before = await picture(page);
        await server.restart(signal);
        await cameBack(page, at(0), before);
      },
      { allow: AWAY },
    ),
  );

  test("that is away is missed in words, and the picture comes back by itself", () =>
    visit(
      watching(at(0)),
      async (page) => {
        await isShown(page, at(0));
        await page.evaluate(() => {
          (window as { mark?: number }).mark = 7;
        });
        const before = await picture(page);
        await server.end("SIGTERM");
        // What is buffered is played first.
        await page.locator(".note").getByText("The server does not answer.").waitFor();
        await shoot(page, "watch-away");
        await server.run();
        await cameBack(page, at(0), before);
      },
      { allow: AWAY },
    ));
});

test("an unknown channel is told, with a way to the guide", () =>
  visit(`${server.url}/watch/77`, async (page) => {
    await page.getByText("There is no channel 77.").waitFor();
    await expectAccessible(page);
    await shoot(page, "watch-unknown");
    await page.getByRole("link", { name: "To the guide" }).click();
    await page.waitForURL(`${server.url}/`);
  }));

test("a phone is zapped by swipes, and a swipe aside brings the small guide", () =>
  visit(
    watching(at(0)),
    async (page) => {
      await isShown(page, at(0));
      await swipe(page, 0, -260);
      await isShown(page, at(1));
      await swipe(page, 0, 260);
      await isShown(page, at(0));
      await swipe(page, -220, 0);
      const guide = page.getByRole("complementary", { name: "What is on now" });
      await guide.waitFor();
      await expectAccessible(page);
      await shoot(page, "watch-phone-guide");
    },
    { size: "phone" },
  ));

test("it looks as it should at all sizes", async () => {
  await shootAll(watching(at(0)), "watch", async (page) => {
    await isShown(page, at(0));
    await page.mouse.move(200, 200);
    await page.locator(".banner[role=group]").waitFor();
  });
});

/** A finger that goes so far. */
async function swipe(page: Page, byX: number, byY: number): Promise<void> {
  const touch = await page.context().newCDPSession(page);
  const [x, y] = [200 - byX / 2, 400 - byY / 2];
  const send = (type: "touchStart" | "touchMove" | "touchEnd", part: number) =>
    touch.send("Input.dispatchTouchEvent", {
      type,
      touchPoints: type === "touchEnd" ? [] : [{ x: x + byX * part, y: y + byY * part }],
    });
  await send("touchStart", 0);
  for (const part of [0.25, 0.5, 0.75, 1]) await send("touchMove", part);
  await send("touchEnd", 1);
  await touch.detach();
}

/**
 * By how much two screens are apart, by what is on them alone: a picture of the one is
 * looked for among those that the other shows within a second of it.
 */
async function apartByPicture(one: Page, two: Page): Promise<number> {
  const frames = (page: Page, count: number) =>
    page.evaluate(async (wanted) => {
      const video = document.querySelector("video") as HTMLVideoElement;
      const canvas = new OffscreenCanvas(96, 54);
      const context = canvas.getContext("2d", { willReadFrequently: true });
      const taken: { atMs: number; pixels: number[] }[] = [];
      while (taken.length < wanted) {
        await new Promise((done) => video.requestVideoFrameCallback(done));
        context?.drawImage(video, 0, 0, 96, 54);
        const data = context?.getImageData(0, 0, 96, 54).data ?? [];
        const pixels = [...data].filter((_, place) => place % 4 === 1);
        taken.push({ atMs: performance.timeOrigin + performance.now(), pixels });
      }
      return taken;
    }, count);
  const [first, second] = await Promise.all([frames(one, 50), frames(two, 50)]);
  const middle = first[25];
  if (middle === undefined) throw new Error("no picture was taken");
  const off = (pixels: number[]) =>
    pixels.reduce((sum, value, place) => sum + Math.abs(value - (middle.pixels[place] ?? 0)), 0);
  const same = second.reduce((best, frame) =>
    off(frame.pixels) < off(best.pixels) ? frame : best,
  );
  return middle.atMs - same.atMs;
}

describe("what cannot be shown", () => {
  test("a file that is gone is told in words, with what comes after it", async () => {
    const media = mkdtempSync(join(tmpdir(), "aerial-e2e-gone-"));
    cpSync(join(CLIPS, "Films"), join(media, "Films"), { recursive: true });
    const own = await Server.start({ media });
    try {
      rmSync(join(media, "Films"), { recursive: true });
      const [films] = await channelsOf(own, 1);
      await visit(`${own.url}/watch/${films?.number}`, async (page) => {
        await page.getByText("The file is not there.").waitFor();
        await page.getByText(/The next programme, .*, starts at/).waitFor();
        await expectAccessible(page);
        await shoot(page, "watch-slate");
      });
    } finally {
      await own.stop();
      rmSync(media, { recursive: true, force: true });
    }
  });
});
