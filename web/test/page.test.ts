// @vitest-environment node
// The built page in a real browser, against a small server (`stand-in`).

import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Lineup, StandIn } from "./stand-in";

const DIST = new URL("../dist/", import.meta.url).pathname;
const BROWSERS = [
  "chromium",
  "chromium-browser",
  "google-chrome",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
];
const LINEUPS: Lineup[] = [
  {
    id: "one",
    number: "1",
    name: "First",
    shows: [["Deep Zoom", 3600, { show: "Fractals", season: 1, episode: 1 }]],
  },
  { id: "two", number: "2", name: "Second", shows: [["Evening Light", 3600]] },
];
/** A busy machine takes its time to start a browser and an encoder. */
const PATIENCE_MS = 60_000;

let browser: Browser;

function browserPath(): string {
  for (const name of BROWSERS) {
    if (name.startsWith("/")) {
      if (existsSync(name)) return name;
      continue;
    }
    try {
      return execFileSync("which", [name], { encoding: "utf8" }).trim();
    } catch {
      // Not this one.
    }
  }
  throw new Error("no Chromium found: run scripts/bootstrap test");
}

beforeAll(async () => {
  browser = await chromium.launch({ executablePath: browserPath(), args: ["--no-sandbox"] });
}, PATIENCE_MS);
afterAll(() => browser.close());

async function visit(lineups: Lineup[], look: (page: Page, server: StandIn) => Promise<void>) {
  const server = new StandIn(lineups, DIST);
  const page = await browser.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  const faults: string[] = [];
  page.on("pageerror", (fault) => faults.push(fault.message));
  try {
    await page.goto(await server.start());
    await look(page, server);
    expect(faults).toEqual([]);
  } finally {
    await page.close();
    await server.stop();
  }
}

test(
  "a channel is chosen and watched by keys, with sound, and left when another is",
  () =>
    visit(LINEUPS, async (page, server) => {
      await page.getByText("S1 E1 · Deep Zoom").first().waitFor();
      await page.keyboard.press("ArrowDown");
      await page.keyboard.press("Enter");
      await page.waitForFunction(() => (document.querySelector("video")?.currentTime ?? 0) > 0.5);
      expect(await page.evaluate(() => document.querySelector("video")?.muted)).toBe(false);
      expect(await page.title()).toBe("Second · Aerial");
      await page.keyboard.press("m");
      expect(await page.evaluate(() => document.querySelector("video")?.muted)).toBe(true);
      await page.getByRole("button", { name: /First/ }).click();
      await expect.poll(() => server.posts).toContain("/stream/two/clients/viewer-7/leave");
    }),
  PATIENCE_MS * 2,
);

test(
  "a server that goes away is missed in words, and the picture goes on when it is back",
  () =>
    visit(LINEUPS, async (page, server) => {
      await page.getByRole("button", { name: /First/ }).click();
      await page.waitForFunction(() => (document.querySelector("video")?.currentTime ?? 0) > 0.5);
      server.away = true;
      await page.getByText("The server does not answer").first().waitFor();
      const stoodAt = await page.evaluate(() => document.querySelector("video")?.currentTime ?? 0);
      server.away = false;
      await page.getByText("The server does not answer").first().waitFor({ state: "hidden" });
      await page.waitForFunction(
        (time) => (document.querySelector("video")?.currentTime ?? 0) > time + 6,
        stoodAt,
      );
    }),
  PATIENCE_MS * 2,
);

test(
  "without channels the page says how to get some",
  () =>
    visit([], async (page) => {
      await page.getByText("aerial serve --media").waitFor();
    }),
  PATIENCE_MS,
);
