// The browser: pages at the sizes of a phone, a desk and a television, what they complain
// about, what axe finds in them, and pictures of them.

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { type Browser, chromium, type Page } from "playwright-core";
import { expect } from "vitest";
import { PATIENCE_MS } from "./server";

const BROWSERS = [
  "chromium",
  "chromium-browser",
  "google-chrome",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
];
export const SCREENSHOTS = new URL("../screenshots", import.meta.url).pathname;
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export const SIZES = {
  phone: { width: 390, height: 844 },
  desk: { width: 1440, height: 900 },
  television: { width: 1920, height: 1080 },
} as const;

export type Size = keyof typeof SIZES;
export type Scheme = "dark" | "light";

export interface VisitOptions {
  size?: Size;
  scheme?: Scheme;
  reducedMotion?: boolean;
  /** Complaints that belong to what is tested: a server that is away, say. */
  allow?: readonly RegExp[];
}

/** A page, and what it complained about. */
export interface Visit {
  page: Page;
  complaints: string[];
}

/**
 * What a page complains of while its server is away, for `allow`: the browser's own words
 * for it depend on what became of the connection that it would have used again.
 */
export const AWAY: readonly RegExp[] = [/net::ERR_|502/];

/** And while it is back, and nobody's player has asked it for the channel yet. */
export const BACK: readonly RegExp[] = [...AWAY, /404.*\/strip\)/];

let browser: Browser | null = null;

/** The one browser of this file; `closeBrowser` in `afterAll` ends it. */
export async function theBrowser(): Promise<Browser> {
  browser ??= await chromium.launch({
    executablePath: browserPath(),
    args: ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"],
  });
  return browser;
}

export async function closeBrowser(): Promise<void> {
  await browser?.close();
  browser = null;
}

/**
 * Opens an address, lets `look` use the page, and closes it. Fails where the page threw,
 * or wrote an error to its console, that is not allowed.
 */
export async function visit(
  url: string,
  look: (page: Page, visit: Visit) => Promise<void>,
  { size = "desk", scheme = "dark", reducedMotion = false, allow = [] }: VisitOptions = {},
): Promise<void> {
  const context = await (await theBrowser()).newContext({
    viewport: SIZES[size],
    colorScheme: scheme,
    reducedMotion: reducedMotion ? "reduce" : "no-preference",
    hasTouch: size === "phone",
    locale: "en-GB",
  });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  const complaints: string[] = [];
  page.on("pageerror", (fault) => complaints.push(String(fault.stack ?? fault.message)));
  page.on("console", (message) => {
    if (message.type() === "error") {
      complaints.push(`${message.text()} (${message.location().url})`);
    }
  });
  try {
    await page.goto(url);
    await look(page, { page, complaints });
    const unexpected = complaints.filter((text) => !allow.some((allowed) => allowed.test(text)));
    expect(unexpected).toEqual([]);
  } catch (fault) {
    await page.screenshot({ path: picture(`failed-${Date.now()}`) }).catch(() => {});
    throw fault;
  } finally {
    await context.close();
  }
}

/** Fails on whatever axe finds serious or worse, once all that comes in has come. */
export async function expectAccessible(page: Page): Promise<void> {
  // What goes by itself is not to be seen half gone.
  await page.emulateMedia({ reducedMotion: "reduce" });
  await page.evaluate(() => {
    const isComing = (one: Animation) => Number.isFinite(one.effect?.getComputedTiming().endTime);
    const coming = document.getAnimations().filter(isComing);
    const late = new Promise((done) => setTimeout(done, 2_000));
    return Promise.race([Promise.allSettled(coming.map((one) => one.finished)), late]);
  });
  await page.evaluate(AXE);
  const found = await page.evaluate(async () => {
    // biome-ignore lint/suspicious/noExplicitAny: axe has no types in the page.
    const { violations } = await (window as any).axe.run(document, {
      resultTypes: ["violations"],
      runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"],
    });
    // biome-ignore lint/suspicious/noExplicitAny: as above.
    return violations.map(({ id, impact, help, nodes }: any) => ({
      id,
      impact,
      help,
      // biome-ignore lint/suspicious/noExplicitAny: as above.
      where: nodes.slice(0, 3).map((node: any) => `${node.target}: ${node.failureSummary}`),
    }));
  });
  const serious = found.filter(({ impact }: { impact: string }) =>
    ["serious", "critical"].includes(impact),
  );
  expect(serious).toEqual([]);
}

/** Writes a picture of the page to `e2e/screenshots/NAME.png` (not kept in git). */
export async function shoot(page: Page, name: string): Promise<void> {
  await page.screenshot({ path: picture(name), animations: "disabled" });
}

function picture(name: string): string {
  mkdirSync(SCREENSHOTS, { recursive: true });
  return join(SCREENSHOTS, `${name}.png`);
}

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
