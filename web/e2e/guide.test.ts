// The guide, as people use it: by keys, by mouse, on a phone; while things change, while
// the server is away; and how fast it is.

import { mkdirSync, writeFileSync } from "node:fs";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { closeBrowser, expectAccessible, SIZES, shootAll, visit } from "./support/browser";
import { LONG_CLIPS } from "./support/clips";
import { Server } from "./support/server";

let server: Server;
beforeAll(async () => {
  server = await Server.start();
});
afterAll(async () => {
  await closeBrowser();
  await server?.stop();
});

interface Channel {
  id: string;
  number: string;
  name: string;
}

const AWAY = [
  /ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE|ERR_INCOMPLETE_CHUNKED/,
];
const hero = (page: Page) => page.locator("section").first();
const heading = async (page: Page) => (await hero(page).locator("h2").textContent()) ?? "";
const marked = (page: Page) => page.locator("#guide-marked");

async function opened(page: Page): Promise<void> {
  await page.locator('[role="gridcell"]:not(.unknown)').first().waitFor();
  await marked(page).waitFor();
}

async function channels(): Promise<Channel[]> {
  return (await server.ask<{ items: Channel[] }>("/api/v1/channels")).items;
}

test("shows what is on everywhere, and axe finds nothing serious, dark and light", async () => {
  for (const scheme of ["dark", "light"] as const) {
    await visit(
      server.url,
      async (page) => {
        await opened(page);
        for (const { name } of await channels()) {
          await page.getByRole("rowheader").getByText(name, { exact: true }).waitFor();
        }
        const { current } = await server.ask<{ current: { show: string | null; title: string } }>(
          `/api/v1/channels/${(await channels())[0]?.number}/now`,
        );
        expect(await heading(page)).toBe(current.show ?? current.title);
        expect(await marked(page).textContent()).toContain("on now");
        await expectAccessible(page);
      },
      { scheme },
    );
  }
});

test("keys go through programmes and channels, back to now, and on to watching", () =>
  visit(server.url, async (page) => {
    await opened(page);
    const list = await channels();
    const label = () => marked(page).textContent();
    const first = await label();
    await page.keyboard.press("ArrowRight");
    expect(await label()).not.toBe(first);
    expect(await label()).not.toContain("on now");
    await page.keyboard.press("ArrowLeft");
    expect(await label()).toContain("on now");
    await page.keyboard.press("ArrowDown");
    expect(await label()).toContain(list[1]?.name);
    for (let press = 0; press < 12; press++) await page.keyboard.press("ArrowRight");
    // Whatever is marked is in sight.
    await page.waitForFunction((width) => {
      const box = document.querySelector("#guide-marked")?.getBoundingClientRect();
      return box !== undefined && box.x > 100 && box.x < width - 100;
    }, SIZES.desk.width);
    await page.keyboard.press("Home");
    await marked(page).filter({ hasText: "on now" }).waitFor();
    await page.keyboard.press("]");
    await page.waitForFunction(() =>
      document.querySelector('[role="columnheader"]')?.textContent?.includes("Tomorrow"),
    );
    await page.keyboard.press("Home");
    await page.waitForFunction(() =>
      document.querySelector('[role="columnheader"]')?.textContent?.includes("Today"),
    );
    await page.keyboard.press("Enter");
    await page.waitForURL(`**/watch/${list[1]?.number}`);
  }));

test("typed digits go to a channel; a number that is none says so and changes nothing", () =>
  visit(server.url, async (page) => {
    await opened(page);
    const last = (await channels()).at(-1);
    await page.keyboard.type(last?.number ?? "");
    await page
      .getByRole("status")
      .getByText(last?.name ?? "", { exact: true })
      .waitFor();
    await page.waitForFunction(
      (name) => document.querySelector("#guide-marked")?.textContent?.includes(name),
      last?.name ?? "",
    );
    await page.keyboard.type("999");
    await page.getByText("There is no such channel.").waitFor();
    await page.getByText("There is no such channel.").waitFor({ state: "hidden" });
    expect(await marked(page).textContent()).toContain(last?.name);
  }));

test("a remote leaves the grid upwards and comes back", () =>
  visit(
    server.url,
    async (page) => {
      await opened(page);
      const focused = () =>
        page.evaluate(
          () => document.activeElement?.getAttribute("role") ?? document.activeElement?.tagName,
        );
      expect(await focused()).toBe("grid");
      await page.keyboard.press("ArrowUp");
      expect(await focused()).not.toBe("grid");
      for (let press = 0; press < 4 && (await focused()) !== "grid"; press++)
        await page.keyboard.press("ArrowDown");
      expect(await focused()).toBe("grid");
    },
    { size: "television" },
  ));

