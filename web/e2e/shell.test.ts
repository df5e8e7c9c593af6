// What is around every page: navigation, addresses, help, an absent server.

import { request as ask, createServer } from "node:http";
import { afterAll, beforeAll, expect, test } from "vitest";
import { AWAY, closeBrowser, expectAccessible, shoot, visit } from "./support/browser";
import { Server, until } from "./support/server";

let server: Server;
beforeAll(async () => {
  server = await Server.start();
});
afterAll(async () => {
  await closeBrowser();
  await server?.stop();
});

test("every entry of the navigation leads to its page, and back leads back", () =>
  visit(server.url, async (page) => {
    for (const name of ["Channels", "Library", "On air", "Settings"]) {
      await page.getByRole("navigation").getByRole("link", { name }).click();
      await page.waitForFunction((title) => document.title === title, `${name} · Aerial`);
      const link = page.getByRole("navigation").getByRole("link", { name });
      await expect.poll(() => link.getAttribute("aria-current")).toBe("page");
    }
    await page.goBack();
    await page.waitForFunction(() => document.title === "On air · Aerial");
    expect(new URL(page.url()).pathname).toBe("/on-air");
  }));

test("every address can be opened directly; what is none says so", async () => {
  for (const path of ["/watch", "/watch/1", "/channels", "/library", "/welcome", "/sign-in"]) {
    const answer = await fetch(server.url + path);
    expect([path, answer.status]).toEqual([path, 200]);
  }
  expect((await fetch(`${server.url}/no/such/page`)).status).toBe(404);
  await visit(`${server.url}/library`, async (page) => {
    await page.waitForFunction(() => document.title === "Library · Aerial");
  });
});

test("the app works under a path that a proxy puts before it and does not speak of", async () => {
  const proxy = createServer((from, to) => {
    if (!from.url?.startsWith("/tv/")) return void to.writeHead(404).end();
    const { hostname, port } = new URL(server.url);
    const passed = ask(
      { hostname, port, path: from.url.slice(3), method: from.method, headers: from.headers },
      (answer) => {
        to.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(to);
      },
    );
    passed.on("error", () => to.destroy());
    to.on("close", () => passed.destroy());
    from.pipe(passed);
  });
  await new Promise<void>((done) => proxy.listen(0, "127.0.0.1", done));
  const address = proxy.address();
  const port = typeof address === "object" ? address?.port : 0;
  try {
    await visit(`http://127.0.0.1:${port}/tv/channels/1`, async (page) => {
      await page.waitForFunction(() => document.title.endsWith("Aerial"));
      await page.getByRole("navigation").getByRole("link", { name: "Library" }).click();
      await page.waitForURL("**/tv/library");
      await page.reload();
      await page.waitForFunction(() => document.title === "Library · Aerial");
    });
  } finally {
    proxy.closeAllConnections();
    proxy.close();
  }
});

test("the keys are told on ?, and Escape closes that", () =>
  visit(server.url, async (page) => {
    await page.waitForFunction(() => document.title.endsWith("Aerial"));
    await page.keyboard.press("?");
    const dialog = page.getByRole("dialog", { name: "Keys" });
    await dialog.waitFor();
    await expectAccessible(page);
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "hidden" });
  }));

test("who wants less motion gets none, on any page", async () => {
  for (const path of [
    "/",
    "/watch/1",
    "/channels",
    "/library",
    "/on-air",
    "/settings",
    "/welcome",
  ]) {
    await visit(
      server.url + path,
      async (page) => {
        await page.waitForFunction(() => document.title.endsWith("Aerial"));
        await page.locator("h1").first().waitFor({ state: "attached" });
        const moving = await page.evaluate(() =>
          document
            .getAnimations()
            .map((one) => Number(one.effect?.getComputedTiming().duration ?? 0))
            .filter((ms) => ms > 0),
        );
        expect([path, moving]).toEqual([path, []]);
      },
      { reducedMotion: true },
    );
  }
});

test("every page has keys, told on ?, but for those that say they have none", async () => {
  for (const path of ["/", "/watch/1", "/channels", "/library", "/on-air", "/settings"]) {
    await visit(server.url + path, async (page) => {
      await page.locator("h1").first().waitFor({ state: "attached" });
      await page.keyboard.press("?");
      const dialog = page.getByRole("dialog", { name: "Keys" });
      await dialog.waitFor();
      await dialog.getByText("Everywhere").waitFor();
      // Those that have some of their own tell them first.
      const own = ["/", "/watch/1", "/library"].includes(path);
      await expect.poll(async () => (await dialog.locator("h3").count()) > 1).toBe(own);
      await expectAccessible(page);
    });
  }
});

test("no page at rest asks for anything more than once a second", async () => {
  const SECONDS = 4;
  for (const path of ["/", "/channels", "/library", "/on-air", "/settings", "/watch/1"]) {
    await visit(server.url + path, async (page) => {
      let last = performance.now();
      const asked = new Map<string, number>();
      page.on("request", (request) => {
        const { pathname } = new URL(request.url());
        last = performance.now();
        asked.set(pathname, (asked.get(pathname) ?? 0) + 1);
      });
      await page.locator("h1").first().waitFor({ state: "attached" });
      // What a page wants at first may come at once; a stream takes a while to be in step.
      if (path.startsWith("/watch"))
        await page.getByText("In step", { exact: true }).waitFor({ state: "attached" });
      await until("some rest", () => performance.now() - last > 400);
      asked.clear();
      const begun = performance.now();
      await until("the end of a while", () => performance.now() - begun > SECONDS * 1_000);
      const seconds = (performance.now() - begun) / 1_000;
      const often = [...asked].filter(([, times]) => times > Math.ceil(seconds));
      expect([path, often]).toEqual([path, []]);
    });
  }
});

test("a remote's arrows go along the navigation", () =>
  visit(`${server.url}/settings`, async (page) => {
    const link = (name: string) => page.getByRole("navigation").getByRole("link", { name });
    await link("Guide").focus();
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("ArrowRight");
    expect(await link("Channels").evaluate((one) => one === document.activeElement)).toBe(true);
    await page.keyboard.press("Enter");
    await page.waitForURL("**/channels");
  }));

test("an absent server is told over every page, and its return too", () =>
  visit(
    `${server.url}/settings`,
    async (page) => {
      await page.waitForFunction(() => document.title.endsWith("Aerial"));
      await server.end("SIGKILL");
      await page.getByRole("navigation").getByRole("link", { name: "Guide" }).click();
      await page.getByText("The server does not answer.").first().waitFor();
      await shoot(page, "away");
      const back = page.getByText("The server is back.").waitFor();
      await server.run();
      await back;
      await page.getByText("The server does not answer.").first().waitFor({ state: "hidden" });
    },
    { allow: AWAY },
  ));
