// The first run: from a server with nothing on it to a picture.

import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeEach, expect, test } from "vitest";
import { AWAY, closeBrowser, expectAccessible, shoot, visit } from "./support/browser";
import { CLIPS } from "./support/clips";
import { Server, until } from "./support/server";

let server: Server;
beforeEach(async () => {
  server = await Server.start({ media: null });
});
afterEach(async () => {
  await server?.stop();
});
afterAll(closeBrowser);

/** The scan has made this channel; the file that is read may bear the same name. */
function made(page: Page, name: string): Promise<void> {
  const channels = page.getByRole("list", { name: "These are your channels" });
  return channels.getByText(name, { exact: true }).waitFor();
}

const REFUSED = [/422/];

test("an empty server asks where the films are, and ends with a picture within a minute", () =>
  visit(server.url, async (page) => {
    const begun = performance.now();
    await page.waitForURL("**/welcome");
    await page.getByRole("heading", { name: "Set a password" }).waitFor();
    await expectAccessible(page);
    await page.getByRole("button", { name: "Not now" }).click();
    await page.getByRole("heading", { name: "Where are your films and series?" }).waitFor();
    await expectAccessible(page);
    await page.getByLabel("Folder on the server").fill(CLIPS);
    await page.getByRole("button", { name: "Use this folder" }).click();

    await made(page, "Harbour Lights");
    await expectAccessible(page);
    await page.getByRole("button", { name: "Go on" }).click();

    await page.getByRole("heading", { name: "These are your channels" }).waitFor();
    const name = page.getByLabel("Name of channel 1");
    await name.fill("The Harbour");
    const keep = page.getByRole("checkbox", { name: "Keep Night Trains" });
    await keep.waitFor();
    await keep.uncheck();
    await expectAccessible(page);
    await page.getByRole("button", { name: "Go on" }).click();

    await page.getByRole("heading", { name: "The Harbour is on the air" }).waitFor();
    await page.waitForFunction(() => (document.querySelector("video")?.currentTime ?? 0) > 0.5);
    expect(performance.now() - begun).toBeLessThan(60_000);
    await expectAccessible(page);
    const list = page.getByRole("group", { name: "On your television" });
    const address = (await list.locator("code").textContent()) ?? "";
    expect(await (await fetch(address)).text()).toContain("The Harbour");
    await shoot(page, "welcome-picture");
    const names = (await server.channels()).map(({ name }) => name);
    expect(names).not.toContain("Night Trains");
    expect(names[0]).toBe("The Harbour");

    await page.getByRole("button", { name: "Go to the guide" }).click();
    await page.waitForFunction(() => document.title === "Guide · Aerial");
  }));

test("a password is set on the way, and opens the rest", () =>
  visit(
    `${server.url}/welcome`,
    async (page) => {
      const field = page.getByLabel("New password");
      await field.fill("short");
      await page.getByRole("button", { name: "Set the password" }).click();
      await page.getByText("At least 8 characters are needed.").waitFor();
      await field.fill("television");
      await page.getByRole("button", { name: "Set the password" }).click();
      // Only the server knows which ones everybody tries.
      await page.getByText("is among the first that are tried").waitFor();
      expect(await field.getAttribute("aria-invalid")).toBe("true");
      await field.fill("three blind mice");
      await page.getByRole("button", { name: "Set the password" }).click();
      await page.getByRole("heading", { name: "Where are your films and series?" }).waitFor();
      await page.getByLabel("Folder on the server").fill(CLIPS);
      await page.getByRole("button", { name: "Use this folder" }).click();
      await made(page, "Harbour Lights");
      const stranger = await fetch(`${server.url}/api/v1/folders`);
      expect(stranger.status).toBe(401);
    },
    // What is asked for while the password is being set has no cookie yet.
    { allow: [...REFUSED, /401.*\/(scan|events)\)/] },
  ));

test("a folder that is none is told beside the field, and one can go back", () =>
  visit(
    `${server.url}/welcome`,
    async (page) => {
      await page.getByRole("button", { name: "Not now" }).click();
      const field = page.getByLabel("Folder on the server");
      await page.getByRole("button", { name: "Use this folder" }).click();
      await page.getByText("Choose or type a folder first.").waitFor();
      await field.fill("/no/such/folder");
      await page.getByRole("button", { name: "Use this folder" }).click();
      await page.getByText("cannot be read").waitFor();
      expect(await field.getAttribute("aria-invalid")).toBe("true");
      await expectAccessible(page);

      await field.fill(CLIPS);
      await page.getByRole("button", { name: "Use this folder" }).click();
      await page.getByRole("button", { name: "Go on" }).waitFor();
      await page.getByRole("button", { name: "Back" }).click();
      await page.getByText(CLIPS).waitFor();
    },
    { allow: REFUSED },
  ));

test("a server that goes away in the middle takes nothing with it", () =>
  visit(
    `${server.url}/welcome`,
    async (page) => {
      await page.getByRole("button", { name: "Not now" }).click();
      const field = page.getByLabel("Folder on the server");
      await field.fill(CLIPS);
      await server.end("SIGKILL");
      await page.getByRole("button", { name: "Use this folder" }).click();
      await page.getByText("The server does not answer.").first().waitFor();
      expect(await field.inputValue()).toBe(CLIPS);
      await page.reload().catch(() => {});
      await server.run();
      // The browser tries by itself, too, and may be in between.
      const opens = () =>
        page.goto(`${server.url}/welcome`).then(
          () => true,
          () => false,
        );
      await until("the page", opens);
      await page.waitForFunction(() => document.title === "Welcome · Aerial");
      await expect.poll(() => page.getByLabel("Folder on the server").inputValue()).toBe(CLIPS);
      await page.getByRole("button", { name: "Use this folder" }).click();
      await made(page, "Harbour Lights");
      // Whoever comes back goes on where they were.
      await page.getByRole("button", { name: "Go on" }).click();
      await page.getByRole("heading", { name: "These are your channels" }).waitFor();
      // While a scan goes on, that is where they are.
      await until("the scan's end", async () => {
        const { state } = await server.ask<{ state: string }>("/api/v1/scan");
        return state === "done";
      });
      await page.reload();
      await page.getByRole("heading", { name: "These are your channels" }).waitFor();
    },
    { allow: AWAY },
  ));

test("on a phone it fits, and it can be put off", () =>
  visit(
    server.url,
    async (page) => {
      await page.waitForURL("**/welcome");
      await page.getByRole("heading", { name: "Set a password" }).waitFor();
      const overflow = await page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      );
      expect(overflow).toBe(0);
      await expectAccessible(page);
      await page.getByRole("button", { name: "Do this later" }).click();
      await page.waitForFunction(() => document.title === "Guide · Aerial");
      await page.goto(server.url);
      await page.waitForFunction(() => document.title === "Guide · Aerial");
      expect(new URL(page.url()).pathname).toBe("/");
    },
    { size: "phone" },
  ));