test("a mouse marks what comes and watches what is on", () =>
  visit(server.url, async (page) => {
    await opened(page);
    const list = await channels();
    const row = page.getByRole("row").filter({ hasText: list[1]?.name ?? "" });
    const later = row.locator('[role="gridcell"]:not(.on):not(.past)').nth(1);
    await later.click();
    expect(await marked(page).textContent()).toContain(list[1]?.name);
    await row.locator('[role="gridcell"].on').click();
    await page.waitForURL(`**/watch/${list[1]?.number}`);
  }));

test("a channel that is made, renamed and deleted meanwhile comes, changes and goes by itself", () =>
  visit(server.url, async (page) => {
    await opened(page);
    const made = await server.ask<{ id?: string; channel?: { id: string } }>(
      "/api/v1/channels",
      "POST",
      {
        number: "77",
        name: "Just Made",
      },
    );
    const id = made.id ?? made.channel?.id;
    await page.getByRole("rowheader").getByText("Just Made").waitFor();
    await server.ask(`/api/v1/channels/${id}`, "PATCH", { name: "Renamed" });
    await page.getByRole("rowheader").getByText("Renamed").waitFor();
    await page.keyboard.type("77");
    await hero(page).getByText("This channel is off the air.").waitFor();
    await server.ask(`/api/v1/channels/${id}`, "DELETE");
    await page.getByRole("rowheader").getByText("Renamed").waitFor({ state: "detached" });
    await opened(page);
  }));

test("what is known stays while the server is away, and goes on after", () =>
  visit(
    server.url,
    async (page) => {
      await opened(page);
      await server.end("SIGKILL");
      await page.getByText("The server does not answer.").first().waitFor();
      expect(await page.locator('[role="gridcell"]').count()).toBeGreaterThan(3);
      await server.run();
      await page.getByText("The server is back.").waitFor();
      const answered = page.waitForResponse(
        (answer) => answer.url().includes("/api/v1/guide") && answer.ok(),
      );
      await page.keyboard.press("]");
      await answered;
    },
    { allow: AWAY },
  ));

test("an error is told in the server's words, and trying again works", async () => {
  await visit(
    server.url,
    async (page) => {
      let broken = true;
      await page.route("**/api/v1/channels*", (route) =>
        broken
          ? route.fulfill({
              status: 500,
              contentType: "application/problem+json",
              body: JSON.stringify({
                type: "urn:aerial:problem:internal",
                title: "Server fault",
                status: 500,
                detail: "the catalogue cannot be read",
              }),
            })
          : route.continue(),
      );
      await page.reload();
      await page.getByText("the catalogue cannot be read").waitFor();
      await expectAccessible(page);
      broken = false;
      await page.getByRole("button", { name: "Try again" }).click();
      await opened(page);
    },
    { allow: [/500/] },
  );
});

test("without channels it says how to get some", async () => {
  const empty = await Server.start({ media: null });
  try {
    await visit(empty.url, async (page) => {
      await page.getByRole("heading", { name: "No channels yet" }).waitFor();
      await expectAccessible(page);
      await page.getByRole("link", { name: "Set up" }).click();
      await page.waitForURL("**/welcome");
    });
  } finally {
    await empty.stop();
  }
});

test("on a phone each channel has now and next, and a tap watches it", () =>
  visit(
    server.url,
    async (page) => {
      const list = await channels();
      const row = page.getByRole("listitem").filter({ hasText: list[0]?.name ?? "" });
      await row.getByText(/^Next: /).waitFor();
      await row.getByText(/left$/).waitFor();
      await expectAccessible(page);
      await row.getByRole("link").tap();
      await page.waitForURL(`**/watch/${list[0]?.number}`);
    },
    { size: "phone" },
  ));

test("at rest nothing is asked for more than once a second", () =>
  visit(server.url, async (page) => {
    await opened(page);
    await page.waitForLoadState("networkidle").catch(() => {});
    const asked: string[] = [];
    page.on("request", (request) => asked.push(new URL(request.url()).pathname));
    const seconds = 8;
    const end = Date.now() + seconds * 1_000;
    await page.waitForFunction((until) => Date.now() > until, end, { polling: 200 });
    expect(asked.length, asked.join(" ")).toBeLessThan(seconds);
  }));

