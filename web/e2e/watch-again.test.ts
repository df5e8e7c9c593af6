// Watching again: what is on from its start, what aired from the guide, and what cannot be had.

import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { closeBrowser, expectAccessible, shoot, visit } from "./support/browser";
import { type Channel, until } from "./support/server";
import { holdBack, isShown, Station } from "./support/station";

let station: Station;
beforeAll(async () => {
  station = await Station.start();
});
afterAll(async () => {
  await closeBrowser();
  await station?.stop();
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
  /** What a channel showed from this instant on. */
  const airedFrom = async (channel: Channel, from: string): Promise<Aired | undefined> => {
    // Times are told in milliseconds: a moment later nothing else is meant.
    const later = (ms: number) => new Date(Date.parse(from) + ms).toISOString();
    const { items } = await station.server.ask<{ items: Aired[] }>(
      `/api/v1/guide?channel=${channel.id}&from=${later(1_000)}&to=${later(2_000)}`,
    );
    return items[0];
  };

  beforeAll(async () => {
    for (const place of [0, 1]) {
      await station.server.ask(`/api/v1/channels/${station.at(place).id}`, "PATCH", {
        catchup_days: 1,
      });
    }
  });

  test("what is on, from its start, by a key and by a button", () =>
    visit(station.watching(station.at(0)), async (page) => {
      await isShown(page, station.at(0));
      await page.getByRole("button", { name: "From the start" }).waitFor({ state: "attached" });
      await page.keyboard.press("s");
      await page.waitForURL("**/watch/*?from=*");
      await moves(page, 0.5);
      // It begins where the programme did, and not where it is.
      const { currentTime, duration } = await shownAt(page, fromOf(page));
      expect(currentTime).toBeLessThan(duration);
      const from = fromOf(page);
      const on = await airedFrom(station.at(0), from);
      expect(Math.abs(Date.parse(on?.start ?? "") - Date.parse(from))).toBeLessThan(1_000);
      await expectAccessible(page);
      await shoot(page, "watch-again");
      await page.getByRole("button", { name: "Watch what is on now" }).click();
      await page.waitForURL(station.watching(station.at(0)));
      await isShown(page, station.at(0));
    }));

  test("where a browser lets nothing play, a press starts it", () =>
    visit(station.watching(station.at(0)), async (page) => {
      await isShown(page, station.at(0));
      await page.getByRole("button", { name: "From the start" }).waitFor({ state: "attached" });
      await page.keyboard.press("s");
      await page.waitForURL("**/watch/*?from=*");
      await holdBack(page, "all");
      await page.reload();
      await page.getByRole("button", { name: "Press to watch" }).click();
      await moves(page, 0.5);
    }));

  test(
    "what was, by keys from the guide; it is paused, gone about in, and goes on with what followed",
    () =>
      visit(station.server.url, async (page) => {
        const marked = (words: string) => page.locator(`#guide-marked[aria-label*="${words}"]`);
        await marked("on now").waitFor();
        await page.keyboard.press("ArrowDown");
        await marked(station.at(1).name).waitFor();
        // A channel that was made just now has to have shown something first.
        await until(
          "something that is over",
          async () => {
            await page.keyboard.press("Home");
            await page.keyboard.press("ArrowLeft");
            return page.getByRole("link", { name: "Watch again" }).isVisible();
          },
          150_000,
        );
        await page.keyboard.press("Enter");
        await page.waitForURL("**/watch/*?from=*");
        const from = fromOf(page);
        await moves(page, 0.5);
        const aired = await airedFrom(station.at(1), from);
        const lengthS = (Date.parse(aired?.end ?? "") - Date.parse(from)) / 1_000;
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
        await page.waitForURL(`${station.server.url}/`);
      }),
    400_000,
  );

  test("what cannot be had again is told, with a way to what is on", () =>
    visit(
      `${station.watching(station.at(1))}?from=${new Date(Date.now() - 5 * 86_400_000).toISOString()}`,
      async (page) => {
        await page.getByText("This cannot be watched again.").waitFor();
        await expectAccessible(page);
        await page.getByRole("link", { name: "Watch what is on now" }).click();
        await isShown(page, station.at(1));
      },
      { allow: [/404/] },
    ));
});
