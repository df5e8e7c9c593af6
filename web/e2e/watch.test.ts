// Watching: the first picture, zapping, numbers, the small guide, a remote, a phone. What
// keeps screens in step, what comes back from trouble and what aired have files of their own.

import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { closeBrowser, expectAccessible, shoot, visit } from "./support/browser";
import { until } from "./support/server";
import { holdBack, isShown, Station, zapMs } from "./support/station";

let station: Station;
beforeAll(async () => {
  station = await Station.start();
});
afterAll(async () => {
  await closeBrowser();
  await station?.stop();
});

test("a channel shows its picture in step with the clock, and is left when the page is", () => {
  const channel = station.at(0);
  return visit(station.watching(channel), async (page) => {
    await page.locator(".card").getByText(channel.name).waitFor({ state: "attached" });
    await isShown(page, channel);
    await station.isInStep(page, channel);
    await until("one viewer", async () => (await station.viewers(channel)) === 1);
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
    await page.goto(`${station.server.url}/settings`);
    const said = await page.evaluate(() => localStorage.getItem("said"));
    expect(said).toMatch(new RegExp(`/stream/${channel.id}/clients/.+/leave$`));
    await until("its leaving", async () => (await station.viewers(channel)) === 0);
  });
});

test("up and down zap through all channels, and each card is there at once", () =>
  visit(station.watching(station.at(0)), async (page) => {
    await isShown(page, station.at(0));
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
      for (let step = 1; step <= station.channels.length; step += 1) {
        const channel = station.at(way * step);
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
      const all = await Promise.all(station.channels.map((one) => station.viewers(one)));
      return all.reduce((sum, one) => sum + one, 0) === 1;
    });
  }));

test("a number is shown with its name while it is typed, and tuned to; 0 goes back", () =>
  visit(station.watching(station.at(0)), async (page) => {
    await isShown(page, station.at(0));
    // What is there for a second is waited for before it comes.
    const name = page.locator(".typed").getByText(station.at(1).name).waitFor();
    await page.keyboard.press(station.at(1).number);
    await name;
    await isShown(page, station.at(1));
    await page.keyboard.press("0");
    await isShown(page, station.at(0));
    await page.keyboard.press("0");
    await isShown(page, station.at(1));
    const none = page.getByText("No such channel").waitFor();
    await page.keyboard.type("99");
    await none;
    await page.locator(".typed").waitFor({ state: "hidden" });
    expect(new URL(page.url()).pathname).toBe(`/watch/${station.at(1).number}`);
  }));

test("the small guide goes by keys over the picture", () =>
  visit(station.watching(station.at(0)), async (page) => {
    await isShown(page, station.at(0));
    await page.keyboard.press("ArrowLeft");
    const guide = page.getByRole("complementary", { name: "What is on now" });
    await guide.waitFor();
    await guide.getByText("Next ").first().waitFor();
    await expectAccessible(page);
    await shoot(page, "watch-guide");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await isShown(page, station.at(1));
    await guide.waitFor({ state: "hidden" });
    await page.keyboard.press("ArrowLeft");
    await guide.waitFor();
    await page.keyboard.press("Escape");
    await guide.waitFor({ state: "hidden" });
    expect(new URL(page.url()).pathname).toBe(`/watch/${station.at(1).number}`);
  }));

test("a remote reaches the buttons with its arrows alone, and goes back out", () =>
  visit(
    station.watching(station.at(0)),
    async (page) => {
      await isShown(page, station.at(0));
      const focused = () =>
        page.evaluate(() => document.activeElement?.getAttribute("aria-label") ?? "");
      // What lies over the picture has gone by then.
      await page.locator(".watch.asleep").waitFor();
      await page.keyboard.press("Enter");
      await expect.poll(focused).toMatch(/^Pause/);
      await page.keyboard.press("ArrowRight");
      await expect.poll(focused).not.toMatch(/^Pause/);
      await page.keyboard.press("ArrowLeft");
      await expect.poll(focused).toMatch(/^Pause/);
      await page.keyboard.press("Escape");
      await expect.poll(focused).toBe("Picture");
      // Back closes a menu, and is no channel's.
      const menu = page.getByRole("menu", { name: /Quality/ });
      await page.keyboard.press("q");
      await menu.waitFor();
      await page.keyboard.press("Backspace");
      await menu.waitFor({ state: "hidden" });
      await expect.poll(focused).toBe("Picture");
      await page.keyboard.press("ArrowUp");
      await isShown(page, station.at(1));
      await page.keyboard.press("Escape");
      await page.waitForURL(`${station.server.url}/`);
    },
    { size: "television" },
  ));

