// The guide, as people use it: by keys, by mouse, on a phone; while things change, while
// the server is away; and how fast it is. Its programmes are as long as television's, so
// that what is on now is still on when it was looked at.

import { mkdirSync, writeFileSync } from "node:fs";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { AWAY, closeBrowser, expectAccessible, SIZES, visit } from "./support/browser";
import { LONG_CLIPS } from "./support/clips";
import { type Channel, Server, until } from "./support/server";

let server: Server;
let channels: Channel[];
beforeAll(async () => {
  server = await Server.start({ media: LONG_CLIPS });
  channels = await server.channels();
});
afterAll(async () => {
  await closeBrowser();
  await server?.stop();
});

const hero = (page: Page) => page.locator("section").first();
const heading = async (page: Page) => (await hero(page).locator("h2").textContent()) ?? "";
const marked = (page: Page) => page.locator("#guide-marked");

/** All that is seen of the guide is known: it comes by stretches of time, one after another. */
async function opened(page: Page): Promise<void> {
  await page.locator('[role="gridcell"]:not(.unknown)').first().waitFor();
  // Rows are drawn a little further back than is asked for: under the channels' names.
  await page.waitForFunction(() => {
    const names = document.querySelector('[role="rowheader"]')?.getBoundingClientRect().right ?? 0;
    return [...document.querySelectorAll('[role="gridcell"].unknown')].every(
      (cell) => cell.getBoundingClientRect().right <= names,
    );
  });
  await marked(page).waitFor();
}

/** The channel at this place of the guide. */
function at(place: number): Channel {
  const channel = channels.at(place);
  if (channel === undefined) throw new Error(`there is no channel at ${place}`);
  return channel;
}

/** The day that is looked at. */
function day(page: Page): Promise<string | undefined> {
  const shown = page.getByRole("combobox", { name: "Day" });
  return shown.evaluate((one) => (one as HTMLSelectElement).selectedOptions[0]?.text.trim());
}

/** The marked cell says this. */
function isMarked(page: Page, words: string): Promise<void> {
  return page.locator(`#guide-marked[aria-label*="${words}"]`).waitFor();
}

/** What is marked is not on now. */
function isElsewhere(page: Page): Promise<void> {
  return page.locator('#guide-marked:not([aria-label*="on now"])').waitFor();
}

test("shows what is on everywhere, and axe finds nothing serious, dark and light", async () => {
  for (const scheme of ["dark", "light"] as const) {
    await visit(
      server.url,
      async (page) => {
        await opened(page);
        for (const { name } of channels) {
          await page.getByRole("rowheader").getByText(name, { exact: true }).waitFor();
        }
        await isMarked(page, "on now");
        await until("what is on, told above", async () => {
          const { current } = await server.ask<{ current: { show: string | null; title: string } }>(
            `/api/v1/channels/${at(0).number}/now`,
          );
          return (await heading(page)) === (current.show ?? current.title);
        });
        await expectAccessible(page);
      },
      { scheme },
    );
  }
});

test("opening it asks for what is seen, and not for the day before", async () => {
  await visit("about:blank", async (page) => {
    const asked: number[] = [];
    page.on("request", (request) => {
      const from = new URL(request.url()).searchParams.get("from");
      if (request.url().includes("/api/v1/guide?") && from !== null) asked.push(Date.parse(from));
    });
    await page.goto(server.url);
    await opened(page);
    expect(asked.length).toBeGreaterThan(0);
    expect(Math.min(...asked)).toBeGreaterThan(Date.now() - 12 * 3_600_000);
  });
});

test("keys go through programmes and channels, back to now, and on to watching", () =>
  visit(server.url, async (page) => {
    await opened(page);
    await isMarked(page, "on now");
    await page.keyboard.press("ArrowRight");
    await isElsewhere(page);
    await page.keyboard.press("ArrowLeft");
    await isMarked(page, "on now");
    await page.keyboard.press("ArrowDown");
    await isMarked(page, at(1).name);
    for (let press = 0; press < 12; press++) await page.keyboard.press("ArrowRight");
    // Whatever is marked is in sight.
    await page.waitForFunction((width) => {
      const box = document.querySelector("#guide-marked")?.getBoundingClientRect();
      return box !== undefined && box.x > 100 && box.x < width - 100;
    }, SIZES.desk.width);
    await page.keyboard.press("Home");
    await isMarked(page, "on now");
    await page.keyboard.press("]");
    await expect.poll(() => day(page)).toBe("Tomorrow");
    await page.keyboard.press("Home");
    await expect.poll(() => day(page)).toBe("Today");
    await page.keyboard.press("Enter");
    await page.waitForURL(`**/watch/${at(1).number}`);
  }));