// Figures, not verdicts: machines that test are slow in ways of their own. They are
// printed, and kept beside the screenshots.
test("how fast it is with 200 channels and a week", async () => {
  const large = await Server.start({ media: LONG_CLIPS });
  const report: Record<string, unknown> = {};
  try {
    const [first, ...others] = (await large.ask<{ items: Channel[] }>("/api/v1/channels")).items;
    const lineup = await large.ask<{ items: { media?: string | null; show?: string | null }[] }>(
      `/api/v1/channels/${first?.id}/lineup`,
    );
    const items = lineup.items.map(({ media, show }) => (media ? { media } : { show }));
    for (let number = 100; number < 300 - others.length - 1; number++) {
      const made = await large.ask<{ id?: string; channel?: { id: string } }>(
        "/api/v1/channels",
        "POST",
        {
          number: String(number),
          name: `Channel ${number}`,
          order: "shuffle",
        },
      );
      await large.ask(`/api/v1/channels/${made.id ?? made.channel?.id}/lineup/items`, "POST", {
        items,
      });
    }
    await visit(large.url, async (page) => {
      await opened(page);
      report.opening = await page.evaluate(() => {
        const paint = performance.getEntriesByName("first-contentful-paint")[0]?.startTime;
        return {
          first_paint_ms: Math.round(paint ?? -1),
          programmes_ms: Math.round(performance.now()),
        };
      });
      expect(await page.getByRole("row").count()).toBeLessThan(40);
      report.scrolling = {
        down: await scrolled(page, 0, 9_000),
        along: await scrolled(page, 9_000, 0),
      };
      expect(await page.locator('[role="gridcell"]').count()).toBeLessThan(400);
    });
  } finally {
    await large.stop();
  }
  const folder = new URL("screenshots/", import.meta.url);
  mkdirSync(folder, { recursive: true });
  writeFileSync(new URL("guide.json", folder), `${JSON.stringify(report, null, 2)}\n`);
  console.log(`guide: ${JSON.stringify(report)}`);
});

/** Scrolls as a finger does, and tells what the compositor made of it. */
async function scrolled(page: Page, x: number, y: number) {
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable");
  const metrics = async () => {
    const { metrics } = await session.send("Performance.getMetrics");
    return new Map(metrics.map(({ name, value }) => [name, value * 1_000]));
  };
  const before = await metrics();
  const frames = page.evaluate(
    () =>
      new Promise<number[]>((done) => {
        const times: number[] = [];
        const end = performance.now() + 3_000;
        const next = (at: number) => {
          times.push(at);
          if (at < end) requestAnimationFrame(next);
          else done(times);
        };
        requestAnimationFrame(next);
      }),
  );
  await session.send("Input.synthesizeScrollGesture", {
    x: 800,
    y: 650,
    xDistance: -x,
    yDistance: -y,
    speed: 3_000,
    gestureSourceType: "mouse",
  });
  const times = await frames;
  const after = await metrics();
  const gaps = times
    .slice(1)
    .map((time, at) => time - (times[at] ?? time))
    .sort((a, b) => a - b);
  const share = (part: number) => Math.round((gaps[Math.floor(gaps.length * part)] ?? 0) * 10) / 10;
  // What a frame cost the page itself, whoever else keeps the machine busy.
  const cost = (name: string) => {
    const spent = (after.get(name) ?? 0) - (before.get(name) ?? 0);
    return Math.round((spent / gaps.length) * 10) / 10;
  };
  return {
    script_ms: cost("ScriptDuration"),
    style_ms: cost("RecalcStyleDuration"),
    layout_ms: cost("LayoutDuration"),
    task_ms: cost("TaskDuration"),
    frames: gaps.length,
    median_ms: share(0.5),
    p95_ms: share(0.95),
    longest_ms: share(0.999),
    at_60_per_second: Math.round((gaps.filter((gap) => gap < 20).length / gaps.length) * 1000) / 10,
  };
}

test("pictures of it", () =>
  shootAll(server.url, "guide", async (page) => {
    if (page.viewportSize()?.width === SIZES.phone.width)
      await page
        .getByText(/^Next: /)
        .first()
        .waitFor();
    else await opened(page);
    await page.waitForLoadState("networkidle").catch(() => {});
  }));
