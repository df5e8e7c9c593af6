// What is around every page: navigation, addresses, help, an absent server.

import { request as ask, createServer } from "node:http";
import { afterAll, beforeAll, expect, test } from "vitest";
import { closeBrowser, expectAccessible, shoot, visit } from "./support/browser";
import { Server } from "./support/server";

let server: Server;
beforeAll(async () => {
  server = await Server.start();
});
afterAll(async () => {
  await closeBrowser();
  await server?.stop();
});

const AWAY = [
  /ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE|ERR_INCOMPLETE_CHUNKED|502/,
];

test("every entry of the navigation leads to its page, and back leads back", () =>
  visit(server.url, async (page) => {
    for (const name of ["Channels", "Library", "On air", "Settings"]) {
      await page.getByRole("navigation").getByRole("link", { name }).click();
      await page.waitForFunction((title) => document.title === title, `${name} · Aerial`);
      const link = page.getByRole("navigation").getByRole("link", { name });
      expect(await link.getAttribute("aria-current")).toBe("page");
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
      await server.run();
      await page.getByText("The server is back.").waitFor();
      await page.getByText("The server does not answer.").first().waitFor({ state: "hidden" });
    },
    { allow: AWAY },
  ));
