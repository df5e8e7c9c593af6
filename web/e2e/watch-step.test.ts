// Staying in step: two screens show the same instant, and who paused goes back to now.

import type { BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { closeBrowser, shoot, theBrowser, visit } from "./support/browser";
import { PATIENCE_MS, until } from "./support/server";
import { APART_MS, DELAY_MS, isShown, median, picture, Station } from "./support/station";

let station: Station;
beforeAll(async () => {
  station = await Station.start();
});
afterAll(async () => {
  await closeBrowser();
  await station?.stop();
});

test("two tabs show the same instant within 200 ms, by element, clock and picture", async () => {
  const channel = station.at(1);
  const browser = await theBrowser();
  const opened: BrowserContext[] = [];
  const open = async () => {
    const context = await browser.newContext();
    opened.push(context);
    const page = await context.newPage();
    page.setDefaultTimeout(PATIENCE_MS);
    await page.goto(station.watching(channel));
    return page;
  };
  try {
    const one = await open();
    await isShown(one, channel);
    // The second comes at another place of a segment.
    await one.waitForFunction(
      (from) => performance.now() > from + 2_700,
      await one.evaluate(() => performance.now()),
    );
    const two = await open();
    await isShown(two, channel);
    for (const page of [one, two]) await station.isInStep(page, channel);
    // Near enough to be left alone: not on their way any more.
    await until("both at rest", async () => {
      const pictures = await Promise.all([picture(one), picture(two)]);
      return pictures.every(({ rate }) => rate === 1);
    });
    const apart = await median(async () => {
      const [first, second] = await Promise.all([picture(one), picture(two)]);
      return first.dateMs - first.atMs - (second.dateMs - second.atMs);
    });
    const behind = [one, two].map((page) => median(() => station.behindMs(page, channel)));
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
    for (const context of opened) await context.close();
  }
});

test("a pause is told as behind, and a press goes back to now", () =>
  visit(station.watching(station.at(1)), async (page) => {
    await isShown(page, station.at(1));
    await station.isInStep(page, station.at(1));
    await page.keyboard.press(" ");
    await page.getByText(/Paused, ([3-9]|\d\d) secs? behind/).waitFor();
    await page.keyboard.press(" ");
    const live = page.getByRole("button", { name: /behind/ });
    await live.waitFor();
    await shoot(page, "watch-behind");
    await live.click();
    await station.isInStep(page, station.at(1));
  }));

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
