// Watching: the first picture, zapping, numbers, staying in step, and coming back from
// trouble without a reload.

import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { closeBrowser, expectAccessible, shoot, theBrowser, visit } from "./support/browser";
import { CLIPS } from "./support/clips";
import { type Channel, PATIENCE_MS, Server, until } from "./support/server";
import { Viewer } from "./support/viewer";

let server: Server;
let channels: Channel[];

beforeAll(async () => {
  server = await Server.start({ keeper: true });
  channels = await server.channels();
});
afterAll(async () => {
  await closeBrowser();
  await server?.stop();
});

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

/** How far behind every screen is to be. */
const DELAY_MS = 2_000;
/** As much as two rooms do not notice. */
const APART_MS = 200;
/** A busy machine's answers come late now and then: of so many looks the middle one counts. */
const LOOKS = 9;

async function median(look: () => Promise<number>, looks = LOOKS): Promise<number> {
  const seen: number[] = [];
  while (seen.length < looks) seen.push(await look());
  return seen.sort((a, b) => a - b)[Math.floor(looks / 2)] ?? Number.NaN;
}

/** The page says that it is in step, and by the server's clock it is. */
async function isInStep(page: Page, channel: Channel): Promise<void> {
  // Told under what lies over the picture, which goes by itself.
  await page.getByText("In step", { exact: true }).waitFor({ state: "attached" });
  await until("the step by the server's clock", async () => {
    const behind = await median(() => behindMs(page, channel));
    return Math.abs(behind - DELAY_MS) < APART_MS;
  });
}

const AWAY = [/ERR_|Failed to load resource/];

test("a channel shows its picture in step with the clock, and is left when the page is", () => {
  const channel = at(0);
  return visit(watching(channel), async (page) => {
    await page.locator(".card").getByText(channel.name).waitFor();
    await isShown(page, channel);
    await isInStep(page, channel);
    expect(await viewers(channel)).toBe(1);
    await shoot(page, "watch-first");
    await expectAccessible(page);
    // Who only falls silent is missed after a while: this one says so as it goes.
    await page.evaluate(() => {
      const send = navigator.sendBeacon.bind(navigator);
      navigator.sendBeacon = (to, data) => {
        localStorage.setItem("said", String(to));
        return send(to, data);
      };
    });
    await page.goto(`${server.url}/settings`);
    const said = await page.evaluate(() => localStorage.getItem("said"));
    expect(said).toMatch(new RegExp(`/stream/${channel.id}/clients/.+/leave$`));
    await until("its leaving", async () => (await viewers(channel)) === 0);
  });
});

test("up and down zap through all channels, and each card is there at once", () =>
  visit(watching(at(0)), async (page) => {
    await isShown(page, at(0));
    // What the screen shows in the frame after a key; the picture may be there soon after.
    await page.evaluate(() => {
      const seen: string[] = [];
      (window as { cards?: string[] }).cards = seen;
      const look = () =>
        seen.push(document.querySelector(".card:not(.gone) .name")?.textContent ?? "none");
      window.addEventListener("keydown", () => requestAnimationFrame(look));
    });
    const [took, wanted]: [string[], string[]] = [[], []];
    for (const [way, key] of [
      [1, "ArrowUp"],
      [-1, "ArrowDown"],
    ] as const) {
      for (let step = 1; step <= channels.length; step += 1) {
        const channel = at(way * step);
        await page.keyboard.press(key);
        wanted.push(channel.name);
        await isShown(page, channel);
        took.push(`${channel.number}: ${Math.round(await zapMs(page))} ms`);
        expect(new URL(page.url()).pathname).toBe(`/watch/${channel.number}`);
      }
    }
    expect(await page.evaluate(() => (window as { cards?: string[] }).cards)).toEqual(wanted);
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
    // What is there for a second is waited for before it comes.
    const name = page.locator(".typed").getByText(at(1).name).waitFor();
    await page.keyboard.press(at(1).number);
    await name;
    await isShown(page, at(1));
    await page.keyboard.press("0");
    await isShown(page, at(0));
    await page.keyboard.press("0");
    await isShown(page, at(1));
    const none = page.getByText("No such channel").waitFor();
    await page.keyboard.type("99");
    await none;
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

test("a remote reaches the buttons with its arrows alone, and goes back out", () =>
  visit(
    watching(at(0)),
    async (page) => {
      await isShown(page, at(0));
      const focused = () =>
        page.evaluate(() => document.activeElement?.getAttribute("aria-label") ?? "");
      await page.keyboard.press("Enter");
      await expect.poll(focused).toMatch(/^Pause/);
      await page.keyboard.press("ArrowRight");
      await expect.poll(focused).not.toMatch(/^Pause/);
      await page.keyboard.press("ArrowLeft");
      await expect.poll(focused).toMatch(/^Pause/);
      await page.keyboard.press("Escape");
      await expect.poll(focused).toBe("Picture");
      await page.keyboard.press("ArrowUp");
      await isShown(page, at(1));
      await page.keyboard.press("Escape");
      await page.waitForURL(`${server.url}/`);
    },
    { size: "television" },
  ));

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
    await expect.poll(sound).toBe(true);
    await page.keyboard.press("ArrowUp");
    await isShown(page, at(1));
    expect(await sound()).toBe(true);
    await page.keyboard.press("m");
    await expect.poll(sound).toBe(false);
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
    const apart = await median(async () => {
      const [first, second] = await Promise.all([picture(one), picture(two)]);
      return first.dateMs - first.atMs - (second.dateMs - second.atMs);
    });
    const behind = [one, two].map((page) => median(() => behindMs(page, channel)));
    const seen = await median(() => apartByPicture(one, two), 3);
    const [first = Number.NaN, second = Number.NaN] = await Promise.all(behind);
    console.log(
      `apart ${apart.toFixed(0)} ms by the elements, ${seen.toFixed(0)} ms by the pictures; ` +
        `behind the clock ${first.toFixed(0)} and ${second.toFixed(0)} ms`,
    );
    expect(Math.abs(apart)).toBeLessThan(APART_MS);
    expect(Math.abs(seen)).toBeLessThan(APART_MS);
    for (const ms of [first, second]) expect(Math.abs(ms - DELAY_MS)).toBeLessThan(APART_MS);
  } finally {
    await one.context().close();
    await two.context().close();
  }
});

