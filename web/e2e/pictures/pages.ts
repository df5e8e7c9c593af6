// Pictures of every page at the sizes of a phone, a desk and a television, dark and light, and
// a sheet of each page with all of them on it. Of a server that runs already (AERIAL_URL),
// which is to have something to show: the demo library.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, test } from "vitest";
import {
  closeBrowser,
  SCREENSHOTS,
  type Scheme,
  SIZES,
  type Size,
  shoot,
  theBrowser,
  visit,
} from "../support/browser";
import { Viewer } from "../support/viewer";

const URL_OF = (process.env.AERIAL_URL ?? "http://127.0.0.1:8400").replace(/\/$/, "");
/** Only these pages, by name; all, where none is named. */
const ONLY = (process.env.PICTURES ?? "").split(" ").filter((name) => name !== "");

interface Shot {
  name: string;
  path: string | (() => Promise<string>);
  /** Brings the page to what is to be seen. */
  ready: (page: Page, size: Size) => Promise<void>;
}

async function first(list: string): Promise<Record<string, string>> {
  const answer = await fetch(`${URL_OF}/api/v1/${list}`);
  const { items } = (await answer.json()) as { items: Record<string, string>[] };
  return items[0] ?? {};
}

/** The page has said all that it wants to; what goes on for ever is not waited for. */
async function calm(page: Page): Promise<void> {
  await page.waitForLoadState("networkidle", { timeout: 5_000 }).catch(() => {});
  await page
    .waitForFunction(() => [...document.images].every(({ complete }) => complete), null, {
      timeout: 5_000,
    })
    .catch(() => {});
}

async function played(page: Page): Promise<void> {
  await page.locator(".card.gone").waitFor({ state: "attached" });
  await page.waitForFunction(() => (document.querySelector("video")?.currentTime ?? 0) > 3);
  await page.mouse.move(200, 200);
  await page.mouse.move(220, 220);
}

const heading = async (page: Page) => {
  await page.locator("h1").first().waitFor({ state: "attached" });
  await calm(page);
};

const settings = (part: string): Shot => ({
  name: `settings-${part}`,
  path: `/settings?part=${part}`,
  ready: heading,
});

const SHOTS: readonly Shot[] = [
  { name: "guide", path: "/", ready: heading },
  { name: "watch", path: "/watch/1", ready: played },
  {
    name: "watch-guide",
    path: "/watch/1",
    ready: async (page) => {
      await played(page);
      await page.keyboard.press("g");
      await page.getByRole("complementary").waitFor();
    },
  },
  {
    name: "watch-info",
    path: "/watch/2",
    ready: async (page) => {
      await played(page);
      await page.keyboard.press("i");
      await page.locator(".info").waitFor();
    },
  },
  { name: "channels", path: "/channels", ready: heading },
  {
    name: "channel",
    path: async () => `/channels/${(await first("channels")).id}`,
    ready: heading,
  },
  { name: "library", path: "/library", ready: heading },
  { name: "media", path: async () => `/library/${(await first("media")).id}`, ready: heading },
  { name: "on-air", path: "/on-air", ready: heading },
  { name: "as-run", path: "/on-air?part=asRun", ready: heading },
  ...[
    "library",
    "picture",
    "limits",
    "slates",
    "tv",
    "access",
    "server",
    "appearance",
    "about",
  ].map(settings),
  { name: "welcome", path: "/welcome", ready: heading },
  { name: "sign-in", path: "/sign-in", ready: heading },
  {
    name: "help",
    path: "/",
    ready: async (page) => {
      await heading(page);
      await page.keyboard.press("?");
      await page.getByRole("dialog").waitFor();
    },
  },
  { name: "not-found", path: "/watch/99", ready: heading },
];

const tuneIn = (channel: string) => Viewer.tuneIn(URL_OF, channel);

afterAll(closeBrowser);

for (const { name, path, ready } of SHOTS) {
  if (ONLY.length > 0 && !ONLY.includes(name)) continue;
  test(name, async () => {
    const url = URL_OF + (typeof path === "string" ? path : await path());
    const made: string[] = [];
    // Something is to be on the air where that is looked at.
    const viewers = name === "on-air" ? await Promise.all(["1", "2", "3"].map(tuneIn)) : [];
    for (const size of Object.keys(SIZES) as Size[]) {
      for (const scheme of ["dark", "light"] as Scheme[]) {
        const file = `${name}-${SIZES[size].width}-${scheme}`;
        const look = async (page: Page) => {
          await ready(page, size);
          await shoot(page, file);
        };
        await visit(url, look, { size, scheme, allow: [/./] });
        made.push(file);
      }
    }
    for (const viewer of viewers) await viewer.end();
    await sheet(name, made);
  });
}

/** All pictures of a page beside each other, dark above light. */
async function sheet(name: string, files: readonly string[]): Promise<void> {
  const context = await (await theBrowser()).newContext({
    viewport: { width: 2_000, height: 1_200 },
  });
  try {
    const page = await context.newPage();
    const picture = (file: string) => {
      const data = readFileSync(join(SCREENSHOTS, `${file}.png`)).toString("base64");
      return `<img src="data:image/png;base64,${data}" style="height:580px">`;
    };
    const row = (scheme: Scheme) =>
      `<div style="display:flex;gap:8px">${files
        .filter((file) => file.endsWith(scheme))
        .map(picture)
        .join("")}</div>`;
    await page.setContent(
      `<body style="background:#777;display:grid;gap:8px;margin:8px;width:max-content">${row("dark")}${row("light")}`,
    );
    await page.screenshot({ path: join(SCREENSHOTS, `sheet-${name}.png`), fullPage: true });
  } finally {
    await context.close();
  }
}