test("quality, subtitles, sound and what is really played are under keys", () =>
  visit(station.watching(station.at(0)), async (page) => {
    await isShown(page, station.at(0));
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
    await isShown(page, station.at(1));
    expect(await sound()).toBe(true);
    await page.keyboard.press("m");
    await expect.poll(sound).toBe(false);
  }));

test("where a browser holds the sound back, its button turns it on, and that is remembered", () =>
  visit(`${station.server.url}/settings`, async (page) => {
    await holdBack(page, "sound");
    await page.goto(station.watching(station.at(0)));
    await isShown(page, station.at(0));
    const muted = () => page.evaluate(() => document.querySelector("video")?.muted);
    expect(await muted()).toBe(true);
    // The buttons come when the mouse moves.
    await page.mouse.move(300, 300);
    await page.mouse.move(320, 320);
    await page.getByRole("button", { name: "Sound on (m)" }).click();
    await page.getByRole("button", { name: "Sound off (m)" }).waitFor();
    expect(await muted()).toBe(false);
    expect(await page.evaluate(() => localStorage.getItem("aerial.muted"))).toBe("false");
  }));

test("the device is held awake without a break, and told once what plays", () =>
  visit(`${station.server.url}/settings`, async (page) => {
    await page.addInitScript(() => {
      const told = { locks: 0, releases: 0, titles: 0 };
      Object.assign(window, { told });
      const lock = Object.assign(new EventTarget(), {
        release: async () => {
          told.releases += 1;
        },
      });
      const request = async () => {
        told.locks += 1;
        return lock;
      };
      Object.defineProperty(navigator, "wakeLock", { value: { request } });
      Object.defineProperty(navigator.mediaSession, "metadata", {
        set: () => {
          told.titles += 1;
        },
      });
    });
    await page.goto(station.watching(station.at(0)));
    await isShown(page, station.at(0));
    const told = () =>
      page.evaluate(() => (window as unknown as { told: Record<string, number> }).told);
    await expect.poll(async () => (await told()).locks).toBe(1);
    const from = (await told()).titles ?? 0;
    const played = () => page.evaluate(() => document.querySelector("video")?.currentTime ?? 0);
    const begun = await played();
    await until("four seconds of picture", async () => (await played()) > begun + 4);
    expect(await told()).toMatchObject({ locks: 1, releases: 0 });
    // One for each of the short programmes.
    expect(((await told()).titles ?? 0) - from).toBeLessThanOrEqual(2);
  }));

test("a channel whose number changes is watched on, and the address goes after it", () =>
  visit(station.watching(station.at(0)), async (page) => {
    const channel = station.at(0);
    const path = `/api/v1/channels/${channel.id}`;
    await isShown(page, channel);
    try {
      await station.server.ask(path, "PATCH", { number: "41" });
      await page.waitForURL(`${station.server.url}/watch/41`);
      await isShown(page, channel);
    } finally {
      await station.server.ask(path, "PATCH", { number: channel.number });
    }
    await page.waitForURL(station.watching(channel));
  }));

test("an unknown channel is told, with a way to the guide", () =>
  visit(`${station.server.url}/watch/77`, async (page) => {
    await page.getByText("There is no channel 77.").waitFor();
    await expectAccessible(page);
    await shoot(page, "watch-unknown");
    await page.getByRole("link", { name: "To the guide" }).click();
    await page.waitForURL(`${station.server.url}/`);
  }));

test("a phone is zapped by swipes and by taps in the small guide, and a tap brings the banner", () =>
  visit(
    station.watching(station.at(0)),
    async (page) => {
      await isShown(page, station.at(0));
      await swipe(page, 0, -260);
      await isShown(page, station.at(1));
      await swipe(page, 0, 260);
      await isShown(page, station.at(0));
      await swipe(page, -220, 0);
      const guide = page.getByRole("complementary", { name: "What is on now" });
      await guide.waitFor();
      await expectAccessible(page);
      await shoot(page, "watch-phone-guide");
      await guide.getByRole("button", { name: station.at(1).name }).tap();
      await isShown(page, station.at(1));
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
