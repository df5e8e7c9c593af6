// Trouble while watching: a server that goes and comes back, a file that is gone, a machine
// that is full. Nothing of it wants the page loaded anew.

import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BACK, closeBrowser, expectAccessible, shoot, visit } from "./support/browser";
import { CLIPS } from "./support/clips";
import { type Channel, Server } from "./support/server";
import { isShown, type Picture, picture, Station } from "./support/station";
import { Viewer } from "./support/viewer";

let station: Station;
beforeAll(async () => {
  station = await Station.start();
});
afterAll(async () => {
  await closeBrowser();
  await station?.stop();
});

describe("the server", () => {
  /** Not loaded anew, moving, and in step again. */
  async function cameBack(page: Page, channel: Channel, before: Picture) {
    await page.waitForFunction((ms) => {
      const video = document.querySelector("video") as HTMLVideoElement;
      return Number(video.dataset.dateAtZero) + video.currentTime * 1_000 > ms + 15_000;
    }, before.dateMs);
    await page.waitForFunction(() => document.querySelector(".note") === null);
    await station.isInStep(page, channel);
    expect(await page.evaluate(() => (window as { mark?: number }).mark)).toBe(7);
  }

  /** What is on the screen, of a page that would not bear its mark if it were loaded anew. */
  async function marked(page: Page): Promise<Picture> {
    await isShown(page, station.at(0));
    await page.evaluate(() => {
      (window as { mark?: number }).mark = 7;
    });
    return picture(page);
  }

  test.each(["SIGKILL", "SIGHUP"] as const)("behind its keeper may go by %s unseen", (signal) =>
    visit(
      station.watching(station.at(0)),
      async (page) => {
        const before = await marked(page);
        await station.server.restart(signal);
        await cameBack(page, station.at(0), before);
      },
      { allow: BACK },
    ),
  );

  test("that is away is missed in words, and the picture comes back by itself", () =>
    visit(
      station.watching(station.at(0)),
      async (page) => {
        const before = await marked(page);
        await station.server.end("SIGTERM");
        // What is buffered is played first.
        await page.locator(".note").getByText("The server does not answer.").waitFor();
        await shoot(page, "watch-away");
        await station.server.run();
        await cameBack(page, station.at(0), before);
      },
      { allow: BACK },
    ));
});

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