test("typed digits go to a channel; a number that is none says so and changes nothing", () =>
  visit(server.url, async (page) => {
    await opened(page);
    const last = at(-1);
    // What is there for a second is waited for before it comes.
    const told = page.getByRole("status").getByText(last.name, { exact: true }).waitFor();
    await page.keyboard.type(last.number);
    await told;
    await isMarked(page, last.name);
    const none = page.getByText("There is no such channel.");
    const said = none.waitFor();
    await page.keyboard.type("999");
    await said;
    await none.waitFor({ state: "hidden" });
    await isMarked(page, last.name);
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
      await expect.poll(focused).toBe("grid");
      await page.keyboard.press("ArrowUp");
      await expect.poll(focused).not.toBe("grid");
      await until("the way back down", async () => {
        if ((await focused()) === "grid") return true;
        await page.keyboard.press("ArrowDown");
        return false;
      });
    },
    { size: "television" },
  ));

test("a mouse marks what comes and watches what is on", () =>
  visit(server.url, async (page) => {
    await opened(page);
    const row = page
      .getByRole("row")
      .filter({ has: page.getByRole("rowheader", { name: at(1).name }) });
    const later = row.locator('[role="gridcell"]:not(.on, .past, .unknown)').first();
    await later.click();
    await isMarked(page, at(1).name);
    await isElsewhere(page);
    await row.locator('[role="gridcell"].on').click();
    await page.waitForURL(`**/watch/${at(1).number}`);
  }));

test("a channel that is made, renamed and deleted meanwhile comes, changes and goes by itself", () =>
  visit(server.url, async (page) => {
    await opened(page);
    const { id } = await server.make({ number: "77", name: "Just Made" });
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
      expect(await page.locator('[role="gridcell"]:not(.unknown)').count()).toBeGreaterThan(3);
      const back = page.getByText("The server is back.").waitFor();
      await server.run();
      await back;
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
      // It opens the welcome by itself until that was put off.
      await page.waitForURL("**/welcome");
      await page.getByRole("button", { name: "Do this later" }).click();
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
      const row = page
        .getByRole("listitem")
        .filter({ hasText: at(0).name })
        .first();
      await row.getByText(/^Next: /).waitFor();
      await row.getByText(/left$/).waitFor();
      await expectAccessible(page);
      await row.getByRole("link").tap();
      await page.waitForURL(`**/watch/${at(0).number}`);
    },
    { size: "phone" },
  ));

test("at rest nothing is asked for more than once a second", () =>
  visit(server.url, async (page) => {
    await opened(page);
    const times: number[] = [performance.now()];
    // What the page wants at first has come, and nothing was asked for since.
    page.on("request", () => times.push(performance.now()));
    await until(
      "a second without a request",
      () => performance.now() - (times.at(-1) ?? 0) > 1_000,
    );
    times.length = 0;
    const [begun, seconds] = [performance.now(), 8];
    await until("the end of a while", () => performance.now() - begun > seconds * 1_000);
    expect(times.length).toBeLessThanOrEqual(seconds);
  }));

/** Makes channels of the first one's items until there are so many. */
async function fill(count: number): Promise<void> {
  const lineup = await server.ask<{ items: { media?: string | null; show?: string | null }[] }>(
    `/api/v1/channels/${at(0).id}/lineup`,
  );
  const items = lineup.items.map(({ media, show }) => (media ? { media } : { show }));
  for (let number = 100; number < 100 + count - channels.length; number++) {
    const channel = { number: `${number}`, name: `Channel ${number}`, order: "shuffle", items };
    await server.make(channel);
  }
}

// Figures, not verdicts: machines that test are slow in ways of their own. They are
// printed, and kept beside the screenshots. What is asserted is what the figures rest on:
// that only what is seen is drawn.
test("200 channels and a week are drawn as far as they are seen, and how fast", async () => {
  const report: Record<string, unknown> = {};
  await fill(200);
  await visit(server.url, async (page) => {
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
    expect(await page.getByRole("row").count()).toBeLessThan(40);
    expect(await page.locator('[role="gridcell"]').count()).toBeLessThan(400);
    // Opened again, it shows the channel that was looked at last, however far down.
    const last = (await server.channels()).at(-1);
    await page.evaluate(
      (id) => localStorage.setItem("aerial.guide.channel", JSON.stringify(id)),
      last?.id,
    );
    await page.reload();
    await opened(page);
    // The cell is another one once its programme is known.
    const foot = async () => {
      const box = await marked(page).boundingBox();
      return box === null ? Number.NaN : box.y + box.height;
    };
    await expect.poll(foot).toBeLessThanOrEqual(SIZES.desk.height + 1);
  });
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