test("a pause is told as behind, and a press goes back to now", () =>
  visit(watching(at(1)), async (page) => {
    await isShown(page, at(1));
    await isInStep(page, at(1));
    await page.keyboard.press(" ");
    await page.getByText(/Paused, ([3-9]|\d\d) secs? behind/).waitFor();
    await page.keyboard.press(" ");
    const live = page.getByRole("button", { name: /behind/ });
    await live.waitFor();
    await shoot(page, "watch-behind");
    await live.click();
    await isInStep(page, at(1));
  }));

describe("the server", () => {
  /** Not loaded anew, moving, and in step again. */
  async function cameBack(page: Page, channel: Channel, before: Picture) {
    await page.waitForFunction((ms) => {
      const video = document.querySelector("video") as HTMLVideoElement;
      return Number(video.dataset.dateAtZero) + video.currentTime * 1_000 > ms + 15_000;
    }, before.dateMs);
    await page.waitForFunction(() => document.querySelector(".note") === null);
    await isInStep(page, channel);
    expect(await page.evaluate(() => (window as { mark?: number }).mark)).toBe(7);
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

describe("what aired is watched again", () => {
  interface Aired {
    title: string;
    start: string;
    end: string;
    catchup: string | null;
  }
  /** The instant on the screen, and the times of what is shown. */
  const shownAt = (page: Page, start: string) =>
    page.evaluate((from) => {
      const { currentTime, duration } = document.querySelector("video") as HTMLVideoElement;
      return { atMs: Date.parse(from) + currentTime * 1_000, currentTime, duration };
    }, start);
  const moves = (page: Page, from: number) =>
    page.waitForFunction((s) => (document.querySelector("video")?.currentTime ?? 0) > s, from);
  const fromOf = (page: Page) => new URL(page.url()).searchParams.get("from") ?? "";

  beforeAll(async () => {
    for (const place of [0, 1]) {
      await server.ask(`/api/v1/channels/${at(place).id}`, "PATCH", { catchup_days: 1 });
    }
  });

  test("what is on, from its start, by a key and by a button", () =>
    visit(watching(at(0)), async (page) => {
      await isShown(page, at(0));
      await page.getByRole("button", { name: "From the start" }).waitFor({ state: "attached" });
      await page.keyboard.press("s");
      await page.waitForURL("**/watch/*?from=*");
      await moves(page, 0.5);
      // It begins where the programme did, and not where it is.
      const { currentTime, duration } = await shownAt(page, fromOf(page));
      expect(currentTime).toBeLessThan(duration);
      await expectAccessible(page);
      await shoot(page, "watch-again");
      await page.getByRole("button", { name: "Watch what is on now" }).click();
      await page.waitForURL(watching(at(0)));
      await isShown(page, at(0));
    }));

  test(
    "what was, by its address; it is paused, gone about in, and goes on with what followed",
    () =>
      visit(server.url, async (page) => {
        // A channel that was made just now has to have shown something first.
        let over: Aired | undefined;
        await until(
          "something that is over",
          async () => {
            const span = `from=${new Date(Date.now() - 300_000).toISOString()}&to=${new Date().toISOString()}`;
            const told = await server.ask<{ items: Aired[] }>(
              `/api/v1/guide?channel=${at(1).id}&${span}`,
            );
            over = told.items.find((one) => one.catchup && Date.parse(one.end) < Date.now());
            return over !== undefined;
          },
          150_000,
        );
        await page.goto(`${watching(at(1))}?from=${over?.start}`);
        const from = fromOf(page);
        await moves(page, 0.5);
        // Times are told in milliseconds: a moment later nothing else is meant.
        const later = (ms: number) => new Date(Date.parse(from) + ms).toISOString();
        const { items } = await server.ask<{ items: Aired[] }>(
          `/api/v1/guide?channel=${at(1).id}&from=${later(1_000)}&to=${later(2_000)}`,
        );
        const lengthS = (Date.parse(items[0]?.end ?? "") - Date.parse(from)) / 1_000;
        const { duration } = await shownAt(page, from);
        expect(Math.abs(duration - lengthS)).toBeLessThan(1);
        await page.keyboard.press(" ");
        await page.waitForFunction(() => document.querySelector("video")?.paused);
        const place = page.getByRole("slider", { name: "Place in the programme" });
        const before = Number(await place.inputValue());
        await page.keyboard.press("ArrowRight");
        await page.waitForFunction(
          (s) => (document.querySelector("video")?.currentTime ?? 0) >= s,
          Math.min(before + 15, duration - 1),
        );
        await page.keyboard.press("Home");
        await page.waitForFunction(() => document.querySelector("video")?.currentTime === 0);
        await page.keyboard.press("ArrowRight");
        await page.keyboard.press(" ");
        const goOn = page.getByRole("link", { name: /^Go on with / });
        await goOn.waitFor();
        await expectAccessible(page);
        await shoot(page, "watch-again-ended");
        await goOn.click();
        await page.waitForURL((address) => (address.searchParams.get("from") ?? "") > from);
        await moves(page, 0.5);
        await page.keyboard.press("Escape");
        await page.waitForURL(`${server.url}/`);
      }),
    400_000,
  );

  test("what cannot be had again is told, with a way to what is on", () =>
    visit(
      `${watching(at(1))}?from=${new Date(Date.now() - 5 * 86_400_000).toISOString()}`,
      async (page) => {
        await page.getByText("This cannot be watched again.").waitFor();
        await expectAccessible(page);
        await page.getByRole("link", { name: "Watch what is on now" }).click();
        await isShown(page, at(1));
      },
      { allow: [/404/] },
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

test("a phone is zapped by swipes and by taps in the small guide, and a tap brings the banner", () =>
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
      await guide.getByRole("button", { name: at(1).name }).tap();
      await isShown(page, at(1));
      await guide.waitFor({ state: "hidden" });
      // What lies over the picture goes by itself, and comes with a tap.
      const asleep = page.locator(".asleep");
      await asleep.waitFor({ state: "attached" });
      await page.touchscreen.tap(195, 300);
      await asleep.waitFor({ state: "detached" });
      await page.getByRole("button", { name: /Sound off/ }).tap();
      await expect
        .poll(() => page.evaluate(() => document.querySelector("video")?.muted))
        .toBe(true);
      const beyond = await page.evaluate(
        () =>
          [...document.querySelectorAll(".tools button")].filter(
            (one) => one.getBoundingClientRect().right > window.innerWidth,
          ).length,
      );
      expect(beyond).toBe(0);
      await shoot(page, "watch-phone");
      await expectAccessible(page);
    },
    { size: "phone" },
  ));

/** A finger that goes so far. */
async function swipe(page: Page, byX: number, byY: number): Promise<void> {
  const touch = await page.context().newCDPSession(page);
  const [x, y] = [200 - byX / 2, 400 - byY / 2];
  // As quick as a finger, however long this machine takes to say so.
  const begunS = Date.now() / 1_000;
  const send = (type: "touchStart" | "touchMove" | "touchEnd", part: number) =>
    touch.send("Input.dispatchTouchEvent", {
      type,
      timestamp: begunS + part * 0.2,
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
      const [films] = await own.channels();
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

  test("a machine that is full says so and when it tries again, and then does", async () => {
    // The clips are as high as the one picture that may be encoded.
    const settings = '[stream]\nencodes = 1\nheight = 180\ngrace = "1s"\n';
    const own = await Server.start({ settings });
    try {
      const [first, second] = await own.channels();
      for (const one of [first, second]) {
        await own.ask(`/api/v1/channels/${one?.id}`, "PATCH", { video: "transcode" });
      }
      const viewer = await Viewer.tuneIn(own.url, first?.number ?? "");
      let watches = true;
      try {
        await visit(
          `${own.url}/watch/${second?.number}`,
          async (page) => {
            await page.getByText("Every encoder is busy.").waitFor();
            await page.getByText(/Trying again in \d+ s\./).waitFor();
            await expectAccessible(page);
            await shoot(page, "watch-full");
            await viewer.end();
            watches = false;
            await page.locator(".card.gone").waitFor({ state: "attached" });
            await page.locator(".note").waitFor({ state: "detached" });
          },
          { allow: [/503/] },
        );
      } finally {
        if (watches) await viewer.end();
      }
    } finally {
      await own.stop();
    }
  });
});
